"""The training loop that every stage shares: epochs that resume, an average of the weights, validation, a log with curves.

A stage is a function that makes the loss of one batch. The state after every epoch is in `last.pt` of the run's folder, the best
validated average of the weights in `best.pt`, a line an epoch in `log.jsonl`, and the curves in `curves.png`. All random numbers come
from the seed and the number of the epoch, so a run that was interrupted gives what it would have given.
"""

import copy
import ctypes
import json
import math
import os
import pathlib
import sys
import time

import torch

import augment
import lesions
import metrics
import network as networks


def keep_memory():
    """Tells glibc to keep freed pages: large tensors come and go in every step, and mapping them anew costs a third of the time."""
    try:
        libc = ctypes.CDLL("libc.so.6")
    except OSError:
        return
    for parameter, value in ((-3, 1 << 30), (-1, (1 << 31) - 1), (-2, 1 << 28)):  # M_MMAP_THRESHOLD, M_TRIM_THRESHOLD, M_TOP_PAD
        libc.mallopt(parameter, value)


def shown(pixels, size, generator, options):
    """Inputs as training shows them, from stored pixels."""
    return networks.to_input(augment.batch(pixels, size, generator, options["geometry"], options["colours"],
                                           colour_constancy=options["colour_constancy"]))


def validate(model, pixels, labels, size, batch=64, bf16=True):
    """Logits [N, classes] in float32 of stored pixels at the network's size, without augmentation."""
    model.eval()
    made = []
    with torch.no_grad():
        for begin in range(0, len(pixels), batch):
            x = pixels[begin:begin + batch].float()
            if x.shape[2] != size:
                x = torch.nn.functional.interpolate(x, size=(size, size), mode="bicubic", antialias=True)
            x = networks.to_input(x.clamp(0, 255).round())
            with torch.autocast("cpu", torch.bfloat16, bf16):
                made.append(model(x).float())
    return torch.cat(made)


