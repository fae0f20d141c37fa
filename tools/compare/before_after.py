#!/usr/bin/env python3
"""A classifier written with PyTorch (recipe.py) beside Cutis, from an image file to its verdict: time, peak memory and processor time.

    python3 tools/compare/before_after.py [--build build] [--work build/compare] [--images FOLDER] [--count N] [--rounds N] [--readme README.md]

Both run EfficientNet-Lite0 (224 x 224, seven labels) with the same weights, on one thread of the same CPU, on the same images: PyTorch with
its linear layers in int8 (quantize_dynamic), Cutis in int8 throughout. Each round starts each program anew, in turn, names it one image after
the other, and asks the system what it took. Ratios are taken within rounds. Written to WORK/before_after: before_after.json (which
cutis bench --report --baseline shows), before_after.md, before_after.png; --readme also puts the table between the marks in that file.
Environments with PyTorch (pinned: requirements-recipe.txt, requirements-model.txt) are made in WORK and kept.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import time

from compare import HERE, environment, machine, say

SCHEMA = "cutis-before-after-1"
MARKS = "<!-- before_after.py -->", "<!-- end of before_after.py -->"
LABELS = "bcc,mel,nv,bkl,akiec_scc,df,vasc"
# Key, title, unit: in the order of the table; tools/cutis/baseline.h knows the same keys.
MEASURES = [("inference_ms", "inference of an image, median", "ms"), ("inference_p90_ms", "inference, 90 % below", "ms"),
            ("prepare_ms", "decoding and resizing it", "ms"), ("image_ms", "image file to verdict, median", "ms"),
            ("image_p90_ms", "image file to verdict, 90 % below", "ms"), ("first_image_ms", "first image, from the start of the process", "ms"),
            ("cpu_ms", "processor time of an image", "ms"), ("utilisation", "CPUs kept busy", ""),
            ("peak_bytes", "peak memory of the process (resident)", "MB"), ("pss_bytes", "memory at the end (PSS)", "MB")]
NO_RATIO = {"utilisation"}  # neither more nor less of it is better

# A drawing of before_after.json, for a Python that has matplotlib.
PLOT = r"""
import json, sys
import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt
result = json.load(open(sys.argv[1]))
shown = [("inference_ms", "inference, ms", 1), ("image_ms", "file to verdict, ms", 1), ("first_image_ms", "first image with start, ms", 1),
         ("peak_bytes", "peak memory, MB", 1e-6)]
shown = [entry for entry in shown if entry[0] in result["ratios"]]
figure, axes = plt.subplots(1, len(shown), figsize=(2.6 * len(shown), 3.2), layout="constrained")
for axis, (key, title, factor) in zip(axes, shown):
    values = [factor * result[side][key] for side in ("before", "after")]
    bars = axis.bar(["PyTorch", "Cutis"], values, color=["#98a2ad", "#2265c3"], width=0.6)
    axis.bar_label(bars, [f"{value:.3g}" if value < 1000 else f"{value:.0f}" for value in values], padding=2)
    axis.set_title(f"{title}\n{result['ratios'][key]['median']:.1f}x less", fontsize=9)
    axis.margins(y=0.12)
    axis.spines[["top", "right"]].set_visible(False)
