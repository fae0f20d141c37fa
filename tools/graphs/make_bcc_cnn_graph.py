#!/usr/bin/env python3
"""Writes graph.json of bcc_cnn (docs/graph-json.md), the smallest network: two convolutions with ReLU and max pool, one dense layer.

    tools/graphs/make_bcc_cnn_graph.py > models/bcc_cnn/graph.json

In PyTorch: conv1 = nn.Conv2d(3, 16, 3), conv2 = nn.Conv2d(16, 32, 3), fc1 = nn.Linear(32 * 14 * 14, 2), input 64x64, no padding.
"quantization" names the modules of its eager-mode int8 form: quant = QuantStub, conv1 and conv2 fused with their ReLU, fc1.
"""
import argparse
import sys

from graph_writer import GraphWriter


def main():
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    graph, channels, size = GraphWriter(), 3, 64
    for i, wide in enumerate((16, 32), start=1):
        graph.conv(f"conv{i}", channels, wide, 3, bias=True)
        graph.relu(f"relu{i}")
        graph.node("MaxPool", f"pool{i}", [graph.value], kernel_shape=[2, 2], strides=[2, 2])
        channels, size = wide, (size - 2) // 2
    graph.node("Flatten", "features", [graph.value])
    graph.dense("fc1", channels * size * size, 2, name="logits")
    sys.stdout.write(graph.text("bcc_cnn", 64, {"image": "quant", "relu1": "conv1", "relu2": "conv2", "logits": "fc1"}))


if __name__ == "__main__":
    main()
