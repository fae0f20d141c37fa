#!/usr/bin/env python3
"""Other runtimes, for compare.py, which runs this in an environment that has one of them:

    peers.py RUNTIME MODEL.onnx CALIBRATION.npy IMAGES.npy FOLDER

Images are uint8 NHWC; the network gets (byte - mean) / std with those of FOLDER/scale.json. Each runtime is quantised to int8 as its
documentation recommends for a CNN (weights per channel, activations per tensor, all operators); models are kept in FOLDER. Commands are
lines of JSON on stdin, answers lines of JSON on stdout:

    {"do": "version"}                                                                  {"version": "1.32.0", "int8": "", "partial": false}
    {"do": "time", "precision": "int8", "threads": 1, "batch": 1, "runs": 25}          {"ms": [...], "start_ms": 30.1}
    {"do": "cosine"}                                                                   {"cosine": 0.98}

int8: what is different about its int8, if anything; partial: whether weights or activations of convolutions are not int8 in it.
start_ms is that of loading the model and running it once, imports excluded; null when it was loaded before. cosine: of int8 with the
runtime's own float32, the mean over IMAGES.
"""
import importlib.metadata
import importlib.util
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

import numpy as np
import quantize


class Peer:
    """One runtime. Subclasses: prepare() writes the model of a precision and returns its path; start() loads it and returns two
    functions: of a batch of the network's own input (NCHW) to what the runtime takes, which is not timed, and of that to the logits."""
    packages = ()
    int8 = ""
    partial = False

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
        versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in self.packages)
        return {"version": versions, "int8": self.int8, "partial": self.partial}

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
            import frameworks
            inputs = [x.transpose(0, 2, 3, 1) for x in self.inputs()] if precision == "int8" else None
            quantize.with_tensorflow(frameworks.keras_of(self.model), target, inputs)
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


class DeepSparse(Peer):
    """Its engine runs a model itself or gives it, or what it does not know of it, to an old ONNX Runtime inside it. The share that it runs
    itself is 0 for every QDQ model of onnxruntime.quantization, for weights per channel as QLinearConv and with a MaxPool of bytes; 0.84 and
    more for weights per tensor as QLinearConv (and 1 for weights per channel as ConvInteger, which takes longer)."""
    packages = ("deepsparse", "onnxruntime")
    int8 = "weights per tensor, the form that its engine runs itself fastest"

    def prepare(self, precision):
        if precision == "float32":
            return self.model
        target = self.folder / "deepsparse-int8.onnx"
        if not target.exists():
            import onnx
            model = onnx.load(self.model)
            name = model.graph.input[0].name
            quantize.with_onnxruntime(self.model, target, name, self.inputs(), per_channel=False, operators=True, leave=["MaxPool"])
            model = onnx.load(target)
            # It refuses a model that names operator sets newer than it, used or not.
            used = [entry for entry in model.opset_import if entry.domain in {node.domain for node in model.graph.node}]
            del model.opset_import[:]
            model.opset_import.extend(used)
            onnx.save(model, target)
        return target

    def start(self, path, precision, threads, batch):
        os.environ["NM_DISABLE_ANALYTICS"] = "1"  # it reports its use otherwise
        from deepsparse import Engine
        engine = Engine(str(path), batch_size=batch, num_cores=threads)
        if engine.fraction_of_supported_ops < 0.5:
            raise RuntimeError(f"its engine runs {engine.fraction_of_supported_ops:.2f} of the operators, ONNX Runtime the others")
        return (lambda x: x), (lambda x: engine.run([x])[0])


