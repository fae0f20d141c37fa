"""Draws the sample images of the demo: synthetic lesions, each labelled SYNTHETIC in the picture.

    python tools/samples/make_samples.py        (needs numpy and pillow; writes beside itself)

They are drawings, not photographs, and no model was trained on them: they show that the program works, not what it knows.
The real image sets may not be shipped under their licences.
  lesion.jpg    a pearly nodule with branching vessels, blue-grey ovoid nests and a small erosion
  naevus.jpg    a symmetric brown lesion with a regular network and a globular centre
  keratosis.jpg  a sharply bordered waxy plaque with milia-like cysts and comedo-like openings
"""

import pathlib

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

OUT = pathlib.Path(__file__).parent
WIDTH, HEIGHT, SCALE = 600, 450, 2  # drawn twice as large, then reduced


def smooth_noise(rng, width, height, cell):
    """Values about -1 .. 1 that vary over `cell` pixels."""
    small = rng.random((height // cell + 3, width // cell + 3)).astype(np.float32)
    image = Image.fromarray((small * 255).astype(np.uint8)).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(image, np.float32) / 127.5 - 1


def octaves(rng, width, height, cell, count=4):
    total, weight = np.zeros((height, width), np.float32), 1.0
    for _ in range(count):
        total += weight * smooth_noise(rng, width, height, max(cell, 2))
        cell, weight = cell // 2, weight * 0.5
    return total / 1.9


def mix(image, color, amount):
    return image * (1 - amount[..., None]) + np.asarray(color, np.float32) * amount[..., None]


def skin(rng, tone):
    w, h = WIDTH * SCALE, HEIGHT * SCALE
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    base = np.ones((h, w, 3), np.float32) * np.asarray(tone, np.float32)
    base += 7 * octaves(rng, w, h, 220)[..., None] * np.array([1.0, 1.2, 1.1], np.float32)
    base += 4 * octaves(rng, w, h, 24)[..., None]
    base += rng.normal(0, 2.0, (h, w, 1)).astype(np.float32)
    # The light of a dermatoscope falls off towards the corners.
    r = np.hypot((x - w / 2) / w, (y - h / 2) / h)
    return base * (1.04 - 0.42 * np.clip(r - 0.15, 0, None) ** 1.5)[..., None]


def blob(rng, cx, cy, rx, ry, rough, soft):
    """1 inside an ellipse with an irregular border, falling to 0 over `soft` of its radius."""
    w, h = WIDTH * SCALE, HEIGHT * SCALE
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    angle = np.arctan2(y - cy, x - cx)
    border = np.ones_like(angle)
    for k in range(2, 9):
        border += rough / k * rng.normal() * np.cos(k * angle + rng.random() * 6.283)
    border += 0.05 * octaves(rng, w, h, 40)
    r = np.hypot((x - cx) / rx, (y - cy) / ry) / border
    return 1 / (1 + np.exp(np.clip((r - 1) / soft, -30, 30)))


def strokes(draw_all, blur):
    """The coverage 0 .. 1 of what `draw_all` draws in white."""
    image = Image.new("L", (WIDTH * SCALE, HEIGHT * SCALE), 0)
    draw_all(ImageDraw.Draw(image))
    return np.asarray(image.filter(ImageFilter.GaussianBlur(blur)), np.float32) / 255


def vessel(draw, rng, x, y, angle, width, length):
    """A vessel that winds, thins and branches, as a tree does."""
    while length > 0 and width > 0.9:
        angle += rng.normal(0, 0.22)
        nx, ny = x + 9 * np.cos(angle), y + 9 * np.sin(angle)
        draw.line([(x, y), (nx, ny)], fill=255, width=max(1, int(round(width))))
        draw.ellipse([nx - width / 2, ny - width / 2, nx + width / 2, ny + width / 2], fill=255)
        x, y, length, width = nx, ny, length - 9, width * 0.975
        if rng.random() < 0.09:
            vessel(draw, rng, x, y, angle + rng.choice([-1, 1]) * (0.5 + 0.5 * rng.random()), width * 0.7, length * 0.7)


def hairs(image, rng, count):
    def draw_all(draw):
        for _ in range(count):
            x, y = rng.random() * WIDTH * SCALE, rng.random() * HEIGHT * SCALE
            angle, bend, points = rng.random() * 6.283, rng.normal(0, 0.02), []
            for _ in range(60):
                points.append((x, y))
                x, y, angle = x + 9 * np.cos(angle), y + 9 * np.sin(angle), angle + bend
            draw.line(points, fill=255, width=4, joint="curve")
    return mix(image, (58, 40, 32), 0.75 * strokes(draw_all, 1.2))


def finish(image, name, rng):
    image = hairs(image, rng, 4)
    picture = Image.fromarray(np.clip(image, 0, 255).astype(np.uint8)).resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(18)
    text = "SYNTHETIC - drawn by a program"
    left, top, right, bottom = draw.textbbox((10, HEIGHT - 30), text, font=font)
    draw.rectangle([left - 6, top - 4, right + 6, bottom + 4], fill=(255, 255, 255))
    draw.text((10, HEIGHT - 30), text, fill=(160, 0, 0), font=font)
    picture.save(OUT / name, quality=90)


def bcc(seed):
    rng = np.random.RandomState(seed)
    image = skin(rng, (214, 166, 148))
    cx, cy = 620, 430
    body = blob(rng, cx, cy, 300, 245, 0.12, 0.07)
    image = mix(image, (226, 158, 150), 0.75 * body)
    shine = blob(rng, cx - 60, cy - 70, 170, 120, 0.2, 0.25)
    image = mix(image, (246, 214, 206), 0.5 * shine * body)
    for angle, distance, size in ((0.4, 170, 46), (1.3, 150, 34), (2.4, 180, 40), (3.6, 140, 28), (5.2, 190, 52)):
        nest = blob(rng, cx + distance * np.cos(angle), cy + 0.8 * distance * np.sin(angle), size * 1.3, size, 0.15, 0.12)
        image = mix(image, (98, 92, 112), 0.8 * nest)
    erosion = blob(rng, cx + 40, cy + 20, 52, 38, 0.25, 0.12)
    image = mix(image, (150, 48, 40), 0.8 * erosion)

    def draw_vessels(draw):
        for angle in (0.1, 1.1, 2.0, 3.0, 4.1, 5.0, 5.7):
            x, y = cx + 285 * np.cos(angle), cy + 230 * np.sin(angle)
            vessel(draw, rng, x, y, angle + np.pi + rng.normal(0, 0.3), 9, 330)
    image = mix(image, (172, 44, 52), 0.8 * strokes(draw_vessels, 1.6) * (0.25 + 0.75 * body))
    finish(image, "lesion.jpg", rng)


def naevus(seed):
    rng = np.random.RandomState(seed)
    image = skin(rng, (222, 178, 156))
    w, h = WIDTH * SCALE, HEIGHT * SCALE
    cx, cy = 590, 460
    body = blob(rng, cx, cy, 270, 220, 0.05, 0.09)
    image = mix(image, (150, 98, 66), 0.85 * body)
    # The network: a grid of dark lines around lighter holes, bent by noise.
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    x = x + 14 * octaves(rng, w, h, 90)
    y = y + 14 * octaves(rng, w, h, 90)
    grid = (np.cos(x * 0.21) + np.cos((0.5 * x + 0.866 * y) * 0.21) + np.cos((0.5 * x - 0.866 * y) * 0.21)) / 3
    image = mix(image, (84, 50, 34), 0.7 * np.clip(0.25 - grid, 0, 1) * body)
    centre = blob(rng, cx + 10, cy - 5, 120, 95, 0.15, 0.25)
    image = mix(image, (96, 58, 40), 0.65 * centre)

    def draw_globules(draw):
        for _ in range(45):
            r, angle = 95 * np.sqrt(rng.random()), rng.random() * 6.283
            gx, gy, size = cx + r * np.cos(angle), cy + 0.8 * r * np.sin(angle), 5 + 6 * rng.random()
            draw.ellipse([gx - size, gy - size, gx + size, gy + size], fill=255)
    image = mix(image, (66, 38, 28), 0.6 * strokes(draw_globules, 2.0))
    finish(image, "naevus.jpg", rng)


def keratosis(seed):
    rng = np.random.RandomState(seed)
    image = skin(rng, (206, 160, 138))
    w, h = WIDTH * SCALE, HEIGHT * SCALE
    cx, cy = 610, 440
    body = blob(rng, cx, cy, 310, 230, 0.14, 0.025)
    image = mix(image, (158, 118, 84), 0.9 * body)
    ridges = np.sin(9 * octaves(rng, w, h, 110))
    image = mix(image, (104, 72, 50), 0.5 * np.clip(ridges, 0, 1) * body)
    image = mix(image, (190, 152, 112), 0.35 * np.clip(-ridges, 0, 1) * body)

    def spots(count, low, high):
        def draw_all(draw):
            for _ in range(count):
                r, angle = 0.85 * np.sqrt(rng.random()), rng.random() * 6.283
                gx, gy, size = cx + 290 * r * np.cos(angle), cy + 210 * r * np.sin(angle), low + (high - low) * rng.random()
                draw.ellipse([gx - size, gy - size * 0.9, gx + size, gy + size * 0.9], fill=255)
        return draw_all
    image = mix(image, (240, 226, 200), 0.85 * strokes(spots(34, 4, 9), 2.5) * body)
    image = mix(image, (54, 36, 28), 0.85 * strokes(spots(26, 6, 14), 2.5) * body)
    finish(image, "keratosis.jpg", rng)


if __name__ == "__main__":
    bcc(11)
    naevus(12)
    keratosis(13)
