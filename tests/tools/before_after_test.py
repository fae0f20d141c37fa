"""tools/compare/before_after.py without PyTorch: its figures, and what it asks the system about programs that are there."""
import json
import os
import pathlib
import statistics
import sys
import unittest

from cli_case import CUTIS, MODEL, ROOT, SAMPLES, CliTest

sys.path.insert(0, str(ROOT / "tools/compare"))
import before_after


def measured(scale, **changes):
    """What run_once() gives of a program, all times times `scale`."""
    return {"first_ms": 100 * scale, "inference_ms": [scale * i for i in range(1, 12)], "prepare_ms": [2 * scale] * 11, "image_ms": [3 * scale] * 11,
            "cpu_s": 0.022 * scale, "wall_s": 0.033 * scale, "peak_bytes": int(1e6 * scale), "pss_bytes": int(5e5 * scale)} | changes


def result(before, after):
    sides = [[before_after.summary(run) for run in side] for side in (before, after)]
    return {"schema": before_after.SCHEMA, "about": "a net", "machine": "a machine", "isa": "avx2", "images": 11, "rounds": len(before),
            "before": {"name": "Old", "versions": {"torch": "1"}, **before_after.figures(sides[0])},
            "after": {"name": "New", "versions": {"Cutis": "2"}, **before_after.figures(sides[1])},
            "ratios": before_after.ratios(*sides), "agreement": {"largest_difference": 0.0125, "mean_difference": 0.004}}


