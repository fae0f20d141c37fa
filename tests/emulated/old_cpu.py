"""cutis and the kernels on an older x86 processor, emulated: it finds what that has, gives the bits that the model file states, and
uses no newer instruction, which the emulator would answer with SIGILL (that it would is tried first).

    old_cpu.py CPU ISA LACKS NEWER CUTIS MODEL OPS_TEST

ISA is the best instruction set of CPU, LACKS the next one, whose instruction NEWER runs. CUTIS_FULL=1 (tools/test.sh --all): all 32
inputs instead of two.
"""

import json
import os
import shutil
import signal
import subprocess
import sys

ORDER = ["scalar", "sse4", "avx2"]
SKIPPED = 77


def main(cpu, isa, lacks, newer, cutis, model, ops_test):
    if shutil.which("qemu-x86_64") is None:
        print("skipped: no qemu-x86_64 (Debian: qemu-user)")
        return SKIPPED

    def run(*command):
        return subprocess.run(["qemu-x86_64", "-cpu", cpu, *command], stdout=subprocess.PIPE, text=True)

    leaked = run(newer, lacks).returncode
    if leaked != -signal.SIGILL:
        print(f"this emulator of {cpu} runs instructions of {lacks} (exit code {leaked}), so it proves nothing")
        return 1
    failed = False
    done = run(cutis, "selftest", model, "--json", "--threads", "1", *([] if os.environ.get("CUTIS_FULL") else ["--quick"]))
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    for row in rows:
        print(row["isa"], "passed" if row["passed"] else f"FAILED: {row['difference']}", row["kernels"])
    expected = ORDER[:ORDER.index(isa) + 1]
    if done.returncode != 0 or [row["isa"] for row in rows] != expected:
        print(f"cutis selftest on {cpu}: exit code {done.returncode}, instruction sets {[row['isa'] for row in rows]} where {expected} are expected")
        failed = True
    # The tests of the kernels lay their data against pages that must not be touched.
    if isa == "avx2" and run(newer, "masked").returncode != 0:
        print("the kernels alone are left out: this emulator reads what a masked load leaves out (QEMU 7.2 does)")
    else:
        kernels = run(ops_test, "-tc=every kernel equals the reference*")
        print(kernels.stdout)
        if kernels.returncode != 0:
            print(f"kernels on {cpu}: exit code {kernels.returncode}")
            failed = True
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
