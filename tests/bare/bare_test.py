"""The core on an emulated Cortex-M7 (targets/bare): what is linked, the hash of the outputs, an operator that was left out. Arguments: the
source tree, the build folder. Exit code 77 where Debian's compiler or emulator for it is not installed."""

import pathlib
import subprocess
import sys
import tempfile

ROOT, BUILD = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
sys.path.insert(0, str(ROOT / "targets/bare"))
import check  # noqa: E402


def make(folder, name, *options):
    source, model = folder / name, folder / f"{name}.cutis"
    check.run(sys.executable, ROOT / "tests/bare/make_model.py", source, *options)
    check.run(BUILD / "cutis-convert", source, "-o", model, "--calibrate", ROOT / "tools/samples", stdout=subprocess.DEVNULL)
    check.run(BUILD / "cutis-convert", model, "--emit-c", folder / f"{name}.c")
    return model


def run_image(folder, name, ops):
    image = check.build_image(folder / "build", folder / f"{name}.c", False, ops, "2")
    wrong = check.wrongly_linked(image, ops)
    assert not wrong, wrong
    return check.emulate(image)


def main():
    if check.missing_tools():
        return 77
    with tempfile.TemporaryDirectory(prefix="cutis-bare-") as folder:
        folder = pathlib.Path(folder)
        plain, softmax = make(folder, "plain"), make(folder, "softmax", "--softmax")
        ops = check.run(BUILD / "cutis", "inspect", plain, "--ops", stdout=subprocess.PIPE, text=True).stdout.strip()
        for name, model in (("plain", plain), ("softmax", softmax)):
            code, text = run_image(folder, name, "")
            assert code == 0 and text.endswith("PASS\n"), text
            assert f"\noutput hash: {check.expected(BUILD, model, False)}\n" in text, text
        code, text = run_image(folder, "plain", ops)
        assert code == 0 and text.endswith("PASS\n"), text
        code, text = run_image(folder, "softmax", ops)
        assert code == 1 and "leaves out the operator Softmax" in text and "Meson option ops" in text, text
    return 0


if __name__ == "__main__":
    sys.exit(main())
