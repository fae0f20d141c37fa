"""Channel pruning: a trained network becomes a narrower one, dense and smaller, which is then fine-tuned.

Channels are removed physically, in a few rounds with training between them, rather than masked while training goes on: a narrow
network trains faster from the first round on, weight decay and batch norms never see channels that are to go, every round is an
ordinary run that resumes, and what comes out is an ordinary checkpoint.

Which channels go: those whose removal raises the loss least by its second-order expansion, with the Hessian of a layer as the product
of the covariances of what it reads and of the gradients of what it makes (K-FAC; "C-OBD" of Wang, Grosse, Fidler and Zhang,
EigenDamage, arXiv:1905.05934, is the same for filters). Layers that read the same channels are added. What is lost is made up for as
far as the other channels can tell it: weights are fitted anew by least squares (He, Zhang and Sun, arXiv:1707.06168), and means go
into the batch norm behind, so a constant channel costs nothing. How many stay is the caller's choice, the same share in every block.
"""

import torch

import moments
import network as networks

UNIT, MIDDLE_UNIT = 8, 16  # the runtime makes outputs by 16; block outputs may be half of that, they cost little


def multiple(wanted, unit, most):
    """The nearest multiple of `unit`, at least one and at most `most`."""
    return min(most, max(unit, int(wanted / unit + 0.5) * unit))


def apart(count, other, unit, most):
    """`count`, or its neighbour where it equals `other`: equal numbers would say that a block has no expansion, or adds its input."""
    if count != other:
        return count
    if count <= unit and count + unit > most:
        raise SystemExit(f"{count} channels before and after a layer would make its block another kind: choose other shares")
    return count + unit if count + unit <= most else count - unit


def expands(block):
    return block[3] != block[2]


def is_residual(block):
    return block[1] == 1 and block[2] == block[4]


def reshaped(old, stem, middle, outputs, head):
    """The shape of the same blocks with other widths; middle and outputs: of each block. Those that the kind of a block determines
    follow from what it reads."""
    blocks, inputs = [], stem
    for block, hidden, made in zip(old["blocks"], middle, outputs):
        hidden = apart(hidden, inputs, MIDDLE_UNIT, block[3]) if expands(block) else inputs
        if is_residual(block):
            made = inputs
        elif block[1] == 1:
            made = apart(made, inputs, UNIT, block[4])
        blocks.append([block[0], block[1], inputs, hidden, made])
        inputs = made
    return {"stem": stem, "blocks": blocks, "head": head}


def narrowed(old, middle=1.0, width=1.0, stem=None, head=None):
    """The shape that keeps the share `middle` of expanded channels, `width` of block outputs and, unless given as numbers, of the
    stem; and all channels before the last layer unless their number is given."""
    return reshaped(old, min(stem, old["stem"]) if stem else multiple(old["stem"] * width, UNIT, old["stem"]),
                    [multiple(block[3] * middle, MIDDLE_UNIT, block[3]) for block in old["blocks"]],
                    [multiple(block[4] * width, UNIT, block[4]) for block in old["blocks"]],
                    min(head, old["head"]) if head else old["head"])


def between(old, new, done):
    """A shape on the way from one to the other, by equal factors; `new` itself when done is 1."""
    def part(a, b, unit):
        return max(b, multiple(a ** (1 - done) * b**done, unit, a))

    def widths(shape):
        return [shape["stem"], shape["head"], *(width for block in shape["blocks"] for width in block[2:])]

    pairs = list(zip(old["blocks"], new["blocks"]))
    made = reshaped(old, part(old["stem"], new["stem"], UNIT), [part(a[3], b[3], MIDDLE_UNIT) for a, b in pairs],
                    [part(a[4], b[4], UNIT) for a, b in pairs], part(old["head"], new["head"], MIDDLE_UNIT))
    return made if all(c >= b for b, c in zip(widths(new), widths(made))) else new  # apart() may have made room on the wrong side


def layers(shape):
    """All layers: name, batch norm, the set of channels that it reads and mixes, the set that it makes, and how many those are. Sets
    are numbers. A depthwise convolution makes the set that it is given, and a block that adds its input the set of that input."""
    found, inputs, sets = [("_conv_stem", "_bn0", None, 0, shape["stem"])], 0, 1
    for index, block in enumerate(shape["blocks"]):
        prefix, hidden, outputs = f"_blocks.{index}.", inputs, inputs
        if expands(block):
            hidden, sets = sets, sets + 1
            found.append((prefix + "_expand_conv", prefix + "_bn0", inputs, hidden, block[3]))
        found.append((prefix + "_depthwise_conv", prefix + "_bn1", None, hidden, block[3]))
        if not is_residual(block):
            outputs, sets = sets, sets + 1
        found.append((prefix + "_project_conv", prefix + "_bn2", hidden, outputs, block[4]))
        inputs = outputs
    return found + [("_conv_head", "_bn1", inputs, sets, shape["head"]), ("_fc", None, sets, None, None)]


def choose(readers, keep):
    """Which `keep` channels stay, ascending. readers: weights [N, K], covariance [K, K], second moments [N, N] of each."""
    cost = sum(covariance.diagonal() * (weight * (moments @ weight)).sum(0) for weight, covariance, moments in readers)
    return torch.topk(cost, keep).indices.sort().values


def shrunk(model, shape, batches, ridge=1e-3):
    """The network narrowed to `shape`, which is of the same blocks; batches: inputs with labels as training shows them."""
    found, own = moments.measure(model, batches), layers(model.shape)
    stays, fitted = {None: slice(None)}, {}
    for _, _, _, chosen, count in layers(shape)[:-1]:
        readers = {name: (model.get_submodule(name).weight.detach().flatten(1).double(), *found[name][1:])
                   for name, _, reads, _, _ in own if reads == chosen}
        if chosen not in stays:
            stays[chosen] = choose(readers.values(), count)
            stay = torch.zeros(len(next(iter(readers.values()))[1]), dtype=torch.bool)
            stay[stays[chosen]] = True
            fitted.update({name: moments.fit(weight, covariance, stay, ridge) for name, (weight, covariance, _) in readers.items()})
    small = networks.Network(shape, model.classes)
    with torch.no_grad():
        for name, norm, reads, makes, _ in own:
            old, new, rows = model.get_submodule(name), small.get_submodule(name), stays[makes]
            weight, shift = old.weight, 0
            if name in fitted:
                weight = fitted[name].view_as(weight)
                shift = (old.weight.flatten(1) - fitted[name]) @ found[name][0]  # what the outputs have less on average
            new.weight.copy_(weight[rows][:, stays[reads]])
            if norm is None:
                new.bias.copy_(old.bias + shift)
                continue
            old, new = model.get_submodule(norm), small.get_submodule(norm)
            for part in ("weight", "bias", "running_var"):
                getattr(new, part).copy_(getattr(old, part)[rows])
            new.running_mean.copy_((old.running_mean - shift)[rows])
    return small.to(memory_format=torch.channels_last)
