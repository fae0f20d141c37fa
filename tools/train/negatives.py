"""Images that must not be judged: what is no lesion, and lesions spoiled in taking them.

FIT and TEST name disjoint kinds. Limits are set from good lesions and looked at with the kinds of FIT; those of TEST are for the
figures in the card alone. Every generator takes lesions (Pillow squares of SIDE pixels, about what the data set has) and a numpy
generator, and gives a Pillow image.
"""

import os

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont

SIDE = 448


def _from(array):
    return Image.fromarray(np.clip(array, 0, 255).astype(np.uint8), "RGB")


def _noise_field(random, cells):
    """Smooth noise [SIDE, SIDE] in -1..1 of `cells` cells a side."""
    coarse = (random.random((cells, cells)) * 255).astype(np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((SIDE, SIDE), Image.Resampling.BICUBIC), np.float32) / 127.5 - 1


# -- kinds that the limits may be looked at with ----------------------------------------------------------------------------------


def gradient(_, random):
    a, b = random.integers(0, 256, 3), random.integers(0, 256, 3)
    angle = random.random() * 2 * np.pi
    y, x = np.mgrid[0:SIDE, 0:SIDE] / SIDE - 0.5
    share = np.clip(0.5 + (np.cos(angle) * x + np.sin(angle) * y), 0, 1)[..., None]
    return _from(a * (1 - share) + b * share)


def texture(_, random):
    """Cloth, clouds, tiles: smooth noise of several sizes in two colours."""
    field = sum(_noise_field(random, int(cells)) / (1 + k) for k, cells in enumerate(random.choice([3, 6, 12, 25, 50, 100], 3, False)))
    share = (np.sin(field * random.uniform(1, 6)) * 0.5 + 0.5)[..., None]
    return _from(random.integers(0, 256, 3) * share + random.integers(0, 256, 3) * (1 - share))


def stripes(_, random):
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    period, angle = random.uniform(8, 120), random.random() * np.pi
    wave = np.sin((np.cos(angle) * x + np.sin(angle) * y) * 2 * np.pi / period)
    if random.random() < 0.5:
        wave = wave * np.sin((np.sin(angle) * x - np.cos(angle) * y) * 2 * np.pi / period)
    share = (wave > 0)[..., None] if random.random() < 0.5 else (wave * 0.5 + 0.5)[..., None]
    return _from(random.integers(0, 256, 3) * share + random.integers(0, 256, 3) * (1 - share))


def drawing(_, random):
    """Shapes and lines, as of charts, icons and screens."""
    image = Image.new("RGB", (SIDE, SIDE), tuple(int(v) for v in random.integers(180, 256, 3)))
    draw = ImageDraw.Draw(image)
    for _ in range(int(random.integers(3, 25))):
        box = sorted(random.integers(0, SIDE, 2)) + sorted(random.integers(0, SIDE, 2))
        box = [int(box[0]), int(box[2]), int(box[1]), int(box[3])]
        colour = tuple(int(v) for v in random.integers(0, 256, 3))
        kind = random.integers(0, 3)
        if kind == 0:
            draw.rectangle(box, fill=colour)
        elif kind == 1:
            draw.ellipse(box, outline=colour, width=int(random.integers(2, 12)))
        else:
            draw.line(box, fill=colour, width=int(random.integers(2, 12)))
    return image


def under_exposed(lesion, random):
    return ImageEnhance.Brightness(lesion).enhance(random.uniform(0.03, 0.15))


def shaken(lesion, random):
    """Motion blur along one direction."""
    length, angle = int(random.integers(48, 100)), random.random() * np.pi
    source, total, steps = np.asarray(lesion, np.float32), 0, length // 2
    for step in np.linspace(-0.5, 0.5, steps):
        shift = (int(round(step * length * np.sin(angle))), int(round(step * length * np.cos(angle))))
        total = total + np.roll(source, shift, (0, 1))
    return _from(total / steps)


def coarse(lesion, random):
    """Few pixels, enlarged."""
    side = int(random.integers(8, 18))
    return lesion.resize((side, side), Image.Resampling.BOX).resize((SIDE, SIDE), random.choice([Image.Resampling.NEAREST,
                                                                                                Image.Resampling.BICUBIC]))


