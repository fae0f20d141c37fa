#!/usr/bin/env python3
"""Trains the networks of models/: see README.md in this folder.

    python tools/train/train.py dense --data DATA --run RUN [--seed N]
    python tools/train/train.py prune --data DATA --run RUN --start DENSE/best.pt
    python tools/train/train.py shrink --data DATA --run RUN --start DENSE/best.pt --middle 0.5
    python tools/train/train.py quantise --data DATA --run RUN --start PRUNED/best.pt --teacher DENSE/best.pt
"""

import argparse
import pathlib

import torch
import torch.nn.functional as F

import lesions
import loop
import network as networks
import prune as pruning
import quantise as quantisation
import shrink as shrinking
import usable


def load_data(root):
    rows = lesions.read_rows(root)
    data = {"train": lesions.load(lesions.rows_of(rows, lesions.TRAIN_FOLDS)),
            "validation": lesions.load(lesions.rows_of(rows, (lesions.VALIDATION_FOLD,)))}
    print(f"{len(data['train'][0])} images to train on, {len(data['validation'][0])} to validate on", flush=True)
    return data


def cross_entropy(smoothing, mixup):
    """Of the labels; with mixup, of pairs of images blended by Beta(mixup, mixup) (Zhang et al., arXiv:1710.09412)."""
    def loss(model, x, labels, _):
        share, others = 1.0, labels
        if mixup > 0:
            share = float(torch.distributions.Beta(mixup, mixup).sample())
            order = torch.randperm(len(x))
            x, others = share * x + (1 - share) * x[order], labels[order]
        with torch.autocast("cpu", torch.bfloat16):
            logits = model(x)
        return sum(part * F.cross_entropy(logits.float(), own, label_smoothing=smoothing)
                   for part, own in ((share, labels), (1 - share, others)) if part > 0)
    return loss


def options_of(arguments, **more):
    return {"seed": arguments.seed, "batch": arguments.batch, "samples": arguments.samples, "rate": arguments.rate,
            "average": arguments.average, "class_power": arguments.class_power, "geometry": 1.0, "colours": 0.6,
            "colour_constancy": arguments.colour_constancy, "recalibrate": 0, **more}


def dense(arguments):
    """Fine-tunes an EfficientNet-Lite from ImageNet, small images first (Tan and Le, arXiv:2104.00298, "progressive learning")."""
    torch.manual_seed(arguments.seed)
    model = networks.Network(networks.SHAPES[arguments.network], len(lesions.LABELS), drop=0.1, dropout=0.3)
    networks.load_imagenet(model, arguments.network)
    size = arguments.size
    third = arguments.epochs // 3
    small, medium = (round(size * share / 16) * 16 for share in (2 / 3, 5 / 6))
    plan = [small] * third + [medium] * third + [size] * (arguments.epochs - 2 * third)
    run = loop.Run(arguments.run, model, load_data(arguments.data), plan, size, options_of(arguments, mixup=arguments.mixup),
                   cross_entropy(0.05, arguments.mixup))
    run.train(watch_from=2 * third)


def load_network(path):
    return networks.load(path, len(lesions.LABELS))


def distillation(teachers, share, temperature=2.0, smoothing=0.05, bf16=True):
    """Cross entropy, and `share` of the divergence from the mean of the teachers' probabilities on the same pixels (Hinton, Vinyals,
    Dean, arXiv:1503.02531)."""
    for teacher in teachers:
        teacher.eval()

    def loss(model, x, labels, _):
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            soft = torch.stack([F.softmax(teacher(x).float() / temperature, 1) for teacher in teachers]).mean(0)
        with torch.autocast("cpu", torch.bfloat16, bf16):
            logits = model(x)
        logits = logits.float()
        hard = F.cross_entropy(logits, labels, label_smoothing=smoothing)
        close = F.kl_div(F.log_softmax(logits / temperature, 1), soft, reduction="batchmean") * temperature**2
        return (1 - share) * hard + share * close
    return loss


def prune(arguments):
    """Prunes the network by blocks while it is fine-tuned, with the dense one (or several) as teacher."""
    torch.manual_seed(arguments.seed)
    model = load_network(arguments.start)
    model.dropout = 0.1
    teachers = [load_network(path) for path in arguments.teacher or [arguments.start]]
    plan = [arguments.size] * arguments.epochs
    pruner = pruning.Pruner(arguments.share, lambda: run.batches(8), arguments.ramp)
    options = options_of(arguments, share=arguments.share, ramp=arguments.ramp, recalibrate=32)
    run = loop.Run(arguments.run, model, load_data(arguments.data), plan, arguments.size, options, distillation(teachers, 0.7), pruner)
    run.train(watch_from=int(arguments.ramp * arguments.epochs))
    print(f"{pruning.dead_share(load_network(run.folder / 'best.pt')):.4f} of the blocks are dead", flush=True)


