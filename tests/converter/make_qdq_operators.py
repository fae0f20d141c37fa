"""Makes tests/converter/data/qdq_operators: a network of three inputs and of the operators that make_qdq.py has none of, quantised
by onnxruntime.quantization, and what ONNX Runtime makes of it. Files as make_qdq.py writes them; in inputs.bin the three inputs of
a sample follow each other.

Run with the packages of tests/requirements.txt: python tests/converter/make_qdq_operators.py [DIR]

Convolution, LeakyRelu, AveragePool (with padding, which does not count; always an odd number of pixels, so that no mean lies half
way between two integers, where the float32 sums of a QDQ model round up or down by chance), product with an input, and a small attention: MatMul of two
activations, Softmax, MatMul, and one with a constant matrix.
"""
import pathlib
import sys
import tempfile

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from make_qdq import quantise

SHAPES = {"x": (1, 8, 11, 11), "gate": (1, 16, 1, 1), "query": (1, 6, 16)}
OUTPUTS = {"scores": (1, 6, 5), "features": (1, 16, 5, 6), "attention": (1, 6, 30)}


def network(random):
    constants = {"w": (16, 8, 3, 3), "b": (16,), "head": (16, 5)}
    tensors = [numpy_helper.from_array((random.normal(0, 1, shape) * scale).astype(np.float32), name)
               for (name, shape), scale in zip(constants.items(), (0.12, 0.1, 0.5))]
    tensors += [numpy_helper.from_array(np.array([1, 16, 30], np.int64), "flat")]
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["conv"], name="conv", pads=[1, 1, 1, 1]),
        helper.make_node("LeakyRelu", ["conv"], ["leaky"], name="leaky", alpha=0.2),
        helper.make_node("AveragePool", ["leaky"], ["pool"], name="pool", kernel_shape=[3, 5], strides=[2, 2], pads=[0, 2, 0, 2]),
        helper.make_node("Mul", ["pool", "gate"], ["features"], name="gated"),
        helper.make_node("Reshape", ["features", "flat"], ["keys"], name="keys"),
        helper.make_node("Transpose", ["keys"], ["values"], name="values", perm=[0, 2, 1]),
        helper.make_node("MatMul", ["query", "keys"], ["similar"], name="similar"),
        helper.make_node("Softmax", ["similar"], ["attention"], name="attention", axis=-1),
        helper.make_node("MatMul", ["attention", "values"], ["mixed"], name="mixed"),
        helper.make_node("MatMul", ["mixed", "head"], ["scores"], name="head"),
    ]
    ends = [[helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in of.items()] for of in (SHAPES, OUTPUTS)]
    model = helper.make_model(helper.make_graph(nodes, "operators", *ends, tensors), opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    onnx.checker.check_model(model)
    return model


def main():
    out = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent / "data" / "qdq_operators")
    out.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(11)
    samples = [{name: random.uniform(-2, 2, shape).astype(np.float32) for name, shape in SHAPES.items()} for _ in range(32)]
    with tempfile.TemporaryDirectory() as folder:
        plain = f"{folder}/plain.onnx"
        onnx.save(network(random), plain)
        quantise(plain, samples, list(OUTPUTS), (("U8", "S8", 0), ("S8", "S8", 0), ("S8", "S8", 1)), out)


if __name__ == "__main__":
    main()
