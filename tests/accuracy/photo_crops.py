"""Crops of photographs that PyPI packages ship, made the same way every time: some to calibrate on, others to measure on.

No picture is in both sets. The packages are found, not imported, so they can be installed without what they depend on:
    pip install scikit-image scikit-learn; pip install --no-deps foolbox gradio imgaug matplotlib ultralytics
"""
import importlib.util
import pathlib

from PIL import Image

SIZE = 224

# To measure on: the photographs of scikit-image and scikit-learn. Drawings, scanned text and silhouettes are left out.
MEASURED = {
    "skimage": ["data/" + name for name in (
        "astronaut.png", "brick.png", "camera.png", "chelsea.png", "clock_motion.png", "coffee.png", "coins.png", "grass.png", "gravel.png",
        "hubble_deep_field.jpg", "ihc.png", "moon.png", "motorcycle_left.png", "retina.jpg", "rocket.jpg")],
    "sklearn": ["datasets/images/china.jpg", "datasets/images/flower.jpg"],
}
# To calibrate on: twenty ImageNet pictures of foolbox and the sample pictures of others.
CALIBRATION = {
    "foolbox": ["data/imagenet_*.jpg"],
    "gradio": ["media_assets/images/cheetah.jpg", "media_assets/images/lion.jpg", "media_assets/images/tower.jpg", "test_data/cheetah2.jpg"],
    "imgaug": ["quokka.jpg"],
    "matplotlib": ["mpl-data/sample_data/grace_hopper.jpg"],
    "ultralytics": ["assets/bus.jpg", "assets/zidane.jpg"],
}


class Missing(Exception):
    """A package, or a picture in it, is not there."""


def pictures(table):
    """Paths of the pictures of `table`, in its order."""
    paths = []
    for package, patterns in table.items():
        spec = importlib.util.find_spec(package)
        if spec is None or not spec.submodule_search_locations:
            raise Missing(f"the package {package} is not installed")
        folder = pathlib.Path(spec.submodule_search_locations[0])
        for pattern in patterns:
            found = sorted(folder.glob(pattern))
            if not found:
                raise Missing(f"{package} holds no {pattern}")
            paths += found
    return paths


def originals(folder):
    return sorted(path for path in pathlib.Path(folder).iterdir() if path.suffix.lower() in (".jpg", ".jpeg", ".png"))


def splitmix(seed):
    """The generator of runtime/golden.h: 64-bit numbers, the same on every machine."""
    mask, state = 2**64 - 1, seed
    while True:
        state = (state + 0x9E3779B97F4A7C15) & mask
        z = ((state ^ state >> 30) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ z >> 27) * 0x94D049BB133111EB) & mask
        yield z ^ z >> 31


def crops(path, count, seed, size=SIZE):
    """`count` square parts of a picture, each with a side of 60 to 100 % of the shorter one, as size x size RGB; every other one is
    mirrored. The first is the centre square."""
    with Image.open(path) as opened:
        image = opened.convert("RGB")
    width, height = image.size
    shorter, numbers = min(width, height), splitmix(seed)
    for index in range(count):
        side = shorter if index == 0 else shorter * (60 + next(numbers) % 41) // 100
        left = (width - side) // 2 if index == 0 else next(numbers) % (width - side + 1)
        top = (height - side) // 2 if index == 0 else next(numbers) % (height - side + 1)
        crop = image.resize((size, size), Image.Resampling.BICUBIC, box=(left, top, left + side, top + side))
        yield crop.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if index % 2 else crop


def write(paths, count, folder, size=SIZE):
    """Writes `count` crops of each picture as PNG; [(file, number of the picture)] in the order of the names."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for number, path in enumerate(paths):
        for index, crop in enumerate(crops(path, count, number, size)):
            target = folder / f"{number:03}_{path.stem}_{index:02}.png"
            crop.save(target)
            written.append((target, number))
    return written
