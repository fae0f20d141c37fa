#!/usr/bin/env python3
"""A small network trained in PyTorch for a minute, pruned and dynamically quantised there, arrives as .cutis and agrees.

    tests/accuracy/bcc_cnn.py CUTIS_CONVERT RUN_FLOAT GRAPH_JSON [--work DIR] [--seconds N]

CUTIS_DATA names a folder with labels.csv and the images it lists. The network is models/bcc_cnn: conv1 3->16 3x3, ReLU, max pool,
conv2 16->32 3x3, ReLU, max pool, fc1 -> 2 on 64 x 64 images; folds 0 to 7 train it, fold 8 measures. Then
torch.nn.utils.prune.global_unstructured (L1, 0.2) over the three weights, and quantize_dynamic on fc1.

Compared on fold 8, both checkpoints as PyTorch saved them: Cutis in float32 with PyTorch (for quantize_dynamic: with the weights that
its fc1 holds), limit 1e-4 of the largest logit; Cutis in int8 with PyTorch's quantize_dynamic module itself: the AUC may differ by
0.01 and the logits by 5 % (root of the sum of squares). Exit 1 when a limit is missed, 77 where packages or images are missing.
"""
import argparse
import copy
import csv
import os
import pathlib
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
try:
    import numpy as np
    import torch
    from compare import auc
    from PIL import Image
    from torch import nn
    from torch.nn.utils import prune
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)

SIZE, MEAN, STD = 64, 128, 128
RECIPE = """{"name": "bcc_cnn", "decoder": "stb", "steps": [{"step": "resize", "width": 64, "height": 64, "filter": "bilinear"}],
"mean": [128, 128, 128], "std": [128, 128, 128]}"""


def load(folder, folds, most_others):
    """Bytes [n, 64, 64, 3] and labels: all BCC of these folds, and every k-th of the others."""
    with open(folder / "labels.csv", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if int(row["fold10"]) in folds and row["modality"] == "dermoscopic"]
    positives = [row for row in rows if row["is_bcc"] == "1"]
    others = [row for row in rows if row["is_bcc"] != "1"]
    rows = positives + others[:: max(1, len(others) // most_others)]
    resized = [Image.open(folder / row["file"]).convert("RGB").resize((SIZE, SIZE), Image.BILINEAR) for row in rows]
    return np.stack([np.asarray(image) for image in resized]), np.array([int(row["is_bcc"]) for row in rows])


def real(images):
    return torch.from_numpy(((images.astype(np.float32) - MEAN) / STD).transpose(0, 3, 1, 2).copy())


class BccCnn(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 16, 3), nn.Conv2d(16, 32, 3)
        self.fc1 = nn.Linear(32 * 14 * 14, 2)

    def forward(self, x):
        x = nn.functional.max_pool2d(torch.relu(self.conv1(x)), 2)
        x = nn.functional.max_pool2d(torch.relu(self.conv2(x)), 2)
        return self.fc1(x.flatten(1))


def train(images, labels, seconds):
    torch.manual_seed(1)
    network, x, y = BccCnn(), real(images), torch.from_numpy(labels)
    optimizer = torch.optim.Adam(network.parameters(), 1e-3, weight_decay=1e-4)
    weight = torch.tensor([1.0, (labels == 0).sum() / max(1, (labels == 1).sum())])
    end, rounds = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        for batch in torch.randperm(len(x)).split(64):
            part = x[batch].flip(3) if rounds % 2 else x[batch]
            loss = nn.functional.cross_entropy(network(part), y[batch], weight=weight.float())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        rounds += 1
    print(f"trained on {len(x)} images ({labels.sum()} BCC) for {rounds} rounds, {seconds} s; loss of the last batch {loss.item():.3f}")
    return network.eval()


def logits(options, folder, checkpoint, name, *arguments):
    target = folder / f"{name}.cutis"
    subprocess.run([options.convert, str(folder / checkpoint), "--graph", options.graph, "--recipe", str(folder / "recipe.json"), "-o",
                    str(target), *arguments], check=True, stdout=subprocess.DEVNULL)
    subprocess.run([options.run, str(target), str(folder / "images.u8"), str(folder / "logits"), "bytes"], check=True)
    return np.fromfile(folder / "logits", np.float32).reshape(-1, 2), target.stat().st_size


def measure(options, folder):
    data = pathlib.Path(os.environ["CUTIS_DATA"])
    network = train(*load(data, range(8), 2000), options.seconds)
    prune.global_unstructured([(network.conv1, "weight"), (network.conv2, "weight"), (network.fc1, "weight")],
                              pruning_method=prune.L1Unstructured, amount=0.2)
    torch.save(network.state_dict(), folder / "pruned.pth")
    for module in (network.conv1, network.conv2, network.fc1):
        prune.remove(module, "weight")
    plain = BccCnn().eval()
    plain.load_state_dict(network.state_dict())
    dynamic = torch.ao.quantization.quantize_dynamic(plain, {nn.Linear}, torch.qint8)
    torch.save(dynamic.state_dict(), folder / "dynamic.pth")
    dequantised = copy.deepcopy(plain)
    dequantised.fc1.weight = nn.Parameter(dynamic.fc1.weight().dequantize())

    images, labels = load(data, [8], 10000)
    images.tofile(folder / "images.u8")
    (folder / "recipe.json").write_text(RECIPE, encoding="utf-8")
    (folder / "calibration").mkdir(exist_ok=True)
    for index, image in enumerate(load(data, [0], 150)[0]):
        Image.fromarray(image).save(folder / "calibration" / f"{index}.png")
    with torch.no_grad():
        wanted = {"pruned.pth": plain(real(images)).numpy(), "dynamic.pth": dequantised(real(images)).numpy()}
        target = dynamic(real(images)).numpy()

    failed = False
    for checkpoint, values in wanted.items():
        got, size = logits(options, folder, checkpoint, "float32", "--float")
        error = np.abs(got - values).max() / np.abs(values).max()
        print(f"{checkpoint}: float32 against PyTorch: largest difference {error:.1e} of the largest logit; file {size} bytes")
        failed |= not error <= 1e-4
    got, size = logits(options, folder, "dynamic.pth", "int8", "--calibrate", str(folder / "calibration"))
    areas = [auc(list(map(float, values[:, 1] - values[:, 0])), list(map(int, labels))) for values in (target, got)]
    error = np.sqrt(((got - target) ** 2).sum() / (target**2).sum())
    same = (got.argmax(1) == target.argmax(1)).mean()
    print(f"dynamic.pth: int8 against quantize_dynamic on {len(images)} images ({labels.sum()} BCC): logits differ by {100 * error:.2f} % "
          f"(root of the sum of squares), same class {100 * same:.1f} %, AUC {areas[0]:.4f} there, {areas[1]:.4f} here; file {size} bytes")
    failed |= not (error <= 0.05 and abs(areas[0] - areas[1]) <= 0.01)
    return 1 if failed else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("convert")
    parser.add_argument("run")
    parser.add_argument("graph")
    parser.add_argument("--work", help="a folder for what is made on the way (default: a temporary one)")
    parser.add_argument("--seconds", type=float, default=60)
    options = parser.parse_args()
    if not os.environ.get("CUTIS_DATA"):
        print("skipped: CUTIS_DATA names no folder of images")
        sys.exit(77)
    if options.work:
        sys.exit(measure(options, pathlib.Path(options.work)))
    with tempfile.TemporaryDirectory() as folder:
        sys.exit(measure(options, pathlib.Path(folder)))


if __name__ == "__main__":
    main()
