"""The network of an ONNX model in the form that other frameworks take, node by node: Keras (for LiteRT) and PyTorch. For peers.py and
tests/accuracy/int8_peers.py, which run this in environments that have them. Only the operators of networks.py are known."""
import onnx
from onnx import numpy_helper


class Graph:
    """nodes: (node, its attributes, its constants without their names)."""

    def __init__(self, model):
        graph = onnx.load(model).graph
        constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
        self.input, self.output = graph.input[0].name, graph.output[0].name
        self.size = [dimension.dim_value for dimension in graph.input[0].type.tensor_type.shape.dim[2:]]
        self.nodes = [(node, {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute},
                       [constants[name] for name in node.input if name in constants]) for node in graph.node]

    def values(self, node, known):
        return [known[name] for name in node.input if name in known]


def window(attributes):
    """Kernel, strides and padding (top, left, bottom, right) of a convolution or a pooling."""
    kernel = attributes["kernel_shape"]
    return kernel, attributes.get("strides", [1, 1]), attributes.get("pads", [0] * 4)


def keras_of(model):
    """NHWC. Padding is SAME where that is the same, else a layer of its own, as a network made with Keras has it."""
    import tensorflow as tf
    layers, graph = tf.keras.layers, Graph(model)
    image = tf.keras.Input(batch_shape=(1, *graph.size, 3), name="image")
    values = {graph.input: image}

    def padded(x, kernel, strides, pads):
        """What the window is laid on, and the padding that is left to the layer."""
        wanted = []
        for size, k, stride in zip(x.shape[1:3], kernel, strides):
            total = max((-(-size // stride) - 1) * stride + k - size, 0)
            wanted.append((total // 2, total - total // 2))
        given = [(pads[0], pads[2]), (pads[1], pads[3])]
        if not any(pads):
            return x, "valid"
        return (x, "same") if given == wanted else (layers.ZeroPadding2D(given)(x), "valid")

    for node, attributes, constants in graph.nodes:
        x, *others = graph.values(node, values)
        if node.op_type == "Conv":
            weights, group = constants[0], attributes.get("group", 1)
            kernel, strides, pads = window(attributes)
            x, padding = padded(x, kernel, strides, pads)
            options = dict(kernel_size=kernel, strides=strides, padding=padding, use_bias=False)
            layer = layers.DepthwiseConv2D(**options) if group > 1 else layers.Conv2D(weights.shape[0], **options)
            y = layer(x)
            layer.set_weights([weights.transpose(2, 3, 0, 1) if group > 1 else weights.transpose(2, 3, 1, 0)])
        elif node.op_type == "BatchNormalization":
            layer = layers.BatchNormalization(epsilon=attributes["epsilon"])
            y = layer(x)
            layer.set_weights(constants)
        elif node.op_type == "Clip":
            y = layers.ReLU(max_value=6)(x)
        elif node.op_type == "Relu":
            y = layers.ReLU()(x)
        elif node.op_type == "Add":
            y = layers.Add()([x, *others])
        elif node.op_type == "MaxPool":
            kernel, strides, pads = window(attributes)
            x, padding = padded(x, kernel, strides, pads)  # zeros do: it follows a ReLU
            y = layers.MaxPooling2D(kernel, strides, padding)(x)
        elif node.op_type == "GlobalAveragePool":
            y = layers.GlobalAveragePooling2D()(x)
        elif node.op_type == "Flatten":
            y = x
        elif node.op_type == "Gemm":
            layer = layers.Dense(constants[0].shape[0])
            y = layer(x)
            layer.set_weights([constants[0].T, constants[1]])
        else:
            raise ValueError(f"no {node.op_type} here")
        values[node.output[0]] = y
    return tf.keras.Model(image, values[graph.output])


def torch_of(model):
    """A module of the layers that a network written for PyTorch has, run one after the other."""
    import torch
    nn, graph = torch.nn, Graph(model)

    def layer(node, attributes, constants):
        tensors = [torch.from_numpy(array.copy()) for array in constants]
        if node.op_type in ("Conv", "MaxPool"):
            kernel, strides, (top, left, bottom, right) = window(attributes)
            even = (top, left) == (bottom, right)
            padding = (top, left) if even else 0
            if node.op_type == "MaxPool":
                assert even
                return nn.MaxPool2d(kernel, strides, padding)
            group, (count, width) = attributes.get("group", 1), tensors[0].shape[:2]
            conv = nn.Conv2d(width * group, count, kernel, strides, padding, groups=group, bias=False)
            conv.weight.data = tensors[0]
            return conv if even else nn.Sequential(nn.ZeroPad2d((left, right, top, bottom)), conv)
        if node.op_type == "BatchNormalization":
            norm = nn.BatchNorm2d(len(tensors[0]), attributes["epsilon"])
            norm.load_state_dict(dict(zip(("weight", "bias", "running_mean", "running_var"), tensors)), strict=False)
            return norm
        if node.op_type == "Gemm":
            linear = nn.Linear(*reversed(tensors[0].shape))
            linear.weight.data, linear.bias.data = tensors
            return linear
        simple = {"Clip": lambda: nn.ReLU6(inplace=True), "Relu": lambda: nn.ReLU(inplace=True), "GlobalAveragePool": lambda: nn.AdaptiveAvgPool2d(1),
                  "Flatten": nn.Flatten, "Add": Sum}
        return simple[node.op_type]()

    class Sum(nn.Module):
        def forward(self, a, b):
            return a + b

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.ModuleList(layer(*entry) for entry in graph.nodes)
            self.names, self.last, known = [], {}, {graph.input}
            for number, (node, _, _) in enumerate(graph.nodes):
                self.names.append(([name for name in node.input if name in known], node.output[0]))
                known.add(node.output[0])
                self.last.update((name, number) for name in self.names[-1][0])

        def forward(self, x):
            values = {graph.input: x}
            for number, (module, (inputs, output)) in enumerate(zip(self.layers, self.names)):
                # A value goes with its last use, as a variable does that is assigned anew.
                values[output] = module(*[values.pop(name) if self.last[name] == number else values[name] for name in inputs])
            return values[graph.output]

    return Network().eval()
