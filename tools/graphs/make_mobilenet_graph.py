#!/usr/bin/env python3
"""Writes graph.json of MobileNetV2 or MobileNetV3-large (docs/graph-json.md) with the tensor names of torchvision.

    tools/graphs/make_mobilenet_graph.py v2 > models/mobilenet_v2/graph.json
    tools/graphs/make_mobilenet_graph.py v3_large > models/mobilenet_v3_large/graph.json

V2: https://arxiv.org/abs/1801.04381, table 2. V3: https://arxiv.org/abs/1905.02244, table 1.
"""
import argparse
import sys

from graph_writer import GraphWriter

# expansion, output channels, repeats, stride
V2 = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]
# kernel, expanded channels, output channels, squeeze-excite, hard-swish, stride
V3_LARGE = [(3, 16, 16, False, False, 1), (3, 64, 24, False, False, 2), (3, 72, 24, False, False, 1), (5, 72, 40, True, False, 2),
            (5, 120, 40, True, False, 1), (5, 120, 40, True, False, 1), (3, 240, 80, False, True, 2), (3, 200, 80, False, True, 1),
            (3, 184, 80, False, True, 1), (3, 184, 80, False, True, 1), (3, 480, 112, True, True, 1), (3, 672, 112, True, True, 1),
            (5, 672, 160, True, True, 2), (5, 960, 160, True, True, 1), (5, 960, 160, True, True, 1)]


class MobileNet(GraphWriter):
    def __init__(self, epsilon):
        super().__init__()
        self.epsilon = epsilon

    def unit(self, name, channels_in, channels_out, kernel, stride=1, group=1, activation=None, norm=None):
        """Convolution and batch norm, as Conv2dNormActivation names them; `norm` where they are two modules of a sequence."""
        around = kernel // 2
        conv = name if norm else name + ".0"
        self.conv(conv, channels_in, channels_out, kernel, stride, group, pads=[around] * 4)
        self.norm(norm or name + ".1", channels_out, self.epsilon)
        if activation:
            self.activate(activation, name + ".2")

    def activate(self, activation, name):
        if activation == "relu6":
            self.relu6(name)
        else:
            self.node(activation, name, [self.value])


def squeezed(channels):
    """A quarter, as a multiple of 8 that is not below 90 % of it."""
    quarter = channels // 4
    nearest = max(8, (quarter + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * quarter else nearest


def squeeze_excite(graph, name, channels):
    """Two 1x1 convolutions on the average of every channel give the factor of every channel."""
    start, narrow = graph.value, squeezed(channels)
    graph.node("GlobalAveragePool", name + ".avgpool", [start])
    graph.conv(name + ".fc1", channels, narrow, 1, bias=True)
    graph.relu(name + ".activation")
    graph.conv(name + ".fc2", narrow, channels, 1, bias=True)
    graph.node("HardSigmoid", name + ".scale_activation", [graph.value], alpha=1 / 6, beta=0.5)
    graph.node("Mul", name, [start, graph.value])


def make_v2(classes):
    graph = MobileNet(1e-5)
    graph.unit("features.0", 3, 32, 3, stride=2, activation="relu6")
    before, index = 32, 1
    for expansion, channels, repeats, stride in V2:
        for repeat in range(repeats):
            prefix, start, step = f"features.{index}", graph.value, stride if repeat == 0 else 1
            wide, part = before * expansion, 0
            if expansion != 1:
                graph.unit(f"{prefix}.conv.{part}", before, wide, 1, activation="relu6")
                part += 1
            graph.unit(f"{prefix}.conv.{part}", wide, wide, 3, step, wide, activation="relu6")
            graph.unit(f"{prefix}.conv.{part + 1}", wide, channels, 1, norm=f"{prefix}.conv.{part + 2}")
            if step == 1 and before == channels:
                graph.node("Add", prefix + ".add", [start, graph.value])
            before, index = channels, index + 1
    graph.unit(f"features.{index}", before, 1280, 1, activation="relu6")
    graph.node("GlobalAveragePool", "pool", [graph.value])
    graph.node("Flatten", "flat", [graph.value])
    graph.dense("classifier.1", 1280, classes, name="logits")
    return graph


def make_v3_large(classes):
    graph = MobileNet(1e-3)
    graph.unit("features.0", 3, 16, 3, stride=2, activation="HardSwish")
    before, index = 16, 1
    for kernel, wide, channels, excite, hard_swish, stride in V3_LARGE:
        prefix, start = f"features.{index}", graph.value
        activation, part = "HardSwish" if hard_swish else "Relu", 0
        if wide != before:
            graph.unit(f"{prefix}.block.{part}", before, wide, 1, activation=activation)
            part += 1
        graph.unit(f"{prefix}.block.{part}", wide, wide, kernel, stride, wide, activation=activation)
        part += 1
        if excite:
            squeeze_excite(graph, f"{prefix}.block.{part}", wide)
            part += 1
        graph.unit(f"{prefix}.block.{part}", wide, channels, 1)
        if stride == 1 and before == channels:
            graph.node("Add", prefix + ".add", [graph.value, start])
        before, index = channels, index + 1
    graph.unit(f"features.{index}", before, 6 * before, 1, activation="HardSwish")
    graph.node("GlobalAveragePool", "avgpool", [graph.value])
    graph.node("Flatten", "flat", [graph.value])
    graph.dense("classifier.0", 6 * before, 1280)
    graph.node("HardSwish", "classifier.1", [graph.value])
    graph.dense("classifier.3", 1280, classes, name="logits")
    return graph


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", choices=["v2", "v3_large"])
    parser.add_argument("--classes", type=int, default=1000)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--name")
    options = parser.parse_args()
    graph = {"v2": make_v2, "v3_large": make_v3_large}[options.network](options.classes)
    sys.stdout.write(graph.text(options.name or "mobilenet_" + options.network, options.size))


if __name__ == "__main__":
    main()
