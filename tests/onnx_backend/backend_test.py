#!/usr/bin/env python3
"""Runs the backend tests of the onnx package and compares what passes with expected.json and docs/onnx-support.md.

    tests/onnx_backend/backend_test.py RUN_BACKEND [--light] [--write]

The data are those of the onnx package, version 1.17: in the folder that CUTIS_ONNX_DATA names (onnx/backend/test/data), or in the
package of this Python or of build/onnx-env, where tools/install_deps.sh --tests puts it. Skipped (77) where there are none.
expected.json holds how many tests pass and which fail for which reason; --write makes it and the document anew. --light adds the nine
light_* models (also with CUTIS_FULL set), which take some minutes and up to 3 GB.
"""
import argparse
import collections
import glob
import importlib.util
import json
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
EXPECTED, DOCUMENT = HERE / "expected.json", ROOT / "docs" / "onnx-support.md"
VERSION = "1.17"
GROUPS = ("node", "pytorch-converted", "pytorch-operator", "simple")
# Why a test fails, for people. Looked up by a part of its name.
REASONS = {
    "averagepool_3d_dilations_large_count_include_pad_is_1_ceil_mode_is_True":
        "the package counts what a window reaches beyond the padding; ONNX Runtime does not, and neither do we",
    "training_dropout": "a dropout that drops is training, not inference",
    "qlinearmatmul_2D_int8": "the stored output wraps around where the operator saturates; ONNX Runtime gives what we give",
    "qlinearmatmul_3D_int8": "the stored output wraps around where the operator saturates; ONNX Runtime gives what we give",
}
NOTES = """
## Limits

- Opset 7 to 22; what older files (opset 6) write differently is understood where the operators above need it.
- Shapes are static, except for a symbolic leading dimension, which becomes 1. A tensor has at most 8 axes; one
  without elements may come up within a graph; no output may be one.
- Computed in float32 (float16, bfloat16 and float64 weights are converted) or in int8. Integers and booleans must be constants that
  can be folded away; 16-, 32- and 64-bit ones, and four-bit ones, are read.
- `Resize`: nearest and linear, every coordinate mode; neither cubic nor antialiased. `Where`: a constant condition. `Gather`: constant
  indices. `LRN`: up to 256 channels a window. `MaxPool`: the second output must not be read. `Dropout`: as in inference;
  `BatchNormalization` too, unless the running mean or variance that it computes is read.
- In int8, a quotient of two computed tensors and `Where` need `--mixed` (docs/design.md, section 8).
"""


def data_folder():
    if os.environ.get("CUTIS_ONNX_DATA"):
        return pathlib.Path(os.environ["CUTIS_ONNX_DATA"])
    spec = importlib.util.find_spec("onnx")
    folders = [pathlib.Path(place) for place in (spec.submodule_search_locations if spec else [])]
    folders += [pathlib.Path(place) for place in glob.glob(str(ROOT / "build" / "onnx-env" / "lib" / "*" / "site-packages" / "onnx"))]
    for folder in folders:
        version = folder / "version.py"
        if version.is_file() and f'"{VERSION}.' in version.read_text(encoding="utf-8").replace("'", '"'):
            if (folder / "backend/test/data/node").is_dir():
                return folder / "backend/test/data"
    return None


def reason_of(name):
    found = [reason for part, reason in REASONS.items() if part in name]
    return found[0] if found else "unknown"


def summary_of(results):
    counts = collections.Counter((result["kind"], result["status"]) for result in results)
    excluded = collections.Counter(result["reason"] for result in results if result["status"] == "excluded")
    failed = {f"{result['kind']}/{result['name']}": result["reason"] for result in results if result["status"] == "failed"}
    return {"onnx": VERSION,
            "groups": {group: {status: counts[group, status] for status in ("passed", "failed", "excluded")} for group in GROUPS},
            "excluded": dict(sorted(excluded.items())), "failed": dict(sorted(failed.items()))}


