#!/usr/bin/env python3
"""Whether the runtime computes what the training computed: the uint8 logits of a quantised run, its integers simulated exactly in
PyTorch, against those of the converted file, on images of one fold.

    python tools/train/same_bits.py --start runs/pruned/best.pt --run runs/int8 --model bcc.cutis --data DATA [--images 200]

Both get the same pixels: centre square, resized by Pillow. Exit code 1 when one byte differs. tests/accuracy/quantised_bits.py does the same
with random networks.
"""

import argparse
import pathlib
import sys

import numpy as np
import torch

import evaluate
import lesions
import network as networks
import quantise
import runtime


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--start", required=True, help="what the run was started from")
    parser.add_argument("--run", required=True, type=pathlib.Path, help="the folder of train.py quantise")
    parser.add_argument("--model", required=True, help="its export, converted")
    parser.add_argument("--data", required=True, help="the folder with labels.csv and images/")
    parser.add_argument("--fold", type=int, default=9)
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--size", type=int, default=192)
    parser.add_argument("--build", type=pathlib.Path, default=evaluate.ROOT / "build", help="the build folder")
    options = parser.parse_args()
    model = quantise.QuantNetwork(networks.load(options.start, len(lesions.LABELS)))
    model.load_state_dict(torch.load(options.run / "best.pt", map_location="cpu", weights_only=True))
    model.eval()
    exact = quantise.IntegerNetwork(model)
    file = runtime.Model(options.build / "runtime" / "libcutis.so", options.model)
    rows = lesions.rows_of(lesions.read_rows(options.data), (options.fold,))
    rows = rows[::max(1, len(rows) // options.images)][:options.images]
    differ = 0
    for begin in range(0, len(rows), 8):
        pixels = np.stack([lesions.load_image(row["path"], options.size) for row in rows[begin:begin + 8]])
        expected = exact(torch.from_numpy(pixels).permute(0, 3, 1, 2))[0].numpy()
        found = np.stack([file.run(image)[:len(lesions.LABELS)] for image in pixels])
        differ += int((expected != found).any(1).sum())
    print(f"{len(rows)} images of fold {options.fold}: {differ} differ in their uint8 logits")
    return 1 if differ or not rows else 0


if __name__ == "__main__":
    sys.exit(main())
