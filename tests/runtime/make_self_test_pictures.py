#!/usr/bin/env python3
"""Draws the two pictures of the self-test and writes them as C arrays: runtime/self_test_pictures.inc.

    python tests/runtime/make_self_test_pictures.py        (needs numpy and pillow)

Both show a dark blotch on skin. The JPEG has odd sides, halved colours (4:2:0), restart markers and an EXIF orientation, the PNG
alpha and a filter of its own in each row: what a decoder can get wrong.
"""

import io
import pathlib

import numpy as np
from PIL import Image

OUT = pathlib.Path(__file__).resolve().parents[2] / "runtime" / "self_test_pictures.inc"


def picture(width, height, seed):
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    coarse = Image.fromarray((random.random((7, 9)) * 255).astype(np.uint8)).resize((width, height), Image.Resampling.BICUBIC)
    texture = np.asarray(coarse, np.float64) / 255 - 0.5
    radius = np.hypot((x - 0.52 * width) / (0.33 * width), (y - 0.47 * height) / (0.36 * height)) + 0.5 * texture
    inside = 1 / (1 + np.exp(9 * (radius - 1)))[..., None]
    image = np.array([206, 158, 142]) * (1 - inside) + np.array([112, 70, 66]) * inside
    image = image + 22 * texture[..., None] + random.normal(0, 2.5, (height, width, 1))
    return np.clip(image, 0, 255).astype(np.uint8)


def jpeg():
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    data = io.BytesIO()
    Image.fromarray(picture(83, 67, 1)).save(data, "JPEG", quality=80, subsampling="4:2:0", exif=exif, restart_marker_rows=2)
    return data.getvalue()


def png():
    alpha = np.full((48, 64, 1), 255, np.uint8)
    alpha[:8] = 100
    data = io.BytesIO()
    Image.fromarray(np.concatenate([picture(64, 48, 2) & 0xF8, alpha], 2), "RGBA").save(data, "PNG", optimize=True)
    return data.getvalue()


def array(name, data):
    lines = [", ".join(f"{byte}" for byte in data[i:i + 32]) for i in range(0, len(data), 32)]
    return f"constexpr uint8_t {name}[] = {{\n" + ",\n".join("    " + line for line in lines) + "};\n"


OUT.write_text("// Made by tests/runtime/make_self_test_pictures.py.\n" + array("kJpeg", jpeg()) + array("kPng", png()), encoding="utf-8")
print(len(jpeg()), len(png()))