figure.suptitle(f"{result['machine']}, {result['isa']}, one thread", fontsize=10)
figure.savefig(sys.argv[2], dpi=130)
"""


# -- from measurements to figures, without any of the programs ----------------------------------------------------------------------------

def percentile(values, share):
    """Below which that share lies, interpolated between neighbours, as cutis bench has it."""
    ordered = sorted(values)
    at = share * (len(ordered) - 1)
    low = int(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (at - low)


def summary(run):
    """What one start of a program took: `first_ms`, lists of an entry an image after the first, and what the system counted."""
    return {"inference_ms": percentile(run["inference_ms"], 0.5), "inference_p90_ms": percentile(run["inference_ms"], 0.9),
            "prepare_ms": percentile(run["prepare_ms"], 0.5), "image_ms": percentile(run["image_ms"], 0.5),
            "image_p90_ms": percentile(run["image_ms"], 0.9), "first_image_ms": run["first_ms"],
            "cpu_ms": 1000 * run["cpu_s"] / len(run["image_ms"]), "utilisation": run["cpu_s"] / run["wall_s"],
            "peak_bytes": run["peak_bytes"], "pss_bytes": run["pss_bytes"]}


def figures(rounds):
    """Medians over rounds of what summary() gives."""
    return {key: statistics.median(row[key] for row in rounds) for key, _, _ in MEASURES if all(row[key] is not None for row in rounds)}


def ratios(before, after):
    """Of the one before to the one after, within each round."""
    found = {}
    for key, _, _ in MEASURES:
        pairs = [(old[key], new[key]) for old, new in zip(before, after) if old[key] and new[key]]
        if key in NO_RATIO or len(pairs) < len(before):
            continue
        values = [old / new for old, new in pairs]
        found[key] = {"median": statistics.median(values), "least": min(values), "most": max(values)}
    return found


def cell(value, unit):
    if value is None:
        return ""
    if unit == "MB":
        return f"{value / 1e6:.1f} MB"
    return f"{value:.2f} {unit}".rstrip() if value < 100 else f"{value:.0f} {unit}".rstrip()


def table(result):
    before, after = result["before"], result["after"]
    lines = [f"| EfficientNet-Lite0, 1 thread, {result['isa']} | {before['name']} | {after['name']} | ratio |", "|---|---|---|---|"]
    for key, title, unit in MEASURES:
        if key not in before or key not in after:
            continue
        ratio = result["ratios"].get(key)
        text = f"{ratio['median']:.1f} ({ratio['least']:.1f} to {ratio['most']:.1f})" if ratio else ""
        lines.append(f"| {title} | {cell(before[key], unit)} | {cell(after[key], unit)} | {text} |")
    versions = "; ".join(f"{side['name']}: " + ", ".join(f"{name} {version}" for name, version in side["versions"].items()) for side in (before, after))
    lines += ["", f"{result['machine']}; {result['images']} images a round, {result['rounds']} rounds in turn: medians, and of the ratios also the least "
              f"and the most. {versions}. The probabilities of the two differ by at most {result['agreement']['largest_difference']:.3f}, "
              f"{result['agreement']['mean_difference']:.3f} in the mean."]
    return "\n".join(lines) + "\n"


def between_marks(text, inserted):
    """`text` with `inserted` between the marks, in place of what stood there."""
    begin, end = MARKS
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
        raise SystemExit(f"before_after: the file to write into needs the lines {begin} and {end}, once and in this order")
    return text[:text.index(begin) + len(begin)] + "\n" + inserted + text[text.index(end):]


def agreement(before, after):
    """Of the probabilities, which are lists an image."""
    differences = [abs(a - b) for first, second in zip(before, after) for a, b in zip(first, second)]
    return {"largest_difference": max(differences), "mean_difference": statistics.fmean(differences)}


def proc_bytes(text, key):
    """A line like `VmHWM:   1234 kB` of a file under /proc; None where there is none."""
    for line in text.splitlines():
        if line.startswith(key + ":"):
            return 1024 * int(line.split()[1])
    return None


def proc_ticks(text):
    """User and system time of /proc/PID/stat, in ticks. The name of the program, in brackets, may hold anything."""
    fields = text[text.rindex(")") + 2:].split()
    return int(fields[11]) + int(fields[12])


# -- the programs ---------------------------------------------------------------------------------------------------------------------------

class Program:
    """One that answers a line of JSON for the name of an image, on that CPU. No process is left of it."""

    def __init__(self, command, cpu, log):
        self.name, self.log = command[0], log
        with open(log, "a", encoding="utf-8") as errors:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True,
                                            preexec_fn=lambda: os.sched_setaffinity(0, {cpu}))

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            self.process.kill()
        try:
            self.process.communicate(timeout=60)
        except BrokenPipeError:
            pass  # it ended before it read all
        if kind is None and self.process.returncode != 0:
            raise SystemExit(f"before_after: {self.name}: exit code {self.process.returncode}; see {self.log}")

    def ask(self, image):
        try:
            self.process.stdin.write(f"{image}\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        answer = json.loads(line) if line else {"error": "it ended"}
        if "error" in answer:
            raise SystemExit(f"before_after: {self.name}: {image}: {answer['error']}; see {self.log}")
        return answer

    def proc(self, name):
        return pathlib.Path(f"/proc/{self.process.pid}/{name}").read_text(encoding="utf-8")

    def cpu_seconds(self):
        return proc_ticks(self.proc("stat")) / os.sysconf("SC_CLK_TCK")

    def pss_bytes(self):
        try:
            return proc_bytes(self.proc("smaps_rollup"), "Pss")
        except OSError:  # an older system
            return None


def run_once(command, images, cpu, log):
    """Starts a program, names it the images one by one, and returns what it took."""
    result = {"inference_ms": [], "prepare_ms": [], "image_ms": [], "probabilities": []}
    start = time.perf_counter()
    with Program(command, cpu, log) as program:
        first = program.ask(images[0])
        result["first_ms"] = 1000 * (time.perf_counter() - start)
        result["probabilities"].append(list(first["probabilities"].values()))
        used, begin = program.cpu_seconds(), time.perf_counter()
        for name in images[1:]:
            asked = time.perf_counter()
            answer = program.ask(name)
            result["image_ms"].append(1000 * (time.perf_counter() - asked))
            took = answer["ms"]
            result["inference_ms"].append(took["inference"])
            result["prepare_ms"].append(took["prepare"] if "prepare" in took else took["decode"] + took["preprocess"])
            result["probabilities"].append(list(answer["probabilities"].values()))
        result["cpu_s"], result["wall_s"] = program.cpu_seconds() - used, time.perf_counter() - begin
        result["peak_bytes"], result["pss_bytes"] = proc_bytes(program.proc("status"), "VmHWM"), program.pss_bytes()
    return result


def prepare(options, work):
    """The network in both forms; the commands of both programs."""
    tools, python = environment(options.work, "model"), environment(options.work, "recipe")
    cutis, folder = options.build / "cutis", work / "model"
    folder.mkdir(parents=True, exist_ok=True)
    weights, model = folder / "weights.pt", work / "lite0_bcc.cutis"
    say("making the network")
    subprocess.run([tools, HERE / "lite0_bcc.py", folder, options.decoder], check=True)
    subprocess.run([options.build / "cutis-convert", folder / "model.onnx", "-o", model, "--recipe", folder / "recipe.json",
                    "--calibrate", folder / "calibration"], check=True, stdout=subprocess.DEVNULL)
    held = ["--isa", options.isa] if options.isa else []
    isa = json.loads(subprocess.run([cutis, "inspect", model, "--json", *held], check=True, capture_output=True, text=True).stdout)["isa"]
    recipe = [python, HERE / "recipe.py", weights, LABELS]
    return tools, python, recipe, [cutis, "classify", model, "-", "--json", "--threads", "1", *held], isa


def versions(python, cutis):
    code = ("import json, platform, numpy, PIL, torch\n"
            "print(json.dumps({'Python': platform.python_version(), 'torch': torch.__version__, 'Pillow': PIL.__version__, 'NumPy': numpy.__version__}))")
    recipe = json.loads(subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout)
    return recipe, {"Cutis": subprocess.run([cutis, "--version"], check=True, capture_output=True, text=True).stdout.split()[-1]}


def images_of(folder, count):
    found = sorted(str(path.resolve()) for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    if not found:
        raise SystemExit(f"before_after: {folder} holds no images")
    return [found[i % len(found)] for i in range(count)]


def run(options):
    work = options.work / "before_after"
    work.mkdir(parents=True, exist_ok=True)
    tools, python, recipe, cutis, isa = prepare(options, work)
    images = images_of(options.images, options.count)
    sides, last = {"before": [], "after": []}, {}
    for number in range(options.rounds + 1):  # the first one only fills caches
        for side, command in (("before", recipe), ("after", cutis)):
            last[side] = run_once(command, images, options.cpu, work / f"{side}.log")
            if number > 0:
                sides[side].append(summary(last[side]))
        say(f"round {number} of {options.rounds}")
    recipe_versions, cutis_versions = versions(python, cutis[0])
    result = {"schema": SCHEMA, "about": "EfficientNet-Lite0, 224 x 224, 7 labels; an image file to its verdict, one thread each, batch 1",
              "machine": machine(), "isa": isa, "images": len(images) - 1, "rounds": options.rounds, "threads": 1,
              "before": {"name": "PyTorch recipe", "versions": recipe_versions, **figures(sides["before"])},
              "after": {"name": "cutis classify", "versions": cutis_versions, **figures(sides["after"])},
              "ratios": ratios(sides["before"], sides["after"]),
              "agreement": agreement(last["before"]["probabilities"], last["after"]["probabilities"]), "rounds_of": sides}
    text = table(result)
    (work / "before_after.json").write_text(json.dumps(result, indent=1), encoding="utf-8")
    (work / "before_after.md").write_text(text, encoding="utf-8")
    subprocess.run([tools, "-c", PLOT, work / "before_after.json", work / "before_after.png"], check=True)
    if options.readme:
        options.readme.write_text(between_marks(options.readme.read_text(encoding="utf-8"), text), encoding="utf-8")
    print(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build"), help="the build folder with cutis and cutis-convert")
    parser.add_argument("--work", type=pathlib.Path, help="what is made on the way, and the results (default: BUILD/compare)")
    parser.add_argument("--images", type=pathlib.Path, default=HERE.parent / "samples", help="a folder of JPEG and PNG files (default: tools/samples)")
    parser.add_argument("--count", type=int, default=61, help="images of a round, the first one apart; a folder with fewer is gone through again")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--cpu", type=int, default=min(os.sched_getaffinity(0)), help="the CPU that both run on (default: the first)")
    parser.add_argument("--isa", help="hold Cutis to an instruction set")
    parser.add_argument("--decoder", default="libjpeg-turbo", help="of Cutis; libjpeg-turbo gives Pillow's pixels")
    parser.add_argument("--readme", type=pathlib.Path, help="put the table between the marks in this file too")
    options = parser.parse_args()
    if options.count < 2 or options.rounds < 1:
        parser.error("--count begins at 2, --rounds at 1")
    options.build = options.build.resolve()
    options.work = (options.work or options.build / "compare").resolve()
    run(options)


if __name__ == "__main__":
    main()
