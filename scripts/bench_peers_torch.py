"""Times PyTorch on random pictures with the network of a darknet cfg, for scripts/bench-peers.

usage: bench_peers_torch.py CFG train|infer BATCH THREADS
       bench_peers_torch.py CFG export BATCH FOLDER

The second form writes the network for inference on batches of that size as FOLDER/model.onnx, a batch of pictures
as FOLDER/input.f32 and the probabilities that belong to it as FOLDER/output.f32, both plain floats.

The first form prints `ready` once the network stands and is warm. Then each line on standard input is a number of seconds, answered
by a line with the pictures a second of whole batches over at least that time.

Both memory formats, contiguous and channels_last, are tried first; the faster one is what is timed.
Inference is what a user of PyTorch writes: eval(), inference_mode(), softmax. A step of training is forward,
cross-entropy, backward and the cfg's optimiser. What else a cfg asks for in training (rate policy, moving average
of the weights, augmentation) is left out, in PyTorch's favour.
"""

import sys
import time
import warnings

import torch
import torch.nn as nn
import torch.nn.functional as F


def read_cfg(path):
    """[(section, {key: value}), ...]; white space means nothing, # and ; begin a comment line."""
    sections = []
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            line = "".join(line.split())
            if not line or line[0] in "#;":
                continue
            if line[0] == "[":
                sections.append((line.strip("[]"), {}))
            elif "=" in line and sections:
                key, value = line.split("=", 1)
                sections[-1][1][key] = value
            else:
                sys.exit(f"{path}:{number}: neither a section nor key=value")
    if not sections or sections[0][0] not in ("net", "network"):
        sys.exit(f"{path}: does not begin with [net]")
    return sections


def activation(name):
    layers = {"linear": None, "relu": nn.ReLU(inplace=True), "leaky": nn.LeakyReLU(0.1, inplace=True),
              "logistic": nn.Sigmoid(), "tanh": nn.Tanh(), "elu": nn.ELU(inplace=True)}
    if name not in layers:
        sys.exit(f"activation '{name}' is not known here")
    return [layers[name]] if layers[name] else []


class MaxPool(nn.Module):
    """darknet's: of `padding` columns and rows padding // 2 lie to the left and above, the rest on the other side."""

    def __init__(self, size, stride, padding):
        super().__init__()
        self.size, self.stride, self.padding = size, stride, padding

    def sides(self, length):
        before = self.padding // 2
        out = (length + self.padding - self.size) // self.stride + 1
        return before, max(0, (out - 1) * self.stride + self.size - length - before)

    def forward(self, x):
        top, bottom = self.sides(x.shape[2])
        left, right = self.sides(x.shape[3])
        if top or bottom or left or right:
            x = F.pad(x, (left, right, top, bottom), value=float("-inf"))
        return F.max_pool2d(x, self.size, self.stride)


class Reshape(nn.Module):
    """(picture, values, 1, 1) and (picture, values) are the same to darknet."""

    def forward(self, x):
        return x.flatten(1)


def convolution(options, channels):
    filters, size = int(options.get("filters", 1)), int(options.get("size", 1))
    padding = size // 2 if int(options.get("pad", 0)) else int(options.get("padding", 0))
    normalize = int(options.get("batch_normalize", 0))
    layers = [nn.Conv2d(channels, filters, size, int(options.get("stride", 1)), padding,
                        groups=int(options.get("groups", 1)), bias=not normalize)]
    if normalize:
        layers.append(nn.BatchNorm2d(filters, eps=1e-5, momentum=0.01))
    return layers + activation(options.get("activation", "logistic"))


def connected(options, inputs):
    output = int(options.get("output", 1))
    normalize = int(options.get("batch_normalize", 0))
    layers = [Reshape(), nn.Linear(inputs, output, bias=not normalize)]
    if normalize:
        layers.append(nn.BatchNorm1d(output, eps=1e-5, momentum=0.01))
    return layers + activation(options.get("activation", "logistic"))


def build(sections):
    """The network up to its logits. The shape between two layers is found by running one picture through."""
    net = sections[0][1]
    shape = [int(net[key]) for key in ("channels", "height", "width")]
    layers = []
    x = torch.zeros(2, *shape)
    for name, options in sections[1:]:
        if name in ("convolutional", "conv"):
            new = convolution(options, x.shape[1])
        elif name in ("maxpool", "max"):
            stride = int(options.get("stride", 1))
            size = int(options.get("size", stride))
            new = [MaxPool(size, stride, int(options.get("padding", size - 1)))]
        elif name in ("avgpool", "avg"):
            new = [nn.AdaptiveAvgPool2d(1)]
        elif name == "dropout":
            new = [nn.Dropout(float(options.get("probability", 0.5)))]
        elif name in ("connected", "conn"):
            new = connected(options, x[0].numel())
        elif name in ("softmax", "soft", "cost"):
            continue
        else:
            sys.exit(f"[{name}] is not known here")
        layers += new
        with torch.no_grad():
            x = nn.Sequential(*new)(x)
    return nn.Sequential(*layers), shape


