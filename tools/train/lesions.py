"""The labelled images: which there are, to which part of the split each belongs, and their pixels.

Every image becomes its centre square at STORED x STORED pixels (Pillow, bicubic), whatever its stored size and framing, and is
kept as bytes in memory: 10,000 images take 1.5 GB.
"""

import csv
import pathlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from PIL import Image

LABELS = ["bcc", "mel", "nv", "bkl", "akiec_scc", "df", "vasc"]
POSITIVE = LABELS.index("bcc")
STORED = 224
TRAIN_FOLDS = tuple(range(8))
VALIDATION_FOLD = 8
TEST_FOLD = 9


def read_rows(root):
    """The rows of labels.csv as dictionaries of strings, with `path` added."""
    root = pathlib.Path(root)
    with open(root / "labels.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row["path"] = root / row["file"]
    return rows


def rows_of(rows, folds):
    folds = {str(fold) for fold in folds}
    return [row for row in rows if row["fold10"] in folds]


def centre_square(image):
    """The largest square around the centre of a Pillow image, as `center_square` of a recipe cuts it."""
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return image.crop((left, top, left + side, top + side))


def load_image(path, size=STORED):
    with Image.open(path) as image:
        square = centre_square(image.convert("RGB"))
    return np.asarray(square.resize((size, size), Image.Resampling.BICUBIC))


def load(rows, size=STORED, threads=2):
    """Pixels [N, 3, size, size] as uint8 and label indices [N]."""
    pixels = torch.empty((len(rows), 3, size, size), dtype=torch.uint8)

    def one(index):
        pixels[index] = torch.from_numpy(load_image(rows[index]["path"], size).copy()).permute(2, 0, 1)

    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(one, range(len(rows))):
            pass
    return pixels, torch.tensor([LABELS.index(row["label"]) for row in rows])


def draw(labels, count, power, generator):
    """`count` indices, classes drawn in proportion to (their number)**power: 1 keeps the shares, 0 makes them equal.

    Within a class each image comes equally often, up to one."""
    numbers = torch.bincount(labels, minlength=len(LABELS)).double()
    shares = torch.where(numbers > 0, numbers**power, torch.zeros_like(numbers))
    wanted = shares / shares.sum() * count
    drawn = []
    for label in range(len(LABELS)):
        own = torch.nonzero(labels == label).flatten()
        left = int(torch.floor(wanted[label] + torch.rand((), generator=generator)))
        while left > 0 and len(own):
            turn = own[torch.randperm(len(own), generator=generator)][:left]
            drawn.append(turn)
            left -= len(turn)
    indices = torch.cat(drawn)
    return indices[torch.randperm(len(indices), generator=generator)]
