"""Links a model into the image for an emulated Cortex-M7, looks at what is linked, runs it, and compares its hash with this machine's.

  python3 targets/bare/check.py MODEL.cutis --build build [--image build-bare] [--quick] [--ops]

Needs Debian's gcc-arm-none-eabi, libstdc++-arm-none-eabi-newlib and qemu-system-arm, and a hosted build in --build. Exit codes: 0 the same,
1 not, 77 (skipped) without these packages. The emulated processor does some 25 million multiply-adds a second on a host that is idle; --quick runs
two golden inputs instead of 32.
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


def build_image(folder, emitted, quick, ops, jobs):
    """The image of an emitted model, in a build folder of its own; `ops`: those that are linked, "" for all."""
    if not (folder / "build.ninja").exists():
        run("meson", "setup", "--cross-file", ROOT / "targets/cross/cortex-m7.ini", "-Dos=none", "-Dtools=false", "-Dtests=false",
            folder, ROOT, stdout=subprocess.DEVNULL)
    run("meson", "configure", folder, f"-Dbare_model={emitted}", f"-Dbare_quick={str(quick).lower()}", f"-Dops={ops}", stdout=subprocess.DEVNULL)
    run("ninja", "-C", folder, "-j", jobs, stdout=subprocess.DEVNULL)
    return folder / "targets/bare/cutis-bare.elf"


def wrongly_linked(image, ops):
    """Symbols that must not be there: what asks for a system, and operators that were not chosen."""
    symbols = linked_symbols(image)
    wrong = [name for name in symbols if FORBIDDEN.match(name)]
    linked = {match.group(1) for match in (re.match(r"_ZN5cutis\d+k(\w+)OpE$", name) for name in symbols) if match}
    if not linked:
        wrong.append("(no operator at all: the names have changed)")
    return wrong + sorted(linked - set(ops.split(",")) if ops else [])


def emulate(image):
    """Exit code and text. The limit is for an image that hangs."""
    done = subprocess.run(["qemu-system-arm", "-M", "mps2-an500", "-display", "none", "-serial", "none", "-monitor", "none", "-chardev", "stdio,id=text",
                           "-semihosting-config", "enable=on,target=native,chardev=text", "-kernel", str(image)],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, timeout=3600, check=False)
    return done.returncode, done.stdout


def expected(build, model, quick):
    """The hash that this machine finds."""
    command = [build / "cutis", "selftest", model, "--isa", "scalar", "--json"] + (["--quick"] if quick else [])
    found = json.loads(run(*command, stdout=subprocess.PIPE, text=True).stdout)
    return found["first_output_hash" if quick else "output_hash"]


def check(args, folder):
    emitted = folder / "model.c"
    run(args.build / "cutis-convert", args.model, "--emit-c", emitted)
    ops = run(args.build / "cutis", "inspect", args.model, "--ops", stdout=subprocess.PIPE, text=True).stdout.strip() if args.ops else ""
    image = build_image((args.image or folder / "build").resolve(), emitted, args.quick, ops, args.jobs)
    wrong = wrongly_linked(image, ops)
    if wrong:
        print("FAIL: linked, and must not be:", ", ".join(wrong))
        return 1
    code, text = emulate(image)
    print(text, end="")
    print(run("arm-none-eabi-size", image, stdout=subprocess.PIPE, text=True).stdout, end="")
    said = dict(line.split(": ", 1) for line in text.splitlines() if ": " in line)
    key = "first output hash" if args.quick else "output hash"
    wanted = expected(args.build, args.model, args.quick)
    if code != 0 or not text.endswith("PASS\n") or said.get(key) != wanted:
        print(f"FAIL: exit code {code}, {key} {said.get(key)}; this machine finds {wanted}")
        return 1
    return 0


def missing_tools():
    return [tool for tool in TOOLS if shutil.which(tool) is None]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--image", type=pathlib.Path, help="a build folder for the image, kept (default: one that is removed)")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--ops", action="store_true", help="link the operators of the model alone")
    parser.add_argument("--jobs", default="2")
    args = parser.parse_args()
    if missing_tools():
        print("skipped:", ", ".join(missing_tools()), "not installed")
        return 77
    with tempfile.TemporaryDirectory(prefix="cutis-bare-") as folder:
        return check(args, pathlib.Path(folder))


if __name__ == "__main__":
    sys.exit(main())
