"""Finds the faces on a folder's pictures and labels them, as a script in Python does, for scripts/bench-peers.

usage: bench_peers_photos.py MODEL detect|whole FOLDER THREADS CSV

OpenCV reads the pictures, as grey ones, and finds the faces, with fercli's cascade and options; with `whole` each
picture is a face. PyTorch runs MODEL.cfg with MODEL.weights on 64 faces at a time. OpenCV and PyTorch both use their own
threads. A picture is read whole, whatever its size. CSV, written anew in each pass, has fercli's columns; `score` is
left empty.

Prints `ready` once the model stands and is warm. Then each line on standard input is a number of seconds, answered
by a line with the pictures a second of whole passes over the folder in at least that time.

The network is tried in both memory formats, contiguous and channels_last, on one batch; the faster one is taken.
"""

import csv
import os
import sys
import time

import cv2
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

sys.dont_write_bytecode = True  # the module beside this one is no reason to leave a folder there
from bench_peers_torch import blas_in_use, build, read_cfg  # noqa: E402

CASCADE = "/usr/share/opencv4/haarcascades/haarcascade_frontalface_alt2.xml"
EXTENSIONS = (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".tif", ".tiff", ".bmp", ".dib", ".pnm", ".pbm",
              ".pgm", ".ppm")  # those of fercli's that OpenCV reads
BATCH = 64
HEADER_BYTES = 20  # of a weights file


# ---- the model


def load_weights(layers, path):
    """darknet's order: a layer's biases and weights, and its batch norm's three vectors between or behind them."""
    values = torch.from_numpy(np.fromfile(path, "<f4", offset=HEADER_BYTES))
    position = 0

    def fill(parameter):
        nonlocal position
        count = parameter.numel()
        if position + count > len(values):
            sys.exit(f"{path}: too short for the cfg")
        parameter.copy_(values[position:position + count].view_as(parameter))
        position += count

    def fill_norm(norm):
        for part in (norm.weight, norm.running_mean, norm.running_var):
            fill(part)
        # darknet divides by sqrt(variance) + 1e-6.
        norm.running_var.copy_((norm.running_var.sqrt() + 1e-6) ** 2)
        norm.eps = 0

    for layer, after in zip(layers, list(layers)[1:]):
        if not isinstance(layer, (nn.Conv2d, nn.Linear)):
            continue
        norm = after if isinstance(after, (nn.BatchNorm1d, nn.BatchNorm2d)) else None
        fill(norm.bias if norm else layer.bias)
        if norm and isinstance(layer, nn.Conv2d):
            fill_norm(norm)
        fill(layer.weight)
        if norm and isinstance(layer, nn.Linear):
            fill_norm(norm)
    if position != len(values):
        sys.exit(f"{path}: too long for the cfg")


class Model:
    """Faces, (48, 48) bytes each, to probabilities."""

    def __init__(self, prefix):
        sections = read_cfg(prefix + ".cfg")
        with open(prefix + ".names", encoding="utf-8") as file:
            self.names = file.read().split()
        layers, shape = build(sections)
        layers.append(nn.Identity())  # so that every layer has one after it
        with torch.no_grad():
            load_weights(layers, prefix + ".weights")
        self.size = shape[1]
        self.temperature = float(sections[-1][1].get("temperature", 1))
        self.margin = float(sections[0][1].get("face_margin", 0))  # around detected faces
        self.layers = layers.eval()
        self.choose_format()

    def choose_format(self):
        pictures = [np.zeros((self.size, self.size), np.uint8)] * BATCH
        times = {}
        for memory_format in (torch.contiguous_format, torch.channels_last):
            self.layers.to(memory_format=memory_format)
            self.memory_format = memory_format
            self.run(pictures)
            start = time.perf_counter()
            for _ in range(3):
                self.run(pictures)
            times[memory_format] = time.perf_counter() - start
        self.memory_format = min(times, key=times.get)
        self.layers.to(memory_format=self.memory_format)

    def run(self, faces):
        x = torch.from_numpy(np.stack(faces)).unsqueeze(1).float().div_(255)
        with torch.inference_mode():
            logits = self.layers(x.contiguous(memory_format=self.memory_format)).flatten(1)
            return F.softmax(logits / self.temperature, dim=1).numpy()


# ---- pictures


def pictures_below(folder):
    for path, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            if name.lower().endswith(EXTENSIONS):
                yield os.path.join(path, name)