def recalibrate(model, batches):
    """Gives batch norms the statistics of these inputs (labels are not looked at). Running statistics lag behind weights that change
    in jumps, and behind an average of them more so."""
    norms = [module for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    model.eval()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum, momentum = None, norm.momentum  # None: the plain mean over the batches
        norm.train()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        for x, _ in batches:
            model(x)
    for norm in norms:
        norm.momentum = momentum
    model.eval()


def scores(logits, labels):
    logits, labels = logits.numpy(), labels.numpy()
    return {
        "auc": metrics.auc(metrics.log_odds(logits, lesions.POSITIVE), labels == lesions.POSITIVE),
        "balanced": metrics.balanced_accuracy(logits.argmax(1), labels, logits.shape[1]),
        "cross_entropy": float(torch.nn.functional.cross_entropy(torch.from_numpy(logits), torch.from_numpy(labels))),
    }


def write_atomically(path, write):
    """Writes a file beside `path` and renames it, so that an interrupted run never leaves half of one."""
    partial = path.with_name(path.name + ".part")
    write(partial)
    os.replace(partial, path)


class Run:
    """One training run in a folder.

    plan: one image size an epoch. rate(step, steps): the learning rate. loss(model, x, labels, epoch): the loss of a batch.
    constraint.step(model, fraction): called after each step with the fraction of the run that is done;
    constraint.apply(model): what it keeps to, on another set of the weights (pruning masks); constraint.resume(model, steps, fraction):
    called instead of all the steps before."""

    def __init__(self, folder, model, data, plan, size, options, loss, constraint=None, decay=0.02, bf16=True):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.model = model.to(memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.model)
        self.data, self.plan, self.size, self.options, self.bf16 = data, plan, size, options, bf16
        self.loss, self.constraint = loss, constraint
        flat = [p for p in model.parameters() if p.ndim < 2]
        rest = [p for p in model.parameters() if p.ndim >= 2]
        self.optimiser = torch.optim.AdamW([{"params": rest, "weight_decay": decay}, {"params": flat, "weight_decay": 0.0}],
                                           lr=options["rate"], fused=True)
        self.epoch, self.best, self.step, self.stale = 0, -1.0, 0, 0
        self.steps_an_epoch = options["samples"] // options["batch"]
        self.load()

    def load(self):
        path = self.folder / "last.pt"
        if not path.exists():
            return
        state = torch.load(path, map_location="cpu", weights_only=True)
        if state["options"] != self.options or state["plan"] != self.plan:
            raise SystemExit(f"{path} belongs to a run with other options: use another folder, or remove it")
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.epoch, self.best, self.step, self.stale = state["epoch"], state["best"], state["step"], state["stale"]
        if self.constraint:
            self.constraint.resume(self.model, self.step, self.step / (self.steps_an_epoch * len(self.plan)))
        print(f"goes on after epoch {self.epoch} of {len(self.plan)}", flush=True)

    def save(self):
        state = {"model": self.model.state_dict(), "average": self.average.state_dict(), "optimiser": self.optimiser.state_dict(),
                 "epoch": self.epoch, "best": self.best, "step": self.step, "stale": self.stale, "options": self.options,
                 "plan": self.plan}
        write_atomically(self.folder / "last.pt", lambda path: torch.save(state, path))

    def rate(self):
        """A linear rise over the first half epoch, then half a cosine down to a hundredth."""
        done = self.step / (self.steps_an_epoch * len(self.plan))
        rise = min(1.0, (self.step + 1) / (0.5 * self.steps_an_epoch))
        return self.options["rate"] * rise * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done)))

    def update_average(self):
        """The exponential moving average of weights and of the statistics of batch norms; short at the start of a run."""
        keep = min(self.options["average"], (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for own, new in zip(self.average.state_dict().values(), self.model.state_dict().values()):
                if not isinstance(own, torch.Tensor):
                    continue  # grids: fixed, and already the same
                if own.dtype.is_floating_point:
                    own.lerp_(new, 1 - keep)
                else:
                    own.copy_(new)

    def train_epoch(self):
        options, size = self.options, self.plan[self.epoch]
        pixels, labels = self.data["train"]
        generator = torch.Generator().manual_seed(options["seed"] * 1000 + self.epoch)
        torch.manual_seed(options["seed"] * 1000 + self.epoch + 500)  # dropout, stochastic depth
        order = lesions.draw(labels, options["samples"], options["class_power"], generator)
        self.model.train()
        total, begun = 0.0, time.time()
        for number in range(self.steps_an_epoch):
            chosen = order[number * options["batch"]:(number + 1) * options["batch"]]
            x = shown(pixels[chosen], size, generator, options)
            for group in self.optimiser.param_groups:
                group["lr"] = self.rate()
            loss = self.loss(self.model, x, labels[chosen], self.epoch)
            self.optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
            self.optimiser.step()
            self.step += 1
            if self.constraint:
                self.constraint.step(self.model, self.step / (self.steps_an_epoch * len(self.plan)))
            self.update_average()
            total += float(loss.detach())
            if sys.stdout.isatty():
                speed = (number + 1) * options["batch"] / (time.time() - begun)
                print(f"\repoch {self.epoch + 1}/{len(self.plan)} step {number + 1}/{self.steps_an_epoch} "
                      f"loss {total / (number + 1):.4f} {speed:.0f} images/s ", end="", flush=True)
        return total / self.steps_an_epoch, time.time() - begun

    def batches(self, count):
        """Inputs with labels, as the epoch at hand shows them."""
        options = self.options
        pixels, labels = self.data["train"]
        generator = torch.Generator().manual_seed(options["seed"] * 1000 + self.epoch + 700)
        for chosen in lesions.draw(labels, count * options["batch"], options["class_power"], generator).split(options["batch"]):
            yield shown(pixels[chosen], self.size, generator, options), labels[chosen]

    def train(self, patience=6, watch_from=0):
        """Runs what is left. The best average by validation (AUC + balanced accuracy / 4) from epoch `watch_from` on is kept."""
        while self.epoch < len(self.plan) and self.stale < patience:
            loss, seconds = self.train_epoch()
            if self.constraint:
                self.constraint.apply(self.average)
            judged = self.average
            if self.options["recalibrate"]:
                judged = copy.deepcopy(self.average)
                recalibrate(judged, self.batches(self.options["recalibrate"]))
            found = scores(validate(judged, *self.data["validation"], self.size, bf16=self.bf16), self.data["validation"][1])
            self.epoch += 1
            value = found["auc"] + 0.25 * found["balanced"]
            better = self.epoch > watch_from and value > self.best
            if better:
                self.best, self.stale = value, 0
                write_atomically(self.folder / "best.pt", lambda path: torch.save(judged.state_dict(), path))
            elif self.epoch > watch_from:
                self.stale += 1
            self.save()
            line = {"epoch": self.epoch, "size": self.plan[self.epoch - 1], "loss": round(loss, 5), "rate": self.rate(),
                    "seconds": round(seconds, 1), **{k: round(v, 5) for k, v in found.items()}, "best": better}
            with open(self.folder / "log.jsonl", "a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
            print(json.dumps(line), flush=True)
            self.plot()

    def plot(self):
        import matplotlib
        matplotlib.use("Agg")
        import matplotlib.pyplot as plot

        with open(self.folder / "log.jsonl", encoding="utf-8") as file:
            lines = [json.loads(line) for line in file]
        epochs = [line["epoch"] for line in lines]
        figure, panels = plot.subplots(1, 3, figsize=(12, 3.5))
        for panel, names in zip(panels, (("loss", "cross_entropy"), ("auc",), ("balanced",))):
            for name in names:
                panel.plot(epochs, [line[name] for line in lines], marker="o", markersize=3, label=name)
            panel.set_xlabel("epoch")
            panel.legend()
            panel.grid(alpha=0.3)
        figure.suptitle(f"{self.folder.name}: loss in training, the rest on the validation fold (average of weights)")
        figure.tight_layout()
        write_atomically(self.folder / "curves.png", lambda path: figure.savefig(path, format="png", dpi=100))
        plot.close(figure)
