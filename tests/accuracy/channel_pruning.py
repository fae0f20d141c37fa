#!/usr/bin/env python3
"""Networks that tools/train/shrink.py has narrowed compute what they should, and pass through quantisation, converter and runtime.

    tests/accuracy/channel_pruning.py CUTIS_CONVERT LIBCUTIS

1. With all channels kept the logits are equal, bit for bit.
2. Constant channels are the ones that go, and the logits stay.
3. Whatever goes, the logits are those of the wide network in which every layer reads, instead of the channels that are gone, the best
   guess from the others: NumPy's regression, put in by hooks, that knows nothing of how weights are copied and batch norms changed.
4. Shapes keep to their multiples, shrink from round to round, and no block gains or loses its expansion or its sum.
5. A narrow network, pruned by blocks too, gives the same bytes in the runtime as in the simulation of its integers.

Exit 1 when one fails, 77 where packages are missing.
"""
import copy
import itertools
import json
import pathlib
import subprocess
import sys
import tempfile

from quantised_bits import RECIPE, pictures, pruned  # exits with 77 where packages are missing, and finds tools/train

import numpy as np
import torch

import network as networks
import quantise
import runtime
import shrink

SIZE = 32
# Every kind of block: without an expansion, with a stride, with a sum (two in a row), of stride 1 without a sum.
SHAPE = {"stem": 32, "blocks": [[3, 1, 32, 32, 16], [5, 2, 16, 64, 24], [3, 1, 24, 96, 24], [5, 1, 24, 64, 24], [3, 1, 24, 80, 40]],
         "head": 64}
NARROW = {"stem": 16, "blocks": [[3, 1, 16, 16, 8], [5, 2, 8, 32, 16], [3, 1, 16, 48, 16], [5, 1, 16, 32, 16], [3, 1, 16, 48, 24]],
          "head": 32}
SUM = range(1, 4)  # the blocks whose outputs are added


def norms(model):
    return [module for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d)]


def random_network(shape, generator):
    """Random weights, and batch norms that keep differences between images alive."""
    model = networks.Network(shape, 7).to(memory_format=torch.channels_last)
    with torch.no_grad():
        for norm in norms(model):
            norm.momentum = 0.5
        for _ in range(3):
            model.train()(networks.to_input(pictures(16, SIZE, generator)))
        for norm in norms(model):
            norm.bias.normal_(0, 0.5, generator=generator)
            norm.weight.uniform_(1, 3, generator=generator)
    return model.eval()


def logits(model, x):
    with torch.no_grad():
        return model.eval()(x)


def sources(model):
    """For each layer that mixes channels, the batch norm by whose biases, all different, its channels are known."""
    found, before = {}, None
    for index, block in enumerate(model._blocks):
        if index:
            found[f"_blocks.{index}._expand_conv"] = before
        found[f"_blocks.{index}._project_conv"] = f"_blocks.{index}._bn1"
        before = f"_blocks.{index}._bn2"
    return {**found, "_conv_head": before, "_fc": "_bn1"}


def kept(wide, narrow, norm):
    """Which channels of the wide network the narrow one has, in order."""
    biases = wide.get_submodule(norm).bias.tolist()
    return [biases.index(value) for value in narrow.get_submodule(norm).bias.tolist()]


def constant_channels(model, batches, x, generator):
    expected = {}
    with torch.no_grad():
        counts = {"_bn1": 32, **{f"_blocks.{i}._bn1": NARROW["blocks"][i][3] for i in range(5)},
                  **{f"_blocks.{i}._bn2": NARROW["blocks"][i][4] for i in (0, 1, 4)}}
        for name, count in counts.items():
            order = torch.randperm(len(model.get_submodule(name).weight), generator=generator)
            for tied in [f"_blocks.{i}._bn2" for i in SUM] if name == "_blocks.1._bn2" else [name]:
                model.get_submodule(tied).weight[order[count:]] = 0
                expected[tied] = sorted(order[:count].tolist())
    small = shrink.shrunk(model, NARROW, batches)
    wrong = [name for name, channels in expected.items() if kept(model, small, name) != channels]
    before, after = logits(model, x), logits(small, x)
    error = float((before - after).abs().max() / before.std(0).mean())
    print(f"constant channels: {len(wrong)} of {len(expected)} sets wrong, logits differ by {error:.1e} of their deviation")
    return not wrong and error < 1e-3


