#!/usr/bin/env python3
"""The programs for Windows under Wine: a model and a picture whose names are not ASCII. Both programs give the same answer, and the self-test
compares it with what the converter, a program for Linux, wrote into the model.

    command_line_test.py CUTIS_EXE CUTIS_DEVICE_EXE MODEL PICTURE     Meson gives the command that runs them in MESON_EXE_WRAPPER
"""

import json
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest

WRAPPER = shlex.split(os.environ["MESON_EXE_WRAPPER"])
CUTIS, DEVICE, MODEL, PICTURE = sys.argv[1:5]


class CommandLine(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.model, self.picture = self.folder / "Modell ä.cutis", self.folder / "Läsion λ 病.jpg"
        shutil.copy(MODEL, self.model)
        shutil.copy(PICTURE, self.picture)

    def run_exe(self, *arguments, code=0, **environment):
        done = subprocess.run([*WRAPPER, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env={**os.environ, **environment}, check=False)
        self.assertEqual(done.returncode, code, done.stderr.decode())
        self.assertNotIn(b"\r", done.stdout)
        return done.stdout.decode("utf-8"), done.stderr.decode("utf-8")

    def test_classify(self):
        out, _ = self.run_exe(CUTIS, "classify", self.model, self.picture, "--json")
        answer = json.loads(out)
        self.assertEqual(answer["file"], str(self.picture))
        self.assertAlmostEqual(sum(answer["probabilities"].values()), 1, places=5)
        device, _ = self.run_exe(DEVICE, self.model, "classify", self.picture)
        path, verdict, p_bcc = device.split("\t")[:3]
        self.assertEqual((path, verdict), (str(self.picture), answer["verdict"] or "-"))
        self.assertAlmostEqual(float(p_bcc), answer["p_bcc"], places=4)

    def test_folders_and_patterns(self):
        deep = self.folder / "Archiv ü" / "unten"
        deep.mkdir(parents=True)
        for name in ("b λ.jpg", "a.JPG", "c.txt"):
            shutil.copy(PICTURE, deep / name)
        for argument in (self.folder / "Archiv ü", deep / "*.jpg"):  # names match whatever their case
            out, _ = self.run_exe(CUTIS, "classify", self.model, argument, "--json", "--threads", "2")
            files = [json.loads(line)["file"] for line in out.splitlines()]
            self.assertEqual(files, [str(deep / "a.JPG"), str(deep / "b λ.jpg")])

    def test_out_and_resume(self):
        out = self.folder / "Ergebnisse é.jsonl"
        self.run_exe(CUTIS, "classify", self.model, self.picture, "--out", out)
        whole = out.read_bytes()
        self.assertNotIn(b"\r", whole)
        self.assertEqual(len(whole.splitlines()), 2)
        out.write_bytes(whole[:-10])
        self.run_exe(CUTIS, "classify", self.model, self.picture, "--out", out, "--resume")
        self.assertEqual([json.loads(line)["file"] for line in out.read_text(encoding="utf-8").splitlines()[1:]], [str(self.picture)])
        self.run_exe(CUTIS, "classify", self.model, self.picture, "--out", out, code=2)

    def test_self_test(self):
        out, _ = self.run_exe(CUTIS, "selftest", self.model, "--quick", "--json")
        lines = [json.loads(line) for line in out.splitlines()]
        self.assertGreater(len(lines), 0)
        self.assertEqual({line["passed"] for line in lines}, {True})
        self.assertIn("passed", self.run_exe(DEVICE, self.model, "selftest", "--quick")[0])

    def test_inspect(self):
        self.assertIn("provenance", json.loads(self.run_exe(CUTIS, "inspect", self.model, "--json")[0]))

    def test_bench_and_tuning(self):
        cache = self.folder / "Ablage ö"
        cache.mkdir()
        out, _ = self.run_exe(CUTIS, "bench", self.model, "--runs", "1", "--threads", "2", "--json", "--tune-file", cache / "τ.txt",
                              "--autotune")
        self.assertGreater(json.loads(out)["peak_rss_bytes"], 0)
        self.assertTrue((cache / "τ.txt").read_bytes().startswith(b"cutis-tuning"))
        self.run_exe(CUTIS, "bench", self.model, "--runs", "1", "--threads", "2", "--tune-file", cache / "τ.txt")

    def test_what_is_missing(self):
        _, error = self.run_exe(CUTIS, "inspect", self.folder / "fehlt ß.cutis", code=3)
        self.assertIn("fehlt ß.cutis", error)
        _, error = self.run_exe(CUTIS, "inspect", self.folder, code=3)
        self.assertIn("not a regular file", error)
        self.run_exe(CUTIS, "classify", self.model, self.folder / "fehlt.jpg", code=3)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
