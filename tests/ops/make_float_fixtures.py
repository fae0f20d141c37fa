"""Writes tests/ops/data/float_layers.bin: float32 layers with random values and the outputs that PyTorch computes for them.

Per layer nine little-endian int32 (kind: 0 convolution, 1 depthwise, 2 fully connected; height, width, input channels, output
channels, kernel, stride, padding, groups), then as float32 the input (NHWC), the weights [out][ky][kx][in of a group], the bias and
the output (NHWC). Needs numpy and torch. Usage: python3 tests/ops/make_float_fixtures.py
"""
import pathlib

import numpy as np
import torch

# kind, height, width, in, out, kernel, stride, padding, groups
LAYERS = [
    (0, 6, 7, 5, 9, 1, 1, 0, 1),
    (0, 9, 8, 3, 17, 3, 2, 1, 1),
    (0, 6, 6, 8, 6, 3, 1, 1, 2),
    (1, 7, 6, 18, 18, 3, 1, 1, 1),
    (1, 9, 9, 5, 5, 5, 2, 2, 1),
    (2, 1, 1, 50, 20, 1, 1, 0, 1),
]


def main():
    random = np.random.default_rng(20240501)
    path = pathlib.Path(__file__).parent / "data" / "float_layers.bin"
    path.parent.mkdir(exist_ok=True)
    with path.open("wb") as file:
        for layer in LAYERS:
            kind, height, width, n_in, n_out, kernel, stride, padding, groups = layer
            torch_groups = n_in if kind == 1 else groups
            x = random.standard_normal((1, n_in, height, width)).astype(np.float32)
            w = random.standard_normal((n_out, n_in // torch_groups, kernel, kernel)).astype(np.float32)
            b = random.standard_normal(n_out).astype(np.float32)
            if kind == 2:
                y = torch.nn.functional.linear(torch.from_numpy(x[:, :, 0, 0]), torch.from_numpy(w[:, :, 0, 0]), torch.from_numpy(b))
                y = y[:, :, None, None]
            else:
                y = torch.nn.functional.conv2d(
                    torch.from_numpy(x), torch.from_numpy(w), torch.from_numpy(b), stride, padding, 1, torch_groups)
            np.array(layer, "<i4").tofile(file)
            for values in (x.transpose(0, 2, 3, 1), w.transpose(0, 2, 3, 1), b, y.numpy().transpose(0, 2, 3, 1)):
                np.ascontiguousarray(values, "<f4").tofile(file)


if __name__ == "__main__":
    main()
