"""Quantisation-aware training in the runtime's arithmetic, its export, and an exact simulation of its integers.

docs/design.md, section 2: activations uint8 with a scale and a zero point a tensor, weights int8 with a scale an output channel,
everything rounded to nearest even. While training, tensors are rounded but computed in float32 (Jacob et al., arXiv:1712.05877);
gradients pass rounding as if it were not there. IntegerNetwork then computes what the runtime computes, bit for bit.
"""

import json

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import network as networks

INPUT_SCALE, INPUT_ZERO = 1 / 128, 127  # (byte - 127) / 128
RELU6_MOST = 6.0


class Layer(nn.Module):
    """A convolution or dense layer with its batch norm folded in, and the grid of its output."""

    def __init__(self, name, weight, bias, stride, depthwise, clamp):
        super().__init__()
        self.name, self.stride, self.depthwise, self.clamp = name, stride, depthwise, clamp
        self.weight, self.bias = nn.Parameter(weight), nn.Parameter(bias)
        self.register_buffer("mask", (weight != 0).float())

    def convolve(self, x, weight):
        if self.weight.ndim == 2:
            return F.linear(x, weight)
        kernel = weight.shape[2]
        if kernel > 1:
            x = F.pad(x, networks.same_padding(x.shape, kernel, self.stride))
        return F.conv2d(x, weight, None, self.stride, 0, 1, weight.shape[0] if self.depthwise else 1)

    def weight_scales(self):
        """Symmetric, a channel: its largest weight becomes 127. Not below what fp16 can state the products of."""
        return (self.weight.detach().flatten(1).abs().amax(1) / 127).clamp(min=2.0**-17)

    def output_name(self):
        return self.name + (".relu6" if self.clamp else "")


def fold(weight, norm):
    factor = (norm.weight / torch.sqrt(norm.running_var + norm.eps)).detach()
    return (weight.detach() * factor.view(-1, 1, 1, 1)).clone(), (norm.bias - norm.running_mean * factor).detach().clone()


