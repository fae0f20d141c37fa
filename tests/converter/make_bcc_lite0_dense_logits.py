#!/usr/bin/env python3
"""Writes tests/converter/data/bcc_lite0_dense_logits.json: what PyTorch and ONNX Runtime make of models/bcc_lite0_dense/weights.safetensors
for the inputs 0 .. 3 of runtime/golden.h, taken as (byte - 127) / 128.

    python tests/converter/make_bcc_lite0_dense_logits.py
"""
import json
import pathlib
import tempfile

from safetensors.torch import load_file

from lite0_onnx import expected_outputs, lite0, to_onnx

SIZE, CLASSES, INPUTS = 192, 7, 4


def main():
    here = pathlib.Path(__file__).resolve().parent
    net = lite0(load_file(here.parent.parent / "models" / "bcc_lite0_dense" / "weights.safetensors"), CLASSES, SIZE)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "network.onnx"
        path.write_bytes(to_onnx(net, SIZE).SerializeToString())
        logits = expected_outputs(net, path, SIZE, INPUTS)
    (here / "data" / "bcc_lite0_dense_logits.json").write_text(json.dumps(logits, indent=1) + "\n")


if __name__ == "__main__":
    main()
