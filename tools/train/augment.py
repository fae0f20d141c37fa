"""Augmentation of dermoscopic images, on whole batches of bytes.

Nothing may tell a camera, a framing or a compression from a disease: the effective resolution, the JPEG quality, the white
balance and the zoom of every training image are drawn at random. Orientation means nothing on skin, so all eight flips and
quarter turns come equally often, and small rotations on top.
"""

import io
import math

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

GROUPS = 8  # images of one group share a resolution


def _uniform(count, low, high, generator):
    return torch.rand(count, generator=generator) * (high - low) + low


def recompress(image, quality):
    """The bytes [3, H, W] of an image after JPEG compression at `quality`."""
    data = io.BytesIO()
    Image.fromarray(image.permute(1, 2, 0).numpy()).save(data, "JPEG", quality=quality)
    return torch.from_numpy(np.asarray(Image.open(data)).copy()).permute(2, 0, 1)


def affine(count, generator, strength):
    """Matrices [count, 2, 3] for affine_grid: a flip, a quarter turn, a small rotation, zoom, stretch and shift."""
    angle = torch.randint(0, 4, (count,), generator=generator) * (math.pi / 2) + \
        _uniform(count, -1, 1, generator) * strength * math.radians(20)
    zoom = torch.exp(_uniform(count, math.log(0.7), math.log(1.15), generator) * strength)  # share of the image seen
    stretch = torch.exp(_uniform(count, -0.1, 0.1, generator) * strength)
    flip = torch.randint(0, 2, (count,), generator=generator) * 2.0 - 1
    shift = _uniform((count, 2), -0.12, 0.12, generator) * strength
    cos, sin = torch.cos(angle), torch.sin(angle)
    rows = torch.stack([torch.stack([flip * zoom * stretch * cos, -zoom / stretch * sin, shift[:, 0]], 1),
                        torch.stack([flip * zoom * stretch * sin, zoom / stretch * cos, shift[:, 1]], 1)], 1)
    return rows


def colour(x, generator, strength):
    """Brightness, contrast, saturation, hue and white balance of floats 0..255 [N, 3, H, W], as one matrix an image."""
    count = len(x)
    luma = torch.tensor([0.299, 0.587, 0.114])
    grey = luma.repeat(3, 1)
    turn = _uniform(count, -0.25, 0.25, generator) * strength  # radians, about the grey axis (Rodrigues)
    axis = torch.full((3,), 1 / math.sqrt(3))
    cross = torch.tensor([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    hue = torch.eye(3) + torch.sin(turn)[:, None, None] * cross + (1 - torch.cos(turn))[:, None, None] * (cross @ cross)
    saturation = torch.exp(_uniform(count, -0.35, 0.35, generator) * strength)[:, None, None]
    balance = torch.diag_embed(torch.exp(_uniform((count, 3), -0.12, 0.12, generator) * strength))
    contrast = torch.exp(_uniform(count, -0.3, 0.3, generator) * strength)[:, None, None]
    brightness = (_uniform(count, -30, 30, generator) * strength)[:, None, None, None]
    matrix = balance @ (grey + saturation * (torch.eye(3) - grey)) @ hue * contrast
    centre = x.mean((2, 3), keepdim=True)
    offset = torch.einsum("noc,ncij->noij", torch.diag_embed(torch.ones(count, 3)) - matrix, centre) * 0.5 + brightness
    mixed = torch.bmm(matrix, x.flatten(2)).view_as(x)
    return mixed + offset


def constancy(x, power=6):
    """Shades of grey colour constancy (Finlayson and Trezzi, 2004): each channel is scaled so that their p-norms agree."""
    norms = (x / 255).pow(power).mean((2, 3), keepdim=True).pow(1 / power)
    return (x * norms.mean(1, keepdim=True) / norms.clamp(min=1e-3)).clamp(0, 255)


def batch(pixels, size, generator, geometry=1.0, colours=0.6, jpeg_share=0.3, colour_constancy=False):
    """Augmented images as floats 0..255 [N, 3, size, size] from bytes [N, 3, H, W].

    geometry and colours scale those changes; at 0 flips, quarter turns, resolution and JPEG noise are left."""
    count, stored = len(pixels), pixels.shape[2]
    pixels = pixels.clone()
    chosen = torch.rand(count, generator=generator) < jpeg_share
    qualities = torch.randint(40, 96, (count,), generator=generator)
    for index in torch.nonzero(chosen).flatten().tolist():
        pixels[index] = recompress(pixels[index], int(qualities[index]))
    theta = affine(count, generator, geometry)
    made = torch.empty((count, 3, size, size))
    for group in range(min(GROUPS, count)):
        part = slice(group, count, GROUPS)
        x = pixels[part].float()
        # Down to a resolution between 0.45 and 1.15 of the network's, antialiased, and sampled up from there.
        draw = float(torch.rand((), generator=generator))
        side = min(stored, max(32, round(size * (0.45 + 0.7 * math.sqrt(draw)))))
        if side < stored:
            x = F.interpolate(x, size=(side, side), mode="bicubic", antialias=True).clamp(0, 255)
        grid = F.affine_grid(theta[part], (len(x), 3, size, size), align_corners=False)
        made[part] = F.grid_sample(x, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    made = colour(made, generator, colours)
    made = made + torch.randn(made.shape, generator=generator) * _uniform((count, 1, 1, 1), 0, 4, generator)
    made = made.clamp(0, 255)
    return constancy(made) if colour_constancy else made