def find_faces(cascade, grey):
    """(x, y, width, height) of each; the largest first."""
    smallest = max(24, max(grey.shape) // 80)  # fercli's
    boxes = cascade.detectMultiScale(grey, scaleFactor=1.1, minNeighbors=4, minSize=(smallest, smallest))
    return sorted(map(tuple, boxes), key=lambda b: (-b[2] * b[3], b[1], b[0]))


def widened(box, margin):
    x, y, width, height = box
    return (round(x - margin * width), round(y - margin * height),
            round(width * (1 + 2 * margin)), round(height * (1 + 2 * margin)))


def cut(grey, box, margin, size):
    x, y, width, height = widened(box, margin)
    around = max(0, -x, -y, x + width - grey.shape[1], y + height - grey.shape[0])
    if around:
        grey = cv2.copyMakeBorder(grey, around, around, around, around, cv2.BORDER_REPLICATE)
        x, y = x + around, y + around
    face = grey[y:y + height, x:x + width]
    if face.shape == (size, size):
        return face
    return cv2.resize(face, (size, size), interpolation=cv2.INTER_AREA if width > size else cv2.INTER_LINEAR)


class Labels:
    """The CSV: faces wait until there is a batch of them; pictures without one have a row too."""

    def __init__(self, model, file):
        self.model = model
        self.writer = csv.writer(file, lineterminator="\n")
        self.writer.writerow(["path", "face", "x", "y", "width", "height", "score", "label", "confidence",
                              *model.names, "status"])
        self.waiting, self.faces = [], []

    def add(self, path, boxes, faces, status):
        if not boxes:
            self.waiting.append((path, None, status))
        for box in enumerate(boxes):
            self.waiting.append((path, box, status))
        self.faces += faces
        if len(self.faces) >= BATCH:
            self.flush()

    def flush(self):
        probabilities = np.empty((0, len(self.model.names)), np.float32)
        if self.faces:
            parts = [self.model.run(self.faces[i:i + BATCH]) for i in range(0, len(self.faces), BATCH)]
            probabilities = np.concatenate(parts)
        rows = iter(zip(probabilities.tolist(), probabilities.argmax(1).tolist()))
        for path, box, status in self.waiting:
            if box is None:
                self.writer.writerow([path] + [""] * (8 + len(self.model.names)) + [status])
                continue
            values, top = next(rows)
            self.writer.writerow([path, box[0], *box[1], "", self.model.names[top], f"{values[top]:.4f}",
                                  *[f"{v:.4f}" for v in values], status])
        self.waiting, self.faces = [], []


def classify(model, cascade, folder, path):
    """One pass; returns the number of pictures. Without a cascade every picture is a face."""
    count, margin = 0, model.margin if cascade else 0
    with open(path, "w", encoding="utf-8", newline="") as file:
        labels = Labels(model, file)
        for count, picture in enumerate(pictures_below(folder), 1):
            grey = cv2.imread(picture, cv2.IMREAD_GRAYSCALE)
            if grey is None:
                labels.add(picture, [], [], "unreadable")
                continue
            boxes = find_faces(cascade, grey) if cascade else [(0, 0, grey.shape[1], grey.shape[0])]
            labels.add(picture, boxes, [cut(grey, box, margin, model.size) for box in boxes],
                       "ok" if boxes else "no_face")
        labels.flush()
    return count


def main():
    if len(sys.argv) != 6 or sys.argv[2] not in ("detect", "whole"):
        sys.exit("usage: bench_peers_photos.py MODEL detect|whole FOLDER THREADS CSV")
    prefix, mode, folder, threads, path = sys.argv[1:]
    torch.set_num_threads(int(threads))
    cv2.setNumThreads(int(threads))
    model = Model(prefix)
    cascade = cv2.CascadeClassifier(CASCADE) if mode == "detect" else None
    if cascade and cascade.empty():
        sys.exit(f"cannot use '{CASCADE}' as a cascade")
    print(f"python: OpenCV {cv2.__version__}, PyTorch {torch.__version__} with {model.memory_format},"
          f" dense layers by {blas_in_use()}", file=sys.stderr)

    print("ready", flush=True)
    for line in sys.stdin:
        seconds, count, start = float(line), 0, time.perf_counter()
        while True:
            count += classify(model, cascade, folder, path)
            spent = time.perf_counter() - start
            if spent >= seconds:
                break
        print(f"{count / spent:.2f}", flush=True)


if __name__ == "__main__":
    main()
