#!/usr/bin/env python3
"""Other runtimes, for compare.py, which runs this in an environment that has one of them:

    peers.py RUNTIME MODEL.onnx CALIBRATION.npy IMAGES.npy FOLDER

Images are uint8 NHWC; the network gets (byte - mean) / std with those of FOLDER/scale.json. Each runtime is quantised to int8 as its
documentation recommends for a CNN (weights per channel, activations per tensor, all operators); models are kept in FOLDER. Commands are
lines of JSON on stdin, answers lines of JSON on stdout:

    {"do": "version"}                                                                  {"version": "1.32.0"}
    {"do": "time", "precision": "int8", "threads": 1, "batch": 1, "runs": 25}          {"ms": [...], "start_ms": 30.1}
    {"do": "cosine"}                                                                   {"cosine": 0.98}

start_ms is that of loading the model and running it once, imports excluded; null when it was loaded before. cosine: of int8 with the
runtime's own float32, the mean over IMAGES.
"""
import importlib.metadata
import json
import os
import pathlib
import sys
import time

import numpy as np
import quantize


class Peer:
    """One runtime. Subclasses: prepare() writes the model of a precision and returns its path; start() loads it and returns two
    functions: of a batch of the network's own input (NCHW) to what the runtime takes, which is not timed, and of that to the logits."""
    packages = ()

    def __init__(self, model, calibration, images, folder):
        self.model, self.folder = model, pathlib.Path(folder)
        scale = json.loads((self.folder / "scale.json").read_text(encoding="utf-8"))
        self.mean, self.std = np.float32(scale["mean"]), np.float32(scale["std"])
        self.calibration, self.images = np.load(calibration), np.load(images)
        self.sessions = {}

    def real(self, images):
        return np.ascontiguousarray(((images.astype(np.float32) - self.mean) / self.std).transpose(0, 3, 1, 2))

    def inputs(self):
        """What activations are calibrated by."""
        return [self.real(image[None]) for image in self.calibration]

    def version(self):
        return ", ".join(f"{name} {importlib.metadata.version(name)}" for name in self.packages)

    def session(self, precision, threads, batch):
        """What start() returned, and the milliseconds that it took with a first run, or None."""
        key = precision, threads, batch
        if key in self.sessions:
            return self.sessions[key], None
        path = self.prepare(precision)
        x = self.batch(batch)
        begin = time.perf_counter()
        take, run = self.sessions[key] = self.start(path, precision, threads, batch)
        run(take(x))
        return self.sessions[key], 1000 * (time.perf_counter() - begin)

    def batch(self, count):
        return self.real(self.images[np.arange(count) % len(self.images)])

    def time(self, precision, threads, batch, runs):
        (take, run), start_ms = self.session(precision, threads, batch)
        x, times = take(self.batch(batch)), []
        for _ in range(runs):
            begin = time.perf_counter()
            run(x)
            times.append(1000 * (time.perf_counter() - begin))
        return {"ms": times, "start_ms": start_ms}

    def cosine(self):
        logits = []
        for precision in ("int8", "float32"):
            (take, run), _ = self.session(precision, 1, 1)
            logits.append(np.concatenate([np.copy(run(take(self.real(image[None])))) for image in self.images]).astype(np.float64))
        a, b = logits
        return {"cosine": float(np.mean((a * b).sum(1) / np.sqrt((a * a).sum(1) * (b * b).sum(1))))}


class OnnxRuntime(Peer):
    packages = ("onnxruntime",)

    def prepare(self, precision):
        if precision == "float32":
            return self.model
        target = self.folder / "onnxruntime-int8.onnx"
        if not target.exists():
            import onnxruntime
            name = onnxruntime.InferenceSession(self.model, providers=["CPUExecutionProvider"]).get_inputs()[0].name
            quantize.with_onnxruntime(self.model, target, name, self.inputs())
        return target

    def start(self, path, precision, threads, batch):
        import onnxruntime
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        name = session.get_inputs()[0].name
        return (lambda x: x), (lambda x: session.run(None, {name: x})[0])


class OpenVino(Peer):
    packages = ("openvino", "nncf")

    def prepare(self, precision):
        import openvino
        if precision == "float32":
            return self.model
        target = self.folder / "openvino-int8.xml"
        if not target.exists():
            network = openvino.Core().read_model(self.model)
            openvino.save_model(quantize.with_nncf(network, self.inputs()), target, compress_to_fp16=False)
        return target

    def start(self, path, precision, threads, batch):
        import openvino
        core = openvino.Core()
        network = core.read_model(path)
        network.reshape([batch, 3, *self.images.shape[1:3]])
        settings = {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
        request = core.compile_model(network, "CPU", settings).create_infer_request()
        return (lambda x: x), (lambda x: next(iter(request.infer([x]).values())))


class LiteRt(Peer):
    packages = ("ai-edge-litert", "tensorflow-cpu")

    def prepare(self, precision):
        target = self.folder / f"litert-{precision}.tflite"
        if not target.exists():
            inputs = [x.transpose(0, 2, 3, 1) for x in self.inputs()] if precision == "int8" else None
            quantize.with_tensorflow(quantize.keras_of(self.model), target, inputs)
        return target

    def start(self, path, precision, threads, batch):
        from ai_edge_litert.interpreter import Interpreter
        interpreter = Interpreter(str(path), num_threads=threads)
        source = interpreter.get_input_details()[0]
        interpreter.resize_tensor_input(source["index"], [batch, *source["shape"][1:]])
        interpreter.allocate_tensors()
        source, target = interpreter.get_input_details()[0], interpreter.get_output_details()[0]

        def take(x):
            x = x.transpose(0, 2, 3, 1)
            if source["dtype"] == np.float32:
                return np.ascontiguousarray(x)
            scale, zero = source["quantization"]
            info = np.iinfo(source["dtype"])
            return np.clip(np.round(x / scale) + zero, info.min, info.max).astype(source["dtype"])

        def run(x):
            interpreter.set_tensor(source["index"], x)
            interpreter.invoke()
            y = interpreter.get_tensor(target["index"])
            if target["dtype"] == np.float32:
                return y
            scale, zero = target["quantization"]
            return (y.astype(np.float32) - zero) * np.float32(scale)

        return take, run


PEERS = {"onnxruntime": OnnxRuntime, "openvino": OpenVino, "litert": LiteRt}


def main():
    name, model, calibration, images, folder = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what the libraries print is no answer
    peer = PEERS[name](model, calibration, images, folder)
    for line in sys.stdin:
        command = json.loads(line)
        what = command.pop("do")
        try:
            answer = {"version": lambda: {"version": peer.version()}, "time": lambda: peer.time(**command), "cosine": peer.cosine}[what]()
        except Exception as error:  # a peer that fails is a row of the table
            answer = {"error": f"{type(error).__name__}: {error}"[:300]}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
