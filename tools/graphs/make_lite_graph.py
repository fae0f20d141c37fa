#!/usr/bin/env python3
"""Writes graph.json of EfficientNet-Lite0 to 4 (docs/graph-json.md) for a checkpoint with the tensor names of the PyPI package
efficientnet-lite-pytorch.

    tools/graphs/make_lite_graph.py --classes 7 --size 192 --name bcc_lite0_dense > models/bcc_lite0_dense/graph.json
    for i in 0 1 2; do
      tools/graphs/make_lite_graph.py --variant $i --classes 1000 --name efficientnet_lite$i > models/efficientnet_lite$i/graph.json
    done

The network is that of https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite: no squeeze-excite, ReLU6,
batch-norm epsilon 1e-3, TensorFlow's SAME padding (more at the bottom and right where it is uneven). Larger variants have more
channels and more repeats, except that stem, head and the repeats of the first and last stage stay.
"""
import argparse
import math
import sys

from graph_writer import GraphWriter

# repeats, kernel, stride, expansion, input channels, output channels
STAGES = [(1, 3, 1, 1, 32, 16), (2, 3, 2, 6, 16, 24), (2, 5, 2, 6, 24, 40), (3, 3, 2, 6, 40, 80), (3, 5, 1, 6, 80, 112),
          (4, 5, 2, 6, 112, 192), (1, 3, 1, 6, 192, 320)]
# width, depth, image size
VARIANTS = [(1.0, 1.0, 224), (1.0, 1.1, 240), (1.1, 1.2, 260), (1.2, 1.4, 280), (1.4, 1.8, 300)]
STEM, HEAD = 32, 1280
EPSILON = 1e-3


def scaled(channels, width):
    """The nearest multiple of 8 that is not below 90 % of channels * width."""
    nearest = max(8, int(channels * width + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * channels * width else nearest


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--variant", type=int, default=0, choices=range(len(VARIANTS)))
    parser.add_argument("--classes", type=int, default=7)
    parser.add_argument("--size", type=int, help="of the image (default: that of the variant)")
    parser.add_argument("--name", default="bcc_lite0")
    options = parser.parse_args()
    width, depth, size = VARIANTS[options.variant]

    graph = GraphWriter()

    def conv(name, norm, channels_in, channels_out, kernel, stride=1, group=1, relu6=True):
        """Convolution without bias, batch norm, ReLU6. `name` and `norm` are the checkpoint's prefixes."""
        graph.conv(name, channels_in, channels_out, kernel, stride, group, auto_pad="SAME_UPPER")
        graph.norm(norm, channels_out, EPSILON)
        if relu6:
            graph.relu6(norm + ".relu6")

    conv("_conv_stem", "_bn0", 3, STEM, 3, stride=2)
    block, before = 0, STEM
    for stage, (repeats, kernel, stride, expansion, _, channels) in enumerate(STAGES):
        channels = scaled(channels, width)
        if 0 < stage < len(STAGES) - 1:
            repeats = math.ceil(repeats * depth)
        for repeat in range(repeats):
            prefix, start = f"_blocks.{block}", graph.value
            wide = before * expansion
            if expansion != 1:
                conv(f"{prefix}._expand_conv", f"{prefix}._bn0", before, wide, 1)
            conv(f"{prefix}._depthwise_conv", f"{prefix}._bn1", wide, wide, kernel, stride if repeat == 0 else 1, group=wide)
            conv(f"{prefix}._project_conv", f"{prefix}._bn2", wide, channels, 1, relu6=False)
            if repeat > 0:
                graph.node("Add", f"{prefix}.add", [graph.value, start])
            block, before = block + 1, channels
    conv("_conv_head", "_bn1", before, HEAD, 1)
    graph.node("GlobalAveragePool", "pool", [graph.value])
    graph.node("Flatten", "features", [graph.value])
    graph.dense("_fc", HEAD, options.classes, name="logits")
    sys.stdout.write(graph.text(options.name, options.size or size))


if __name__ == "__main__":
    main()
