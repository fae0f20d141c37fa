"""What `pip install .` makes of a clean copy of the tree: the wheel holds the module and nothing else, and passes the module's tests.

Environment: that of test_cutis.py. Runs with the Python of tests/python/requirements.txt, without a network. Exit 77 where meson-python is missing.
"""

import importlib.util
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import zipfile

ROOT = pathlib.Path(os.environ["CUTIS_ROOT"])


def run(*command, **options):
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **options)
    print(done.stdout, end="")
    if done.returncode != 0:
        sys.exit(f"{command}: exit code {done.returncode}")


def copy_tree(to):
    names = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout
    for name in names.split(b"\0"):
        path = os.fsdecode(name)
        if path and (ROOT / path).exists():
            (to / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / path, to / path)


def check_wheel(path):
    with zipfile.ZipFile(path) as wheel:
        names = sorted(name for name in wheel.namelist() if name.startswith("cutis/"))
        assert len(names) == 4 and names[0] == "cutis/__init__.py" and names[2:] == ["cutis/_cutis.pyi", "cutis/py.typed"], names
        assert names[1].startswith("cutis/_cutis.") and names[1].endswith((".so", ".pyd")), names
        rest = {name.split("/", 1)[1] for name in wheel.namelist()} - {name.split("/", 1)[1] for name in names}
        assert rest == {"METADATA", "WHEEL", "RECORD", "licenses/LICENSE"}, rest
        metadata = wheel.read(next(name for name in wheel.namelist() if name.endswith("/METADATA"))).decode()
        assert "\nLicense-Expression: Apache-2.0\n" in metadata and "\nRequires-Dist: numpy" in metadata, metadata


def main():
    if missing := [name for name in ("mesonpy", "pip", "pytest") if importlib.util.find_spec(name) is None]:
        print(f"skipped: this Python lacks {', '.join(missing)} (tools/install_deps.sh --tests)")
        sys.exit(77)
    # The programs of that environment: its Meson.
    environment = {**os.environ, "PATH": f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        copy_tree(work / "tree")
        run(sys.executable, "-m", "pip", "wheel", "--no-index", "--no-build-isolation", "--no-deps", "-w", work, work / "tree", env=environment)
        wheel = next(work.glob("*.whl"))
        check_wheel(wheel)
        run(sys.executable, "-m", "pip", "install", "--no-index", "--no-deps", "--target", work / "site", wheel, env=environment)
        run(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", ROOT / "tests/python", env={**environment, "PYTHONPATH": str(work / "site")})


if __name__ == "__main__":
    main()
