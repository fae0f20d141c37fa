"""Gradual pruning by blocks of 16 outputs x 4 inputs, the unit that the runtime neither stores nor multiplies (docs/pruning.md).

The share of dead blocks rises by the cubic schedule of Zhu and Gupta (arXiv:1710.01878). Every time it is raised, blocks are
ranked anew by what they weigh, so one that has grown comes back to life as long as the schedule rises.
"""

import torch

import network as networks

OUTPUTS, INPUTS = 16, 4


def layers(model):
    """The convolutions that are pruned, by name: all 1 x 1 ones. Stem, depthwise and the last layer are small."""
    return {name: module for name, module in model.named_modules()
            if isinstance(module, networks.SameConv) and module.kernel_size == (1, 1)}


def padded_blocks(weight):
    """A copy [panels, 16, groups, 4] of a weight [N, K, 1, 1], filled up with zeros."""
    outputs, inputs = weight.shape[:2]
    filled = torch.nn.functional.pad(weight.detach().flatten(1), (0, -inputs % INPUTS, 0, -outputs % OUTPUTS))
    return filled.view(len(filled) // OUTPUTS, OUTPUTS, -1, INPUTS)


def norm_after(model, name):
    """The batch norm that a convolution's outputs go through."""
    path, last = name.rsplit(".", 1) if "." in name else ("", name)
    following = {"_expand_conv": "_bn0", "_project_conv": "_bn2", "_conv_head": "_bn1", "_conv_stem": "_bn0"}[last]
    return getattr(model.get_submodule(path), following)


def scores(model):
    """What each block weighs [panels, groups], by layer: the root mean square of its weights as the runtime will see them, the
    scale of the batch norm folded in."""
    found = {}
    for name, module in layers(model).items():
        norm = norm_after(model, name)
        factor = (norm.weight / torch.sqrt(norm.running_var + norm.eps)).detach()
        found[name] = padded_blocks(module.weight * factor[:, None, None, None]).pow(2).mean((1, 3)).sqrt()
    return found


def live_shares(numbers, share):
    """How much of each layer lives when `share` of all blocks are dead. A layer of few blocks keeps more of them, in proportion to
    the fourth root: it costs little and sees the image first. (Ranking all layers together empties the expansions, whose weights
    are small because relu6 follows them.)"""
    low, high = 0.0, 1e6
    for _ in range(60):
        factor = (low + high) / 2
        live = [min(1.0, factor * number**-0.25) for number in numbers]
        if sum(a * b for a, b in zip(live, numbers)) > (1 - share) * sum(numbers):
            high = factor
        else:
            low = factor
    return live


def choose(model, share):
    """Masks [panels, groups] of the blocks that live when `share` of all are dead. Every panel of 16 outputs and every group of 4
    inputs keeps its best block. A channel that nobody makes or reads would be removed by the converter, and those behind it would
    move out of their blocks."""
    found = scores(model)
    masks = {}
    for (name, score), live in zip(found.items(), live_shares([score.numel() for score in found.values()], share)):
        ranked = score.clone()
        ranked.scatter_(1, score.argmax(1, keepdim=True), float("inf"))
        ranked.scatter_(0, score.argmax(0, keepdim=True), float("inf"))
        keep = max(int(torch.isinf(ranked).sum()), round(live * score.numel()))
        mask = torch.zeros(score.numel(), dtype=torch.bool)
        mask[torch.topk(ranked.flatten(), keep).indices] = True
        masks[name] = mask.view_as(score)
    return masks


def expand(mask, shape):
    """A mask of blocks as one of the weights [N, K, 1, 1]."""
    full = mask.repeat_interleave(OUTPUTS, 0).repeat_interleave(INPUTS, 1)
    return full[:shape[0], :shape[1], None, None]


def schedule(done, end, begin=0.05):
    """The share of the final rate at `done` (0..1) of the run; all of it from `end` on."""
    if done >= end:
        return 1.0
    if done <= begin:
        return 0.0
    return 1 - (1 - (done - begin) / (end - begin)) ** 3


class Pruner:
    """A constraint of loop.Run: blocks that are dead stay zero."""

    def __init__(self, share, end=0.6, every=20):
        self.share, self.end, self.every, self.calls, self.masks, self.final = share, end, every, 0, None, False

    def step(self, model, done):
        rate = self.share * schedule(done, self.end)
        if self.masks is None or (not self.final and self.calls % self.every == 0):
            self.masks = {name: expand(mask, layers(model)[name].weight.shape) for name, mask in choose(model, rate).items()}
            self.final = rate >= self.share
        self.calls += 1
        self.apply(model)

    def apply(self, model):
        with torch.no_grad():
            for name, module in layers(model).items():
                module.weight.mul_(self.masks[name])

    def resume(self, model, steps, _):
        """As after `steps` steps: dead are the blocks that are zero. Choosing them once more at the final rate finds the same."""
        self.masks = {name: expand(padded_blocks(module.weight).abs().amax((1, 3)) > 0, module.weight.shape)
                      for name, module in layers(model).items()}
        self.calls, self.final = steps, False


def dead_share(model):
    dead = total = 0
    for module in layers(model).values():
        live = padded_blocks(module.weight).abs().amax((1, 3)) > 0
        dead, total = dead + int((~live).sum()), total + live.numel()
    return dead / total