def optimiser(net, parameters):
    rate = float(net.get("learning_rate", 0.001))
    if int(net.get("adam", 0)):
        betas = float(net.get("B1", 0.9)), float(net.get("B2", 0.999))
        return torch.optim.Adam(parameters, lr=rate, betas=betas, eps=float(net.get("eps", 1e-7)),
                                weight_decay=float(net.get("decay", 0.0001)))
    momentum = float(net.get("momentum", 0.9))
    return torch.optim.SGD(parameters, lr=rate, momentum=momentum, weight_decay=float(net.get("decay", 0.0001)),
                           nesterov=bool(int(net.get("nesterov", 0))) and momentum > 0)


class Bench:
    """One network in one memory format."""

    def __init__(self, sections, mode, batch, memory_format):
        torch.manual_seed(1)
        net = sections[0][1]
        self.model, self.shape = build(sections)
        self.model = self.model.to(memory_format=memory_format)
        self.memory_format = memory_format
        self.batch = batch
        self.smoothing = float(net.get("label_smooth_eps", 0))
        self.classes = self.model(torch.zeros(2, *self.shape)).flatten(1).shape[1]
        self.model.train(mode == "train")
        self.step = self.train if mode == "train" else self.infer
        self.optimiser = optimiser(net, self.model.parameters())

    def pictures(self):
        return torch.rand(self.batch, *self.shape).contiguous(memory_format=self.memory_format)

    def infer(self, x, _labels):
        with torch.inference_mode():
            return F.softmax(self.model(x).flatten(1), dim=1)

    def train(self, x, labels):
        self.optimiser.zero_grad(set_to_none=True)
        loss = F.cross_entropy(self.model(x).flatten(1), labels, label_smoothing=self.smoothing)
        loss.backward()
        self.optimiser.step()

    def measure(self, seconds):
        """Pictures a second; making the pictures is not part of the time."""
        spent, pictures = 0.0, 0
        while spent < seconds:
            x, labels = self.pictures(), torch.randint(self.classes, (self.batch,))
            start = time.perf_counter()
            self.step(x, labels)
            spent += time.perf_counter() - start
            pictures += self.batch
        return pictures / spent


def export(sections, batch, folder):
    """The softmax is part of the network, since it is part of what PyTorch is timed with."""
    bench = Bench(sections, "infer", batch, torch.contiguous_format)
    model = nn.Sequential(bench.model, nn.Flatten(1), nn.Softmax(dim=1)).eval()
    pictures = bench.pictures()
    warnings.simplefilter("ignore", torch.jit.TracerWarning)  # that the sizes of poolings become constants is meant
    torch.onnx.export(model, pictures, f"{folder}/model.onnx", input_names=["input"], output_names=["output"],
                      opset_version=13)
    with torch.inference_mode():
        model(pictures).numpy().tofile(f"{folder}/output.f32")
    pictures.numpy().tofile(f"{folder}/input.f32")


def blas_in_use():
    """The library behind libblas.so.3: dense layers are several times slower with the reference BLAS."""
    with open("/proc/self/maps", encoding="utf-8") as maps:
        paths = {line.split()[-1] for line in maps}
    names = ("libopenblas", "libblas", "libmkl")
    return next((p for p in sorted(paths) if p.rsplit("/", 1)[-1].startswith(names)), "an unknown library")


def main():
    if len(sys.argv) != 5 or sys.argv[2] not in ("train", "infer", "export"):
        sys.exit("usage: bench_peers_torch.py CFG train|infer BATCH THREADS\n"
                 "       bench_peers_torch.py CFG export BATCH FOLDER")
    mode, batch = sys.argv[2], int(sys.argv[3])
    sections = read_cfg(sys.argv[1])
    if mode == "export":
        export(sections, batch, sys.argv[4])
        return
    torch.set_num_threads(int(sys.argv[4]))

    benches = [Bench(sections, mode, batch, f) for f in (torch.contiguous_format, torch.channels_last)]
    for bench in benches:
        bench.measure(0.5)
    rates = [[bench.measure(0.5) for bench in benches] for _ in range(3)]
    middle = [sorted(column)[1] for column in zip(*rates)]
    bench = benches[middle.index(max(middle))]
    for other, rate in zip(benches, middle):
        print(f"pytorch {torch.__version__} with {other.memory_format}: {rate:.1f} pictures/s", file=sys.stderr)

    print(f"pytorch: dense layers by {blas_in_use()}", file=sys.stderr)

    print("ready", flush=True)
    for line in sys.stdin:
        print(f"{bench.measure(float(line)):.2f}", flush=True)


if __name__ == "__main__":
    main()
