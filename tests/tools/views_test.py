"""Tests of `cutis classify` with several views, gates, a data cache and metrics."""

import json
import math
import os
import pathlib
import random
import re
import threading
import unittest

from cli_case import CONVERT, CUTIS, MODEL, SAMPLES, SLOW, SMALL, SOURCE, CliTest, png, run

LIMITED = SMALL / "small_limits.cutis"


def transformed(side, pixels, view):
    """A flip or quarter turn of rows of (r, g, b): transposed where bit 2 is set, then rows (1) and columns (0) turned round."""
    rows = [pixels[y * side:(y + 1) * side] for y in range(side)]
    if view & 4:
        rows = [list(column) for column in zip(*rows)]
    if view & 2:
        rows = rows[::-1]
    if view & 1:
        rows = [row[::-1] for row in rows]
    return b"".join(b"\0" + bytes(value for pixel in row for value in pixel) for row in rows)


class Results(CliTest):
    def results(self, *options, model=MODEL):
        """Result lines without times."""
        found = [json.loads(line) for line in self.good(CUTIS, "classify", model, "--json", *options).splitlines()]
        for line in found:
            line.pop("ms", None)
        return found


class Views(Results):
    def test_the_mean_of_the_views(self):
        inspected = json.loads(self.good(CUTIS, "inspect", MODEL, "--json"))
        side = inspected["tensors"][inspected["input"]]["shape"][0]
        values = random.Random(1)
        pixels = [(x * 255 // side, y * 255 // side, values.randrange(256)) for y in range(side) for x in range(side)]
        paths = [self.path(f"{view}.png", png(side, side, transformed(side, pixels, view))) for view in range(8)]
        one = self.results(*paths)
        self.assertGreater(len({line["p_bcc"] for line in one}), 4)
        mean = {label: sum(math.log(line["probabilities"][label]) for line in one) / 8 for label in one[0]["probabilities"]}
        total = sum(math.exp(value) for value in mean.values())
        line, = self.results(paths[0], "--tta", "8")
        self.assertEqual(line["views"], 8)  # the file knows of no limits: all are run
        self.assertIn("uncalibrated", line["reasons"])
        for label, value in mean.items():
            self.assertAlmostEqual(line["probabilities"][label], math.exp(value) / total, places=5)
        self.assertEqual({line["views"] for line in one}, {1})

    def test_fewer_views_where_they_are_enough(self):
        noise = random.Random(2)
        paths = [self.path(f"{i}.png", png(12, 12, b"".join(b"\0" + noise.randbytes(36) for _ in range(12)))) for i in range(40)]
        lines = self.results(*paths, "--tta", "8", "--operating-point", "screening", model=LIMITED)
        self.assertEqual({line["views"] for line in lines}, {1, 2, 8})  # the file has limits for one view and for two
        inspected = json.loads(self.good(CUTIS, "inspect", LIMITED, "--json"))["verdict"]["views"]
        self.assertEqual([(stop["rise"], stop["fall"]) for stop in inspected["stops"]], [(2, 1), (0.5, 0.25)])
        point = next(point for point in inspected["operating_points"] if point["name"] == "screening")
        bounds = [math.log(p / (1 - p)) for p in (point["refer_low"], point["refer_high"])]
        for line in lines:
            if line["views"] > 2:
                continue
            at = math.log(line["p_bcc"] / (1 - line["p_bcc"]))
            rise, fall = [(2, 1), (0.5, 0.25)][line["views"] - 1]
            for bound in bounds:
                self.assertTrue(bound - at > rise - 1e-4 if at < bound else at - bound > fall - 1e-4, line)
        text = self.good(CUTIS, "classify", LIMITED, paths[0], "--tta", "8")
        self.assertRegex(text, r"mean of \d of 8 views")
        for threads, batch in ((1, 3), (2, "auto"), (3, 7)):
            again = self.results(*paths, "--tta", "8", "--operating-point", "screening", "--threads", threads, "--batch", batch, model=LIMITED)
            self.assertEqual(again, lines)

    def test_gates(self):
        white = self.path("white.png", png(40, 40, (b"\0" + b"\xff" * 120) * 40))
        line, = self.results(white, model=LIMITED)
        self.assertEqual((line["verdict"], line["gates"]), ("unusable", True))
        self.assertIn("over_exposed", line["reasons"])
        for views in ("1", "8"):
            line, = self.results(white, "--no-gates", "--tta", views, model=LIMITED)
            self.assertNotEqual(line["verdict"], "unusable")
            self.assertFalse(line["gates"])
            self.assertNotIn("over_exposed", line["reasons"])
        self.assertIn("--no-gates", self.good(CUTIS, "classify", LIMITED, white, "--no-gates"))
        self.assertFalse(self.results(SAMPLES[0])[0]["gates"])  # a model without limits has none

    def test_results_say_how_they_were_made(self):
        out = self.folder / "out.jsonl"
        self.good(CUTIS, "classify", LIMITED, *SAMPLES, "--out", out, "--tta", "8")
        head = json.loads(out.read_text().splitlines()[0])
        self.assertEqual((head["views"], head["gates"]), (8, True))
        for other in ((), ("--tta", "8", "--no-gates")):
            self.assert_error(run(CUTIS, "classify", LIMITED, *SAMPLES, "--out", out, "--resume", *other), 2, out, "other")
        table = self.folder / "out.csv"
        self.good(CUTIS, "classify", LIMITED, SAMPLES[0], "--out", table, "--no-gates")
        rows = table.read_text().splitlines()
        self.assertEqual(rows[1].split(",")[:7], ["file", "verdict", "p_bcc", "reasons", "error", "views", "gates"])
        self.assertEqual(rows[2].split(",")[5:7], ["1", "false"])

    def test_wrong_options(self):
        for options, words in ((("--tta", "4"), "1,8"), (("--batch", "0"), "no whole number"), (("--batch", "many"), "no whole number"),
                               (("--cache", self.folder / "c", "--cache-size", "1T"), "--cache-size"),
                               (("--cache", self.folder / "c", "--cache-size", "-1"), "--cache-size"),
                               (("--cache", self.folder / "c", "--cache-size", "99999999999G"), "--cache-size"),
                               (("--cache", self.folder / "c", "--cache-size", "1000"), "1 MiB"), (("--cache-size", "1G"), "--cache"),
                               (("--metrics", self.folder / "m.txt"), ".json or .prom")):
            self.assert_error(run(CUTIS, "classify", MODEL, SAMPLES[0], *options), 2, words)
        self.assert_error(run(CUTIS, "classify", MODEL, SAMPLES[0], "--cache", self.folder / "no" / "c"), 1, self.folder / "no" / "c")


class Cache(Results):
    def classify(self, *options, model=LIMITED):
        """Result lines and what the metrics say of the cache."""
        metrics = self.folder / "metrics.json"
        lines = self.results(*SAMPLES, *options, "--cache", self.folder / "cache", "--metrics", metrics, model=model)
        return lines, json.loads(metrics.read_text())["cache"]

    def entries(self):
        return sorted(path for path in (self.folder / "cache").glob("*/*"))

    def test_results_stay_the_same(self):
        for options in ((), ("--tta", "8"), ("--operating-point", "screening"), ("--tta", "8", "--no-gates"), ("--batch", "2")):
            wanted = self.results(*SAMPLES, *options, model=LIMITED)
            for _ in range(2):
                self.assertEqual(self.classify(*options)[0], wanted)
        lines, cache = self.classify()
        self.assertEqual((cache["hits"], cache["misses"], cache["stored"]), (len(SAMPLES), 0, 0))
        self.assertEqual(len(self.entries()), len(SAMPLES))
        # Another model has entries of its own; a verdict stands in none, nor a name.
        self.assertEqual(self.classify(model=MODEL)[1]["misses"], len(SAMPLES))
        for entry in self.entries():
            content = entry.read_bytes()
            for text in (b"bcc", b"refer", *(pathlib.Path(path).stem.encode() for path in SAMPLES)):
                self.assertNotIn(text, content)
        self.assertIn("cache: %d of %d known" % (len(SAMPLES), len(SAMPLES)),
                      self.good(CUTIS, "classify", LIMITED, *SAMPLES, "--cache", self.folder / "cache"))

    def test_damaged_entries(self):
        wanted = self.classify("--tta", "8")[0]
        for entry in self.entries():
            content = bytearray(entry.read_bytes())
            content[60] ^= 1
            entry.write_bytes(content)
        lines, cache = self.classify("--tta", "8")
        self.assertEqual(lines, wanted)
        self.assertEqual((cache["hits"], cache["damaged"], cache["stored"]), (0, len(SAMPLES), len(SAMPLES)))
        # Damage of the pixels alone: seen when more views are needed, and the image is decoded again.
        for entry in self.entries():
            entry.unlink()
        self.classify()
        for entry in self.entries():
            content = bytearray(entry.read_bytes())
            content[-40] ^= 1
            entry.write_bytes(content)
        self.assertEqual(self.classify("--tta", "8")[0], wanted)

    def test_several_processes(self):
        wanted = self.results(*SAMPLES * 5, "--tta", "8", model=LIMITED)
        found = [None] * 3

        def one(index):
            found[index] = self.results(*SAMPLES * 5, "--tta", "8", "--cache", self.folder / "cache", "--cache-size", "1M", model=LIMITED)

        threads = [threading.Thread(target=one, args=(index,)) for index in range(len(found))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(found, [wanted] * 3)

    def test_private_folder(self):
        self.classify()
        self.assertEqual(os.stat(self.folder / "cache").st_mode & 0o777, 0o700)
        os.chmod(self.folder / "cache", 0o755)
        self.assert_error(run(CUTIS, "classify", LIMITED, SAMPLES[0], "--cache", self.folder / "cache"), 2, "chmod 700")


class Metrics(Results):
    def test_json(self):
        metrics, bad = self.folder / "m.json", self.path("bad.jpg", b"\xff\xd8 no image")
        result = run(CUTIS, "classify", MODEL, *SAMPLES, bad, "--json", "--metrics", metrics, "--batch", "2", "--threads", "1")
        self.assertEqual(result.returncode, 3)
        found = json.loads(metrics.read_text())
        count = len(SAMPLES)
        self.assertEqual((found["images"], found["errors"], found["cached"], found["views_judged"], found["batch"]), (count, 1, 0, count, 2))
        for stage in ("read", "decode", "preprocess", "inference", "whole"):
            latency = found["latency_ms"][stage]
            self.assertEqual(latency["count"], count)
            self.assertTrue(0 <= latency["min"] <= latency["p50"] <= latency["p90"] <= latency["p99"] <= latency["max"], latency)
            self.assertTrue(latency["min"] <= latency["mean"] * 1.001 and latency["mean"] <= latency["max"] * 1.001, latency)
        lines = [json.loads(line) for line in result.stdout.splitlines()]
        for stage in ("decode", "preprocess", "inference"):
            wanted = sum(line["ms"][stage] for line in lines if "ms" in line) / count
            self.assertAlmostEqual(found["latency_ms"][stage]["mean"] / wanted, 1, places=3)
        self.assertIsNone(found["cache"])
        self.assertGreaterEqual(found["memory"]["peak_bytes"], found["memory"]["resident_bytes"])
        self.assertGreater(found["memory"]["resident_bytes"], 0)
        self.assertGreater(found["cpu"]["user_seconds"] + found["cpu"]["system_seconds"], 0)
        self.assertAlmostEqual(found["images_per_second"] * found["seconds"] / (count + 1), 1, places=3)
        # The steps together are most of the inference; their shares are one.
        self.assertAlmostEqual(sum(step["share"] for step in found["steps"]), 1, places=4)
        steps = sum(step["ms"] for step in found["steps"])
        self.assertLess(steps, found["latency_ms"]["inference"]["mean"] * count * 1.001)
        self.assertGreater(steps, 0.5 * found["latency_ms"]["inference"]["mean"] * count)

    def test_prometheus(self):
        metrics = self.folder / "m.prom"
        self.good(CUTIS, "classify", LIMITED, *SAMPLES, "--json", "--metrics", metrics, "--cache", self.folder / "cache", "--tta", "8")
        families, samples = {}, {}
        for line in metrics.read_text().splitlines():
            if line.startswith("# TYPE "):
                _, _, name, kind = line.split(" ")
                self.assertNotIn(name, families)
                families[name] = kind
            elif not line.startswith("# HELP "):
                found = re.fullmatch(r'([a-z_]+)(\{(?:[a-z_]+="(?:[^"\\\n]|\\.)*",?)+\})? (\S+)', line)
                self.assertIsNotNone(found, line)
                family = re.sub("_(sum|count)$", "", found[1])
                self.assertIn(family, families)  # its type comes before it
                samples[found[1] + (found[2] or "")] = float(found[3])
        self.assertEqual(samples["cutis_images_total"], len(SAMPLES))
        self.assertEqual(samples['cutis_cache_entries_total{event="stored"}'], len(SAMPLES))
        self.assertEqual(samples['cutis_stage_seconds_count{stage="whole"}'], len(SAMPLES))
        self.assertGreaterEqual(samples["cutis_views_total"], len(SAMPLES))
        self.assertEqual(families["cutis_stage_seconds"], "summary")

    @unittest.skipIf(SLOW, "times of a build with sanitizers say nothing")
    def test_measured_batch(self):
        metrics = self.folder / "m.json"
        self.good(CUTIS, "classify", MODEL, *SAMPLES, "--json", "--metrics", metrics, "--batch", "auto")
        self.assertIn(json.loads(metrics.read_text())["batch"], (1, 2, 4, 8, 16, 32))

    def test_of_a_device_nothing_is_measured(self):
        """A file that was made for a device: one image after the other, in the memory that was reckoned for it."""
        profile = {"name": "a test", "text": "made by a test", "isa": "dotprod", "cores": 4, "ram": 1 << 26, "storage": 1 << 24}
        model, metrics = self.folder / "device.cutis", self.folder / "m.json"
        self.good(CONVERT, SOURCE, "-o", model, "--target", self.path("device.json", json.dumps(profile).encode()))
        self.good(CUTIS, "classify", model, *SAMPLES, "--json", "--metrics", metrics, "--batch", "auto")
        found = json.loads(metrics.read_text())
        self.assertEqual((found["batch"], found["workers"], found["images"]), (1, 1, len(SAMPLES)))

    def test_written_whole_or_not_at_all(self):
        result = run(CUTIS, "classify", MODEL, SAMPLES[0], "--json", "--metrics", self.folder / "no" / "m.json")
        self.assertEqual(result.returncode, 1)
        self.assertIn("m.json", result.stderr)
        self.assertEqual(len(result.stdout.splitlines()), 1)  # the result is there all the same


if __name__ == "__main__":
    unittest.main()
