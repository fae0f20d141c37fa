#!/usr/bin/env python3
"""Prints what the libraries and programs of a build take when they are stripped, and fails where one takes more than it may.

    targets/sizes.py BUILD --strip aarch64-linux-gnu-strip

The limits are for 64-bit ARM and builds like those of targets/build.sh (-Doptimization=s). All three must be there.
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile

LIMITS = {  # bytes, without a model
    "runtime/libcutis.so.*[0-9]": 500_000,
    "tools/device/cutis-device": 1_000_000,  # with -Ddevice_program_static=true: the C library too
    "cutis": 1_500_000,                      # with -Dstatic_cli=true: the C and C++ libraries too
}


def stripped_bytes(strip, path):
    with tempfile.TemporaryDirectory() as folder:
        copy = pathlib.Path(folder) / "stripped"
        subprocess.run([strip, "-o", copy, path], check=True)
        return copy.stat().st_size


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--strip", default="strip", help="of the target's binutils")
    options = parser.parse_args()
    failed = False
    for pattern, most in LIMITS.items():
        files = [path for path in sorted(options.build.glob(pattern)) if path.is_file() and not path.is_symlink()]
        if not files:
            print(f"sizes: {options.build} holds no {pattern}", file=sys.stderr)
            failed = True
        for path in files:
            size = stripped_bytes(options.strip, path)
            failed |= size > most
            print(f"{str(path.relative_to(options.build)):28} {size:9} bytes of {most}{'' if size <= most else ': TOO MANY'}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
