"""Tests of cutis-device beside cutis: the same hash, verdicts and exit codes. Needs CUTIS_DEVICE beside what cli_case.py wants."""

import json
import os
import unittest

from cli_case import CUTIS, MODEL, ROOT, SAMPLES, CliTest, run

DEVICE = os.environ["CUTIS_DEVICE"]


class Device(CliTest):
    def test_selftest(self):
        text = self.good(DEVICE, MODEL, "selftest", "--quick").splitlines()
        wanted = json.loads(self.good(CUTIS, "selftest", MODEL, "--quick", "--isa", "scalar", "--json"))
        self.assertEqual(text, ["outputs " + wanted["first_output_hash"], "passed"])

    def test_classify(self):
        lines = [line.split("\t") for line in self.good(DEVICE, MODEL, "classify", *SAMPLES).splitlines()]
        wanted = [json.loads(line) for line in self.good(CUTIS, "classify", MODEL, *SAMPLES, "--json").splitlines()]
        self.assertEqual(len(lines), len(SAMPLES))
        for (path, verdict, p_bcc, point, reasons), other in zip(lines, wanted):
            self.assertEqual((path, verdict, point, reasons.split(",")), (other["file"], other["verdict"], other["operating_point"], other["reasons"]))
            self.assertAlmostEqual(float(p_bcc), other["p_bcc"], delta=5.1e-5)

    def test_errors(self):
        bad = self.path("bad.jpg", b"no")
        for arguments, code in [((), 2), ((MODEL,), 2), ((MODEL, "selftest", "--slow"), 2), ((MODEL, "classify"), 2), ((MODEL, "classify", bad), 3),
                                ((MODEL, "classify", self.folder / "none.jpg"), 3), ((bad, "selftest"), 3)]:
            self.assert_error(run(DEVICE, *arguments), code, program="cutis-device")
        mixed = run(DEVICE, MODEL, "classify", bad, SAMPLES[0])
        self.assertEqual((mixed.returncode, len(mixed.stdout.splitlines())), (3, 1))
        self.assertIn("bad.jpg", mixed.stderr)


if __name__ == "__main__":
    unittest.main()