class QuantNetwork(nn.Module):
    """The folded network. Grids are {tensor name: (scale, zero point)}; empty until calibrate(): then nothing is rounded."""

    def __init__(self, network):
        super().__init__()
        self.shape, self.classes = network.shape, network.classes
        layers, plan = [], []  # plan: ("layer", index) | ("save",) | ("add", name) | ("pool", name) | ("head", index)

        def layer(name, conv, norm, clamp):
            weight, bias = fold(conv.weight, norm)
            layers.append(Layer(name, weight, bias, conv.stride[0], conv.groups > 1, clamp))
            plan.append(("layer", len(layers) - 1))

        layer("_conv_stem", network._conv_stem, network._bn0, True)
        for index, block in enumerate(network._blocks):
            prefix = f"_blocks.{index}."
            if block.residual:
                plan.append(("save",))
            if block.expands:
                layer(prefix + "_expand_conv", block._expand_conv, block._bn0, True)
            layer(prefix + "_depthwise_conv", block._depthwise_conv, block._bn1, True)
            layer(prefix + "_project_conv", block._project_conv, block._bn2, False)
            if block.residual:
                plan.append(("add", prefix + "add"))
        layer("_conv_head", network._conv_head, network._bn1, True)
        plan.append(("pool", "pool"))
        layers.append(Layer("logits", network._fc.weight.detach().clone(), network._fc.bias.detach().clone(), 1, False, False))
        plan.append(("layer", len(layers) - 1))
        self.layers, self.plan = nn.ModuleList(layers), plan
        self.grids = {}
        self.observer = None

    # Grids are part of the state: a checkpoint without them is of no use.
    def get_extra_state(self):
        return {"grids": json.dumps(self.grids)}

    def set_extra_state(self, state):
        self.grids = {name: tuple(grid) for name, grid in json.loads(state["grids"]).items()}

    def settle(self, name, x):
        """The tensor on its grid."""
        if self.observer:
            self.observer(name, x)
        if name not in self.grids:
            return x
        scale, zero = self.grids[name]
        return torch.fake_quantize_per_tensor_affine(x, scale, zero, 0, 255)

    def add_head(self, name, weight, bias, low, high):
        """Another output, a linear function of the pooled features, on the grid of low..high."""
        self.layers.append(Layer(name, weight, bias, 1, False, False))
        self.plan.insert(len(self.plan) - 1, ("head", len(self.layers) - 1))
        self.grids[name] = grid_of(low, high)

    def pooled(self, pixels):
        """The pooled features of bytes [N, 3, H, W]."""
        return self._run(networks.to_input(pixels), self.plan[:self.plan.index(("pool", "pool")) + 1])

    def forward(self, x):
        return self._run(x, [step for step in self.plan if step[0] != "head"])

    def _run(self, x, plan):
        saved = None
        for step in plan:
            if step[0] == "save":
                saved = x
            elif step[0] == "add":
                x = self.settle(step[1], x + saved)
            elif step[0] == "pool":
                x = self.settle(step[1], x.mean((2, 3)))
            else:
                layer = self.layers[step[1]]
                weight = layer.weight * layer.mask
                if self.grids:
                    scales = layer.weight_scales()
                    weight = torch.fake_quantize_per_channel_affine(weight, scales, torch.zeros_like(scales, dtype=torch.int32), 0,
                                                                    -127, 127)
                y = layer.convolve(x, weight)
                y = y + (layer.bias if y.ndim == 2 else layer.bias.view(1, -1, 1, 1))
                if layer.clamp:
                    y = y.clamp(0, RELU6_MOST)
                x = self.settle(layer.output_name(), y)
        return x

    def calibrate(self, batches):
        """Chooses all grids from float32 runs over batches of inputs: the range whose expected squared error is least (by a
        histogram of 2048 bins of each tensor), zero always on the grid."""
        self.grids = {}
        ranges, histograms = {}, {}

        def range_of(name, x):
            low, high = ranges.get(name, (0.0, 0.0))
            ranges[name] = (min(low, float(x.min())), max(high, float(x.max())))

        def count(name, x):
            low, high = ranges[name]
            found = torch.histc(x.float(), 2048, low, high) if high > low else torch.zeros(2048)
            histograms[name] = histograms.get(name, 0) + found.double()

        self.eval()
        with torch.no_grad():
            for observer in (range_of, count):
                self.observer = observer
                for x in batches:
                    self(x)
        self.observer = None
        clamped = {layer.output_name() for layer in self.layers if layer.clamp}
        self.grids = {name: best_grid(histograms[name].numpy(), *ranges[name], name in clamped) for name in ranges}


def grid_of(low, high):
    """The scale (float32) and zero point of the range low..high, which holds zero."""
    scale = np.float32(max(high - low, 1e-6) / 255)
    return float(scale), int(np.clip(np.rint(-low / float(scale)), 0, 255))


def best_grid(histogram, low, high, clamped):
    """Shrinks the observed range while that lowers the error of rounding and cutting off."""
    centres = low + (np.arange(len(histogram)) + 0.5) * (high - low) / len(histogram)
    best, least = grid_of(0.0 if clamped else low, high), float("inf")
    for shrink in np.linspace(1.0, 0.5, 51):
        scale, zero = grid_of(0.0 if clamped else low * shrink, high * shrink)
        rounded = (np.clip(np.rint(centres / scale) + zero, 0, 255) - zero) * scale
        error = float((histogram * (rounded - centres) ** 2).sum())
        if error < least:
            best, least = (scale, zero), error
    return best


class MaskConstraint:
    """A constraint of loop.Run: dead weights stay dead."""

    def resume(self, model, steps, done):
        pass  # the masks are part of the model

    def step(self, model, _):
        self.apply(model)

    def apply(self, model):
        with torch.no_grad():
            for layer in model.layers:
                layer.weight.mul_(layer.mask)