def wrong_colours(lesion, random):
    """Channels exchanged or inverted: infrared, negative, a broken white balance."""
    pixels = np.asarray(lesion)
    return _from(pixels[..., ::-1] if random.random() < 0.5 else 255 - pixels)


# -- kinds for the figures ----------------------------------------------------------------------------------------------------------


def flat(_, random):
    return Image.new("RGB", (SIDE, SIDE), tuple(int(v) for v in random.integers(0, 256, 3)))


def noise(_, random):
    kind = random.integers(0, 3)
    if kind == 0:
        return _from(random.integers(0, 256, (SIDE, SIDE, 3)))
    if kind == 1:
        return _from(np.repeat(random.integers(0, 256, (SIDE, SIDE, 1)), 3, 2))
    return _from(random.normal(random.integers(60, 200), random.uniform(20, 60), (SIDE, SIDE, 3)))


_WORDS = "the of report patient date lesion size mm left right arm biopsy result normal 12 34 2019 clinic dr notes see over".split()


def text(_, random):
    dark = random.random() < 0.3
    paper, ink = ((20, 20, 24), (230, 230, 230)) if dark else ((250, 248, 244), (20, 20, 30))
    image = Image.new("RGB", (SIDE, SIDE), paper)
    draw, size = ImageDraw.Draw(image), int(random.integers(18, 52))
    font = ImageFont.load_default(size)
    for y in range(8, SIDE - size, int(size * 1.3)):
        draw.text((8, y), " ".join(random.choice(_WORDS, 12)), fill=ink, font=font)
    return image


def blurred(lesion, random):
    return lesion.filter(ImageFilter.GaussianBlur(random.uniform(10, 24)))


def over_exposed(lesion, random):
    return ImageEnhance.Brightness(lesion).enhance(random.uniform(2.2, 4))


def bare_skin(lesion, random):
    """A corner of an image, an eighth to a fifth of its side, where the lesion does not reach; enlarged, with a little grain."""
    side = int(SIDE * random.uniform(0.14, 0.2))
    corners = [(0, 0), (SIDE - side, 0), (0, SIDE - side), (SIDE - side, SIDE - side)]
    left, top = corners[random.integers(0, 4)]
    patch = lesion.crop((left, top, left + side, top + side)).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    return _from(np.asarray(patch, np.float32) + random.normal(0, 6, (SIDE, SIDE, 1)))


FIT = {f.__name__: f for f in (gradient, texture, stripes, drawing, under_exposed, shaken, coarse, wrong_colours)}
TEST = {f.__name__: f for f in (flat, noise, text, blurred, over_exposed, bare_skin)}


def photographs():
    """Pillow images that the packages scikit-image and scikit-learn ship."""
    import skimage
    import sklearn.datasets
    found = []
    for package, folder in ((skimage, "data"), (sklearn.datasets, "images")):
        root = os.path.join(os.path.dirname(package.__file__), folder)
        for name in sorted(os.listdir(root)):
            if name.endswith((".png", ".jpg")):
                with Image.open(os.path.join(root, name)) as image:
                    found.append((name, image.convert("RGB")))
    return found


def photograph_crops(random, count):
    """Squares of a third to all of the shorter side."""
    sources, made = photographs(), []
    for index in range(count):
        image = sources[index % len(sources)][1]
        side = int(min(image.size) * (1.0 if index < len(sources) else random.uniform(0.35, 1)))
        left, top = random.integers(0, image.width - side + 1), random.integers(0, image.height - side + 1)
        made.append(image.crop((int(left), int(top), int(left) + side, int(top) + side)).resize((SIDE, SIDE), Image.Resampling.BICUBIC))
    return made


def make(kind, lesions_of, count, seed):
    """`count` images of a kind of FIT or TEST, or "photograph"."""
    random = np.random.default_rng([seed, sum(kind.encode())])
    if kind == "photograph":
        return photograph_crops(random, count)
    function = {**FIT, **TEST}[kind]
    return [function(lesions_of[int(random.integers(0, len(lesions_of)))], random) for _ in range(count)]
