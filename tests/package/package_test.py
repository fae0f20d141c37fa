"""What is installed and packed: programs compile against it, manuals and completions say what --help says, packages can be unpacked and run.

Environment: CUTIS, CUTIS_CONVERT, CUTIS_ROOT, CUTIS_BUILD (the build folder).
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(os.environ["CUTIS_ROOT"])
BUILD = pathlib.Path(os.environ["CUTIS_BUILD"])
PROGRAMS = {"cutis": os.environ["CUTIS"], "cutis-convert": os.environ["CUTIS_CONVERT"]}
PACKAGE = ROOT / "targets/package"
SOURCE = """#include <cutis.h>
#include <stdio.h>
int main(void) { puts(cutis_version()); return 0; }
"""


def run(*command, **options):
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    if done.returncode != 0:
        raise AssertionError(f"{command}: exit code {done.returncode}\n{done.stdout}")
    return done.stdout


def options_of(*command):
    """The options that --help lists, read apart from manual.py."""
    text = run(*command, "--help")
    return {name for line in text.splitlines() if re.match(r"  -", line) for name in re.findall(r"(?:^  |,)(--?[a-z][a-z-]*)", line)}


def command_lines():
    commands = re.findall(r"^  ([a-z]+) {2,}\S", run(PROGRAMS["cutis"], "--help").split("Subcommands:")[1], re.MULTILINE)
    yield ("cutis",), options_of(PROGRAMS["cutis"])
    for command in commands:
        yield ("cutis", command), options_of(PROGRAMS["cutis"], command)
    yield ("cutis-convert",), options_of(PROGRAMS["cutis-convert"])


class Manuals(unittest.TestCase):
    def test_written_files_are_what_help_says(self):
        run(sys.executable, PACKAGE / "manual.py", *PROGRAMS.values())

    def test_every_option_is_in_the_man_page(self):
        for command, options in command_lines():
            self.assertGreater(len(options), 1)
            page = (PACKAGE / "man" / f"{command[0]}.1").read_text(encoding="utf-8").replace("\\-", "-")
            if len(command) == 2:
                page = page.split(f".SH CUTIS {command[1].upper()}\n")[1].split("\n.SH ")[0]
            for option in options:
                self.assertIn(f"\\fB{option}\\fR", page, command)

    def test_bash_completes_the_options_of_help(self):
        for command, options in command_lines():
            function = "_" + command[0].replace("-", "_")
            script = f'. "$1"; shift; COMP_WORDS=("$@" -); COMP_CWORD=$#; {function}; printf "%s\\n" "${{COMPREPLY[@]}}"'
            found = run("bash", "-c", script, "bash", PACKAGE / "completion" / command[0], *command).split()
            self.assertEqual(set(found), options, command)

    def test_zsh_completes_the_options_of_help(self):
        for command, options in command_lines():
            text = (PACKAGE / "completion" / f"_{command[0]}").read_text(encoding="utf-8")
            if len(command) == 2:
                text = text.split(f"\n    {command[1]}) ")[1].split("\n      ;;")[0]
            elif command[0] == "cutis":
                text = text.split("\nfi\n")[1]
            self.assertEqual(set(re.findall(r"^ +'(--?[a-z-]+)\[", text, re.MULTILINE)), options, command)
        if shutil.which("zsh") is None:
            self.skipTest("no zsh to read the files with")
        for name in PROGRAMS:
            run("zsh", "-n", PACKAGE / "completion" / f"_{name}")


class Installed(unittest.TestCase):
    """One folder for all cases: what `meson install` gives."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.work = pathlib.Path(cls.folder.name)
        run("meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", cls.work / "root")
        cls.prefix = next((cls.work / "root").rglob("include/cutis/cutis.h")).parents[2]
        cls.lib = next(cls.prefix.rglob("libcutis.a")).parent
        cls.version = json.loads(run("meson", "introspect", "--projectinfo", BUILD))["version"]
        (cls.work / "program.c").write_text(SOURCE, encoding="utf-8")

    def pkg_config(self, *arguments, name="cutis"):
        # The prefix in the file is that of the real installation.
        environment = {**os.environ, "PKG_CONFIG_LIBDIR": f"{self.lib}/pkgconfig:" + run("pkg-config", "--variable", "pc_path", "pkg-config").strip()}
        return run("pkg-config", f"--define-variable=prefix={self.prefix}", *arguments, name, env=environment).split()

    def pipeline_programs(self):
        """The tests of the pipeline's interfaces, in C and C++, and what they are called with. Of the tree they see tests/c_test.h alone."""
        source, small = ROOT / "tests/pipeline", [BUILD / "tests/runtime" / name for name in ("small_u8.cutis", "tiny.cutis")]
        (self.work / "tests").mkdir(exist_ok=True)
        shutil.copy(ROOT / "tests/c_test.h", self.work / "tests")
        return [(["cc", "-std=c11", source / "pipeline_api.c"], small[:1]), (["cc", "-std=c11", source / "model_cache_api.c"], small),
                (["c++", "-std=c++20", source / "pipeline_cpp_api.cc"], small[:1])]

    def test_pkg_config_shared(self):
        run("cc", self.work / "program.c", "-o", self.work / "shared", *self.pkg_config("--cflags", "--libs"))
        found = run(self.work / "shared", env={**os.environ, "LD_LIBRARY_PATH": str(self.lib)})
        self.assertEqual(found.strip(), self.version)

    def test_pkg_config_static(self):
        self.assertNotIn("hwy", (self.lib / "pkgconfig/cutis.pc").read_text(encoding="utf-8"))
        libs = [str(self.lib / "libcutis.a") if name == "-lcutis" else name for name in self.pkg_config("--static", "--cflags", "--libs")]
        run("cc", self.work / "program.c", "-o", self.work / "static", *libs)
        self.assertEqual(run(self.work / "static").strip(), self.version)

    def test_pipeline_shared(self):
        for command, arguments in self.pipeline_programs():
            run(*command, f"-I{self.work}", "-pthread", "-o", self.work / "pipeline", *self.pkg_config("--cflags", "--libs", name="cutis-pipeline"))
            run(self.work / "pipeline", *arguments, env={**os.environ, "LD_LIBRARY_PATH": str(self.lib)})

    def test_pipeline_static(self):
        archives = {f"-l{name}": str(self.lib / f"lib{name}.a") for name in ("cutis", "cutis_pipeline")}
        libs = [archives.get(name, name) for name in self.pkg_config("--static", "--cflags", "--libs", name="cutis-pipeline")]
        for command, arguments in self.pipeline_programs():
            run(*command, f"-I{self.work}", "-pthread", "-o", self.work / "pipeline", *libs)
            run(self.work / "pipeline", *arguments)

    def test_cmake(self):
        if shutil.which("cmake") is None:
            self.skipTest("no cmake")
        minor = ".".join(self.version.split(".")[:2])
        (self.work / "CMakeLists.txt").write_text(f"""cmake_minimum_required(VERSION 3.13)
project(program C CXX)
find_package(cutis {minor} REQUIRED)
add_executable(with_shared program.c)
target_link_libraries(with_shared cutis::cutis)
add_executable(with_static program.c)
target_link_libraries(with_static cutis::cutis_static)
""", encoding="utf-8")
        run("cmake", "-S", self.work, "-B", self.work / "cmake", f"-DCMAKE_PREFIX_PATH={self.prefix}", f"-Dcutis_DIR={self.lib}/cmake/cutis")
        run("cmake", "--build", self.work / "cmake")
        for name in ("with_shared", "with_static"):
            self.assertEqual(run(self.work / "cmake" / name).strip(), self.version)

    def test_bill_of_materials(self):
        text = run(sys.executable, PACKAGE / "sbom.py", BUILD, self.prefix, "cutis-test", env={**os.environ, "SOURCE_DATE_EPOCH": "0"})
        bill = json.loads(text)
        names = {part["name"] for part in bill["packages"]}
        for part in ("cutis", "libflatbuffers-dev", "libhwy-dev", "libstb-dev", "nlohmann-json3-dev"):
            self.assertIn(part, names)
        self.assertFalse(names & {"doctest-dev", "libprotobuf-dev"}, "these are in no program that ships")
        known = {part["SPDXID"] for part in bill["packages"] + bill["files"]} | {bill["SPDXID"]}
        for relation in bill["relationships"]:
            self.assertIn(relation["spdxElementId"], known)
            self.assertIn(relation["relatedSpdxElement"], known)
        for part in bill["packages"]:
            self.assertTrue(part["versionInfo"] and part["licenseDeclared"], part["name"])

    def test_debian_package(self):
        if shutil.which("dpkg-shlibdeps") is None:
            self.skipTest("no dpkg-dev")
        shutil.copy(ROOT / "LICENSE", self.prefix)
        architecture = run("dpkg", "--print-architecture").strip()
        environment = {**os.environ, "SOURCE_DATE_EPOCH": "0", "CUTIS_OUT": str(self.work / "debs")}
        deb = run("bash", PACKAGE / "deb.sh", "cutis", self.prefix, architecture, env=environment).splitlines()[-1]
        depends = run("dpkg-deb", "-f", deb, "Depends")
        self.assertRegex(depends, r"libc6 \(>= ")
        self.assertIn("libstdc++6", depends)
        root = self.work / "unpacked"
        run("dpkg-deb", "-x", deb, root)
        self.assertEqual(run(root / "usr/bin/cutis", "--version").split(), ["cutis", self.version])
        again = self.work / "again.deb"
        shutil.copy(deb, again)
        run("bash", PACKAGE / "deb.sh", "cutis", self.prefix, architecture, env=environment)
        self.assertEqual(again.read_bytes(), pathlib.Path(deb).read_bytes(), "made again, other bytes")

    def test_model_package(self):
        environment = {**os.environ, "SOURCE_DATE_EPOCH": "0", "CUTIS_OUT": str(self.work / "models"), "CUTIS_BUILD": str(BUILD)}
        archive = pathlib.Path(run("bash", PACKAGE / "model.sh", ROOT / "models/bcc_lite0_dense", env=environment).splitlines()[-1])
        names = run("tar", "-tf", archive).split()
        inside = {name.split("/", 1)[1] for name in names}
        self.assertLessEqual({"bcc_lite0_dense.cutis", "CARD.md", "LICENSE", "SHA256SUMS", "curves.png"}, inside)
        run("tar", "-xf", archive, "-C", self.work)
        folder = self.work / names[0].split("/")[0]
        run("sha256sum", "-c", "SHA256SUMS", cwd=folder)
        self.assertIn("CC BY-NC 4.0", (folder / "LICENSE").read_text(encoding="utf-8"))
        deb = run("bash", PACKAGE / "deb.sh", "model", folder, env=environment).splitlines()[-1]
        root = self.work / "model_root"
        run("dpkg-deb", "-x", deb, root)
        self.assertTrue((root / "usr/share/doc/cutis-model-bcc-lite0-dense/CARD.md").exists())
        run(PROGRAMS["cutis"], "inspect", root / "usr/share/cutis/models/bcc_lite0_dense.cutis")

    def test_models_without_card_or_licence_stay(self):
        lonely = self.work / "lonely"
        lonely.mkdir()
        shutil.copy(os.environ["CUTIS_MODEL"], lonely / "model.cutis")
        environment = {**os.environ, "SOURCE_DATE_EPOCH": "0", "CUTIS_OUT": str(self.work / "models"), "CUTIS_BUILD": str(BUILD)}
        with self.assertRaisesRegex(AssertionError, "no CARD.md"):
            run("bash", PACKAGE / "model.sh", lonely, env=environment)

    def test_targets_are_listed(self):
        listed = run("bash", ROOT / "targets/build.sh")
        names = [line.split("|")[0].strip() for line in (ROOT / "targets/targets.list").read_text().splitlines() if not line.startswith("#")]
        for name in names:
            self.assertIn(f"\n  {name} ", listed)
        done = subprocess.run(["bash", ROOT / "targets/build.sh", "toaster"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.assertEqual(done.returncode, 2)
        self.assertIn("toaster: no such target", done.stderr)
        self.assertIn(names[0], done.stderr)


if __name__ == "__main__":
    unittest.main()
