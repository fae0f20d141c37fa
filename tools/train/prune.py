"""Gradual pruning by blocks of 16 outputs x 4 inputs, the unit that the runtime neither stores nor multiplies (docs/pruning.md).

Blocks die in rounds, each time the same share of those that are left, with training between them. They are ranked by what the loss
would rise without them, by the second moments that moments.py measures, and what the dead ones did is put into the live ones of their
outputs as far as these can tell it. Of a trained network without any training after it, half the blocks gone, that leaves a quarter
of the divergence from its probabilities that a ranking by weights alone leaves.
"""

import torch

import moments
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


def diagonal_blocks(matrix, side, count):
    """The [side, side] blocks on the diagonal of a matrix that is filled up with zeros: [count, side, side]."""
    filled = torch.zeros((count * side, count * side), dtype=matrix.dtype)
    filled[:len(matrix), :len(matrix)] = matrix
    return torch.stack([filled[i:i + side, i:i + side] for i in range(0, count * side, side)])


def scores(model, found):
    """What the loss rises by, to second order, without each block [panels, groups], by layer; -1 for blocks that are dead already.
    found: of moments.measure."""
    made = {}
    for name, module in layers(model).items():
        _, covariance, gradients = found[name]
        blocks = padded_blocks(module.weight.double())
        inputs = diagonal_blocks(covariance, INPUTS, blocks.shape[2])
        outputs = diagonal_blocks(gradients, OUTPUTS, blocks.shape[0])
        made[name] = torch.einsum("pnqk,qkl,pmql,pnm->pq", blocks, inputs, blocks, outputs)
        made[name][blocks.abs().amax((1, 3)) == 0] = -1
    return made


def put_into_the_rest(model, masks, found, ridge=1e-3):
    """Zeroes the dead blocks and fits the weights of each panel's live ones anew; means go into the batch norms."""
    with torch.no_grad():
        for name, module in layers(model).items():
            mean, covariance, _ = found[name]
            old, mask = module.weight.flatten(1).double(), masks[name][:, :, 0, 0]
            new = torch.cat([moments.fit(old[row:row + OUTPUTS], covariance, mask[row], ridge) for row in range(0, len(old), OUTPUTS)])
            norm = norm_after(model, name)
            norm.running_mean -= ((old - new) @ mean).float()
            module.weight.copy_(new.view_as(module.weight))


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


def choose(found, share):
    """From scores(): masks [panels, groups] of the blocks that live when `share` of all are dead. Every panel of 16 outputs and every group of 4
    inputs keeps its best block. A channel that nobody makes or reads would be removed by the converter, and those behind it would
    move out of their blocks."""
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


class Pruner:
    """A constraint of loop.Run: blocks that are dead stay zero. batches: a function that gives inputs with labels to measure by."""

    def __init__(self, share, batches, end=0.6, rounds=8):
        self.share, self.batches, self.masks = share, batches, None
        self.times = [end * (number + 1) / rounds for number in range(rounds)]  # 0..1 of the run
        self.done = 0  # rounds

    def step(self, model, done):
        while self.done < len(self.times) and done >= self.times[self.done]:
            self.done += 1
            if self.done < len(self.times) and done >= self.times[self.done]:
                continue  # several at once: the last one does
            found = moments.measure(model, self.batches())
            chosen = choose(scores(model, found), 1 - (1 - self.share) ** (self.done / len(self.times)))
            self.masks = {name: expand(mask, layers(model)[name].weight.shape) for name, mask in chosen.items()}
            put_into_the_rest(model, self.masks, found)
        self.apply(model)

    def apply(self, model):
        if self.masks is None:
            return
        with torch.no_grad():
            for name, module in layers(model).items():
                module.weight.mul_(self.masks[name])

    def resume(self, model, steps, done):
        """As after `steps` steps: dead are the blocks that are zero."""
        self.done = sum(time <= done for time in self.times)
        if self.done:
            self.masks = {name: expand(padded_blocks(module.weight).abs().amax((1, 3)) > 0, module.weight.shape)
                          for name, module in layers(model).items()}


def dead_share(model):
    dead = total = 0
    for module in layers(model).values():
        live = padded_blocks(module.weight).abs().amax((1, 3)) > 0
        dead, total = dead + int((~live).sum()), total + live.numel()
    return dead / total
