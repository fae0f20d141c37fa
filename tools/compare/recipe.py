#!/usr/bin/env python3
"""A lesion classifier as people write it with PyTorch, on one thread: Pillow, a resize to 224 x 224, EfficientNet-Lite0 whose linear layers are
quantised dynamically, torch.no_grad, one image at a time.

    recipe.py WEIGHTS.pt LABELS        names of images on stdin, a line of JSON each on stdout, as cutis classify --json

LABELS: by commas; the first is BCC. The beginning of before_after.py, which runs this in an environment of requirements-recipe.txt.
"""
import json
import sys
import time

import numpy as np
import torch
from efficientnet_lite_pytorch import EfficientNet
from PIL import Image

SIZE = 224


def load(path, classes):
    model = EfficientNet.from_name("efficientnet-lite0", num_classes=classes, image_size=SIZE)
    model.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    return torch.ao.quantization.quantize_dynamic(model.eval(), {torch.nn.Linear}, dtype=torch.qint8)


def prepare(path):
    image = Image.open(path).convert("RGB").resize((SIZE, SIZE), Image.Resampling.BILINEAR)
    x = torch.from_numpy(np.array(image)).permute(2, 0, 1).unsqueeze(0).float()
    return (x - 127) / 128


def main():
    path, labels = sys.argv[1], sys.argv[2].split(",")
    torch.set_num_threads(1)
    torch.set_num_interop_threads(1)
    model = load(path, len(labels))
    with torch.no_grad():
        for line in sys.stdin:
            begin = time.perf_counter()
            x = prepare(line.rstrip("\n"))
            prepared = time.perf_counter()
            p = torch.softmax(model(x), 1)[0].tolist()
            done = time.perf_counter()
            print(json.dumps({"file": line.rstrip("\n"), "verdict": "bcc" if p[0] >= 0.5 else "not_bcc", "p_bcc": p[0],
                              "probabilities": dict(zip(labels, p)),
                              "ms": {"prepare": 1000 * (prepared - begin), "inference": 1000 * (done - prepared)}}), flush=True)


if __name__ == "__main__":
    main()
