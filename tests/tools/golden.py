#!/usr/bin/env python3
"""What a model of models/ gives everywhere: the bytes of its file, the hash of its outputs, its verdicts on the drawn samples.

    tests/tools/golden.py CUTIS_CONVERT CUTIS MODEL_FOLDER            compares with MODEL_FOLDER/golden/golden.json
    tests/tools/golden.py CUTIS_CONVERT CUTIS MODEL_FOLDER --write    writes it

The file's bytes are those of one version of cutis-convert; outputs and verdicts are the same on every machine and instruction set.
"""

import argparse
import hashlib
import json
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
SAMPLES = sorted((ROOT / "tools/samples").glob("*.jpg"))


def output_of(*command):
    return subprocess.run([str(part) for part in command], check=True, stdout=subprocess.PIPE, text=True, encoding="utf-8").stdout


def measure(convert, cutis, folder):
    with tempfile.TemporaryDirectory() as name:
        file = pathlib.Path(name) / (folder.name + ".cutis")
        output_of(convert, folder, "-o", file)
        data = file.read_bytes()
        inspected = json.loads(output_of(cutis, "inspect", file, "--json"))
        hashed = json.loads(output_of(cutis, "bench", file, "--runs", "1", "--no-tune", "--json"))
        verdicts = {}
        for line in output_of(cutis, "classify", file, "--json", *SAMPLES).splitlines():
            line = json.loads(line)
            verdicts[pathlib.Path(line["file"]).name] = {key: line[key] for key in ("verdict", "p_bcc", "reasons", "probabilities")}
    return {"converter": inspected["provenance"]["converter"], "file": file.name, "bytes": len(data),
            "sha256": hashlib.sha256(data).hexdigest(), "model_hash": inspected["model_hash"], "output_hash": hashed["output_hash"],
            "tools/samples": verdicts}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("convert")
    parser.add_argument("cutis")
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    path, found = options.folder / "golden" / "golden.json", measure(options.convert, options.cutis, options.folder)
    if options.write:
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        return 0
    expected = json.loads(path.read_text(encoding="utf-8"))
    wrong = [f"{key}: {found.get(key)} where {path.name} has {value}" for key, value in expected.items() if found.get(key) != value]
    wrong += [f"{key}: not in {path.name}" for key in found.keys() - expected.keys()]
    print("\n".join(wrong) or f"{options.folder.name}: as {path.name} says")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