def best_guess(model, batches, x):
    small = shrink.shrunk(model, NARROW, batches, ridge=1e-9)
    seen = {name: [] for name in sources(model)}
    hooks = [model.get_submodule(name).register_forward_pre_hook(lambda _, arguments, name=name: seen[name].append(arguments[0]))
             for name in seen]
    for inputs, _ in batches:
        logits(model, inputs.detach())
    for hook in hooks:
        hook.remove()
    wide = copy.deepcopy(model)
    for name, norm in sources(model).items():
        stay = kept(model, small, norm)
        gone = sorted(set(range(len(model.get_submodule(norm).bias))) - set(stay))
        rows = torch.cat([part if part.ndim == 2 else part.permute(0, 2, 3, 1).flatten(0, 2) for part in seen[name]]).double().numpy()
        known = np.concatenate([rows[:, stay], np.ones((len(rows), 1))], 1)
        guess = torch.from_numpy(np.linalg.lstsq(known, rows[:, gone], rcond=None)[0])

        def put_in(_, arguments, stay=stay, gone=gone, guess=guess):
            values = arguments[0].double().movedim(1, -1)
            values[..., gone] = values[..., stay] @ guess[:-1] + guess[-1]
            return values.movedim(-1, 1).float()
        wide.get_submodule(name).register_forward_pre_hook(put_in)
    before, guessed, after = logits(model, x), logits(wide, x), logits(small, x)
    error, change = (float((other - after).abs().max() / after.std(0).mean()) for other in (guessed, before))
    print(f"best guesses put in: logits differ by {error:.1e} of their deviation, from the wide network's by {change:.1e}")
    return error < 1e-2 < 1e-1 < change


def shapes():
    wrong = count = 0
    for name, middle, width, stem, head in itertools.product(("lite0", "lite2"), (1, 0.5, 0.2, 0.02), (1, 0.75, 0.5, 0.3, 0.05),
                                                             (None, 16, 24), (None, 256)):
        wide = shape = networks.SHAPES[name]
        try:
            final = shrink.narrowed(wide, middle, width, stem, head)
        except SystemExit:  # one that cannot be
            continue
        for left in reversed(range(3)):
            last, shape, before = shape, shrink.between(shape, final, 1 / (left + 1)), shape["stem"]
            good = shape["stem"] <= last["stem"] and shape["head"] <= last["head"]
            inputs = shape["stem"]
            for block, old, older in zip(shape["blocks"], last["blocks"], wide["blocks"]):
                expands, adds = block[3] != block[2], block[1] == 1 and block[2] == block[4]
                good &= block[2] == inputs and all(a <= b for a, b in zip(block, old)) and block[4] % 8 == 0
                good &= expands == (older[3] != older[2]) and adds == (older[1] == 1 and older[2] == older[4])
                good &= not expands or block[3] % 16 == 0 or block[3] == older[3]
                inputs = block[4]
            count, wrong = count + 1, wrong + (not good)
        wrong += shape != final
    print(f"{count} shapes, {wrong} wrong")
    return count > 100 and not wrong


def bits(model, convert, library, generator):
    pruned(model, 0.5, generator, SIZE)
    with torch.no_grad():  # logits about zero, on a grid that is fine enough to show differences before it
        model._fc.bias -= logits(model, networks.to_input(pictures(16, SIZE, generator))).mean(0)
    quantised = quantise.QuantNetwork(model).eval()
    quantised.calibrate([networks.to_input(pictures(16, SIZE, generator))])
    images = pictures(100, SIZE, generator)
    expected = quantise.IntegerNetwork(quantised)(images)[0].numpy()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        quantise.export(quantised, SIZE, folder, "narrow")
        steps = [{"step": "resize", "width": SIZE, "height": SIZE, "filter": "bicubic"}]
        (folder / "recipe.json").write_text(json.dumps({**RECIPE, "steps": steps}), encoding="utf-8")
        subprocess.run([convert, str(folder), "-o", str(folder / "narrow.cutis")], check=True, stdout=subprocess.DEVNULL)
        session = runtime.Model(library, folder / "narrow.cutis")
        got = np.stack([session.run(image) for image in images.permute(0, 2, 3, 1).contiguous().numpy()])
        session.close()
    spread, different = len(np.unique(expected, axis=0)), int((got != expected).any(1).sum())
    print(f"{len(images)} images, {spread} different outputs: {different} differ from the simulation")
    return not different and spread > len(images) // 2


def main():
    torch.manual_seed(3)
    generator = torch.Generator().manual_seed(4)
    model = random_network(SHAPE, generator)
    batches = [(networks.to_input(pictures(64, SIZE, generator)), torch.randint(0, 7, (64,), generator=generator)) for _ in range(4)]
    x = networks.to_input(pictures(64, SIZE, generator))
    passed = [torch.equal(logits(model, x), logits(shrink.shrunk(model, SHAPE, batches), x))]
    print(f"all channels kept: {'equal' if passed[0] else 'other'} logits")
    passed += [best_guess(model, batches, x), shapes(), bits(random_network(NARROW, generator), *sys.argv[1:3], generator),
               constant_channels(model, batches, x, generator)]
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
