#!/usr/bin/env python3
"""Writes graph.json of ResNet-18, -34, -50, -101 or -152 (docs/graph-json.md) with the tensor names of torchvision.

    for i in 18 50; do tools/graphs/make_resnet_graph.py $i > models/resnet$i/graph.json; done

https://arxiv.org/abs/1512.03385, table 1; in the bottlenecks the 3x3 convolution has the stride, as torchvision has it.
"""
import argparse
import sys

from graph_writer import GraphWriter

# blocks of the four stages, bottlenecks
NETWORKS = {"18": ([2, 2, 2, 2], False), "34": ([3, 4, 6, 3], False), "50": ([3, 4, 6, 3], True), "101": ([3, 4, 23, 3], True),
            "152": ([3, 8, 36, 3], True)}
EPSILON = 1e-5


class ResNet(GraphWriter):
    def unit(self, conv, norm, channels_in, channels_out, kernel, stride=1):
        self.conv(conv, channels_in, channels_out, kernel, stride, pads=[kernel // 2] * 4)
        self.norm(norm, channels_out, EPSILON)

    def block(self, prefix, channels_in, channels, stride, bottleneck):
        """Returns the number of output channels."""
        start = self.value
        out = channels * 4 if bottleneck else channels
        # kernel, input, output, stride
        layers = [(3, channels_in, channels, stride), (3, channels, channels, 1)]
        if bottleneck:
            layers = [(1, channels_in, channels, 1), (3, channels, channels, stride), (1, channels, out, 1)]
        for i, (kernel, before, after, step) in enumerate(layers, start=1):
            self.unit(f"{prefix}.conv{i}", f"{prefix}.bn{i}", before, after, kernel, step)
            if i < len(layers):
                self.relu(f"{prefix}.relu{i}")
        main = self.value
        if stride != 1 or channels_in != out:
            self.value = start
            self.unit(f"{prefix}.downsample.0", f"{prefix}.downsample.1", channels_in, out, 1, stride)
            start = self.value
        self.node("Add", prefix + ".add", [main, start])
        self.relu(prefix + ".relu")
        return out


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", choices=list(NETWORKS))
    parser.add_argument("--classes", type=int, default=1000)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--name")
    options = parser.parse_args()
    stages, bottleneck = NETWORKS[options.network]

    graph = ResNet()
    graph.unit("conv1", "bn1", 3, 64, 7, stride=2)
    graph.relu("relu")
    graph.node("MaxPool", "maxpool", [graph.value], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    channels = 64
    for stage, blocks in enumerate(stages):
        for block in range(blocks):
            stride = 2 if stage > 0 and block == 0 else 1
            channels = graph.block(f"layer{stage + 1}.{block}", channels, 64 << stage, stride, bottleneck)
    graph.node("GlobalAveragePool", "avgpool", [graph.value])
    graph.node("Flatten", "flat", [graph.value])
    graph.dense("fc", channels, options.classes, name="logits")
    sys.stdout.write(graph.text(options.name or "resnet" + options.network, options.size))


if __name__ == "__main__":
    main()