class BeforeAfter(CliTest):
    def program(self, body):
        """The command of a program that answers a line of JSON for a line."""
        return [sys.executable, self.path("program.py", f"import json, sys, time\n{body}".encode())]

    def test_percentile(self):
        values = [5.0, 1.0, 9.0, 3.0, 8.0, 2.0]
        self.assertEqual(before_after.percentile(values, 0.5), statistics.median(values))
        self.assertAlmostEqual(before_after.percentile(values, 0.9), statistics.quantiles(values, n=10, method="inclusive")[8])
        self.assertEqual((before_after.percentile([4.0], 0.9), before_after.percentile(values, 0), before_after.percentile(values, 1)), (4, 1, 9))

    def test_summary(self):
        found = before_after.summary(measured(2))
        self.assertEqual((found["inference_ms"], found["inference_p90_ms"], found["first_image_ms"]), (12, 20, 200))
        self.assertAlmostEqual(found["cpu_ms"], 4)
        self.assertAlmostEqual(found["utilisation"], 2 / 3)

    def test_ratios_within_rounds(self):
        # The machine slows down by half from round to round: the ratio stays.
        found = result([measured(10), measured(15), measured(30)], [measured(1), measured(1.5), measured(2)])["ratios"]
        self.assertEqual({key: round(value, 9) for key, value in found["inference_ms"].items()}, {"median": 10, "least": 10, "most": 15})
        self.assertNotIn("utilisation", found)
        # What one side cannot tell has no ratio, and no row.
        odd = result([measured(10, pss_bytes=None)], [measured(1)])
        self.assertNotIn("pss_bytes", odd["ratios"])
        self.assertNotIn("PSS", before_after.table(odd))

    def test_table(self):
        text = before_after.table(result([measured(10)], [measured(1)]))
        rows = [line.split("|") for line in text.splitlines() if line.startswith("|")]
        self.assertEqual({len(row) for row in rows}, {6})
        self.assertEqual(len(rows), 2 + len(before_after.MEASURES))
        for words in ("| 60.00 ms | 6.00 ms | 10.0 (10.0 to 10.0) |", "| 10.0 MB | 1.0 MB |", "0.67 | 0.67 |  |", "avx2", "a machine", "torch 1", "at most 0.013"):
            self.assertIn(words, text)

    def test_between_marks(self):
        begin, end = before_after.MARKS
        text = f"# A\n{begin}\nold\n{end}\nB\n"
        new = before_after.between_marks(text, "| new |\n")
        self.assertEqual(new, f"# A\n{begin}\n| new |\n{end}\nB\n")
        self.assertEqual(before_after.between_marks(new, "| new |\n"), new)
        for bad in ("nothing", f"{end}\n{begin}\n", text + begin):
            with self.assertRaises(SystemExit):
                before_after.between_marks(bad, "x")
        before_after.between_marks((ROOT / "README.md").read_text(encoding="utf-8"), "x")

    def test_proc(self):
        self.assertEqual(before_after.proc_bytes("Name:\tx\nVmHWM:\t  12 kB\nVmRSS:\t 5 kB\n", "VmHWM"), 12288)
        self.assertIsNone(before_after.proc_bytes("VmRSS:\t 5 kB\n", "VmHWM"))
        self.assertEqual(before_after.proc_ticks("1 (a) b) R 0 0 0 0 0 0 0 0 0 0 70 5 1 1 20"), 75)

    def test_what_a_program_took(self):
        """A program that holds 64 MB for a moment and works half of the time."""
        body = """
block = bytearray(64 << 20)
for i in range(0, len(block), 4096): block[i] = 1
del block
for line in sys.stdin:
    begin = time.process_time()
    while time.process_time() < begin + 0.03: pass
    time.sleep(0.03)
    print(json.dumps({"probabilities": {"a": 0.25, "b": 0.75}, "ms": {"prepare": 1, "inference": 2}}), flush=True)
"""
        cpu = min(os.sched_getaffinity(0))
        found = before_after.run_once(self.program(body), ["x"] * 11, cpu, self.folder / "log")
        self.assertEqual((found["inference_ms"], found["prepare_ms"], len(found["image_ms"])), ([2] * 10, [1] * 10, 10))
        self.assertEqual(found["probabilities"], [[0.25, 0.75]] * 11)
        self.assertTrue(all(ms >= 60 for ms in found["image_ms"]), found)
        self.assertGreater(found["first_ms"], 60)
        self.assertGreater(found["peak_bytes"], 64 << 20)
        self.assertLess(found["pss_bytes"], 64 << 20)
        self.assertTrue(0.25 < found["cpu_s"] < 0.6, found)
        self.assertLessEqual(found["cpu_s"], found["wall_s"])

    def test_programs_that_fail(self):
        cpu = min(os.sched_getaffinity(0))
        answer = "print(json.dumps({'probabilities': {}, 'ms': {'prepare': 1, 'inference': 2}}), flush=True)\n"
        for body, fragment in (("", "it ended"), ("print(json.dumps({'error': 'no picture'}), flush=True)\n", "no picture"),
                               (f"for line in sys.stdin: {answer}sys.exit(3)\n", "exit code 3")):
            with self.assertRaises(SystemExit) as caught:
                before_after.run_once(self.program(body), ["x", "y"], cpu, self.folder / "log")
            self.assertIn(fragment, str(caught.exception))

    def test_cutis(self):
        """One image after the other gives what all at once do."""
        command = [CUTIS, "classify", MODEL, "-", "--json", "--threads", "1"]
        names = before_after.images_of(ROOT / "tools/samples", 5)
        self.assertEqual(names[:3], SAMPLES)
        self.assertEqual(names[3:], SAMPLES[:2])
        found = before_after.run_once(command, names, min(os.sched_getaffinity(0)), self.folder / "log")
        lines = self.good(CUTIS, "classify", MODEL, *names, "--json").splitlines()
        self.assertEqual(found["probabilities"], [list(json.loads(line)["probabilities"].values()) for line in lines])
        for whole, inference, prepare in zip(found["image_ms"], found["inference_ms"], found["prepare_ms"]):
            self.assertTrue(0 < inference and 0 < prepare and inference + prepare < whole, found)
        self.assertGreater(found["peak_bytes"], 1 << 20)

    def test_page(self):
        """cutis bench shows all that is measured."""
        written = result([measured(10)], [measured(1)])
        page = self.folder / "page.html"
        self.good(CUTIS, "bench", MODEL, "--runs", 1, "--report", page, "--baseline", self.path("b.json", json.dumps(written).encode()))
        text = page.read_text(encoding="utf-8").replace("\u202f", " ")
        ratios = [key for key, _, _ in before_after.MEASURES if key not in before_after.NO_RATIO]
        self.assertEqual(text.count("<title>Old: "), len(before_after.MEASURES))
        self.assertEqual(text.count("(10.0x less)</title>"), len(ratios))

    def test_no_images(self):
        with self.assertRaises(SystemExit):
            before_after.images_of(pathlib.Path(self.folder), 3)


if __name__ == "__main__":
    unittest.main()
