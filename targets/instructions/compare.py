#!/usr/bin/env python3
"""Counts the instructions that Cutis and XNNPACK execute for the layers of EfficientNet-Lite0, on emulated 64-bit ARM processors.

    python3 targets/instructions/compare.py --sysroot FOLDER [--size 224] [--cpus cortex-a53,cortex-a76,max] [--work build-instructions]
                                            [--model FILE.cutis ...]

FOLDER is the root of the arm64 packages libxnnpack-dev, what it depends on, libc6, libgcc-s1 and libstdc++6 of Debian 13, unpacked (docs/
performance.md). Needs the cross compiler and qemu-user as targets/build.sh does. Before a step is counted (stem, block, head) both must give
the same bytes for it, but for a block's sum. A count is that of a process with two runs less that of one with one run, so that loading and packing do not count; one thread.
Of each --model the instructions for one image are counted by function (cutis bench). Written to WORK: compare.json, compare.md.
"""

import argparse
import collections
import json
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
TRIPLE = "aarch64-linux-gnu"
# XNNPACK chooses by the model of the processor too, which it reads in /proc/cpuinfo: the part number of Arm for each, as QEMU itself states it
# to the program. QEMU's `max` is no real one; Neoverse N2 is one with matrix products.
PARTS = {"cortex-a53": 0xD03, "cortex-a76": 0xD0B, "max": 0xD49}
# Inputs, expanded, outputs, kernel, stride, side of the input as a part of the image's, how often; of EfficientNet-Lite0.
BLOCKS = [(32, 32, 16, 3, 1, 2, 1), (16, 96, 24, 3, 2, 2, 1), (24, 144, 24, 3, 1, 4, 1), (24, 144, 40, 5, 2, 4, 1), (40, 240, 40, 5, 1, 8, 1),
          (40, 240, 80, 3, 2, 8, 1), (80, 480, 80, 3, 1, 16, 2), (80, 480, 112, 5, 1, 16, 1), (112, 672, 112, 5, 1, 16, 2),
          (112, 672, 192, 5, 2, 16, 1), (192, 1152, 192, 5, 1, 32, 3), (192, 1152, 320, 3, 1, 32, 1)]
DEAD = 75  # percent of the blocks of weights, in the pruned network

Chain = collections.namedtuple("Chain", "size channels layers times")


def say(text):
    print(text, file=sys.stderr, flush=True)


