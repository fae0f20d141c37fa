"""Writes a folder like models/NAME with a small network of seeded random weights: a stem, an inverted residual, a head. Arguments: the folder,
--softmax for one at the end.

Large enough to have every kind of layer of EfficientNet-Lite0, small enough for an emulated microcontroller.
"""

import json
import pathlib
import random
import struct
import sys

SIZE, STEM, WIDE, CLASSES = 32, 16, 48, 3


def conv(name, source, out, kernel, stride, group):
    return {"op": "Conv", "name": name, "inputs": [source, f"{name}.weight", f"{name}.bias"], "outputs": [out],
            "attributes": {"kernel_shape": [kernel, kernel], "strides": [stride, stride], "pads": [kernel // 2] * 4, "group": group}}


def clip(source, out):
    return {"op": "Clip", "inputs": [source], "outputs": [out], "attributes": {"min": 0.0, "max": 6.0}}


SHAPES = {"stem.weight": [STEM, 3, 3, 3], "stem.bias": [STEM], "expand.weight": [WIDE, STEM, 1, 1], "expand.bias": [WIDE],
          "depthwise.weight": [WIDE, 1, 3, 3], "depthwise.bias": [WIDE], "project.weight": [STEM, WIDE, 1, 1], "project.bias": [STEM],
          "fc.weight": [CLASSES, STEM], "fc.bias": [CLASSES]}
NODES = [conv("stem", "image", "s", 3, 2, 1), clip("s", "sr"), conv("expand", "sr", "e", 1, 1, 1), clip("e", "er"),
         conv("depthwise", "er", "d", 3, 1, WIDE), clip("d", "dr"), conv("project", "dr", "p", 1, 1, 1),
         {"op": "Add", "inputs": ["p", "sr"], "outputs": ["a"]}, {"op": "GlobalAveragePool", "inputs": ["a"], "outputs": ["g"]},
         {"op": "Flatten", "inputs": ["g"], "outputs": ["f"]},
         {"op": "Gemm", "name": "fc", "inputs": ["f", "fc.weight", "fc.bias"], "outputs": ["logits"], "attributes": {"transB": 1}}]
GRAPH = {"name": "bare test", "input": {"name": "image", "shape": [1, 3, SIZE, SIZE]}, "outputs": ["logits"], "tensors": SHAPES, "nodes": NODES}
RECIPE = {"name": "bare test", "decoder": "stb", "steps": [{"step": "center_square"}, {"step": "resize", "width": SIZE, "height": SIZE, "filter": "bilinear"}],
          "mean": [127, 127, 127], "std": [128, 128, 128], "labels": ["bcc", "nv", "other"], "positive": "bcc", "scores": "softmax", "temperature": 1,
          "operating_points": [{"name": "test", "threshold": 0.5, "refer_low": 0.4, "refer_high": 0.5, "note": "fitted to nothing", "calibrated": False}],
          "default_operating_point": "test"}


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    random.seed(1)
    header, data = {}, b""
    for name, shape in SHAPES.items():
        count = 1
        for side in shape:
            count *= side
        spread = 0.1 if name.endswith("bias") else (2 * shape[0] / count) ** 0.5
        values = struct.pack(f"<{count}f", *(random.gauss(0, spread) for _ in range(count)))
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + len(values)]}
        data += values
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    (folder / "weights.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
    graph, recipe = dict(GRAPH), dict(RECIPE)
    if "--softmax" in sys.argv[2:]:
        graph |= {"outputs": ["probabilities"], "nodes": NODES + [{"op": "Softmax", "inputs": ["logits"], "outputs": ["probabilities"], "attributes": {"axis": 1}}]}
        recipe["scores"] = "probabilities"
    (folder / "graph.json").write_text(json.dumps(graph))
    (folder / "recipe.json").write_text(json.dumps(recipe))


if __name__ == "__main__":
    main()
