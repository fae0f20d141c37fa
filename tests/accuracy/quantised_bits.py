#!/usr/bin/env python3
"""A network of tools/train, pruned by blocks and on integer grids, gives the same bytes in the runtime as in its exact simulation.

    tests/accuracy/quantised_bits.py CUTIS_CONVERT LIBCUTIS [--images N] [--size N]

Weights are random, batch norms have run over random images; then: blocks of 16 x 4 pruned, batch norms folded, grids chosen, exported
as weights.safetensors, graph.json and quant.json, converted, and all uint8 logits compared. Exit 1 when one differs, 77 where packages
are missing.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools" / "train"))
try:
    import numpy as np
    import safetensors  # noqa: F401
    import torch

    import network as networks
    import prune
    import quantise
    import runtime
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)

RECIPE = {"decoder": "stb", "mean": [127, 127, 127], "std": [128, 128, 128], "labels": [f"class {i}" for i in range(7)],
          "positive": "class 0", "scores": "softmax"}


def pictures(count, size, generator):
    """Smooth noise of several scales, of any brightness, contrast and colour, as bytes [count, 3, size, size]."""
    total = 0
    for cells in (3, 8, 24):
        coarse = torch.rand((count, 3, cells, cells), generator=generator)
        total = total + torch.nn.functional.interpolate(coarse, size=(size, size), mode="bicubic")
    gain, offset = torch.rand((2, count, 3, 1, 1), generator=generator) * torch.tensor([400.0, 255.0]).view(2, 1, 1, 1, 1)
    return ((total / 3 - 0.5) * gain + offset).clamp(0, 255).round().to(torch.uint8)


def pruned(model, share, generator, size):
    """By blocks, in place; labels at random."""
    images = [(networks.to_input(pictures(16, size, generator)), torch.randint(0, 7, (16,), generator=generator)) for _ in range(2)]
    prune.Pruner(share, lambda: images, end=0).step(model, 1.0)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("convert")
    parser.add_argument("library")
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--size", type=int, default=64)
    options = parser.parse_args()
    torch.manual_seed(3)
    generator = torch.Generator().manual_seed(4)
    model = networks.Network(networks.LITE0, 7).to(memory_format=torch.channels_last)  # as in training
    with torch.no_grad():
        model.train()
        for _ in range(3):  # statistics that keep the activations in range
            for module in model.modules():
                if isinstance(module, torch.nn.BatchNorm2d):
                    module.momentum = 0.5
            model(networks.to_input(pictures(16, options.size, generator)))
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.bias.normal_(0, 0.5, generator=generator)
                module.weight.fill_(2)  # or differences between images fade from layer to layer
        for block in model._blocks[4:8]:  # channels that are the same everywhere
            block._bn1.weight[:16], block._bn1.bias[:16] = 1e-12, 1.7
    model.eval()
    pruned(model, 0.6, generator, options.size)
    # Logits about zero, so that their grid is fine enough to show a difference anywhere before it.
    with torch.no_grad():
        model._fc.bias -= model(networks.to_input(pictures(16, options.size, generator))).mean(0)
    quantised = quantise.QuantNetwork(model).eval()
    quantised.calibrate([networks.to_input(pictures(16, options.size, generator))])
    quantised.add_head("embedding", torch.randn((5, 1280), generator=generator) * 0.1, torch.randn(5, generator=generator), -12, 12)
    images = pictures(options.images, options.size, generator)
    expected = np.concatenate([made.numpy() for made in quantise.IntegerNetwork(quantised)(images)], 1)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        quantise.export(quantised, options.size, folder, "random")
        steps = [{"step": "resize", "width": options.size, "height": options.size, "filter": "bicubic"}]
        (folder / "recipe.json").write_text(json.dumps({**RECIPE, "steps": steps}), encoding="utf-8")
        file = folder / "random.cutis"
        subprocess.run([options.convert, str(folder), "-o", str(file)], check=True, stdout=subprocess.DEVNULL)
        session = runtime.Model(options.library, file)
        got = np.stack([session.run(image) for image in images.permute(0, 2, 3, 1).contiguous().numpy()])
        session.close()
    spread = len(np.unique(expected, axis=0))
    different = int((got != expected).any(1).sum())
    print(f"{options.images} images, {spread} different outputs: {different} differ from the simulation")
    # Constant outputs would agree whatever the arithmetic.
    return 1 if different or spread < options.images // 2 else 0


if __name__ == "__main__":
    sys.exit(main())