def chains(image):
    """The steps of the network: the stem, the blocks and the head."""
    yield Chain(image, 3, ["conv:32:3:2"], 1)
    for inputs, expanded, outputs, kernel, stride, part, times in BLOCKS:
        layers = [f"conv:{expanded}:1:1"] if expanded != inputs else []
        layers += [f"depthwise:{kernel}:{stride}", f"conv:{outputs}:1:1"]
        yield Chain(image // part, inputs, layers + (["add"] if inputs == outputs and stride == 1 else []), times)
    yield Chain(image // 32, 320, ["conv:1280:1:1"], 1)


def alone(chain):
    """The layers of a step, each a step of its own."""
    size, channels = chain.size, chain.channels
    for layer in chain.layers:
        if layer == "add":
            continue
        yield Chain(size, channels, [layer], chain.times)
        size = -(-size // int(layer.split(":")[-1]))
        channels = int(layer.split(":")[1]) if layer.startswith("conv") else channels


def title(chain):
    """Of a single layer as the tables have it, its multiply-adds in millions beside it."""
    kind, *numbers = chain.layers[0].split(":")
    kernel, stride = int(numbers[-2]), int(numbers[-1])
    out = -(-chain.size // stride)
    outputs = int(numbers[0]) if kind == "conv" else chain.channels
    terms = kernel * kernel * (chain.channels if kind == "conv" else 1)
    what = f"{chain.channels} -> {outputs}" if kind == "conv" else f"depthwise {chain.channels}"
    window = "" if kernel == 1 else f", {kernel}x{kernel}" + (f"/{stride}" if stride > 1 else "")
    return f"{chain.size} x {chain.size}, {what}{window}", out * out * outputs * terms / 1e6


def run(command, **more):
    return subprocess.run([str(part) for part in command], check=True, **more)


# -- building ----------------------------------------------------------------------------------------------------------------------


def build(work, sysroot):
    """The plugin, the static cutis and the program of layers; and a root for QEMU in which /proc/cpuinfo can be written."""
    run(["gcc", "-O2", "-fPIC", "-shared", "-o", work / "libcount.so", ROOT / "targets/instructions/count.c"])
    folder = work / "cutis"
    if not (folder / "build.ninja").exists():
        run(["meson", "setup", folder, ROOT, "--cross-file", ROOT / "targets/cross/aarch64.ini", "--cross-file", ROOT / "targets/cross/gcc.ini",
             "-Dbuildtype=release", "-Doptimization=s", "-Db_ndebug=true", "-Dtools=true", "-Dconverter=false", "-Dtests=false",
             "-Dstatic_cli=true", "-Dprefer_static=true", "-Dxnnpack=disabled", "-Dturbojpeg=disabled"], stdout=sys.stderr)
    run(["ninja", "-C", folder, "cutis"], stdout=sys.stderr)
    libraries = sysroot / "usr/lib" / TRIPLE
    # The library asks for a newer C library than the cross compiler's; the one of the sysroot is there when it runs.
    run([f"{TRIPLE}-g++", "-std=c++20", "-O2", "-ffp-contract=off", "-I", ROOT, "-I", sysroot / "usr/include", "-o", work / "layers",
         ROOT / "targets/instructions/layers.cc", ROOT / "tests/ops/kernel_test.cc", "-Wl,--start-group", *sorted(folder.glob("ops/libops*.a")),
         "-Wl,--end-group", "-L", libraries, "-lXNNPACK", "-Wl,-rpath-link," + str(libraries), "-Wl,--unresolved-symbols=ignore-in-shared-libs"])
    root = work / "root"
    shutil.rmtree(root, ignore_errors=True)
    (root / "proc").mkdir(parents=True)
    (root / "usr").symlink_to(sysroot / "usr")
    (root / "lib").symlink_to(sysroot / "usr/lib")


# -- counting ----------------------------------------------------------------------------------------------------------------------


class Machine:
    """An emulated processor."""

    def __init__(self, work, cpu):
        self.work, self.cpu, self.cache = work, cpu, {}
        (work / "root/proc/cpuinfo").write_text(
            f"processor\t: 0\nCPU implementer\t: 0x41\nCPU architecture: 8\nCPU variant\t: 0x0\nCPU part\t: 0x{PARTS[cpu]:x}\nCPU revision\t: 4\n",
            encoding="ascii")

    def emulate(self, program, *plugin):
        command = ["qemu-aarch64", "-cpu", self.cpu, "-L", self.work / "root", *plugin, *program]
        return run(command, stdout=subprocess.PIPE, text=True).stdout

    def count(self, program):
        """Instructions by function, and what the program says."""
        out = self.work / "count.txt"
        said = self.emulate(program, "-plugin", f"{self.work / 'libcount.so'},out={out}")
        counts = collections.Counter()
        for line in out.read_text(encoding="utf-8").splitlines():
            number, name = line.split(" ", 1)
            counts[name] += int(number)
        return counts, said

    def layers(self, engine, chain, dead=0):
        """Instructions of one run of the chain by function; those of XNNPACK by the offset in its library."""
        key = (engine, chain.size, chain.channels, *chain.layers, dead)
        if key not in self.cache:
            both = []
            for runs in (1, 2):
                counts, said = self.count([self.work / "layers", engine, runs, chain.size, chain.channels, dead, *chain.layers])
                both.append(relative(counts, int(said.split()[1], 16)) if engine == "xnnpack" else counts)
            self.cache[key] = less(both[1], both[0], 1)
        return self.cache[key]

    def network(self, model):
        """Instructions for one image by function. `cutis bench` warms up once before one run, twice before two."""
        one, two = (self.count([self.work / "cutis/cutis", "bench", "--threads", 1, "--runs", runs, model])[0] for runs in (1, 2))
        return less(two, one, 2)

    def check(self, chain):
        layers = [layer for layer in chain.layers if layer != "add"]
        self.emulate([self.work / "layers", "check", 0, chain.size, chain.channels, 0, *layers])


def less(counts, others, runs):
    return {name: (counts[name] - others[name]) / runs for name in counts if counts[name] > others[name]}


def relative(counts, base):
    """Addresses within XNNPACK's library, which is less than 16 MB, as its offsets; the rest (system libraries, this program) by name or '?'."""
    result = collections.Counter()
    for name, count in counts.items():
        if name.startswith("0x"):
            offset = int(name, 16) - base
            name = f"+{offset:x}" if 0 <= offset < 1 << 24 else "?"
        result[name] += count
    return result


# -- names of XNNPACK's kernels ----------------------------------------------------------------------------------------------------


def microkernels(sysroot):
    """(offset, bytes, name) of the kernels in the library, which is stripped: found by the code of the same kernels in the static library
    beside it (the longest piece without an address to fill in). Those that the compiler made anew with other registers are not found."""
    libraries = sysroot / "usr/lib" / TRIPLE
    code = next(path for path in libraries.glob("libXNNPACK.so.*") if not path.is_symlink()).read_bytes()
    listing = run([f"{TRIPLE}-objdump", "-drw", libraries / "libmicrokernels-prod.a"], stdout=subprocess.PIPE, text=True).stdout
    functions, words = {}, []
    for line in listing.splitlines():
        if head := re.match(r"[0-9a-f]+ <(xnn_\w+)>:", line):
            words = functions.setdefault(head[1], [])
        elif word := re.match(r"\s+[0-9a-f]+:\s+([0-9a-f]{8})\s", line):
            words.append(None if "R_AARCH64" in line else bytes.fromhex(word[1])[::-1])
    found = []
    for name, words in functions.items():
        longest, start = (0, 0), 0
        for end in [i for i, word in enumerate(words) if word is None] + [len(words)]:
            longest, start = max(longest, (end - start, start)), end + 1
        length, start = longest
        offset = code.find(b"".join(words[start : start + length])) if length >= 16 else -1
        if offset >= 0:
            found.append((offset - 4 * start, 4 * len(words), name))
    return found


def named(counts, kernels):
    """Counts by the name of the kernel; '?' for the rest of the library."""
    result = collections.Counter()
    for name, count in counts.items():
        if name.startswith("+"):
            offset = int(name, 16)
            name = next((kernel for start, size, kernel in kernels if start <= offset < start + size), "?")
        result[name] += count
    return result


def demangled(counts):
    lines = run([f"{TRIPLE}-c++filt"], input="\n".join(counts), stdout=subprocess.PIPE, text=True).stdout.splitlines()
    return dict(zip(lines, counts.values()))


# -- tables ------------------------------------------------------------------------------------------------------------------------


def thousands(number):
    return f"{number / 1e3:.0f}"


def measure(machine, image, kernels):
    """Rows of the layers alone and of the steps, which Cutis runs as blocks."""
    layers, steps = {}, []
    for chain in chains(image):
        machine.check(chain)
        for layer in alone(chain):
            name, products = title(layer)
            theirs, ours = machine.layers("xnnpack", layer), machine.layers("cutis", layer)
            row = layers.setdefault(name, dict(layer=name, products=products, times=0, xnnpack=sum(theirs.values()), cutis=sum(ours.values()),
                                               xnnpack_by=named(theirs, kernels), cutis_by=demangled(ours)))
            row["times"] += chain.times
        dead = 0 if chain.channels == 3 else DEAD
        theirs = machine.layers("xnnpack", chain)
        ours = machine.layers("cutis", chain)
        steps.append(dict(step=f"{chain.size} x {chain.size} x {chain.channels}: " + ", ".join(chain.layers), times=chain.times,
                          xnnpack=sum(theirs.values()), cutis=sum(ours.values()), pruned=sum(machine.layers("cutis", chain, dead).values()),
                          xnnpack_by=named(theirs, kernels), cutis_by=demangled(ours)))
        say(f"{machine.cpu}: {steps[-1]['step']}: XNNPACK {thousands(steps[-1]['xnnpack'])}, Cutis {thousands(steps[-1]['cutis'])} thousand")
    return list(layers.values()), steps


def table(key, results, field, who):
    """Of the layers or steps of all processors; `who` names the columns of each."""
    lines = ["| " + key + " | " + " | ".join(f"{cpu}, {name}" for cpu in results for name in who) + " |",
             "|---" * (1 + len(who) * len(results)) + "|"]
    for rows in zip(*(result[field] for result in results.values())):
        cells = [thousands(row[name]) for row in rows for name in who]
        times = f" ({rows[0]['times']} times)" if rows[0]["times"] > 1 else ""
        lines.append(f"| {rows[0][key]}{times} | " + " | ".join(cells) + " |")
    sums = [thousands(sum(row["times"] * row[name] for row in result[field])) for result in results.values() for name in who]
    return lines + ["| sum | " + " | ".join(sums) + " |", ""]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sysroot", type=pathlib.Path, required=True)
    parser.add_argument("--size", type=int, default=224, help="side of the image, a multiple of 32")
    parser.add_argument("--cpus", default=",".join(PARTS))
    parser.add_argument("--work", type=pathlib.Path, default=ROOT / "build-instructions")
    parser.add_argument("--model", type=pathlib.Path, nargs="*", default=[])
    options = parser.parse_args()
    work, sysroot = options.work.resolve(), options.sysroot.resolve()
    if options.size % 32 != 0 or any(cpu not in PARTS for cpu in options.cpus.split(",")):
        parser.error(f"--size is a multiple of 32, --cpus are among {', '.join(PARTS)}")
    work.mkdir(parents=True, exist_ok=True)
    build(work, sysroot)
    kernels = microkernels(sysroot)
    results = {}
    for cpu in options.cpus.split(","):
        machine = Machine(work, cpu)
        layers, steps = measure(machine, options.size, kernels)
        networks = {model.name: demangled(machine.network(model)) for model in options.model}
        results[cpu] = dict(layers=layers, steps=steps, networks=networks)
        (work / "compare.json").write_text(json.dumps(results, indent=1), encoding="utf-8")
    text = [f"Thousand instructions, images of {options.size} x {options.size}.", ""]
    text += table("layer", results, "layers", ["xnnpack", "cutis"]) + table("step", results, "steps", ["xnnpack", "cutis", "pruned"])
    for cpu, result in results.items():
        text += [f"{cpu}, {name}: {thousands(sum(counts.values()))}" for name, counts in result["networks"].items()]
        used = collections.Counter()
        for row in result["layers"]:
            used.update({name: count * row["times"] for name, count in row["xnnpack_by"].items()})
        text += [f"{cpu}, XNNPACK's kernels: " + ", ".join(f"{name} {thousands(count)}" for name, count in used.most_common() if count > 1e4), ""]
    (work / "compare.md").write_text("\n".join(text), encoding="utf-8")
    print("\n".join(text))


if __name__ == "__main__":
    main()