def rounded_weights(layer):
    """int8 values and float32 scales, as quant.json states them."""
    scales = layer.weight_scales().numpy()
    weight = (layer.weight * layer.mask).detach().numpy().astype(np.float64)
    wide = scales.astype(np.float64).reshape((-1,) + (1,) * (weight.ndim - 1))
    return np.clip(np.rint(weight / wide), -127, 127).astype(np.int8), scales


class IntegerNetwork:
    """The runtime's arithmetic on a calibrated QuantNetwork, exact: sums as float64 of integers below 2^53, requantisation in
    float32."""

    def __init__(self, model):
        self.model = model
        self.parameters = []
        for layer in model.layers:
            values, scales = rounded_weights(layer)
            self.parameters.append((torch.from_numpy(values.astype(np.float64)), scales, layer.bias.detach().numpy()))

    @staticmethod
    def requantise(accumulator, multiplier, zero, low, high):
        """clamp(rne(float32(acc) * m) + z, low, high)"""
        product = accumulator.float() * multiplier
        return torch.clamp(torch.round(torch.clamp(product, low - zero, high - zero)) + zero, low, high).double()

    def layer(self, index, x, x_grid):
        layer, (weight, scales, bias) = self.model.layers[index], self.parameters[index]
        y_grid = self.model.grids[layer.output_name()]
        step = np.float64(np.float32(x_grid[0])) * scales.astype(np.float64)
        whole = np.rint(bias.astype(np.float64) / step)
        multiplier = (step / np.float64(np.float32(y_grid[0]))).astype(np.float32)
        accumulator = layer.convolve(x - x_grid[1], weight)
        shape = (1, -1) if accumulator.ndim == 2 else (1, -1, 1, 1)
        accumulator = accumulator + torch.from_numpy(whole).view(shape)
        low, high = 0, 255
        if layer.clamp:
            low, high = y_grid[1], min(255, y_grid[1] + int(np.rint(RELU6_MOST / np.float64(np.float32(y_grid[0])))))
        return self.requantise(accumulator, torch.from_numpy(multiplier).view(shape), y_grid[1], low, high), y_grid

    def __call__(self, pixels):
        """Bytes [N, 3, H, W] to the uint8 outputs [N, channels], the logits first."""
        x, grid = pixels.double(), (INPUT_SCALE, INPUT_ZERO)
        saved, heads = None, []
        with torch.no_grad():
            for step in self.model.plan:
                if step[0] == "save":
                    saved = (x, grid)
                elif step[0] == "add":
                    made = self.model.grids[step[1]]
                    total = None
                    for values, own in (saved, (x, grid)):
                        factor = np.float32(np.float64(np.float32(own[0])) / np.float64(np.float32(made[0])))
                        product = (values - own[1]).float() * float(factor)
                        total = product if total is None else total + product
                    x = torch.clamp(torch.round(torch.clamp(total, -made[1], 255 - made[1])) + made[1], 0, 255).double()
                    grid = made
                elif step[0] == "pool":
                    made = self.model.grids[step[1]]
                    count = x.shape[2] * x.shape[3]
                    factor = np.float32(np.float64(np.float32(grid[0])) / (np.float64(np.float32(made[0])) * count))
                    x = self.requantise((x - grid[1]).sum((2, 3)), float(factor), made[1], 0, 255)
                    grid = made
                elif step[0] == "head":
                    heads.append(self.layer(step[1], x, grid)[0])
                else:
                    x, grid = self.layer(step[1], x, grid)
        return [made.to(torch.uint8) for made in (x, *heads)]


def stated(scale):
    """A float32 by the 9 digits that name it."""
    return float(f"{np.float32(scale):.9g}")