class Ncnn(Peer):
    """One image a call: a batch is so many calls."""
    packages = ("ncnn", "pnnx")

    def prepare(self, precision):
        if precision == "int8":
            raise RuntimeError("no quantiser: ncnn2table and ncnn2int8 are in no package (ncnn on PyPI is the runtime, pnnx the converter)")
        folder = self.folder / "ncnn"
        if not (folder / "model.ncnn.bin").exists():
            folder.mkdir(exist_ok=True)
            shutil.copy(self.model, folder / "model.onnx")
            # The program itself, since the package around it imports PyTorch.
            program = pathlib.Path(importlib.util.find_spec("pnnx").submodule_search_locations[0]) / "pnnx"
            shape = ",".join(map(str, self.batch(1).shape))
            subprocess.run([program, "model.onnx", f"inputshape=[{shape}]", "fp16=0"], cwd=folder, check=True)
        return folder

    def start(self, path, precision, threads, batch):
        import ncnn
        net = ncnn.Net()
        net.opt.num_threads = threads
        net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = False
        if net.load_param(str(path / "model.ncnn.param")) or net.load_model(str(path / "model.ncnn.bin")):
            raise RuntimeError("it cannot load what pnnx wrote")
        source, target = net.input_names()[0], net.output_names()[0]

        def one(image):
            extractor = net.create_extractor()
            extractor.input(source, image)
            return np.array(extractor.extract(target)[1])

        return (lambda x: [ncnn.Mat(image).clone() for image in x]), (lambda images: np.stack([one(image) for image in images]))


class Mnn(Peer):
    packages = ("MNN",)

    def prepare(self, precision):
        source, target = self.folder / "mnn-float32.mnn", self.folder / "mnn-int8.mnn"
        if not source.exists():
            # Not by MNN.tools, which installs a package to report its use.
            from _tools import mnnconvert
            mnnconvert(["mnnconvert", "-f", "ONNX", "--modelFile", str(self.model), "--MNNModel", str(source), "--batch", "1"])
        if precision == "float32":
            return source
        if not target.exists():
            import MNN
            interpreter = MNN.Interpreter(str(source))
            name = next(iter(interpreter.getSessionInputAll(interpreter.createSession())))
            quantize.with_mnn(source, target, name, self.inputs())
        return target

    def start(self, path, precision, threads, batch):
        import MNN
        if not path.exists():
            raise RuntimeError("its tools wrote no model; see its log")
        interpreter = MNN.Interpreter(str(path))
        session = interpreter.createSession({"backend": "CPU", "numThread": threads, "precision": "high"})
        source = interpreter.getSessionInput(session)
        interpreter.resizeTensor(source, (batch, 3, *self.images.shape[1:3]))
        interpreter.resizeSession(session)
        target = interpreter.getSessionOutput(session)
        shape = target.getShape()

        def take(x):
            return MNN.Tensor(x.shape, MNN.Halide_Type_Float, x, MNN.Tensor_DimensionType_Caffe)

        output = take(np.zeros(shape, np.float32))

        def run(x):
            source.copyFrom(x)
            interpreter.runSession(session)
            target.copyToHostTensor(output)
            return output.getNumpyData().reshape(shape)

        return take, run


class PyTorch(Peer):
    """What most people have: eager mode, and the int8 that needs no change of the network."""
    packages = ("torch",)
    int8 = "dynamic, linear layers only"
    partial = True

    def prepare(self, precision):
        return self.model

    def start(self, path, precision, threads, batch):
        import frameworks
        import torch
        torch.set_num_threads(threads)
        network = frameworks.torch_of(path).to(memory_format=torch.channels_last)
        if precision == "int8":
            network = torch.ao.quantization.quantize_dynamic(network, {torch.nn.Linear}, dtype=torch.qint8)

        def run(x):
            with torch.inference_mode():
                return network(x).numpy()

        return (lambda x: torch.from_numpy(x).contiguous(memory_format=torch.channels_last)), run


PEERS = {"onnxruntime": OnnxRuntime, "openvino": OpenVino, "litert": LiteRt, "deepsparse": DeepSparse, "ncnn": Ncnn, "mnn": Mnn, "pytorch": PyTorch}


def main():
    name, model, calibration, images, folder = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what the libraries print is no answer
    peer = PEERS[name](model, calibration, images, folder)
    for line in sys.stdin:
        command = json.loads(line)
        what = command.pop("do")
        try:
            answer = {"version": peer.version, "time": lambda: peer.time(**command), "cosine": peer.cosine}[what]()
        except Exception as error:  # a peer that fails is a row of the table
            answer = {"error": f"{type(error).__name__}: {error}"[:300]}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
