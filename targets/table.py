#!/usr/bin/env python3
"""Measures what targets/build.sh has built and writes the table of docs/targets.md: sizes, and what `cutis selftest` gives on each CPU,
emulated by QEMU, or the machine's own under Wine. Fails where two rows differ in a hash.

    targets/table.py FOLDER [--model FILE]     FOLDER: build-targets; FILE: default FOLDER/cutis-model-bcc_lite0-[0-9]*/*.cutis
"""

import argparse
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/targets.md"
BEGIN, END = "<!-- targets/table.py writes from here -->\n", "<!-- to here -->\n"
HEAD = ["target", "compiler", "archive", "`libcutis`", "`cutis`", "CPU", "kernels", "arena, bytes", "`output_hash`", "JPEG to verdict"]


def output_of(command, **more):
    return subprocess.run([str(part) for part in command], check=True, stdout=subprocess.PIPE, text=True, env={**os.environ, **more}).stdout


def targets():
    for line in (ROOT / "targets/targets.list").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            name, files, _, cpus, _ = (part.strip() for part in line.split("|"))
            yield name, files.split(), cpus.split()


def emulator(files):
    """What Meson's machine files say: the command that runs a program of this target."""
    text = "\n".join((ROOT / "targets/cross" / f"{name}.ini").read_text(encoding="utf-8") for name in files)
    constants = dict(re.findall(r"^(\w+) = '([^']*)'$", text, re.MULTILINE))
    wrapper = re.search(r"^exe_wrapper = (.*)$", text, re.MULTILINE)[1]
    return eval(wrapper, {}, constants)  # the syntax is Python's


def compiler_of(build):
    log = (build / "meson-logs/meson-log.txt").read_text(encoding="utf-8", errors="replace")
    return re.findall(r"^C\+\+ compiler for the host machine: .*?\((\S+ \S+) ", log, re.MULTILINE)[-1]


def size(path):
    return f"{path.stat().st_size / 1000:,.0f} KB".replace(",", " ")


def self_test(folder, command, cpu, program, model):
    """The line of `cutis selftest` for the best instruction set, which a device would use. Emulated, that takes minutes: what was measured
    is kept beside the archives for the same program and model."""
    kept = folder / "measured.json"
    known = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    key = " ".join([cpu, *(hashlib.sha256(path.read_bytes()).hexdigest() for path in (program, model))])
    if key not in known:
        run = [*command, program, "selftest", model, "--json", "--threads", "1"]
        isas = [json.loads(line)["isa"] for line in output_of(run + ["--quick"], QEMU_CPU=cpu).splitlines()]
        known[key] = json.loads(output_of(run + ["--isa", isas[-1]], QEMU_CPU=cpu))
        kept.write_text(json.dumps(known, indent=1), encoding="utf-8")
    return known[key]


def rows_of(folder, name, files, cpus, model):
    stage, = folder.glob(f"cutis-*-{name}/")
    archive = stage.with_name(stage.name + ".tar.xz")
    program = next(path for path in sorted((stage / "bin").iterdir()) if path.stem == "cutis")
    code = program.with_suffix(".wasm") if program.suffix == ".js" else program
    shared = sorted(path for pattern in ("lib/libcutis.so*", "bin/libcutis*.dll") for path in stage.glob(pattern) if not path.is_symlink())
    library = size(shared[0]) if shared else ""
    what = [name, compiler_of(ROOT / f"build-{name}"), size(archive), library, size(code)]
    for cpu in cpus:
        found = self_test(folder, emulator(files), cpu, program, model)
        print(f"{name} on {cpu}: {found['isa']}, {found['output_hash']}", file=sys.stderr)
        yield what + [cpu, found["isa"], f"{found['arena_bytes']:,}".replace(",", " "), found["output_hash"], found["pictures"]["jpeg"]["verdict"]]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--model", type=pathlib.Path)
    options = parser.parse_args()
    model = options.model or next(options.folder.glob("cutis-model-bcc_lite0-[0-9]*/*.cutis"))
    rows, missing = [], []
    for name, files, cpus in targets():
        if list(options.folder.glob(f"cutis-*-{name}/")):
            rows += rows_of(options.folder, name, files, cpus, model)
        else:
            missing.append(name)
    for column in (-2, -1):
        if len({row[column] for row in rows}) != 1:
            sys.exit(f"table: {HEAD[column]} is not the same everywhere: " + ", ".join(f"{row[0]} on {row[5]} {row[column]}" for row in rows))
    lines = ["| " + " | ".join(HEAD) + " |", "|" + "---|" * len(HEAD)]
    lines += ["| " + " | ".join(row[:-2] + [f"`{row[-2][:16]}`", f"`{row[-1][:16]}`"]) + " |" for row in rows]
    lines += ["", f"Model: `{model.stem}`; hashes are cut to 16 digits, in full they are `{rows[0][-2]}` and `{rows[0][-1]}`."]
    if missing:
        lines += ["Not measured for this table: " + ", ".join(missing) + "."]
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    PAGE.write_text(before + BEGIN + "\n" + "\n".join(lines) + "\n\n" + END + rest.split(END)[1], encoding="utf-8")


if __name__ == "__main__":
    main()
