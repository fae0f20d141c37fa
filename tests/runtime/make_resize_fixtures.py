"""Makes what tests/runtime/test_image_*.cc compare the image path with, from Pillow.

    python tests/runtime/make_resize_fixtures.py        (needs numpy and pillow; see tests/requirements.txt)

Writes into tests/runtime/data/:
  resize.txt     one line a case: kind seed width height out_width out_height filter crc32
                 `kind seed width height` is the input picture, drawn by `picture` below and by the same function in C++;
                 crc32 that of Pillow's resized RGB bytes.
  resize_small.txt   the same with the bytes themselves (hexadecimal) instead of their CRC, for a few small results.
  *.png, *.jpg   small pictures of every kind of pixels, orientation and layout, with
  images.txt     name width height crc32 of what Pillow makes of each: ImageOps.exif_transpose, convert("RGB").
  recipe.txt     name crc32 of the 160 x 160 bytes after square, resize 184 bicubic, centre 160.
  png_bomb.png   a PNG that unpacks to far more than its one pixel; not in images.txt.
  *.jpg.rgb      Pillow's pixels of the JPEG files: for a comparison within a tolerance, and to the bit with libjpeg-turbo.
  jpg_scaled.txt name eighths width height crc32 of what Pillow makes of a JPEG file at 4, 2 and 1 eighths of its size (draft).
"""

import io
import pathlib
import struct
import zlib

import numpy as np
from PIL import Image, ImageOps

OUT = pathlib.Path(__file__).parent / "data"
FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
M32 = 0xFFFFFFFF


def picture(kind, seed, width, height):
    """RGB uint8, by integers only. Value of channel c at (x, y): a hash of (seed, x, y, c) for "noise"; 0 or 255 by one bit of
    it for "edges"; a slope with a little of the hash on it for "smooth"."""
    y, x, c = np.meshgrid(np.arange(height, dtype=np.uint64), np.arange(width, dtype=np.uint64),
                          np.arange(3, dtype=np.uint64), indexing="ij")
    h = (x * 0x9E3779B1 + y * 0x85EBCA77 + c * 0xC2B2AE3D + seed * 0x27D4EB2F) & M32
    h ^= h >> np.uint64(15)
    h = (h * 0x2C1B3C6D) & M32
    h ^= h >> np.uint64(12)
    h = (h * 0x297A2D39) & M32
    h ^= h >> np.uint64(15)
    if kind == "noise":
        v = h & 255
    elif kind == "edges":
        v = (h >> np.uint64(7) & 1) * 255
    else:
        v = (x * 3 + y * 2 + c * 40 + (h & 15)) & 255
    return v.astype(np.uint8)


SIZES = [
    (600, 450, 184, 184), (450, 450, 184, 184), (450, 450, 224, 224), (1024, 768, 224, 168), (313, 217, 160, 111),
    (100, 100, 50, 50), (64, 64, 64, 64), (64, 48, 64, 24), (64, 48, 32, 48), (64, 48, 128, 48), (64, 48, 64, 96),
    (37, 53, 111, 159), (40, 30, 41, 31), (41, 31, 40, 30), (7, 5, 100, 90), (3, 2, 64, 64), (1, 1, 9, 7), (1, 40, 17, 11),
    (40, 1, 11, 17), (2, 2, 1, 1), (97, 89, 1, 1), (500, 3, 2, 200), (3, 500, 200, 2), (2000, 2, 3, 3), (999, 1, 1, 1),
    (5, 1200, 5, 7), (33, 33, 32, 34), (255, 255, 254, 256), (17, 19, 16, 300), (120, 77, 184, 184),
]
SMALL = [(8, 6, 4, 3), (5, 4, 7, 6), (2, 2, 5, 5), (9, 7, 2, 3), (1, 3, 4, 2)]


def resize(image, size, filter_value):
    """Pillow's resize with the row pass first. Until Pillow 12 it always was; since 13 the column pass comes first where the
    height shrinks more than the width, which changes bits. Two calls of one pass each give the same order in all versions."""
    result = image.resize((size[0], image.height), filter_value).resize(size, filter_value)
    if size[1] * image.width >= size[0] * image.height or size[1] >= image.height:
        assert result.tobytes() == image.resize(size, filter_value).tobytes()
    return result


