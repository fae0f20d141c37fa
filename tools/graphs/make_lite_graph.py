#!/usr/bin/env python3
"""Writes graph.json of EfficientNet-Lite0 (docs/graph-json.md) for a checkpoint with the tensor names of the PyPI package
efficientnet-lite-pytorch.

    tools/graphs/make_lite_graph.py --classes 7 --size 160 > models/bcc_lite0/graph.json

The network is that of https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite: no squeeze-excite, ReLU6,
batch-norm epsilon 1e-3, TensorFlow's SAME padding (more at the bottom and right where it is uneven).
"""
import argparse
import json

# repeats, kernel, stride, expansion, input channels, output channels
STAGES = [(1, 3, 1, 1, 32, 16), (2, 3, 2, 6, 16, 24), (2, 5, 2, 6, 24, 40), (3, 3, 2, 6, 40, 80), (3, 5, 1, 6, 80, 112),
          (4, 5, 2, 6, 112, 192), (1, 3, 1, 6, 192, 320)]
HEAD = 1280
EPSILON = 1e-3


class Writer:
    def __init__(self):
        self.tensors, self.nodes, self.value = {}, [], "image"

    def node(self, op, name, inputs, **attributes):
        node = {"op": op, "name": name, "inputs": inputs, "outputs": [name]}
        if attributes:
            node["attributes"] = attributes
        self.nodes.append(node)
        self.value = name

    def conv(self, name, norm, channels_in, channels_out, kernel, stride=1, group=1, relu6=True):
        """Convolution without bias, batch norm, ReLU6. `name` and `norm` are the checkpoint's prefixes."""
        self.tensors[name + ".weight"] = [channels_out, channels_in // group, kernel, kernel]
        self.node("Conv", name, [self.value, name + ".weight"], kernel_shape=[kernel, kernel], strides=[stride, stride], group=group,
                  auto_pad="SAME_UPPER")
        statistics = [f"{norm}.{part}" for part in ("weight", "bias", "running_mean", "running_var")]
        for part in statistics:
            self.tensors[part] = [channels_out]
        self.node("BatchNormalization", norm, [self.value, *statistics], epsilon=EPSILON)
        if relu6:
            self.node("Clip", norm + ".relu6", [self.value], min=0.0, max=6.0)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--classes", type=int, default=7)
    parser.add_argument("--size", type=int, default=160)
    parser.add_argument("--name", default="bcc_lite0")
    options = parser.parse_args()

    graph = Writer()
    graph.conv("_conv_stem", "_bn0", 3, 32, 3, stride=2)
    block = 0
    for repeats, kernel, stride, expansion, channels_in, channels_out in STAGES:
        for repeat in range(repeats):
            prefix, start = f"_blocks.{block}", graph.value
            source = channels_in if repeat == 0 else channels_out
            wide = source * expansion
            if expansion != 1:
                graph.conv(f"{prefix}._expand_conv", f"{prefix}._bn0", source, wide, 1)
            graph.conv(f"{prefix}._depthwise_conv", f"{prefix}._bn1", wide, wide, kernel, stride if repeat == 0 else 1, group=wide)
            graph.conv(f"{prefix}._project_conv", f"{prefix}._bn2", wide, channels_out, 1, relu6=False)
            if repeat > 0:
                graph.node("Add", f"{prefix}.add", [graph.value, start])
            block += 1
    graph.conv("_conv_head", "_bn1", STAGES[-1][-1], HEAD, 1)
    graph.node("GlobalAveragePool", "pool", [graph.value])
    graph.node("Flatten", "features", [graph.value])
    graph.tensors["_fc.weight"], graph.tensors["_fc.bias"] = [options.classes, HEAD], [options.classes]
    graph.node("Gemm", "logits", [graph.value, "_fc.weight", "_fc.bias"], transB=1)

    # One line a tensor and a node: readable, and a change of one is a change of one line.
    def lines(items):
        return ",\n".join("    " + item for item in items)
    print("{")
    print(f'  "name": {json.dumps(options.name)},')
    print(f'  "input": {{"name": "image", "shape": [1, 3, {options.size}, {options.size}]}},')
    print('  "outputs": ["logits"],')
    print('  "ignore": ["*.num_batches_tracked"],')
    print('  "tensors": {\n' + lines(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in graph.tensors.items()) + "\n  },")
    print('  "nodes": [\n' + lines(json.dumps(node) for node in graph.nodes) + "\n  ]")
    print("}")


if __name__ == "__main__":
    main()
