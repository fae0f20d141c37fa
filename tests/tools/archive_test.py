"""Tests of `cutis classify` over many images: folders, lists, order, errors in between."""

import csv
import io
import json
import os
import pathlib
import subprocess
import threading
import unittest

from cli_case import CUTIS, MODEL, SAMPLES, SLOW, SMALL, CliTest, png, run


class Archive(CliTest):
    def make(self):
        """A folder of links to samples and of what is no image, and the paths in the order in which classify takes them."""
        names = ["b/2.jpg", "b/10.JPG", "b/c/deep.jpeg", "a.jpg", "z.PNG", "b.jpg"]
        for index, name in enumerate(names):
            path = self.folder / "archive" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix == ".PNG":
                path.write_bytes(png(40, 30, bytes(30 * 121)))
            else:
                path.symlink_to(SAMPLES[index % len(SAMPLES)])
        for name in ("notes.txt", "b/.jpg", "b/jpg"):
            (self.folder / "archive" / name).write_text("no image")
        (self.folder / "archive/b/up").symlink_to("..")  # would go round for ever
        (self.folder / "archive/gone.jpg").symlink_to("nowhere")
        return [str(self.folder / "archive" / name) for name in
                ("a.jpg", "b/10.JPG", "b/2.jpg", "b/c/deep.jpeg", "b.jpg", "z.PNG")]

    @staticmethod
    def lines(text):
        found = [json.loads(line) for line in text.splitlines()]
        for line in found:
            line.pop("ms", None)
        return found

    def test_folders_and_order(self):
        expected = self.make()
        wanted = self.lines(self.good(CUTIS, "classify", MODEL, *expected, "--json", "--threads", "1"))
        self.assertEqual([line["file"] for line in wanted], expected)
        for ending in ("", "/"):
            found = self.lines(self.good(CUTIS, "classify", MODEL, str(self.folder / "archive") + ending, "--json"))
            self.assertEqual(found, wanted)
        # A name that is given stays, whatever it ends in.
        result = run(CUTIS, "classify", MODEL, self.folder / "archive/notes.txt", "--json")
        self.assertEqual(result.returncode, 3)

    def test_threads_and_batches_change_nothing(self):
        paths = self.make() * 3
        bad = str(self.path("bad.jpg", b"\xff\xd8 no image"))
        paths[5:5] = [bad, bad]
        paths.append(str(self.folder / "none.jpg"))
        wanted = None
        for threads, batch in ((1, 1), (2, 1), (3, 4)) if SLOW else ((1, 1), (2, 1), (3, 4), (8, 2), (1, 32)):
            result = run(CUTIS, "classify", MODEL, *paths, "--json", "--threads", threads, "--batch", batch)
            self.assertEqual(result.returncode, 3)
            errors = [line for line in result.stderr.splitlines() if "note:" not in line]
            self.assertEqual(len(errors), 3, result.stderr)
            found = self.lines(result.stdout)
            self.assertEqual([line["file"] for line in found], paths)
            self.assertEqual([line["file"] for line in found if "error" in line], [bad, bad, paths[-1]])
            wanted = wanted or (found, errors)
            self.assertEqual((found, errors), wanted)

    def test_list_on_standard_input(self):
        expected = self.make()
        text = "\r\n".join(expected[:3]) + "\n\n" + expected[3]  # ends of lines of Windows, an empty one, no end at the end
        result = subprocess.run([CUTIS, "classify", MODEL, "-", expected[4], "--json"], input=text, text=True, capture_output=True,
                                timeout=300, check=False)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual([line["file"] for line in self.lines(result.stdout)], expected[:5])
        self.assertEqual(run(CUTIS, "classify", MODEL, "-", "--json").stdout, "")  # an empty list

    def test_list_that_waits_for_results(self):
        paths = self.make()
        with subprocess.Popen([CUTIS, "classify", MODEL, "-", "--json", "--threads", "2"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True) as process:
            timer = threading.Timer(60, process.kill)
            timer.start()
            for path in paths:  # the next name only once there is an answer
                process.stdin.write(path + "\n")
                process.stdin.flush()
                self.assertEqual(json.loads(process.stdout.readline() or "{}").get("file"), path)
            process.stdin.close()
            self.assertEqual(process.wait(60), 0)
            timer.cancel()

    def test_patterns(self):
        expected = self.make()
        found = self.lines(self.good(CUTIS, "classify", MODEL, self.folder / "archive/?.jpg", self.folder / "archive/b/*.*", "--json"))
        self.assertEqual([line["file"] for line in found], [expected[0], expected[4]] + expected[1:3])
        odd = self.folder / "what?.jpg"  # a file that is called so is meant
        odd.symlink_to(SAMPLES[0])
        self.assertEqual(self.lines(self.good(CUTIS, "classify", MODEL, odd, "--json"))[0]["file"], str(odd))
        self.assert_error(run(CUTIS, "classify", MODEL, self.folder / "*.tif"), 3, "*.tif")

    @unittest.skipIf(os.geteuid() == 0, "root reads everything")
    def test_folder_that_cannot_be_read(self):
        self.make()
        (self.folder / "archive/b").chmod(0)
        self.addCleanup((self.folder / "archive/b").chmod, 0o700)
        self.assert_error(run(CUTIS, "classify", MODEL, self.folder / "archive"), 3, "archive/b")

    def test_empty_folder(self):
        (self.folder / "empty").mkdir()
        self.assertEqual(self.good(CUTIS, "classify", MODEL, self.folder / "empty", "--json"), "")

    def test_out_and_resume(self):
        paths = self.make() + [str(self.path("bad, \"odd\".jpg", b"no image"))]
        paths += paths[:2]  # twice
        for name in ("out.jsonl", "out.csv"):
            with self.subTest(name=name):
                out = self.folder / name
                command = [CUTIS, "classify", MODEL, *paths, "--out", out]
                result = run(*command)
                self.assertEqual(result.returncode, 3, result.stderr)
                self.assertTrue(result.stdout.startswith("9 images: "), result.stdout)
                self.assertIn(" 1 errors", result.stdout)
                whole = out.read_text(encoding="utf-8")
                self.assert_error(run(*command), 2, name, "--resume")
                self.assertEqual(out.read_text(encoding="utf-8"), whole)
                # Cut off anywhere, it goes on to the same, apart from times.
                for size in (0, 1, 30, len(whole) // 3, len(whole) // 2, len(whole) - 1, len(whole)):
                    out.write_text(whole[:size], encoding="utf-8")
                    result = run(*command, "--resume", "--threads", 2 if size % 2 else 1)
                    self.assertEqual(result.returncode, 3, result.stderr)  # whichever run met the bad image
                    self.assertEqual(self.without_times(out), self.without_times_of(whole, name))
                self.assertTrue(result.stdout.startswith("0 images: "), result.stdout)
                self.assertIn("9 were there already", result.stdout)
                # What was begun with something else stays as it is.
                other = [SMALL / "small_calibrated.cutis" if part == MODEL else part for part in command]
                self.assert_error(run(*other, "--resume"), 2, name)
                self.assert_error(run(*command, "--resume", "--operating-point", "nowhere"), 2)
                self.assertEqual(self.without_times(out), self.without_times_of(whole, name))

    def without_times(self, path):
        return self.without_times_of(path.read_text(encoding="utf-8"), path.name)

    @staticmethod
    def without_times_of(text, name):
        if name.endswith(".csv"):
            rows = list(csv.reader(text.splitlines()[1:]))
            return [text.splitlines()[0]] + [row[:-3] for row in rows]
        return Archive.lines(text)

    def test_csv(self):
        out = self.folder / "table.csv"
        odd = self.path("a, \"b\"\n c.jpg", pathlib.Path(SAMPLES[0]).read_bytes())
        bad = self.path("bad.jpg", b"no image")
        self.assertEqual(run(CUTIS, "classify", MODEL, odd, bad, "--out", out).returncode, 3)
        text = out.read_text(encoding="utf-8")
        head, table = text.split("\n", 1)
        self.assertTrue(head.startswith("# {"))
        self.assertEqual(json.loads(head[2:])["model_hash"], json.loads(self.good(CUTIS, "inspect", MODEL, "--json"))["model_hash"])
        rows = list(csv.DictReader(io.StringIO(table)))
        wanted = json.loads(self.good(CUTIS, "classify", MODEL, odd, "--json"))
        self.assertEqual([row["file"] for row in rows], [str(odd), str(bad)])
        self.assertEqual(rows[0]["verdict"], wanted["verdict"])
        self.assertEqual(rows[0]["reasons"].split(), wanted["reasons"])
        self.assertEqual(float(rows[0]["p_bcc"]), wanted["p_bcc"])
        for label, p in wanted["probabilities"].items():
            self.assertEqual(float(rows[0]["p_" + label]), p)
        self.assertEqual((rows[1]["verdict"], rows[1]["p_bcc"]), ("", ""))
        self.assertIn("neither JPEG nor PNG", rows[1]["error"])

    def test_wrong_out(self):
        self.assert_error(run(CUTIS, "classify", MODEL, SAMPLES[0], "--out", self.folder / "a.txt"), 2, ".jsonl")
        self.assert_error(run(CUTIS, "classify", MODEL, SAMPLES[0], "--resume"), 2, "--out")
        self.assert_error(run(CUTIS, "classify", MODEL, SAMPLES[0], "--json", "--out", self.folder / "a.csv"), 2, "--json")
        self.assert_error(run(CUTIS, "classify", MODEL, SAMPLES[0], "--out", self.folder / "no/a.csv"), 1, "a.csv")
        foreign = self.path("letter.jsonl", b"hello, I am a letter to my aunt. " * 10)
        self.assert_error(run(CUTIS, "classify", MODEL, SAMPLES[0], "--out", foreign, "--resume"), 2, "letter.jsonl")
        self.assertTrue(foreign.read_bytes().startswith(b"hello"))

    def test_output_that_is_full_stops(self):
        if not os.path.exists("/dev/full"):
            self.skipTest("no /dev/full")
        # A list without an end: only what stops by itself comes back.
        with open("/dev/full", "w", encoding="utf-8") as full, subprocess.Popen(["yes", SAMPLES[0]], stdout=subprocess.PIPE) as names:
            result = subprocess.run([CUTIS, "classify", MODEL, "-", "--json", "--threads", "2"], stdin=names.stdout, stdout=full,
                                    stderr=subprocess.PIPE, text=True, timeout=60, check=False)
            names.kill()
        self.assert_error(result, 1, "standard output")


if __name__ == "__main__":
    unittest.main()