def resize_lines(sizes, kinds, full):
    lines = []
    for i, (w, h, ow, oh) in enumerate(sizes):
        for filter_name, filter_value in FILTERS.items():
            kind = kinds[i % len(kinds)]
            image = Image.fromarray(picture(kind, i, w, h))
            result = resize(image, (ow, oh), filter_value).tobytes()
            expected = result.hex() if full else f"{zlib.crc32(result):08x}"
            lines.append(f"{kind} {i} {w} {h} {ow} {oh} {filter_name} {expected}")
    return lines


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def raw_png(width, height, bits, color, rows, extra=b""):
    """A PNG of the given sample bytes, with all five row filters in turn when a sample is 8 bits or more."""
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[color]
    step = max(1, channels * bits // 8)
    data, before = b"", bytes(len(rows[0]))
    for y, row in enumerate(rows):
        kind = y % 5
        line = bytearray()
        for i, value in enumerate(row):
            left = row[i - step] if i >= step else 0
            up, corner = before[i], before[i - step] if i >= step else 0
            p = left + up - corner
            paeth = min((left, up, corner), key=lambda v: abs(p - v))
            line.append((value - (0, left, up, (left + up) // 2, paeth)[kind]) & 255)
        data += bytes([kind]) + bytes(line)
        before = row
    packed = zlib.compress(data, 9)
    half = len(packed) // 2  # two chunks of data, as large files have them
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, 0)) + extra +
            chunk(b"IDAT", packed[:half]) + chunk(b"IDAT", packed[half:]) + chunk(b"IEND", b""))


def exif(orientation, big=False):
    e = ">" if big else "<"
    entries = struct.pack(e + "HHI4s", 0x010F, 2, 4, b"own\0")
    entries += struct.pack(e + "HHIHH", 0x0112, 3, 1, orientation, 0)
    return (b"MM" if big else b"II") + struct.pack(e + "HIH", 42, 8, 2) + entries + struct.pack(e + "I", 0)


def save(image, **options):
    stream = io.BytesIO()
    image.save(stream, **options)
    return stream.getvalue()



def png_files():
    rng = np.random.RandomState(1)
    files = {}
    grey = [(bits, 0, 1) for bits in (1, 2, 4, 8)]
    for bits, color, channels in grey + [(8, 2, 3), (8, 4, 2), (8, 6, 4), (16, 2, 3), (16, 4, 2), (16, 6, 4)]:
        rows = [rng.bytes((21 * channels * bits + 7) // 8) for _ in range(11)]
        files[f"png_{bits}_{color}.png"] = raw_png(21, 11, bits, color, rows)
    for bits in (1, 2, 4, 8):
        count = min(1 << bits, 200)
        rows = [bytes(v % count if bits == 8 else v for v in rng.bytes((21 * bits + 7) // 8)) for _ in range(11)]
        extra = chunk(b"PLTE", rng.bytes(3 * count))
        if bits == 4:
            extra += chunk(b"tRNS", rng.bytes(count))
        files[f"png_{bits}_3.png"] = raw_png(21, 11, bits, 3, rows, extra)
    rows = [rng.bytes(21 * 3) for _ in range(11)]
    files["png_trns.png"] = raw_png(21, 11, 8, 2, rows, chunk(b"tRNS", struct.pack(">HHH", *rows[0][:3])))
    for orientation in range(1, 9):
        block = chunk(b"eXIf", exif(orientation, orientation % 2 == 1))
        files[f"png_exif_{orientation}.png"] = raw_png(21, 11, 8, 2, rows, block)
    return files


def interlaced(width, height):
    """Pillow writes no interlaced PNG: the seven passes of Adam7, each as a picture of its own."""
    pixels = picture("noise", 77, width, height)
    data = b""
    for x0, y0, dx, dy in ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)):
        part = pixels[y0::dy, x0::dx]
        if part.size:
            data += b"".join(b"\0" + row.tobytes() for row in part)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 1)) +
            chunk(b"IDAT", zlib.compress(data, 9)) + chunk(b"IEND", b""))


def lesion(width, height):
    """Smooth, with a dark blob: what JPEG is made for."""
    y, x = np.mgrid[0:height, 0:width]
    r = np.hypot(x - width * 0.55, (y - height * 0.45) * 1.2) / min(width, height)
    blob = 1 / (1 + np.exp((r - 0.28) * 30))
    base = np.stack([220 - 20 * x / width, 175 - 25 * y / height, 155 + 10 * x / width], -1)
    dark = np.array([110, 60, 50.0])
    return Image.fromarray(np.clip(base * (1 - blob[..., None]) + dark * blob[..., None], 0, 255).astype(np.uint8))


def jpeg_files():
    image = lesion(83, 61)
    return {
        "jpg_420.jpg": save(image, format="JPEG", quality=85, subsampling="4:2:0"),
        "jpg_444.jpg": save(image, format="JPEG", quality=90, subsampling="4:4:4"),
        "jpg_422.jpg": save(image, format="JPEG", quality=75, subsampling="4:2:2", optimize=True),
        "jpg_progressive.jpg": save(image, format="JPEG", quality=85, progressive=True),
        "jpg_grey.jpg": save(image.convert("L"), format="JPEG", quality=85),
        "jpg_grey_progressive.jpg": save(image.convert("L"), format="JPEG", quality=85, progressive=True),
        "jpg_restart.jpg": save(image, format="JPEG", quality=85, restart_marker_rows=1),
        "jpg_restart_blocks.jpg": save(image, format="JPEG", quality=85, restart_marker_blocks=3, progressive=True),
        "jpg_exif_6.jpg": save(image, format="JPEG", quality=85, exif=b"Exif\0\0" + exif(6)),
        "jpg_exif_8.jpg": save(image, format="JPEG", quality=85, exif=b"Exif\0\0" + exif(8, True)),
        "jpg_cmyk.jpg": save(image.resize((20, 16)).convert("CMYK"), format="JPEG", quality=85),
    }


def scaled_lines(files):
    """Decoded at a reduced size by libjpeg-turbo, as stored (no orientation). Pillow must have been built with that."""
    lines = []
    for name, data in files.items():
        for divisor in (2, 4, 8):
            image = Image.open(io.BytesIO(data))
            image.draft(image.mode, (image.width // divisor, image.height // divisor))
            image = image.convert("RGB")
            lines.append(f"{name} {8 // divisor} {image.width} {image.height} {zlib.crc32(image.tobytes()):08x}")
    return lines


def main():
    OUT.mkdir(exist_ok=True)
    kinds = ["noise", "edges", "smooth"]
    (OUT / "resize.txt").write_text("\n".join(resize_lines(SIZES, kinds, False)) + "\n")
    (OUT / "resize_small.txt").write_text("\n".join(resize_lines(SMALL, kinds, True)) + "\n")

    files = png_files()
    files["png_interlaced.png"] = interlaced(21, 11)
    files["png_interlaced_tiny.png"] = interlaced(2, 3)
    files["png_large_landscape.png"] = save(lesion(301, 230), format="PNG", optimize=True)
    files["png_large_portrait.png"] = save(lesion(199, 260), format="PNG", optimize=True, exif=exif(6))
    lines, recipes = [], []
    for name, data in files.items():
        (OUT / name).write_bytes(data)
        image = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
        lines.append(f"{name} {image.width} {image.height} {zlib.crc32(image.tobytes()):08x}")
        side = min(image.size)
        left, top = (image.width - side) // 2, (image.height - side) // 2
        square = image.crop((left, top, left + side, top + side))
        small = square.resize((184, 184), FILTERS["bicubic"]).crop((12, 12, 172, 172))
        recipes.append(f"{name} {zlib.crc32(small.tobytes()):08x}")
    (OUT / "images.txt").write_text("\n".join(lines) + "\n")
    (OUT / "recipe.txt").write_text("\n".join(recipes) + "\n")
    # One pixel, and 4 MB of compressed zeros behind it.
    bomb = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(bytes(1 << 22), 9))
    (OUT / "png_bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bomb + chunk(b"IEND", b""))
    jpegs = jpeg_files()
    scaled = {name: data for name, data in jpegs.items() if name != "jpg_cmyk.jpg"}
    (OUT / "jpg_scaled.txt").write_text("\n".join(scaled_lines(scaled)) + "\n")
    for name, data in jpegs.items():
        (OUT / name).write_bytes(data)
        if name != "jpg_cmyk.jpg":
            image = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
            (OUT / (name + ".rgb")).write_bytes(struct.pack("<II", *image.size) + image.tobytes())


if __name__ == "__main__":
    main()
