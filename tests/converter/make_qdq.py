"""Makes tests/converter/data/qdq: a small network quantised by onnxruntime.quantization, and what ONNX Runtime makes of it.

Run with the packages of tests/requirements.txt: python tests/converter/make_qdq.py [DIR]

Each NAME.onnx is the same network (convolutions with ReLU, depthwise and 1x1 ones, residual add, max pool, concatenation, gate of
global average pool, sigmoid and product, fully connected layer). NAME.bin holds, in float32, for each of the inputs in inputs.bin
its outputs one after the other. expected.json: the scale and zero point of every quantised activation (as uint8: int8 plus 128)
and of all weights, and what each file tests.

ONNX Runtime runs with its graph optimisations off, so that it does what the file says: a QDQ model is computed in float32 between
the rounding steps. QOperator models run on its integer kernels; with uint8 activations and int8 weights these add pairs of
products in 16 bits with saturation on CPUs without VNNI, so those files are made with reduce_range (weights of 7 bits).
"""
import json
import pathlib
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from torch import nn

INPUTS = 6
SIZE = 16
UNARY = ("QLinearSigmoid", "QLinearGlobalAveragePool", "QLinearSoftmax", "QLinearLeakyRelu", "QLinearAveragePool")
TYPES = {"U8": QuantType.QUInt8, "S8": QuantType.QInt8}


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, 2, 1)
        self.depthwise = nn.Conv2d(16, 16, 3, 1, 1, groups=16)
        self.project = nn.Conv2d(16, 16, 1)
        self.reduce = nn.Conv2d(16, 4, 1)
        self.expand = nn.Conv2d(4, 16, 1)
        self.side = nn.Conv2d(16, 8, 3, 1, 1)
        self.head = nn.Linear(24, 5)

    def forward(self, x):
        x = torch.relu(self.stem(x))
        y = torch.relu(self.depthwise(x))
        gate = nn.functional.adaptive_avg_pool2d(y, 1)
        gate = torch.sigmoid(self.expand(torch.relu(self.reduce(gate))))
        features = x + self.project(y * gate)
        pooled = torch.max_pool2d(features, 2)
        joined = torch.cat([pooled, torch.relu(self.side(pooled))], 1)
        logits = self.head(torch.flatten(nn.functional.adaptive_avg_pool2d(joined, 1), 1))
        return logits, features


class Reader(CalibrationDataReader):
    def __init__(self, samples):
        self.samples = iter(samples)

    def get_next(self):
        return next(self.samples, None)


def scales_of(path):
    """{name of the integers' data: [scale, zero point as uint8]} of activations, {name: [scales]} of weights."""
    graph = onnx.load(path).graph
    constants = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    activations, weights = {}, {}

    def note(data, scale, zero):
        scale, zero = constants[scale], constants[zero]
        if data in constants:
            if constants[data].dtype != np.int32:
                weights[data] = [float(s) for s in scale.reshape(-1)]
        else:
            activations[data] = [float(scale.reshape(-1)[0]), int(zero.reshape(-1)[0]) + (128 if zero.dtype == np.int8 else 0)]

    for node in graph.node:
        i = node.input
        if node.op_type == "QuantizeLinear":
            note(i[0], i[1], i[2])
        elif node.op_type == "DequantizeLinear" and i[0] in constants and len(i) > 2:
            note(*i[:3])
        elif node.op_type in ("QLinearConv", "QGemm", "QLinearMatMul"):
            note(*i[3:6])
            note(node.output[0] + "/real", *(i[6:8] if node.op_type != "QGemm" else i[7:9]))
        elif node.op_type in ("QLinearAdd", "QLinearMul"):
            note(node.output[0] + "/real", *i[6:8])
        elif node.op_type in UNARY:
            note(node.output[0] + "/real", *i[3:5])
        elif node.op_type == "QLinearConcat":
            note(node.output[0] + "/real", *i[:2])
    return activations, weights


def quantise(plain, samples, outputs, kinds, out):
    """Writes the model `plain` to the folder `out` in both forms and all `kinds` (type of activations, of weights, scales for each
    channel), with what ONNX Runtime makes of the first samples (inputs by name)."""
    expected = {"inputs": INPUTS, "models": {}}
    np.concatenate([array.reshape(-1) for sample in samples[:INPUTS] for array in sample.values()]).tofile(out / "inputs.bin")
    for form in ("QDQ", "QOperator"):
        for activation, weight, per_channel in kinds:
            name = f"{form.lower()}_{activation.lower()}{weight.lower()}" + ("_channel" if per_channel else "")
            path = str(out / f"{name}.onnx")
            quantize_static(plain, path, Reader(samples), quant_format=getattr(QuantFormat, form), activation_type=TYPES[activation],
                            weight_type=TYPES[weight], per_channel=bool(per_channel),
                            reduce_range=form == "QOperator" and activation + weight == "U8S8")
            options = onnxruntime.SessionOptions()
            options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
            session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
            results = [r.reshape(-1) for sample in samples[:INPUTS] for r in session.run(outputs, sample)]
            np.concatenate(results).astype(np.float32).tofile(out / f"{name}.bin")
            activations, weights = scales_of(path)
            expected["models"][name] = {"activations": activations, "weights": weights}
    (out / "expected.json").write_text(json.dumps(expected, indent=0))


def main():
    out = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent / "data" / "qdq")
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(7)
    random = np.random.default_rng(7)
    samples = [{"x": random.uniform(-2, 2, (1, 3, SIZE, SIZE)).astype(np.float32)} for _ in range(32)]
    net = Net().eval()
    with torch.no_grad():  # logits that differ more than a random network's
        net.head.weight *= 4
    kinds = (("U8", "U8", 0), ("U8", "S8", 0), ("U8", "S8", 1), ("S8", "S8", 0), ("S8", "S8", 1))
    with tempfile.TemporaryDirectory() as folder:
        plain = f"{folder}/plain.onnx"
        torch.onnx.export(net, torch.zeros(1, 3, SIZE, SIZE), plain, opset_version=13, dynamo=False, input_names=["x"],
                          output_names=["logits", "features"])
        quantise(plain, samples, ["logits", "features"], kinds, out)


if __name__ == "__main__":
    main()