def export(model, size, folder, name):
    """weights.safetensors (fp16, rounded to the grid; biases float32), graph.json and quant.json."""
    from safetensors.numpy import save_file
    tensors, activations, weights, nodes = {}, {"image": {"scale": INPUT_SCALE, "zero_point": INPUT_ZERO}}, {}, []
    shapes, current, saved, outputs = {}, "image", None, ["logits"]

    def add_node(op, node_name, inputs, outputs, **attributes):
        node = {"op": op, "name": node_name, "inputs": inputs, "outputs": outputs}
        if attributes:
            node["attributes"] = attributes
        nodes.append(node)

    for step in model.plan:
        if step[0] == "save":
            saved = current
            continue
        if step[0] == "add":
            add_node("Add", step[1], [current, saved], [step[1]])
            current = step[1]
        elif step[0] == "pool":
            add_node("GlobalAveragePool", "pool", [current], ["pool"])
            add_node("Flatten", "features", ["pool"], ["features"])
            current = "features"
        else:
            layer = model.layers[step[1]]
            values, scales = rounded_weights(layer)
            prefix = "_fc" if layer.name == "logits" else layer.name
            stored = (values.astype(np.float64) * scales.astype(np.float64).reshape((-1,) + (1,) * (values.ndim - 1)))
            stored = stored.astype(np.float16)
            back = np.rint(stored.astype(np.float64) / scales.astype(np.float64).reshape((-1,) + (1,) * (values.ndim - 1)))
            if not np.array_equal(back, values):
                raise ValueError(f"{layer.name}: fp16 does not hold the integers")
            tensors[prefix + ".weight"] = np.ascontiguousarray(stored)  # save_file writes the memory as it lies
            tensors[prefix + ".bias"] = layer.bias.detach().numpy().astype(np.float32)
            shapes.update({key: list(tensors[key].shape) for key in (prefix + ".weight", prefix + ".bias")})
            weights[prefix + ".weight"] = [stated(scale) for scale in scales]
            inputs = [current, prefix + ".weight", prefix + ".bias"]
            if step[0] == "head":
                add_node("Gemm", layer.name, inputs, [layer.name], transB=1)
                activations[layer.name] = {"scale": model.grids[layer.name][0], "zero_point": model.grids[layer.name][1]}
                outputs.append(layer.name)
                continue
            if values.ndim == 2:
                add_node("Gemm", layer.name, inputs, [layer.name], transB=1)
            else:
                kernel = values.shape[2]
                add_node("Conv", layer.name, inputs, [layer.name], kernel_shape=[kernel, kernel], strides=[layer.stride] * 2,
                         group=values.shape[0] if layer.depthwise else 1, auto_pad="SAME_UPPER")
                if layer.clamp:
                    add_node("Clip", layer.output_name(), [layer.name], [layer.output_name()], min=0.0, max=RELU6_MOST)
            current = layer.output_name()
        grid = model.grids[{"features": "pool"}.get(current, current)]
        activations["pool" if current == "features" else current] = {"scale": stated(grid[0]), "zero_point": grid[1]}
    graph = {"name": name, "input": {"name": "image", "shape": [1, 3, size, size]}, "outputs": outputs, "tensors": shapes,
             "nodes": nodes}
    quant = {"format": "cutis-quant", "version": 1, "activations": activations, "weights": weights}
    save_file(tensors, folder / "weights.safetensors")
    for file, content in (("graph.json", graph), ("quant.json", quant)):
        (folder / file).write_text(json_text(content), encoding="utf-8")


def json_text(value, depth=0):
    """JSON in which whatever fits a line, and every list of numbers, stands on one: diffs stay readable, and files short."""
    line = json.dumps(value)
    numbers = isinstance(value, list) and all(isinstance(item, (int, float)) for item in value)
    if numbers or not isinstance(value, (dict, list)) or len(line) + 2 * depth <= 130:
        return line + ("\n" if depth == 0 else "")
    pairs = isinstance(value, dict)
    lines = [("  " * (depth + 1)) + (json.dumps(key) + ": " if pairs else "") + json_text(item, depth + 1)
             for key, item in (value.items() if pairs else ((None, item) for item in value))]
    ends = "{}" if pairs else "[]"
    return ends[0] + "\n" + ",\n".join(lines) + "\n" + "  " * depth + ends[1] + ("\n" if depth == 0 else "")
