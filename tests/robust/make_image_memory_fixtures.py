"""Writes tests/robust/data: images of one million pixels that compress to little, one of each way through the decoders.

    python tests/robust/make_image_memory_fixtures.py
"""

import pathlib
import struct
import zlib

from PIL import Image

SIDE = 1000  # no multiple of a JPEG's units
FOLDER = pathlib.Path(__file__).parent / "data"


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(bits, color, interlaced, more=0):
    """A PNG of zeros; Pillow writes neither 16-bit colour nor interlaced ones. more: bytes that there are too many."""
    samples = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[color]
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)] if interlaced else [(0, 0, 1, 1)]
    rows = 0
    for x, y, step_x, step_y in passes:
        width, height = (SIDE - x + step_x - 1) // step_x, (SIDE - y + step_y - 1) // step_y
        rows += height * (1 + (width * samples * bits + 7) // 8)
    header = struct.pack(">IIBBBBB", SIDE, SIDE, bits, color, 0, 0, int(interlaced))
    palette = chunk(b"PLTE", bytes(3)) if color == 3 else b""
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + palette + chunk(b"IDAT", zlib.compress(bytes(rows + more), 9)) + chunk(b"IEND", b"")


def main():
    FOLDER.mkdir(exist_ok=True)
    # A wide ramp rather than one colour: every component has something to say.
    ramp = Image.merge("RGB", [Image.linear_gradient("L").resize((SIDE, SIDE)).rotate(turn) for turn in (0, 90, 180)])
    turned = Image.Exif()
    turned[0x0112] = 6
    for name, options in {"420": {"subsampling": 2}, "444": {"subsampling": 0}, "progressive": {"subsampling": 0, "progressive": True},
                          "turned": {"subsampling": 2, "exif": turned}}.items():
        ramp.save(FOLDER / f"{name}.jpg", quality=60, **options)
    ramp.convert("L").save(FOLDER / "grey.jpg", quality=60)
    for bits, color, interlaced in ((8, 2, False), (8, 6, True), (16, 6, False), (16, 6, True), (8, 3, False), (1, 0, True)):
        (FOLDER / f"{bits}_{color}{'_interlaced' if interlaced else ''}.png").write_bytes(png(bits, color, interlaced))
    (FOLDER / "bomb.png").write_bytes(png(8, 2, False, 64 << 20))
    (FOLDER / "bomb_1.png").write_bytes(png(1, 0, False, 64 << 20))


if __name__ == "__main__":
    main()