def document_of(summary, results):
    lines = ["# ONNX models", "", "Written by `tests/onnx_backend/backend_test.py --write` from a run of the backend tests of the onnx package,",
             f"version {VERSION} (models of opset 22 at most), in float32, by the converter, the verifier and the runtime.", "",
             "| tests | passed | failed | excluded by rule |", "|---|---|---|---|"]
    for group, counts in summary["groups"].items():
        lines.append(f"| `{group}` | {counts['passed']} | {counts['failed']} | {counts['excluded']} |")
    total = collections.Counter()
    for counts in summary["groups"].values():
        total.update(counts)
    lines += [f"| together | {total['passed']} | {total['failed']} | {total['excluded']} |", "",
              "Scales and roi of `Resize`, the ratio of `Dropout` and the scales and zero points of quantised operators count as constants, and",
              "a model without any input at run time is compared as it is folded, without a run.", "",
              f"Of the {len(summary['light'])} `light_*` models {sum(summary['light'].values())} are equal to their stored outputs (`--light`): " +
              ", ".join(name for name, good in summary["light"].items() if good) + ".", "", "| excluded because of | tests |", "|---|---|"]
    lines += [f"| {reason} | {count} |" for reason, count in summary["excluded"].items()]
    if summary["failed"]:
        lines += ["", "| failed | what is said | why |", "|---|---|---|"]
        lines += [f"| `{name}` | {said} | {reason_of(name)} |" for name, said in summary["failed"].items()]
    operators = collections.defaultdict(lambda: [0, 99, 0])
    for result in results:
        for name in result["operators"] or []:
            if result["status"] == "passed":
                entry = operators[name]
                entry[0], entry[1], entry[2] = entry[0] + 1, min(entry[1], result["opset"]), max(entry[2], result["opset"])
    lines += ["", "## Operators", "", "| operator | passed tests that hold it | of opsets |", "|---|---|---|"]
    lines += [f"| {name} | {entry[0]} | {entry[1]} .. {entry[2]} |" for name, entry in sorted(operators.items())]
    return "\n".join(lines) + "\n" + NOTES


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run_backend")
    parser.add_argument("--light", action="store_true")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    data = data_folder()
    if data is None:
        print(f"skipped: there is no onnx package, version {VERSION} (tools/install_deps.sh --tests, or CUTIS_ONNX_DATA)")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as folder:
        output = pathlib.Path(folder) / "results.json"
        light = ["--light"] if options.light or os.environ.get("CUTIS_FULL") else []
        run = subprocess.run([options.run_backend, str(data), "--json", str(output), *light], check=False)
        if run.returncode not in (0, 1):
            sys.exit(run.returncode)
        results = json.loads(output.read_text(encoding="utf-8"))
    ran = {result["name"]: result["status"] == "passed" for result in results if result["kind"] == "light"}
    results = [result for result in results if result["kind"] != "light"]
    summary = summary_of(results)
    # Without them, what the last run with them gave.
    recorded = json.loads(EXPECTED.read_text(encoding="utf-8")).get("light", {}) if EXPECTED.exists() else {}
    summary["light"] = ran or recorded
    document = document_of(summary, results)
    if options.write:
        EXPECTED.write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
        DOCUMENT.write_text(document, encoding="utf-8")
    expected = json.loads(EXPECTED.read_text(encoding="utf-8"))
    good = True
    if summary != expected:
        good = False
        print("the results are not those of expected.json:")
        for name in sorted(set(summary["failed"]) & set(expected["failed"])):
            if summary["failed"][name] != expected["failed"][name]:
                print(f"  {name} says: {summary['failed'][name]}")
        for name in sorted(set(summary["failed"]) - set(expected["failed"])):
            print(f"  now fails: {name}")
        for name in sorted(set(expected["failed"]) - set(summary["failed"])):
            print(f"  no longer fails: {name}")
        print(f"  wanted {expected['groups']}\n  got    {summary['groups']}, light: {summary['light']}\nafter a look at them: {pathlib.Path(__file__).name} --write")
    if DOCUMENT.read_text(encoding="utf-8") != document:
        good = False
        print(f"{DOCUMENT.name} is out of date: {pathlib.Path(__file__).name} --write")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
