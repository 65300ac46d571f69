// Times ONNX Runtime on random pictures, for scripts/bench-peers.
//
// usage: node bench_peers_onnx.js FOLDER THREADS
//
// FOLDER holds model.onnx, whose batch is fixed, and a batch of pictures (input.f32) with the probabilities that they
// must have (output.f32), as bench_peers_torch.py exports them. The package onnxruntime-node is looked for in NODE_PATH.
//
// Prints `ready` once the network stands, gives these probabilities and is warm. Then each line on standard input is a
// number of seconds, answered by a line with the pictures a second of whole batches over at least that time.
"use strict";

const fs = require("fs");
const readline = require("readline");
const { performance } = require("perf_hooks");
const ort = require("onnxruntime-node");

const TOLERANCE = 1e-6;

function readFloats(path) {
    const bytes = fs.readFileSync(path);
    return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
}

async function main(folder, threads) {
    const session = await ort.InferenceSession.create(`${folder}/model.onnx`, {
        executionProviders: ["cpu"],
        executionMode: "sequential",
        graphOptimizationLevel: "all",
        intraOpNumThreads: threads,
        interOpNumThreads: 1,
    });
    const shape = session.inputMetadata[0].shape;
    const run = async (pictures) =>
        (await session.run({ input: new ort.Tensor("float32", pictures, shape) })).output.data;

    const pictures = readFloats(`${folder}/input.f32`);
    const expected = readFloats(`${folder}/output.f32`);
    const output = await run(pictures);
    const error = expected.reduce((most, value, i) => Math.max(most, Math.abs(value - output[i])), 0);
    if (output.length !== expected.length || !(error <= TOLERANCE))
        throw new Error(`probabilities differ from PyTorch's by ${error}`);
    console.error(`onnxruntime ${ort.env.versions.node}: probabilities differ from PyTorch's by ${error.toExponential(1)}`);

    // Pictures a second; making the pictures is not part of the time.
    const measure = async (seconds) => {
        let spent = 0;
        let count = 0;
        while (spent < 1e3 * seconds) {
            for (let i = 0; i < pictures.length; i++) pictures[i] = Math.random();
            const start = performance.now();
            await run(pictures);
            spent += performance.now() - start;
            count += shape[0];
        }
        return count / (spent / 1e3);
    };

    await measure(0.5);
    console.log("ready");
    for await (const line of readline.createInterface({ input: process.stdin }))
        console.log((await measure(Number(line))).toFixed(2));
}

if (process.argv.length !== 4) {
    console.error("usage: node bench_peers_onnx.js FOLDER THREADS");
    process.exit(2);
}
main(process.argv[2], Number(process.argv[3])).catch((error) => {
    console.error(error.message);
    process.exit(1);
});
