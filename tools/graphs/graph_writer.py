"""Common part of the generators of graph.json (docs/graph-json.md): nodes, tensors, and the text with one line for each."""
import json


class GraphWriter:
    def __init__(self):
        self.tensors, self.nodes, self.value = {}, [], "image"

    def node(self, op, name, inputs, **attributes):
        """A node whose output has its name; the next one continues from it."""
        node = {"op": op, "name": name, "inputs": inputs, "outputs": [name]}
        if attributes:
            node["attributes"] = attributes
        self.nodes.append(node)
        self.value = name
        return name

    def conv(self, name, channels_in, channels_out, kernel, stride=1, group=1, bias=False, **padding):
        """`name` is the module's; `padding` is auto_pad or pads."""
        self.tensors[name + ".weight"] = [channels_out, channels_in // group, kernel, kernel]
        inputs = [self.value, name + ".weight"]
        if bias:
            self.tensors[name + ".bias"] = [channels_out]
            inputs.append(name + ".bias")
        return self.node("Conv", name, inputs, kernel_shape=[kernel, kernel], strides=[stride, stride], group=group, **padding)

    def norm(self, name, channels, epsilon):
        statistics = [f"{name}.{part}" for part in ("weight", "bias", "running_mean", "running_var")]
        for part in statistics:
            self.tensors[part] = [channels]
        return self.node("BatchNormalization", name, [self.value, *statistics], epsilon=epsilon)

    def relu(self, name):
        return self.node("Relu", name, [self.value])

    def relu6(self, name):
        return self.node("Clip", name, [self.value], min=0.0, max=6.0)

    def dense(self, module, channels_in, channels_out, name=None):
        self.tensors[module + ".weight"], self.tensors[module + ".bias"] = [channels_out, channels_in], [channels_out]
        return self.node("Gemm", name or module, [self.value, module + ".weight", module + ".bias"], transB=1)

    def text(self, name, size, quantization=None):
        """The last node gives the output. `quantization`: value -> module, for quantised checkpoints."""
        # One line a tensor and a node: readable, and a change of one is a change of one line.
        def lines(items):
            return ",\n".join("    " + item for item in items)
        parts = [f'  "name": {json.dumps(name)}',
                 f'  "input": {{"name": "image", "shape": [1, 3, {size}, {size}]}}',
                 f'  "outputs": [{json.dumps(self.value)}]',
                 '  "ignore": ["*.num_batches_tracked"]',
                 '  "tensors": {\n' + lines(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in self.tensors.items()) + "\n  }"]
        if quantization:
            parts.append('  "quantization": {\n' + lines(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in quantization.items()) + "\n  }")
        parts.append('  "nodes": [\n' + lines(json.dumps(node) for node in self.nodes) + "\n  ]")
        return "{\n" + ",\n".join(parts) + "\n}\n"
