#!/usr/bin/env python3
"""Writes tests/converter/data/onnx: small ONNX models, one file a case, and expected.json with what ONNX Runtime makes of them.

    python tests/converter/make_onnx_fixtures.py

Element i of an input, counted in NCHW order, is ((i * 2654435761 mod 2^32) >> 16) / 32768 - 1: exact in float32, so the test
makes the same input. The models whose names begin with "reject_" are for errors: expected.json holds a part of the message.
"""
import json
import pathlib
import shutil

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

FOLDER = pathlib.Path(__file__).resolve().parent / "data" / "onnx"
RANDOM = np.random.RandomState(7)
EXPECTED = {"outputs": {}, "rejections": {}}


def made_input(shape):
    index = np.arange(int(np.prod(shape)), dtype=np.uint64)
    return (((index * 2654435761 % 2**32) >> 16).astype(np.float32) / 32768 - 1).reshape(shape)


def weights(*shape):
    return (RANDOM.standard_normal(shape) / np.sqrt(np.prod(shape[1:]) or 1)).astype(np.float32)


def uniform(low, high, *shape):
    return RANDOM.uniform(low, high, shape).astype(np.float32)


def node(op, inputs, output, **attributes):
    return helper.make_node(op, inputs, output if isinstance(output, list) else [output], **attributes)


def model(shape, nodes, constants, outputs=("y",), opset=17, batch=1, as_inputs=False):
    """`constants`: arrays or TensorProtos by name. `as_inputs`: lists them as graph inputs too, as old exporters did."""
    tensors = [value if isinstance(value, TensorProto) else numpy_helper.from_array(np.asarray(value), name)
               for name, value in constants.items()]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, *shape[1:]])]
    if as_inputs:
        inputs += [helper.make_tensor_value_info(t.name, t.data_type, t.dims) for t in tensors]
    graph = helper.make_graph(nodes, "case", inputs, [helper.make_tensor_value_info(o, TensorProto.FLOAT, None) for o in outputs], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def case(name, shape, nodes, constants=None, **options):
    made = model(shape, nodes, constants or {}, **options)
    path = FOLDER / f"{name}.onnx"
    path.write_bytes(made.SerializeToString())
    session_options = onnxruntime.SessionOptions()
    session_options.log_severity_level = 3
    session_options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(str(path), session_options, providers=["CPUExecutionProvider"])
    results = session.run(None, {"x": made_input(shape)})
    EXPECTED["outputs"][name] = {"shape": list(shape), "outputs": [
        {"dims": list(r.shape), "values": [float(f"{v:.7g}") for v in r.ravel()]} for r in results]}


def reject(name, message, made):
    (FOLDER / f"reject_{name}.onnx").write_bytes(made if isinstance(made, bytes) else made.SerializeToString())
    EXPECTED["rejections"][f"reject_{name}.onnx"] = message


def convolutions():
    x = (1, 3, 9, 8)
    case("conv_1x1", x, [node("Conv", ["x", "w"], "y")], {"w": weights(5, 3, 1, 1)})
    case("conv_3x3_bias", x, [node("Conv", ["x", "w", "b"], "y", pads=[1, 1, 1, 1])], {"w": weights(4, 3, 3, 3), "b": weights(4)})
    case("conv_asymmetric_pads", x, [node("Conv", ["x", "w"], "y", pads=[0, 2, 1, 3], strides=[2, 1])], {"w": weights(4, 3, 3, 5)})
    case("conv_same_upper", x, [node("Conv", ["x", "w"], "y", auto_pad="SAME_UPPER", strides=[2, 2])], {"w": weights(4, 3, 3, 3)})
    case("conv_same_lower", x, [node("Conv", ["x", "w"], "y", auto_pad="SAME_LOWER", strides=[2, 2])], {"w": weights(4, 3, 4, 3)})
    case("conv_same_stride_over_kernel", x, [node("Conv", ["x", "w"], "y", auto_pad="SAME_UPPER", strides=[3, 3])],
         {"w": weights(4, 3, 1, 2)})
    case("conv_valid", x, [node("Conv", ["x", "w"], "y", auto_pad="VALID", strides=[2, 3])], {"w": weights(4, 3, 3, 3)})
    case("conv_dilated", x, [node("Conv", ["x", "w"], "y", dilations=[2, 3], pads=[2, 1, 2, 3])], {"w": weights(4, 3, 3, 2)})
    case("conv_groups", (1, 6, 7, 5), [node("Conv", ["x", "w", "b"], "y", group=3, pads=[1, 1, 1, 1])],
         {"w": weights(9, 2, 3, 3), "b": weights(9)})
    case("conv_depthwise", (1, 6, 9, 8), [node("Conv", ["x", "w", "b"], "y", group=6, strides=[2, 2], pads=[1, 0, 2, 1])],
         {"w": weights(6, 1, 5, 3), "b": weights(6)})
    case("conv_depthwise_multiplier", (1, 3, 6, 6), [node("Conv", ["x", "w"], "y", group=3)], {"w": weights(6, 1, 3, 3)})
    case("conv_one_channel", (1, 1, 6, 6), [node("Conv", ["x", "w"], "y")], {"w": weights(1, 1, 3, 3)})
    case("conv_initializers_as_inputs", x, [node("Conv", ["x", "w"], "y")], {"w": weights(4, 3, 1, 1)}, opset=8, as_inputs=True)
    case("conv_symbolic_batch", x, [node("Conv", ["x", "w"], "y")], {"w": weights(4, 3, 1, 1)}, batch="batch")
    case("conv_float16_weights", x, [node("Cast", ["w"], "v", to=TensorProto.FLOAT), node("Conv", ["x", "v"], "y")],
         {"w": weights(4, 3, 1, 1).astype(np.float16)})
    typed = helper.make_tensor("w", TensorProto.FLOAT, [4, 3, 1, 1], weights(4, 3, 1, 1).ravel().tolist(), raw=False)
    case("conv_typed_data", x, [node("Conv", ["x", "w"], "y")], {"w": typed})
    (FOLDER / "external.bin").write_bytes(b"skipped." + weights(4, 3, 1, 1).tobytes())
    case("conv_external_data", x, [node("Conv", ["x", "w"], "y")], {"w": external("external.bin", 8, 48)})


def external(location, offset, length):
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4, 3, 1, 1], data_location=TensorProto.EXTERNAL)
    for key, value in (("location", location), ("offset", offset), ("length", length)):
        tensor.external_data.add(key=key, value=str(value))
    return tensor


