"""Links a model into the image for an emulated Cortex-M7, looks at what is linked, runs it, and compares its hash with this machine's.

  python3 targets/bare/check.py MODEL.cutis --build build [--image build-bare] [--quick]

Needs Debian's gcc-arm-none-eabi, libstdc++-arm-none-eabi-newlib and qemu-system-arm, and a hosted build in --build. Exit codes: 0 the same,
1 not, 77 (skipped) without these packages. An emulated processor takes about a minute for 10 million multiply-adds: --quick runs two golden
inputs instead of 32.
"""

import argparse
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOLS = ["arm-none-eabi-g++", "arm-none-eabi-nm", "qemu-system-arm"]
# What must not be linked: heap, stdio, locale, threads, statics made at run time, exceptions.
FORBIDDEN = re.compile(
    r"^_?(malloc|free|calloc|realloc|memalign|aligned_alloc|sbrk|_malloc_r|_free_r|_sbrk_r|_Zn[wa].*|_Zd[la].*"
    r"|.*printf.*|f?puts|f?write|f?read|fopen|fclose|stdin|stdout|stderr|_impure_ptr|setlocale|localeconv|.*locale.*"
    r"|pthread_.*|__gthread.*|__cxa_guard_.*|__cxa_atexit|atexit|__cxa_throw|_Unwind_.*|_GLOBAL__.*|__libc_init_array)$")


def run(*command, **options):
    return subprocess.run([str(part) for part in command], check=True, **options)


def linked_symbols(image):
    lines = run("arm-none-eabi-nm", image, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    return [line.split()[-1] for line in lines]


def build_image(args, emitted):
    if not (args.image / "build.ninja").exists():
        run("meson", "setup", "--cross-file", ROOT / "targets/cross/cortex-m7.ini", "-Dos=none", "-Dtools=false", "-Dtests=false",
            args.image, ROOT, stdout=subprocess.DEVNULL)
    run("meson", "configure", args.image, f"-Dbare_model={emitted}", f"-Dbare_quick={str(args.quick).lower()}", stdout=subprocess.DEVNULL)
    run("ninja", "-C", args.image, "-j", args.jobs, stdout=subprocess.DEVNULL)
    return args.image / "targets/bare/cutis-bare.elf"


def expected(args):
    """The hash that this machine finds."""
    command = [args.build / "cutis", "selftest", args.model, "--isa", "scalar", "--json"] + (["--quick"] if args.quick else [])
    found = json.loads(run(*command, stdout=subprocess.PIPE, text=True).stdout)
    return found["first_output_hash" if args.quick else "output_hash"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--image", type=pathlib.Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--jobs", default="2")
    args = parser.parse_args()
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        print("skipped:", ", ".join(missing), "not installed")
        return 77
    with tempfile.TemporaryDirectory(prefix="cutis-bare-") as folder:
        folder = pathlib.Path(folder)
        emitted = folder / "model.c"
        run(args.build / "cutis-convert", args.model, "--emit-c", emitted)
        args.image = (args.image or folder / "build").resolve()
        image = build_image(args, emitted)
        found = [name for name in linked_symbols(image) if FORBIDDEN.match(name)]
        if found:
            print("linked, and must not be:", ", ".join(found))
            return 1
        # Only a processor with semihosting can end the emulation; the limit is for one that hangs.
        done = subprocess.run(["qemu-system-arm", "-M", "mps2-an500", "-nographic", "-semihosting-config", "enable=on,target=native", "-kernel", str(image)],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, timeout=3600, check=False)
        print(done.stdout, end="")
        sizes = run("arm-none-eabi-size", image, stdout=subprocess.PIPE, text=True).stdout
        print(sizes, end="")
        said = dict(line.split(": ", 1) for line in done.stdout.splitlines() if ": " in line)
        key = "first output hash" if args.quick else "output hash"
        wanted = expected(args)
        if done.returncode != 0 or not done.stdout.endswith("PASS\n") or said.get(key) != wanted:
            print(f"FAIL: exit code {done.returncode}, {key} {said.get(key)}; this machine finds {wanted}")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