def shrink(arguments):
    """Removes channels and fine-tunes what is left: an epoch after each round but the last (RUN/round1, ...), then --epochs."""
    torch.manual_seed(arguments.seed)
    data = load_data(arguments.data)
    model = load_network(arguments.start)
    teachers = [load_network(path) for path in arguments.teacher or [arguments.start]]
    final = shrinking.narrowed(model.shape, arguments.middle, arguments.width, arguments.stem, arguments.head)
    pixels, labels = data["train"]
    for left in reversed(range(arguments.rounds)):
        folder = pathlib.Path(arguments.run) / (f"round{arguments.rounds - left}" if left else "")
        shape = shrinking.between(model.shape, final, 1 / (left + 1))
        if (folder / "last.pt").exists():
            model = networks.Network(shape, model.classes)  # the run has its weights
        else:
            generator = torch.Generator().manual_seed(arguments.seed + left)
            model = shrinking.shrunk(model, shape, (
                (loop.shown(pixels[part], arguments.size, generator, options_of(arguments)), labels[part])
                for part in lesions.draw(labels, 512, arguments.class_power, generator).split(32)))
        model.dropout = 0.1
        print(f"{sum(weights.numel() for weights in model.parameters())} parameters: {shape}", flush=True)
        epochs = 1 if left else arguments.epochs
        options = options_of(arguments, start=arguments.start, rounds=arguments.rounds, shape=shape, recalibrate=32)
        run = loop.Run(folder, model, data, [arguments.size] * epochs, arguments.size, options, distillation(teachers, 0.7))
        run.train(watch_from=0 if left else int(0.6 * epochs))
        model = load_network(folder / "best.pt")


def quantise(arguments):
    """Fine-tunes a network in the runtime's arithmetic and writes weights.safetensors, graph.json and quant.json to RUN/export."""
    torch.manual_seed(arguments.seed)
    data = load_data(arguments.data)
    model = quantisation.QuantNetwork(load_network(arguments.start))
    teachers = [load_network(path) for path in arguments.teacher or [arguments.start]]
    generator = torch.Generator().manual_seed(arguments.seed)
    pixels, labels = data["train"]
    chosen = lesions.draw(labels, 512, arguments.class_power, generator).split(64)
    model.calibrate([loop.shown(pixels[part], arguments.size, generator, options_of(arguments)) for part in chosen])
    run = loop.Run(arguments.run, model, data, [arguments.size] * arguments.epochs, arguments.size, options_of(arguments),
                   distillation(teachers, 0.7, bf16=False), quantisation.MaskConstraint(), decay=0.0, bf16=False)
    run.train()
    best = quantisation.QuantNetwork(load_network(arguments.start))
    best.load_state_dict(torch.load(run.folder / "best.pt", map_location="cpu", weights_only=True))
    best.eval()
    usable.add_embedding(best, lesions.rows_of(lesions.read_rows(arguments.data), lesions.TRAIN_FOLDS), arguments.size, arguments.seed)
    folder = run.folder / "export"
    folder.mkdir(exist_ok=True)
    quantisation.export(best, arguments.size, folder, arguments.name)
    print(f"{folder}: weights.safetensors, graph.json, quant.json", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    stages = parser.add_subparsers(required=True)
    for name, function, epochs, rate in (("dense", dense, 18, 1e-3), ("prune", prune, 10, 5e-4), ("shrink", shrink, 12, 5e-4),
                                         ("quantise", quantise, 3, 5e-5)):
        stage = stages.add_parser(name, help=function.__doc__)
        stage.set_defaults(function=function)
        stage.add_argument("--data", required=True, help="the folder with labels.csv and images/")
        stage.add_argument("--run", required=True, help="the run's folder: checkpoints, log, curves; a run that stopped goes on")
        stage.add_argument("--seed", type=int, default=1)
        stage.add_argument("--size", type=int, default=192, help="side of the images that the network will see (default: 192)")
        stage.add_argument("--epochs", type=int, default=epochs)
        stage.add_argument("--samples", type=int, default=8000, help="images drawn an epoch")
        stage.add_argument("--batch", type=int, default=64)
        stage.add_argument("--rate", type=float, default=rate, help="the highest learning rate")
        stage.add_argument("--average", type=float, default=0.998 if name == "dense" else 0.99,
                           help="of the exponential average of the weights, a step; a network that is being pruned must not lag behind")
        stage.add_argument("--class-power", type=float, default=0.5,
                           help="classes come in proportion to (their number)**this: 1 as they are, 0 equally often")
        stage.add_argument("--colour-constancy", action="store_true", help="shades-of-grey white balance of every training image")
        stage.add_argument("--threads", type=int, default=0)
        if name != "dense":
            stage.add_argument("--start", required=True, help="the network to start from: best.pt of its run, or safetensors")
            stage.add_argument("--teacher", action="append", help="networks to distil from (default: --start); may be repeated")
        if name == "dense":
            stage.add_argument("--network", choices=sorted(networks.SHAPES), default="lite0",
                               help="lite2 is meant as a teacher")
            stage.add_argument("--mixup", type=float, default=0.0, help="blend pairs of images by Beta(this, this); 0: none")
        if name == "quantise":
            stage.add_argument("--name", default="bcc_lite0", help="of the network, in graph.json")
        if name == "shrink":
            stage.add_argument("--middle", type=float, default=1.0, help="the share of the expanded channels that stays")
            stage.add_argument("--width", type=float, default=1.0, help="the share of block outputs that stays, and of the stem")
            stage.add_argument("--stem", type=int, help="how many channels of the stem stay (default: by --width)")
            stage.add_argument("--head", type=int, help="how many channels before the last layer stay (default: all)")
            stage.add_argument("--rounds", type=int, default=3, help="in which they go")
        if name == "prune":
            stage.add_argument("--share", type=float, default=0.75, help="of the blocks that die")
            stage.add_argument("--ramp", type=float, default=0.6,
                               help="the part of the run after which all of them are dead; 0: at once, to go on with a pruned network")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    loop.keep_memory()
    arguments.function(arguments)


if __name__ == "__main__":
    main()