def pools():
    x = (1, 3, 8, 7)
    case("max_pool", x, [node("MaxPool", ["x"], "y", kernel_shape=[3, 2], strides=[2, 1])])
    case("max_pool_pads", x, [node("MaxPool", ["x"], "y", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 0, 2, 1])])
    case("max_pool_ceil", x, [node("MaxPool", ["x"], "y", kernel_shape=[3, 3], strides=[2, 3], ceil_mode=1)])
    case("max_pool_ceil_pads", x, [node("MaxPool", ["x"], "y", kernel_shape=[2, 2], strides=[2, 2], pads=[1, 1, 0, 1], ceil_mode=1)])
    case("max_pool_dilated", x, [node("MaxPool", ["x"], "y", kernel_shape=[2, 3], dilations=[3, 2])])
    case("max_pool_same", x, [node("MaxPool", ["x"], "y", kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER")])
    case("average_pool", x, [node("AveragePool", ["x"], "y", kernel_shape=[2, 3])])
    case("average_pool_pads", x, [node("AveragePool", ["x"], "y", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])])
    case("average_pool_include_pad", x, [node("AveragePool", ["x"], "y", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1],
                                              count_include_pad=1)])
    case("average_pool_ceil", x, [node("AveragePool", ["x"], "y", kernel_shape=[3, 3], strides=[2, 3], ceil_mode=1)], opset=19)
    case("average_pool_dilated", x, [node("AveragePool", ["x"], "y", kernel_shape=[2, 2], dilations=[2, 3])], opset=19)
    case("global_average_pool", x, [node("GlobalAveragePool", ["x"], "y")])
    case("global_max_pool", x, [node("GlobalMaxPool", ["x"], "y")])
    case("reduce_mean_attribute", x, [node("ReduceMean", ["x"], "y", axes=[2, 3], keepdims=1)], opset=13)
    case("reduce_mean_no_dims", x, [node("ReduceMean", ["x"], "m", axes=[-1, -2], keepdims=0), node("Gemm", ["m", "w"], "y")],
         {"w": weights(3, 4)}, opset=13)
    case("reduce_mean_input", x, [node("ReduceMean", ["x", "axes"], "y")], {"axes": np.array([2, 3])}, opset=18)


def dense():
    x = (1, 3, 4, 5)
    flat = {"w": weights(7, 60), "b": weights(7)}
    case("gemm_after_flatten", x, [node("Flatten", ["x"], "f"), node("Gemm", ["f", "w", "b"], "y", transB=1)], flat)
    case("gemm_alpha_beta", x, [node("Flatten", ["x"], "f"), node("Gemm", ["f", "w", "b"], "y", alpha=0.5, beta=2.0)],
         {"w": weights(60, 7), "b": weights(1, 7)})
    case("gemm_scalar_bias", x, [node("Flatten", ["x"], "f"), node("Gemm", ["f", "w", "b"], "y", transB=1)],
         {"w": weights(7, 60), "b": np.float32([0.25])})
    case("gemm_twice_after_relu", x, [node("Flatten", ["x"], "f"), node("Relu", ["f"], "r"), node("Gemm", ["r", "w", "b"], "g", transB=1),
                                      node("Relu", ["g"], "h"), node("Gemm", ["h", "v"], "y")], {**flat, "v": weights(7, 3)})
    case("matmul_add", x, [node("GlobalAveragePool", ["x"], "p"), node("Reshape", ["p", "s"], "f"), node("MatMul", ["f", "w"], "m"),
                           node("Add", ["m", "b"], "y")], {"s": np.array([0, -1]), "w": weights(3, 5), "b": weights(5)})
    case("matmul_one_channel_image", (1, 1, 4, 5), [node("Flatten", ["x"], "f"), node("MatMul", ["f", "w"], "y")], {"w": weights(20, 6)})
    case("two_heads", x, [node("GlobalAveragePool", ["x"], "p"), node("Flatten", ["p"], "f"), node("Gemm", ["f", "v"], "y"),
                          node("Gemm", ["f", "w"], "z")], {"v": weights(3, 2), "w": weights(3, 4)}, outputs=("z", "y"))
    case("flatten_computed_shape", x, [
        node("GlobalAveragePool", ["x"], "p"), node("Shape", ["p"], "s"), node("Gather", ["s", "zero"], "n", axis=0),
        node("Unsqueeze", ["n", "first"], "u"), node("Constant", [], "rest", value_ints=[-1]), node("Concat", ["u", "rest"], "t", axis=0),
        node("Reshape", ["p", "t"], "f"), node("Gemm", ["f", "w"], "y")],
        {"zero": np.array(0), "first": np.array([0]), "w": weights(3, 4)}, batch="n")
    case("reshape_slice_shape", x, [
        node("Shape", ["x"], "s"), node("Slice", ["s", "a", "b"], "h"), node("Concat", ["h", "rest"], "t", axis=0),
        node("Reshape", ["x", "t"], "f"), node("Gemm", ["f", "w"], "y")],
        {"a": np.array([0]), "b": np.array([1]), "rest": np.array([-1]), "w": weights(60, 4)})


def shapes():
    x = (1, 3, 4, 5)
    case("softmax", x, [node("GlobalAveragePool", ["x"], "p"), node("Flatten", ["p"], "f"), node("Softmax", ["f"], "y")])
    case("softmax_opset11", x, [node("GlobalAveragePool", ["x"], "p"), node("Softmax", ["p"], "y")], opset=11)
    case("softmax_pixels", x, [node("Softmax", ["x"], "y", axis=1)])
    case("squeeze_unsqueeze", x, [node("GlobalAveragePool", ["x"], "p"), node("Squeeze", ["p", "a"], "s"), node("Relu", ["s"], "r"),
                                  node("Unsqueeze", ["r", "a"], "u"), node("Conv", ["u", "w"], "y")],
         {"a": np.array([2, 3]), "w": weights(4, 3, 1, 1)})
    case("squeeze_attribute", x, [node("GlobalAveragePool", ["x"], "p"), node("Squeeze", ["p"], "s", axes=[-1, -2]),
                                  node("Gemm", ["s", "w"], "y")], {"w": weights(3, 4)}, opset=11)
    case("reshape_rows", x, [node("Reshape", ["x", "s"], "r"), node("Conv", ["r", "w"], "y")],
         {"s": np.array([1, 3, 2, 10]), "w": weights(4, 3, 2, 3)})
    case("transpose_of_pooled", x, [node("GlobalAveragePool", ["x"], "p"), node("Transpose", ["p"], "t", perm=[0, 2, 3, 1]),
                                    node("Flatten", ["t"], "f"), node("Gemm", ["f", "w"], "y")], {"w": weights(3, 4)})
    case("transposed_weights", x, [node("Transpose", ["w"], "t", perm=[3, 2, 0, 1]), node("Conv", ["x", "t"], "y")],
         {"w": weights(3, 2, 3, 4)})
    case("identity_dropout", x, [node("Identity", ["x"], "i"), node("Dropout", ["i", "ratio"], ["d", "mask"]), node("Conv", ["d", "w"], "c"),
                                 node("Identity", ["c"], "y")], {"w": weights(4, 3, 1, 1), "ratio": np.float32(0.5)})
    case("dropout_training_constant", x, [node("Constant", [], "off", value=helper.make_tensor("t", TensorProto.BOOL, [], [False])),
                                          node("Dropout", ["x", "", "off"], "d"), node("Conv", ["d", "w"], "y")],
         {"w": weights(4, 3, 1, 1)})
    case("dead_branch", x, [node("Conv", ["x", "w"], "y"), node("Relu", ["x"], "unused")], {"w": weights(4, 3, 1, 1)})


def activations():
    x = (1, 3, 6, 5)
    w = {"w": weights(4, 3, 3, 3), "v": weights(4, 3, 3, 3)}
    case("conv_relu", x, [node("Conv", ["x", "w"], "c"), node("Relu", ["c"], "y")], {"w": w["w"]})
    case("conv_relu6_inputs", x, [node("Conv", ["x", "w"], "c"), node("Clip", ["c", "low", "high"], "y")],
         {"w": w["w"], "low": np.float32(-0.1), "high": np.float32(0.4)})
    case("conv_clip_attributes", x, [node("Conv", ["x", "w"], "c"), node("Clip", ["c"], "y", min=-0.2, max=0.3)], {"w": w["w"]}, opset=9)
    case("conv_clip_max_only", x, [node("Conv", ["x", "w"], "c"), node("Clip", ["c", "", "high"], "y")],
         {"w": w["w"], "high": np.float32(0.1)})
    case("conv_two_clips", x, [node("Conv", ["x", "w"], "c"), node("Relu", ["c"], "r"), node("Clip", ["r", "low", "high"], "y")],
         {"w": w["w"], "low": np.float32(-1), "high": np.float32(0.3)})
    case("relu_of_input", x, [node("Relu", ["x"], "y")])
    case("relu_beside_reader", x, [node("Conv", ["x", "w"], "c"), node("Relu", ["c"], "r"), node("Add", ["c", "r"], "y")], {"w": w["w"]})
    case("residual_clip", x, [node("Conv", ["x", "w"], "a"), node("Conv", ["x", "v"], "b"), node("Add", ["a", "b"], "s"),
                              node("Clip", ["s", "low", "high"], "y")], {**w, "low": np.float32(0), "high": np.float32(0.5)})
    case("add_same_twice", x, [node("Conv", ["x", "w"], "a"), node("Add", ["a", "a"], "y")], {"w": w["w"]})
    case("relu_after_flatten", x, [node("Conv", ["x", "w"], "c"), node("Flatten", ["c"], "f"), node("Relu", ["f"], "r"),
                                   node("Gemm", ["r", "g"], "y")], {"w": w["w"], "g": weights(48, 3)})
    case("clip_output_is_read_and_output", x, [node("Conv", ["x", "w"], "c"), node("Relu", ["c"], "r"), node("GlobalAveragePool", ["r"], "y")],
         {"w": w["w"]}, outputs=("c", "y"))


def norms():
    x = (1, 3, 6, 5)

    def norm(name, channels):
        return {name + "s": uniform(0.5, 2, channels), name + "b": weights(channels), name + "m": weights(channels),
                name + "v": uniform(0.1, 2, channels)}

    def batch_norm(name, source, output, epsilon=1e-3):
        return node("BatchNormalization", [source, name + "s", name + "b", name + "m", name + "v"], output, epsilon=epsilon)

    case("batch_norm_after_conv", x, [node("Conv", ["x", "w", "b"], "c", group=1), batch_norm("n", "c", "r"), node("Relu", ["r"], "y")],
         {"w": weights(4, 3, 3, 3), "b": weights(4), **norm("n", 4)})
    case("batch_norm_after_depthwise", x, [node("Conv", ["x", "w"], "c", group=3), batch_norm("n", "c", "y", 0.1)],
         {"w": weights(3, 1, 3, 3), **norm("n", 3)}, opset=9)
    case("batch_norm_before_conv", x, [batch_norm("n", "x", "r"), node("Conv", ["r", "w"], "y")],
         {"w": weights(4, 3, 3, 3), **norm("n", 3)})
    case("batch_norm_before_padded_conv", x, [batch_norm("n", "x", "r"), node("Conv", ["r", "w"], "y", pads=[1, 1, 1, 1])],
         {"w": weights(4, 3, 3, 3), **norm("n", 3)})
    case("batch_norm_before_group_conv", (1, 4, 5, 5), [batch_norm("n", "x", "r"), node("Conv", ["r", "w"], "y", group=2)],
         {"w": weights(6, 2, 3, 3), **norm("n", 4)})
    case("batch_norm_alone", x, [batch_norm("n", "x", "r"), node("Relu", ["r"], "y")], norm("n", 3))
    case("batch_norm_of_vector", x, [node("GlobalAveragePool", ["x"], "p"), node("Flatten", ["p"], "f"), batch_norm("n", "f", "r"),
                                     node("Gemm", ["r", "w", "b"], "y")], {"w": weights(3, 4), "b": weights(4), **norm("n", 3)})
    case("batch_norm_of_vector_alone", x, [node("GlobalAveragePool", ["x"], "p"), node("Flatten", ["p"], "f"), batch_norm("n", "f", "y")],
         norm("n", 3))
    case("batch_norm_two_readers", x, [node("Conv", ["x", "w"], "c"), batch_norm("n", "c", "r"), node("Add", ["c", "r"], "y")],
         {"w": weights(4, 3, 3, 3), **norm("n", 4)})
    case("batch_norm_chain", x, [node("Conv", ["x", "w"], "c"), batch_norm("n", "c", "r"), batch_norm("m", "r", "y")],
         {"w": weights(4, 3, 3, 3), **norm("n", 4), **norm("m", 4)})
    case("normalized_input", x, [node("Sub", ["x", "mean"], "a"), node("Div", ["a", "std"], "b"), node("Conv", ["b", "w"], "y")],
         {"mean": uniform(0, 1, 1, 3, 1, 1), "std": uniform(0.5, 2, 3, 1, 1), "w": weights(4, 3, 3, 3)})
    case("scaled_by_constants", x, [node("Conv", ["x", "w"], "a"), node("Mul", ["scale", "a"], "b"), node("Sub", ["one", "b"], "c"),
                                    node("Add", ["c", "shift"], "y")],
         {"w": weights(4, 3, 3, 3), "scale": uniform(0.5, 2, 4, 1, 1), "one": np.float32(1), "shift": uniform(-1, 1, 1, 4, 1, 1)})
    case("folded_arithmetic", x, [node("Mul", ["w", "k"], "v"), node("Add", ["v", "o"], "u"), node("Conv", ["x", "u"], "y")],
         {"w": weights(4, 3, 3, 3), "k": uniform(0.5, 2, 4, 1, 1, 1), "o": uniform(0, 0.1, 3, 1)})


def pads():
    x = (1, 3, 6, 5)
    pad = {"p": np.array([0, 0, 1, 0, 0, 0, 2, 1])}
    w = {"w": weights(4, 3, 3, 3)}
    case("pad_conv", x, [node("Pad", ["x", "p"], "q"), node("Conv", ["q", "w"], "y", pads=[0, 1, 0, 0])], {**pad, **w})
    case("pad_attribute", x, [node("Pad", ["x"], "q", pads=[0, 0, 1, 1, 0, 0, 1, 1]), node("Conv", ["q", "w"], "y")], w, opset=10)
    case("pad_axes", x, [node("Pad", ["x", "p", "", "axes"], "q"), node("Conv", ["q", "w"], "y")],
         {"p": np.array([1, 2, 0, 1]), "axes": np.array([-1, 2]), **w}, opset=18)
    case("pad_average_pool", x, [node("Pad", ["x", "p"], "q"), node("AveragePool", ["q"], "y", kernel_shape=[3, 3], strides=[2, 2])], pad)
    case("pad_max_pool_of_relu", x, [node("Relu", ["x"], "r"), node("Pad", ["r", "p"], "q"),
                                     node("MaxPool", ["q"], "y", kernel_shape=[3, 3], strides=[2, 2])], pad)
    case("pad_max_pool", x, [node("Pad", ["x", "p"], "q"), node("MaxPool", ["q"], "y", kernel_shape=[3, 3], strides=[2, 2])], pad)
    case("pad_two_readers", x, [node("Pad", ["x", "p"], "q"), node("Conv", ["q", "w"], "a"), node("Conv", ["q", "v"], "b"),
                                node("Add", ["a", "b"], "y")], {**pad, **w, "v": weights(4, 3, 3, 3)})
    case("pad_output", x, [node("Pad", ["x", "p"], "y")], pad)
    case("pad_nothing", x, [node("Pad", ["x", "p"], "q"), node("Conv", ["q", "w"], "y")], {"p": np.zeros(8, np.int64), **w})


def general():
    """What is no layer of a convolutional network: broadcasts, moves, reductions, other ranks, several images."""
    x = (1, 3, 6, 5)
    w = {"w": weights(4, 3, 3, 3)}
    conv = node("Conv", ["x", "w"], "c", name="stem")
    pads = np.array([0, 0, 1, 1, 0, 0, 1, 2])
    case("add_broadcast", x, [conv, node("GlobalAveragePool", ["c"], "p"), node("Add", ["c", "p"], "y")], w)
    case("mul_of_tensors", x, [conv, node("Mul", ["c", "c"], "y")], w)
    case("squeeze_excite", x, [conv, node("GlobalAveragePool", ["c"], "p"), node("HardSigmoid", ["p"], "s"), node("Mul", ["s", "c"], "y")], w)
    case("swish", x, [conv, node("Sigmoid", ["c"], "s"), node("Mul", ["c", "s"], "y")], w)
    case("pad_reflect", x, [node("Pad", ["x", "p"], "q", mode="reflect"), node("Conv", ["q", "w"], "y")], {**w, "p": pads})
    case("pad_edge", x, [node("Pad", ["x", "p"], "q", mode="edge"), node("Conv", ["q", "w"], "y")], {**w, "p": pads})
    case("pad_value", x, [node("Pad", ["x", "p", "one"], "q"), node("Conv", ["q", "w"], "y")], {**w, "p": pads, "one": np.float32(1)})
    case("pad_channels", x, [node("Pad", ["x", "p"], "y")], {"p": np.array([0, 1, 0, 0, 0, 2, 0, 0])})
    case("pad_crop", x, [node("Pad", ["x", "p"], "y")], {"p": np.array([0, 0, -1, 1, 0, 0, 0, -2])})
    case("pool_ceil_include_pad", x, [node("AveragePool", ["x"], "y", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1, count_include_pad=1)], {})
    case("transpose", x, [node("Transpose", ["x"], "y", perm=[0, 2, 3, 1])])
    case("transpose_conv", x, [node("Transpose", ["x"], "t", perm=[0, 1, 3, 2]), node("Conv", ["t", "w"], "y")], w)
    case("softmax_rows", x, [node("Softmax", ["x"], "y", axis=3)])
    case("softmax_opset11", x, [node("Softmax", ["x"], "y")], opset=11)
    case("reshape_mixes", x, [node("Reshape", ["x", "s"], "y")], {"s": np.array([1, 6, 3, 5])})
    case("flatten_output", x, [node("Flatten", ["x"], "y")])
    case("channel_shuffle", (1, 6, 4, 5), [node("Reshape", ["x", "s"], "r"), node("Transpose", ["r"], "t", perm=[0, 2, 1, 3, 4]),
                                           node("Reshape", ["t", "u"], "q"), node("Conv", ["q", "w"], "y", group=2)],
         {"s": np.array([1, 2, 3, 4, 5]), "u": np.array([1, 6, 4, 5]), "w": weights(4, 3, 3, 3)})
    case("batch_2", (2, 3, 6, 5), [conv, node("Flatten", ["c"], "f"), node("Gemm", ["f", "v"], "y")], {**w, "v": weights(48, 7)}, batch=2)
    case("output_is_input", x, [node("Identity", ["x"], "y")])
    case("clip_order", x, [node("Clip", ["x", "a", "b"], "y")], {"a": np.float32(1), "b": np.float32(0)})
    case("concat_channels", x, [conv, node("Relu", ["c"], "r"), node("Concat", ["c", "r"], "y", axis=1)], w)
    case("concat_rows", x, [node("Concat", ["x", "k", "x"], "y", axis=2)], {"k": weights(1, 3, 2, 5)})
    case("slice_steps", x, [node("Slice", ["x", "s", "e", "a", "d"], "y")],
         {"s": np.array([-1, 1]), "e": np.array([-100, 5]), "a": np.array([2, 3]), "d": np.array([-2, 2])})
    case("split", x, [node("Split", ["x", "n"], ["a", "b"], axis=1), node("Conv", ["b", "w"], "c"), node("Sub", ["c", "a"], "y")],
         {"n": np.array([1, 2]), "w": weights(2, 2, 1, 1)})
    case("gather_channels", x, [node("Gather", ["x", "i"], "y", axis=1)], {"i": np.array([2, 0, -1, 1])})
    case("resize_nearest", x, [node("Resize", ["x", "", "s"], "y", mode="nearest")], {"s": np.array([1, 1, 2, 1.7], np.float32)})
    case("resize_linear", x, [node("Resize", ["x", "", "s"], "y", mode="linear")], {"s": np.array([1, 1, 2, 1.6], np.float32)})
    case("resize_align", x, [node("Resize", ["x", "", "", "s"], "y", mode="linear", coordinate_transformation_mode="align_corners")],
         {"s": np.array([1, 3, 4, 9])})
    case("conv_transpose", x, [node("ConvTranspose", ["x", "w", "b"], "y", strides=[2, 3], pads=[1, 0, 0, 1], output_padding=[1, 1])],
         {"w": weights(3, 4, 3, 2), "b": weights(4)})
    case("conv_transpose_groups", (1, 4, 5, 4), [node("ConvTranspose", ["x", "w"], "y", strides=[2, 2], group=2, auto_pad="SAME_UPPER")],
         {"w": weights(4, 3, 3, 3)})
    case("instance_norm", x, [node("InstanceNormalization", ["x", "g", "b"], "y")], {"g": weights(3), "b": weights(3)})
    case("lrn", (1, 7, 3, 4), [node("LRN", ["x"], "y", size=5, alpha=0.5, beta=0.75, bias=2.0)])
    case("prelu", x, [node("PRelu", ["x", "s"], "y")], {"s": weights(3, 1, 1)})
    case("reduce_sum", x, [node("ReduceSum", ["x", "a"], "y", keepdims=0)], {"a": np.array([1, -1])})
    case("reduce_mean_channels", x, [node("ReduceMean", ["x"], "y", axes=[1])], opset=13)
    case("matmul_batched", x, [node("Transpose", ["x"], "t", perm=[0, 1, 3, 2]), node("MatMul", ["x", "t"], "y")])
    case("matmul_constant_left", x, [node("MatMul", ["k", "x"], "y")], {"k": weights(4, 6)})
    case("conv_1d", (2, 3, 9), [node("Conv", ["x", "w", "b"], "c", strides=[2], pads=[1, 2]), node("Relu", ["c"], "r"),
                                node("MaxPool", ["r"], "y", kernel_shape=[2])], {"w": weights(4, 3, 3), "b": weights(4)}, batch=2)
    case("conv_3d", (1, 2, 4, 5, 3), [node("Conv", ["x", "w", "b"], "c", pads=[1, 1, 1, 1, 1, 1], strides=[2, 1, 1]),
                                      node("AveragePool", ["c"], "y", kernel_shape=[2, 2, 2])], {"w": weights(3, 2, 3, 3, 2), "b": weights(3)})
    case("where", x, [node("Where", ["m", "x", "k"], "y")], {"m": RANDOM.uniform(size=(3, 1, 5)) > 0.5, "k": weights(1)})
    case("expand", (1, 3, 1, 5), [node("Expand", ["x", "s"], "y")], {"s": np.array([2, 1, 4, 1])})
    case("clip_computed", x, [node("GlobalMaxPool", ["x"], "m"), node("Reshape", ["m", "s"], "r"), node("ReduceMax", ["r"], "t", keepdims=0),
                              node("Clip", ["x", "", "t"], "y")], {"s": np.array([3])})
    case("functions", x, [node("Exp", ["x"], "a"), node("Log", ["a"], "b"), node("Tanh", ["b"], "c"), node("Elu", ["c"], "d", alpha=0.7),
                          node("LeakyRelu", ["d"], "e", alpha=0.1), node("HardSwish", ["e"], "f"), node("Softplus", ["f"], "g"),
                          node("Sqrt", ["g"], "h"), node("Neg", ["h"], "i"), node("Abs", ["i"], "j"), node("Reciprocal", ["j"], "y")])
    case("dynamic_scale", x, [node("ReduceMean", ["x"], "m", axes=[1, 2, 3]), node("Pow", ["m", "e"], "p"), node("Div", ["x", "p"], "q"),
                              node("Max", ["q", "x", "m"], "y")], {"e": np.float32(2)}, opset=13)


def gates():
    """Activations that exporters write as several operators."""
    x = (1, 3, 6, 5)
    w = {"w": weights(4, 3, 3, 3) * 4, "three": np.float32(3), "six": np.float32(6), "sixth": np.float32(1 / 6), "zero": np.float32(0),
         "k": np.float32(1.702)}
    conv = node("Conv", ["x", "w"], "c", name="stem")
    shifted = [conv, node("Add", ["c", "three"], "a"), node("Clip", ["a", "zero", "six"], "r")]
    case("gate_swish_scaled", x, [conv, node("Mul", ["c", "k"], "m"), node("Sigmoid", ["m"], "s"), node("Mul", ["s", "c"], "y")], w)
    case("gate_hard_swish_product_first", x, [*shifted, node("Mul", ["c", "r"], "m"), node("Div", ["m", "six"], "y")], w)
    case("gate_hard_swish_gate_first", x, [*shifted, node("Mul", ["r", "sixth"], "g"), node("Mul", ["g", "c"], "y")], w)
    case("gate_hard_sigmoid", x, [*shifted, node("Div", ["r", "six"], "y")], w)
    case("gate_hard_swish_of_hard_sigmoid", x, [conv, node("HardSigmoid", ["c"], "h", alpha=1 / 6), node("Mul", ["c", "h"], "y")], w)
    case("gate_mish", x, [conv, node("Softplus", ["c"], "p"), node("Tanh", ["p"], "t"), node("Mul", ["c", "t"], "y")], w)
    case("gate_read_elsewhere", x, [conv, node("Sigmoid", ["c"], "s"), node("Mul", ["c", "s"], "m"), node("Add", ["m", "s"], "y")], w)
    case("gate_of_another", x, [conv, node("Conv", ["x", "w"], "d", name="other"), node("Sigmoid", ["d"], "s"), node("Mul", ["c", "s"], "y")], w)


def rejections():
    x = (1, 3, 6, 5)
    w = {"w": weights(4, 3, 3, 3)}
    conv = node("Conv", ["x", "w"], "c", name="stem")
    reject("operator", "node 'strange' (Sin): this operator is not supported", model(x, [node("Sin", ["x"], "y", name="strange")], {}))
    reject("attribute", "attribute 'surprise' is not supported", model(x, [node("Relu", ["x"], "y", surprise=1)], {}))
    reject("attribute_type", "attribute 'strides' has the wrong type", model(x, [node("Conv", ["x", "w"], "y", strides=2)], w))
    reject("domain", "operator Conv of domain 'com.example'", model(x, [node("Conv", ["x", "w"], "y", domain="com.example")], w))
    reject("opset", "opset 5", model(x, [node("Relu", ["x"], "y")], {}, opset=5))
    reject("conv_channels", "do not fit its input", model(x, [node("Conv", ["x", "w"], "y", name="stem")], {"w": weights(4, 2, 3, 3)}))
    reject("conv_rank", "its weights are [4, 3, 3], its input [1, 3, 6, 5]", model(x, [node("Conv", ["x", "w"], "y")], {"w": weights(4, 3, 3)}))
    reject("conv_bias", "its bias is [5]", model(x, [node("Conv", ["x", "w", "b"], "y")], {**w, "b": weights(5)}))
    reject("conv_too_small", "larger than its padded input", model(x, [node("Conv", ["x", "w"], "y")], {"w": weights(4, 3, 7, 7)}))
    reject("gemm_shape", "does not fit its weights", model(x, [node("Flatten", ["x"], "f"), node("Gemm", ["f", "w"], "y")], {"w": weights(89, 4)}))
    reject("weights_not_finite", "infinities or NaN", model(x, [node("Conv", ["x", "w"], "y")], {"w": np.full((4, 3, 1, 1), np.nan, np.float32)}))
    reject("weights_size", "its shape [4, 3, 1, 1] wants 48",
           model(x, [node("Conv", ["x", "w"], "y")], {"w": TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4, 3, 1, 1], raw_data=b"abc")}))
    reject("weights_huge", "its shape is too large", model(x, [node("Conv", ["x", "w"], "y")], {
        "w": TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[2**62, 4, 4, 4], raw_data=b"")}))
    reject("weights_type", "element type 8", model(x, [node("Conv", ["x", "w"], "y")], {
        "w": TensorProto(name="w", data_type=TensorProto.STRING, dims=[1], string_data=[b"a"])}))
    reject("external_parent", "lies outside the model's folder", model(x, [node("Conv", ["x", "w"], "y")],
                                                                      {"w": external("../onnx_outside.bin", 0, 48)}))
    reject("external_absolute", "must be named relative", model(x, [node("Conv", ["x", "w"], "y")], {"w": external("/etc/passwd", 0, 48)}))
    reject("external_short", "does not hold its 48 bytes", model(x, [node("Conv", ["x", "w"], "y")], {"w": external("external.bin", 16, 48)}))
    reject("external_missing", "is not there", model(x, [node("Conv", ["x", "w"], "y")], {"w": external("nothing.bin", 0, 48)}))
    symbolic = model(x, [conv], w, outputs=("c",))
    symbolic.graph.input[0].type.tensor_type.shape.dim[2].dim_param = "height"
    reject("symbolic_height", "dimension 2 is 'height'", symbolic)
    reject("order", "is made by no earlier node", model(x, [node("Relu", ["c"], "y"), conv], w))
    reject("twice", "is made twice", model(x, [conv, node("Relu", ["x"], "c")], w, outputs=("c",)))
    reject("output_missing", "is made by no node", model(x, [conv], w, outputs=("nowhere",)))
    reject("batch_norm_training", "training_mode is set", model(x, [node("BatchNormalization", ["x", *"cccc"], "y", training_mode=1)],
                                                                 {"c": np.ones(3, np.float32)}))
    reject("mask_used", "its output 2 is used", model(x, [node("Dropout", ["x"], ["d", "y"])], {}))
    reject("dropout_training", "training_mode is set", model(x, [node("Dropout", ["x", "", "on"], "y")], {"on": np.array(True)}))
    whole = model(x, [conv], w, outputs=("c",)).SerializeToString()
    reject("cut_off", "damaged or cut off", whole[:len(whole) // 2])
    reject("empty", "no ONNX model", b"")
    reject("text", "no ONNX model", b"this is no model\n")


def statistics():
    """Batch norms in training mode whose statistics are asked for."""
    parameters = {"s": np.float32([0.5, 1.5, -2]), "b": np.float32([1, 0, -0.5]), "m": np.float32([0.1, -0.2, 0.3]), "v": np.float32([1, 2, 0.5])}
    norm = node("BatchNormalization", ["x", *"sbmv"], ["y", "mean", "var"], training_mode=1, momentum=0.75, epsilon=0.01)
    case("batch_norm_statistics", (2, 3, 4, 5), [norm], parameters, outputs=["y", "mean", "var"], batch=2)
    case("batch_norm_variance", (2, 3, 4, 5), [norm], parameters, outputs=["y", "var"], batch=2)


def explanations():
    """The second output is the class activation map of each label: its logit in each cell less the mean of all labels'."""
    w, b = weights(5, 8), weights(5)
    nodes = [node("Conv", ["x", "k", "kb"], "c", pads=[1, 1, 1, 1], strides=[2, 2]), node("Relu", ["c"], "f"),
             node("GlobalAveragePool", ["f"], "p"), node("Flatten", ["p"], "v"), node("Gemm", ["v", "w", "b"], "y", transB=1),
             node("Conv", ["f", "m", "mb"], "map")]
    case("class_activation", (1, 3, 11, 9), nodes,
         {"k": weights(8, 3, 3, 3), "kb": weights(8), "w": w, "b": b, "m": (w - w.mean(0))[:, :, None, None], "mb": b - b.mean()},
         outputs=["y", "map"])


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    (FOLDER.parent / "onnx_outside.bin").write_bytes(bytes(48))
    for group in (convolutions, pools, dense, shapes, activations, norms, pads, general, rejections, gates, statistics, explanations):
        group()
    lines = [f"    {json.dumps(name)}: {json.dumps(value)}" for name, value in EXPECTED["outputs"].items()]
    reasons = [f"    {json.dumps(name)}: {json.dumps(value)}" for name, value in EXPECTED["rejections"].items()]
    (FOLDER / "expected.json").write_text('{\n  "outputs": {\n' + ",\n".join(lines) + '\n  },\n  "rejections": {\n' +
                                          ",\n".join(reasons) + "\n  }\n}\n")


if __name__ == "__main__":
    main()
