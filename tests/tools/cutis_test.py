"""Tests of the program `cutis` as a user sees it: outputs, errors, exit codes. Argument: the class of cases to run."""

import json
import math
import os
import pathlib
import shutil
import struct
import subprocess
import unittest

from cli_case import CONVERT, CUTIS, FULL, ISAS, MODEL, SAMPLES, SLOW, SMALL, SOURCE, CliTest, is_float32, png, run


class Usage(CliTest):
    def test_help_and_version(self):
        for arguments in (["--help"], ["classify", "--help"], ["inspect", "--help"], ["bench", "--help"]):
            text = self.good(CUTIS, *arguments)
            self.assertIn("--help", text)
        self.assertRegex(self.good(CUTIS, "--version"), r"^cutis \d+\.\d+\.\d+\n$")
        self.assertIn("-o", self.good(CONVERT, "--help"))

    def test_wrong_command_lines(self):
        sample = SAMPLES[0]
        for arguments in ([], ["frobnicate"], ["classify"], ["classify", MODEL], ["classify", MODEL, sample, "--frobnicate"],
                          ["inspect"], ["inspect", MODEL, "--frobnicate"], ["bench", MODEL, "extra"],
                          ["classify", MODEL, sample, "--threads", "-1"], ["classify", MODEL, sample, "--threads", "257"],
                          ["classify", MODEL, sample, "--threads", "two"], ["classify", MODEL, sample, "--threads"],
                          ["bench", MODEL, "--threads", "-1"],
                          ["bench", MODEL, "--threads", "99999999999999"], ["bench", MODEL, "--batch", "0"],
                          ["bench", MODEL, "--runs", "0"], ["bench", MODEL, "--hash", "some"], ["bench", MODEL, "--hash"],
                          ["bench", MODEL, "--runs", "3x"], ["bench", MODEL, "--runs", "3", "--runs", "3"], ["bench", MODEL, "-x"],
                          ["bench", MODEL, "--json=1"], ["bench", MODEL, "--t", "1"], ["bench", "--no-tune", MODEL, "--tune-file", "a"],
                          ["inspect", MODEL, "--json", "--ops"], ["inspect", "--", "--json", MODEL]):
            with self.subTest(arguments=arguments):
                self.assert_error(run(CUTIS, *arguments), 2)
        self.assert_error(run(CUTIS, "inspect", MODEL, "--frobnicate"), 2, "--frobnicate")
        self.assert_error(run(CUTIS, "inspect", "--", "--json"), 3, "--json")

    def test_forms_of_options(self):
        long = self.good(CUTIS, "inspect", "--json", "--isa", "scalar", MODEL)
        for arguments in (["--isa=scalar", MODEL, "--json"], [MODEL, "--js", "--is", "scalar"], ["--isa=scalar", "--json", "--", MODEL]):
            self.assertEqual(self.good(CUTIS, "inspect", *arguments), long)

    def test_instruction_sets(self):
        for command in (["classify", MODEL, SAMPLES[0]], ["inspect", MODEL], ["bench", MODEL, "--runs", "1"]):
            self.assert_error(run(CUTIS, *command, "--isa", "mmx"), 2, "mmx")
            self.assert_error(run(CUTIS, *command, env={"CUTIS_ISA": "mmx"}), 2, "mmx")
        lacking = [isa for isa in ISAS if run(CUTIS, "inspect", MODEL, "--isa", isa).returncode != 0]
        # No machine has the sets of two architectures.
        self.assertTrue(lacking)
        for isa in lacking:
            self.assert_error(run(CUTIS, "inspect", MODEL, "--isa", isa), 2, isa)

    def test_mask_chooses_kernels(self):
        scalar = json.loads(self.good(CUTIS, "inspect", MODEL, "--json", "--isa", "scalar"))
        self.assertEqual(scalar["isa"], "scalar")
        by_variable = json.loads(self.good(CUTIS, "inspect", MODEL, "--json", env={"CUTIS_ISA": "scalar"}))
        self.assertEqual(scalar, by_variable)
        best = json.loads(self.good(CUTIS, "inspect", MODEL, "--json"))
        if best["isa"] != "scalar":
            self.assertNotEqual([node["kernel"] for node in scalar["nodes"]], [node["kernel"] for node in best["nodes"]])
        # What the file holds does not depend on the machine.
        for key in ("model_hash", "tensors", "plan", "recipe", "verdict", "macs"):
            self.assertEqual(scalar[key], best[key])

    def test_unknown_operating_point(self):
        self.assert_error(run(CUTIS, "classify", MODEL, SAMPLES[0], "--operating-point", "perfect"), 2, "perfect", "uncalibrated")

    @unittest.skipUnless(os.path.exists("/dev/full"), "no /dev/full")
    def test_full_disk(self):
        with open("/dev/full", "w", encoding="utf-8") as full:
            result = subprocess.run([CUTIS, "inspect", MODEL], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
        self.assert_error(result, 1, "standard output")


class BadModels(CliTest):
    def every_command(self, path, code, *fragments):
        for command in (["classify", path, SAMPLES[0]], ["inspect", path], ["bench", path]):
            with self.subTest(command=command[0], path=str(path)):
                self.assert_error(run(CUTIS, *command), code, path, *fragments)

    def test_missing_folder_and_foreign(self):
        self.every_command(self.folder / "none.cutis", 3)
        self.every_command(self.folder, 3)
        self.every_command(self.path("empty.cutis"), 3)
        self.every_command(self.path("text.cutis", b"hello, I am a letter to my aunt. " * 10), 3)
        self.every_command(SAMPLES[0], 3)

    def test_truncated(self):
        whole = pathlib.Path(MODEL).read_bytes()
        for size in (1, 63, 64, 1000, len(whole) // 2, len(whole) - 1):
            with self.subTest(size=size):
                self.assert_error(run(CUTIS, "inspect", self.path("part.cutis", whole[:size])), 3)
        self.assert_error(run(CUTIS, "inspect", self.path("long.cutis", whole + b"\0")), 3)

    def test_altered_byte(self):
        whole = bytearray(pathlib.Path(MODEL).read_bytes())
        for at in (0, 7, 12, 20, 31, 40, 63, 64, 100, 5000, len(whole) // 2, len(whole) - 1):
            with self.subTest(at=at):
                whole[at] ^= 0x10
                self.assert_error(run(CUTIS, "inspect", self.path("altered.cutis", whole)), 3)
                whole[at] ^= 0x10

    def test_newer_version(self):
        whole = bytearray(pathlib.Path(MODEL).read_bytes())
        whole[8:12] = struct.pack("<I", struct.unpack("<I", whole[8:12])[0] + 1)
        self.every_command(self.path("newer.cutis", whole), 3, "newer", "update")


class Classify(CliTest):
    def classify(self, *arguments, code=0):
        result = run(CUTIS, "classify", MODEL, *arguments, "--json")
        self.assertEqual(result.returncode, code, result.stderr)
        return [json.loads(line) for line in result.stdout.splitlines()], result.stderr

    def test_json(self):
        recipe = json.loads((SOURCE / "recipe.json").read_text(encoding="utf-8"))
        lines, _ = self.classify(*SAMPLES)
        self.assertEqual([line["file"] for line in lines], SAMPLES)
        header = pathlib.Path(MODEL).read_bytes()[:64]
        for line in lines:
            self.assertEqual(list(line), ["file", "verdict", "p_bcc", "bcc_share", "operating_point", "evidence", "reasons", "probabilities", "views", "gates",
                                      "model_hash", "ms"])
            self.assertEqual(list(line["probabilities"]), recipe["labels"])
            self.assertAlmostEqual(sum(line["probabilities"].values()), 1, places=5)
            self.assertEqual(line["p_bcc"], line["probabilities"]["bcc"])
            self.assertIsNone(line["bcc_share"])
            self.assertIsNone(line["evidence"])
            self.assertEqual(line["operating_point"], "uncalibrated")
            self.assertEqual(line["reasons"], ["uncalibrated"])
            self.assertEqual(line["verdict"], "bcc" if line["p_bcc"] >= 0.5 else "not_bcc")
            self.assertEqual(line["model_hash"], header[32:64].hex())
            self.assertEqual(list(line["ms"]), ["decode", "preprocess", "inference"])
            self.assertTrue(all(value > 0 for value in line["ms"].values()))
            for value in line["probabilities"].values():
                self.assertTrue(is_float32(value), value)

    def test_same_answer_whatever_the_threads_and_instructions(self):
        def answers(*options):
            lines, _ = self.classify(SAMPLES[0], *options)
            return [{key: value for key, value in line.items() if key != "ms"} for line in lines]
        first = answers()
        self.assertEqual(first, answers("--threads", 3))
        self.assertEqual(first, answers("--isa", "scalar"))
        self.assertEqual(first, answers("--operating-point", "uncalibrated"))

    def test_for_people(self):
        text = self.good(CUTIS, "classify", MODEL, *SAMPLES)
        for sample in SAMPLES:
            self.assertIn(sample + ": ", text)
        self.assertEqual(text.count("Not a medical device"), 1)
        self.assertIn("non-commercial", text)
        self.assertIn("uncalibrated", text)

    def test_bad_images(self):
        sample = pathlib.Path(SAMPLES[0]).read_bytes()
        bad = {
            "missing": self.folder / "none.jpg",
            "empty": self.path("empty.jpg"),
            "header only": self.path("header.jpg", sample[:200]),
            "text": self.path("text.png", b"this is no picture at all " * 20),
            "model": pathlib.Path(MODEL),
            "huge": self.path("huge.png", png(60000, 60000)),
            "too many pixels": self.path("wide.png", png(1_000_000, 41)),
            "no data": self.path("nodata.png", png(300, 300)),
            "gif": self.path("a.gif", b"GIF89a\1\0\1\0\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\1\0\1\0\0\2\2D\1\0;"),
        }
        for name, path in bad.items():
            with self.subTest(name=name):
                result = run(CUTIS, "classify", MODEL, path)
                self.assert_error(result, 3, path)
                lines, _ = self.classify(path, code=3)
                self.assertEqual(len(lines), 1)
                self.assertEqual(list(lines[0]), ["file", "error"])
                self.assertEqual(lines[0]["file"], str(path))
                self.assertTrue(lines[0]["error"])

    def test_more_than_64_mebibytes(self):
        path = self.folder / "sparse.jpg"
        with open(path, "wb") as file:
            file.truncate((64 << 20) + 1)
        self.assert_error(run(CUTIS, "classify", MODEL, path), 3, path, "64 MiB")

    def test_goes_on_after_a_bad_image(self):
        bad = self.path("bad.jpg", b"nothing")
        lines, errors = self.classify(SAMPLES[0], bad, SAMPLES[0], code=3)
        self.assertEqual([("error" in line) for line in lines], [False, True, False])
        self.assertEqual(len(errors.splitlines()), 1)
        self.assertEqual(lines[0]["probabilities"], lines[2]["probabilities"])

    def test_small_and_odd_images(self):
        """Any size down to one pixel is judged: the recipe resizes."""
        for width, height in ((1, 1), (1, 300), (300, 1), (17, 23)):
            rows = b"".join(b"\0" + bytes((x * 7 + y * 3) % 256 for x in range(width * 3)) for y in range(height))
            with self.subTest(width=width, height=height):
                lines, _ = self.classify(self.path("odd.png", png(width, height, rows)))
                self.assertAlmostEqual(sum(lines[0]["probabilities"].values()), 1, places=5)

    def test_file_names(self):
        for name in ("two words.jpg", "Läsion.jpg", "new\nline.jpg"):
            path = self.path(name, pathlib.Path(SAMPLES[0]).read_bytes())
            lines, _ = self.classify(path)
            self.assertEqual(lines[0]["file"], str(path))
        self.assert_error(run(CUTIS, "classify", MODEL, self.folder / "no\nsuch.jpg"), 3)


class SmallModels(CliTest):
    """What the model does not show: a refer band, float32, a model of bare tensors."""

    def test_refer_band(self):
        for sample in SAMPLES:
            line = json.loads(self.good(CUTIS, "classify", SMALL / "small_u8.cutis", sample, "--operating-point", "screening", "--json"))
            p = line["p_bcc"]
            refer = 0.2 <= p < 0.4
            self.assertEqual(line["verdict"], "refer" if refer else "bcc" if p >= 0.3 else "not_bcc")
            self.assertEqual(line["reasons"], ["refer_band"] if refer else [])
            self.assertEqual(line["operating_point"], "screening")
            text = self.good(CUTIS, "classify", SMALL / "small_u8.cutis", sample, "--operating-point", "screening")
            self.assertEqual("REFER" in text, refer)

    def test_calibration(self):
        """The same network with and without a calibration."""
        plain, calibrated = (json.loads(self.good(CUTIS, "classify", SMALL / name, SAMPLES[0], "--json"))
                             for name in ("small_u8.cutis", "small_calibrated.cutis"))
        self.assertEqual((plain["bcc_share"], calibrated["bcc_share"]), (None, 0.25))
        odds = math.log(plain["p_bcc"] / (1 - plain["p_bcc"]))
        self.assertAlmostEqual(calibrated["p_bcc"], 1 / (1 + math.exp(0.5 - 0.75 * odds)), places=5)
        self.assertAlmostEqual(sum(calibrated["probabilities"].values()), 1, places=5)
        text = self.good(CUTIS, "classify", SMALL / "small_calibrated.cutis", SAMPLES[0])
        self.assertIn(" % where 25.0 % of the lesions are BCC (operating point", text)
        self.assertIn("uncalibrated: the threshold was not fitted on held-out images\n", text)
        self.assertNotIn("where", self.good(CUTIS, "classify", SMALL / "small_u8.cutis", SAMPLES[0]))
        model = json.loads(self.good(CUTIS, "inspect", SMALL / "small_calibrated.cutis", "--json"))
        self.assertEqual(model["verdict"]["calibration"],
                         {"slope": 0.75, "intercept": -0.5, "bcc_share": 0.25, "images": 1200, "note": "fitted by a test"})
        self.assertIn("0.75 * z -0.5, fitted on 1200 images of which 25.0 % are BCC",
                      self.good(CUTIS, "inspect", SMALL / "small_calibrated.cutis"))
        self.assertIsNone(json.loads(self.good(CUTIS, "inspect", MODEL, "--json"))["verdict"]["calibration"])

    def test_evidence(self):
        """What was measured at an operating point, and the network that it belongs to."""
        evidence = {"sensitivity": {"value": 0.9375, "low": 0.875, "high": 0.96875},
                    "specificity": {"value": 0.5, "low": 0.5, "high": 0.75}}
        words = ", sensitivity 93.8 % (87.5 .. 96.9), specificity 50.0 % (50.0 .. 75.0)"
        for point, expected in (("screening", evidence), ("uncalibrated", None)):
            command = (CUTIS, "classify", SMALL / "small_calibrated.cutis", SAMPLES[0], "--operating-point", point)
            self.assertEqual(json.loads(self.good(*command, "--json"))["evidence"], expected)
            self.assertEqual(words + ")\n" in self.good(*command), expected is not None)
        verdict = json.loads(self.good(CUTIS, "inspect", SMALL / "small_calibrated.cutis", "--json"))["verdict"]
        self.assertEqual([point["evidence"] for point in verdict["operating_points"]], [None, evidence])
        self.assertEqual(verdict["output_hash"], bytes(range(0, 256, 8)).hex())
        text = self.good(CUTIS, "inspect", SMALL / "small_calibrated.cutis")
        self.assertIn("calibrated" + words, text)
        self.assertIn("output hash " + verdict["output_hash"], text)
        self.assertIsNone(json.loads(self.good(CUTIS, "inspect", SMALL / "small_u8.cutis", "--json"))["verdict"]["output_hash"])

    def test_self_test(self):
        """Every instruction set passes what the converter measured; a file that says otherwise fails, one without cannot."""
        isas = [isa for isa in ISAS if run(CUTIS, "inspect", MODEL, "--isa", isa).returncode == 0]
        lines = [json.loads(line) for line in self.good(CUTIS, "selftest", MODEL, "--json", "--quick").splitlines()]
        self.assertEqual([line["isa"] for line in lines], isas)
        for line in lines:
            self.assertEqual((line["passed"], line["difference"], line["output_hash"]), (True, None, None))
            self.assertEqual({key: line[key] for key in ("first_output_hash", "pictures")},
                             {key: lines[0][key] for key in ("first_output_hash", "pictures")})
            self.assertEqual(set(line["pictures"]), {"jpeg", "png"})
            self.assertGreater(line["arena_bytes"], 0)
        text = self.good(CUTIS, "selftest", MODEL, "--isa", isas[-1], "--threads", "2")
        whole = json.loads(self.good(CUTIS, "bench", MODEL, "--runs", "1", "--json"))["output_hash"]
        self.assertIn(whole, text)
        self.assertIn(f"{isas[-1]:<11} passed", text)
        wrong = run(CUTIS, "selftest", SMALL / "small_wrong.cutis", "--isa", "scalar")
        self.assertEqual(wrong.returncode, 1)
        self.assertIn("scalar      FAILED", wrong.stdout)
        self.assertIn("other values for the outputs", wrong.stdout)
        self.assertIn("do not use it", wrong.stderr)
        self.assert_error(run(CUTIS, "selftest", SMALL / "small_u8.cutis"), 3, "convert the model again")
        self.assert_error(run(CUTIS, "selftest", MODEL, "--isa", "perfect"), 2, "perfect")
        bounded = self.good(CUTIS, "selftest", MODEL, "--json", "--quick", env={"CUTIS_ISA": "scalar"}).splitlines()
        self.assertEqual([json.loads(line)["isa"] for line in bounded], ["scalar"])

    def test_limits(self):
        """A lesion within the limits is judged, a white image is not."""
        limited, white = SMALL / "small_limits.cutis", self.folder / "white.png"
        white.write_bytes(png(40, 40, (b"\0" + b"\xff" * 120) * 40))
        good, bad = (json.loads(self.good(CUTIS, "classify", limited, path, "--operating-point", "screening", "--json"))
                     for path in (SAMPLES[0], white))
        self.assertIn(good["verdict"], ("bcc", "not_bcc", "refer"))
        self.assertNotIn("over_exposed", good["reasons"])
        self.assertEqual((bad["verdict"], bad["reasons"]), ("unusable", ["over_exposed"]))
        self.assertGreaterEqual(bad["p_bcc"], 0)
        text = self.good(CUTIS, "classify", limited, white)
        self.assertIn("white.png: UNUSABLE image, p(bcc) = ", text)
        self.assertIn("over_exposed: the image is too bright: take it again with less light\n", text)
        limits = json.loads(self.good(CUTIS, "inspect", limited, "--json"))["verdict"]["limits"]
        self.assertEqual(limits["rules"], [{"reason": "over_exposed", "feature": "luminance", "least": 30, "most": 220},
                                           {"reason": "unlike_training", "score_at_most": 1e6},
                                           {"reason": "unlike_training", "distance_at_most": 1e6}])
        self.assertEqual((limits["features"], limits["embedding"], limits["images"]), (19, 0, 800))
        self.assertEqual(limits["refused"], {"value": 0.03125, "low": 0.015625, "high": 0.0625})
        self.assertIn("unusable images: over_exposed when luminance < 30 or luminance > 220; unlike_training when its score > 1e+06; "
                      "unlike_training when its distance from the training images > 1e+06; 19 features of an image, fitted on 800 good "
                      "ones of which 3.1 % are refused; made by a test\n", self.good(CUTIS, "inspect", limited))
        self.assertIsNone(json.loads(self.good(CUTIS, "inspect", SMALL / "small_u8.cutis", "--json"))["verdict"]["limits"])

    def test_float32(self):
        model = json.loads(self.good(CUTIS, "inspect", SMALL / "small_f32.cutis", "--json"))
        self.assertEqual(model["precision"], "float32")
        self.assertIn("f32", self.good(CUTIS, "inspect", SMALL / "small_f32.cutis"))
        json.loads(self.good(CUTIS, "bench", SMALL / "small_f32.cutis", "--json", "--runs", "2", "--threads", "2"))

    def test_bare_tensors(self):
        tiny = SMALL / "tiny.cutis"
        self.assert_error(run(CUTIS, "classify", tiny, SAMPLES[0]), 3, tiny, "recipe")
        model = json.loads(self.good(CUTIS, "inspect", tiny, "--json"))
        self.assertEqual((model["recipe"], model["verdict"]), (None, None))
        self.good(CUTIS, "inspect", tiny)
        self.good(CUTIS, "bench", tiny, "--runs", "1", "--hash", "all")


class Inspect(CliTest):
    def test_json(self):
        model = json.loads(self.good(CUTIS, "inspect", MODEL, "--json"))
        recipe = json.loads((SOURCE / "recipe.json").read_text(encoding="utf-8"))
        whole = pathlib.Path(MODEL).read_bytes()
        self.assertEqual(model["file_bytes"], len(whole))
        self.assertEqual(model["format_version"], struct.unpack("<I", whole[8:12])[0])
        self.assertEqual(model["model_hash"], whole[32:64].hex())
        self.assertEqual(model["precision"], "int8")
        self.assertEqual(model["verdict"]["labels"], recipe["labels"])
        self.assertEqual(model["recipe"]["decoder"], recipe["decoder"])
        self.assertEqual(model["recipe"]["steps"], recipe["steps"])
        self.assertEqual(model["provenance"]["licence"], recipe["licence"])
        self.assertEqual(model["macs"], sum(node["macs"] for node in model["nodes"]))
        # Stem, 16 blocks, head and classifier of EfficientNet-Lite0: 49 convolutions and one dense layer.
        ops = [node["op"] for node in model["nodes"]]
        self.assertEqual(ops.count("depthwise"), 16)
        self.assertEqual(ops.count("add"), 9)

    def test_plan(self):
        model = json.loads(self.good(CUTIS, "inspect", MODEL, "--json"))
        plan = model["plan"]
        placed = [tensor for tensor in model["tensors"] if not tensor.get("inside_block")]
        for row in plan["batch_1"]:
            top = lambda step: max(t["offset"] + t["bytes"] for t in placed if t["first_step"] <= step <= t["last_step"])
            self.assertEqual(row["arena_bytes"], max(top(step) + row["threads"] * node["scratch_bytes"]
                                                     for step, node in enumerate(model["nodes"])))
            # The sum of a step, computed here from the tensors.
            live = lambda step: sum(t["bytes"] for t in placed if t["first_step"] <= step <= t["last_step"])
            self.assertEqual(row["arena_lower_bound"], max(live(step) + row["threads"] * node["scratch_bytes"]
                                                           for step, node in enumerate(model["nodes"])))
        self.assertEqual([row["threads"] for row in plan["batch_1"]], [1, 2, 3, 4])
        for a in placed:
            self.assertLessEqual(a["offset"] + a["bytes"], plan["most_activation_bytes"])
            for b in placed:
                together = a is not b and a["first_step"] <= b["last_step"] and b["first_step"] <= a["last_step"]
                apart = a["offset"] + a["bytes"] <= b["offset"] or b["offset"] + b["bytes"] <= a["offset"]
                self.assertTrue(apart or not together, (a["name"], b["name"]))

    def test_places_handed_over(self):
        """Outputs on the bytes of an input, in a file whose layers run one by one."""
        output = self.path("plain.cutis")
        self.good(CONVERT, SOURCE, "--no-fuse", "-o", output)
        model = json.loads(self.good(CUTIS, "inspect", output, "--json"))
        self.assertEqual(model["blocks"], [])
        shared = {step: node["in_place"] for step, node in enumerate(model["nodes"]) if "in_place" in node}
        self.assertTrue(shared)  # the residual additions
        tensors = model["tensors"]
        for step, at in shared.items():
            result = tensors[model["nodes"][step]["output"]]
            self.assertEqual((tensors[at]["offset"], tensors[at]["bytes"], tensors[at]["last_step"]),
                             (result["offset"], result["bytes"], step))
        # Such a pair counts once in the bound.
        bound = max(sum(t["bytes"] for i, t in enumerate(tensors)
                        if t["first_step"] <= step <= t["last_step"] and i != shared.get(step)) + node["scratch_bytes"]
                    for step, node in enumerate(model["nodes"]))
        self.assertEqual(model["plan"]["batch_1"][0]["arena_lower_bound"], bound)

    def test_blocks(self):
        model = json.loads(self.good(CUTIS, "inspect", MODEL, "--json"))
        nodes, tensors = model["nodes"], model["tensors"]
        self.assertEqual(len(model["blocks"]), 16)  # each inverted residual of EfficientNet-Lite0
        self.assertEqual([b["last"] - b["first"] + 1 for b in model["blocks"]],
                         [3, 3, 4, 3, 4, 3, 4, 4, 3, 4, 4, 3, 4, 4, 4, 3])
        inside = {tensor["name"] for tensor in tensors if tensor.get("inside_block")}
        expected = set()
        for index, block in enumerate(model["blocks"]):
            self.assertEqual([node.get("block") for node in nodes[block["first"]:block["last"] + 1]],
                             [index] * (block["last"] - block["first"] + 1))
            self.assertEqual([node["scratch_bytes"] > 0 for node in nodes[block["first"]:block["last"] + 1]],
                             [True] + [False] * (block["last"] - block["first"]))
            expected |= {tensors[node["output"]]["name"] for node in nodes[block["first"]:block["last"]]}
        self.assertEqual(inside, expected)
        self.assertFalse(any("offset" in tensor for tensor in tensors if tensor["name"] in inside))

    def test_for_people(self):
        text = self.good(CUTIS, "inspect", MODEL)
        for fragment in ("content hash", "kernel", "lower bound", "Labels: bcc mel nv", "uncalibrated", "non-commercial", "bicubic"):
            self.assertIn(fragment, text)


class Bench(CliTest):
    FIELDS = ["median_ms", "p10_ms", "p90_ms", "runs", "threads", "batch", "isa", "load_ms", "hash_ms", "first_ms", "arena_bytes",
              "arena_lower_bound", "peak_rss_bytes", "file_bytes", "output_hash"]

    def bench(self, *arguments, model=MODEL):
        return json.loads(self.good(CUTIS, "bench", model, "--json", *arguments))

    def test_json(self):
        result = self.bench("--runs", 5, "--threads", 2, "--batch", 3, "--profile")
        for field in self.FIELDS:
            self.assertIn(field, result)
        self.assertEqual((result["runs"], result["threads"], result["batch"]), (5, 2, 3))
        self.assertTrue(0 < result["p10_ms"] <= result["median_ms"] <= result["p90_ms"])
        self.assertGreaterEqual(result["arena_bytes"], result["arena_lower_bound"])
        self.assertGreater(result["peak_rss_bytes"], result["arena_bytes"])
        self.assertEqual(result["file_bytes"], os.path.getsize(MODEL))
        self.assertRegex(result["output_hash"], "^[0-9a-f]{64}$")
        nodes = json.loads(self.good(CUTIS, "inspect", MODEL, "--json"))["nodes"]
        # A row for each node, but one for all nodes of a block.
        rows, last = [], None
        for node in nodes:
            block = node.get("block")
            if block is None or block != last:
                rows.append({"node": node["name"], "kernel": node["kernel"], "macs": 3 * node["macs"]})
            else:
                rows[-1] = {"node": node["name"], "kernel": rows[-1]["kernel"] + " " + node["kernel"],
                            "macs": rows[-1]["macs"] + 3 * node["macs"]}
            last = block
        self.assertLess(len(rows), len(nodes))
        self.assertEqual([{key: row[key] for key in ("node", "kernel", "macs")} for row in result["profile"]], rows)

    @unittest.skipUnless(shutil.which("taskset"), "no taskset")
    def test_default_threads(self):
        """As many as the process may have, which is not what the machine has."""
        def threads(*options, cpus):
            command = ["taskset", "-c", ",".join(map(str, cpus)), CUTIS, "bench", small, "--json", "--runs", 1, *options]
            result = run(*command)
            self.assertEqual(result.returncode, 0, result.stderr)
            return json.loads(result.stdout)["threads"], result.stderr
        small = SMALL / "small_u8.cutis"
        cpus = sorted(os.sched_getaffinity(0))
        every, stderr = threads(cpus=cpus)
        self.assertTrue(1 <= every <= len(cpus), every)  # fewer under a quota
        self.assertEqual(stderr, "")
        self.assertEqual(threads(cpus=cpus[:1]), (1, ""))
        self.assertEqual(threads("--threads", 0, cpus=cpus[:1]), (1, ""))
        if every >= 2:
            self.assertEqual(threads("--threads", 2, cpus=cpus), (2, ""))
        # More than that is done, and said.
        count, stderr = threads("--threads", 3, cpus=cpus[:1])
        self.assertEqual(count, 3)
        self.assertRegex(stderr, r"\Acutis: note: 3 threads, but .* allow this process 1: .*\n\Z")

    def assert_close(self, a, b):
        """Equal but for the rounding of printed reals to float32."""
        self.assertLess(abs(a - b), 1e-4 * abs(b) + 1e-9)

    def test_roofs(self):
        """Each step against the measured roofs, and the bytes that cross its border."""
        for batch, model in ((1, MODEL), (3, MODEL), (2, SMALL / "small_f32.cutis")):
            result = self.bench("--runs", 2, "--batch", batch, "--threads", 2, "--profile", model=model)
            inspected = json.loads(self.good(CUTIS, "inspect", model, "--json"))
            tensors, nodes = inspected["tensors"], inspected["nodes"]
            roofs = result["roofs"]
            self.assertEqual((roofs["threads"], roofs["memory_bytes"]), (2, os.path.getsize(model)))
            self.assertTrue(roofs["u8_kernel"].startswith("PeakU8") and roofs["f32_kernel"].startswith("PeakF32"), roofs)
            first = 0
            for row in result["profile"]:
                last = next(i for i in range(first, len(nodes)) if nodes[i]["name"] == row["node"])
                step = nodes[first:last + 1]
                first = last + 1
                outside = {i for node in step for i in node["inputs"] + [node["output"]] if not tensors[i].get("inside_block")}
                moved = sum(tensors[i]["bytes"] * (1 if tensors[i].get("constant") else batch) for i in outside)
                stored = sum(node["weight_bytes"] + node["other_bytes"] for node in step)
                runs = not (step[0]["op"] in ("move", "reshape") and "in_place" in step[0])
                self.assertEqual(row["bytes"], moved + stored if runs else 0, row)
                peak = roofs[step[0]["type"] + "_gops"]
                self.assert_close(row["peak_share"], row["gops"] / peak)
                if not runs:
                    self.assertIsNone(row["bound"])
                    continue
                self.assert_close(row["intensity"], 2 * row["macs"] / row["bytes"])
                compute_ms, memory_ms = 2e-6 * row["macs"] / peak, 1e-6 * row["bytes"] / roofs["memory_gbs"]
                self.assertEqual(row["bound"], "compute" if compute_ms >= memory_ms else "memory", row)
                self.assert_close(row["roof_share"], max(compute_ms, memory_ms) / row["ms"])
            self.assertEqual(first, len(nodes))
        self.assertNotIn("roofs", self.bench("--runs", 1))

    def test_for_people(self):
        text = self.good(CUTIS, "bench", MODEL, "--runs", 2, "--profile")
        for fragment in ("median", "arena", "output", "block", "GOP/s", "op/byte", "GB/s"):
            self.assertIn(fragment, text)
        # The first line holds a path.
        self.assertLessEqual(max(len(line) for line in text.splitlines()[1:]), 120, text)

    def test_same_bits_everywhere(self):
        """One output hash for every instruction set, thread count and batch."""
        isas = [isa for isa in ISAS if run(CUTIS, "inspect", MODEL, "--isa", isa).returncode == 0]
        self.assertIn("scalar", isas)
        every = [(isa, threads, batch) for isa in isas for threads in (1, 2, 3, 4) for batch in (1, 8)]
        # The reference kernels take half a second an image of the model, so that most of their combinations wait for a full run.
        some = [case for case in every if case[0] != "scalar" or case[1:] == (1, 1)]
        if SLOW:
            # The model on the scalar kernels is in test_all_tensors_the_same. Here each thread count once, and each other set.
            best = {(isas[-1], threads, 8 if threads % 2 == 0 else 1) for threads in (1, 2, 3, 4)}
            some = [case for case in every if case in best or (case[0] != "scalar" and case[1:] == (1, 1))]
        for model, cases in ((SMALL / "small_u8.cutis", every), (MODEL, every if FULL else some)):
            hashes = {}
            for isa, threads, batch in cases:
                result = self.bench("--runs", 1, "--isa", isa, "--threads", threads, "--batch", batch, model=model)
                self.assertEqual((result["isa"], result["threads"], result["batch"]), (isa, threads, batch))
                hashes[isa, threads, batch] = result["output_hash"]
            self.assertEqual(len(set(hashes.values())), 1, hashes)

    def test_autotune(self):
        """What is measured is kept, used from then on, and changes neither bits nor memory."""
        model, cache = SMALL / "small_u8.cutis", self.folder / "cache"
        plain = self.bench("--runs", 1, model=model)
        self.assertNotIn("tuning", plain)
        tuned = json.loads(self.good(CUTIS, "bench", model, "--autotune", "--json", "--runs", 1, env={"XDG_CACHE_HOME": str(cache)}))
        self.assertEqual((tuned["output_hash"], tuned["arena_bytes"]), (plain["output_hash"], plain["arena_bytes"]))
        file = pathlib.Path(tuned["tuning"]["file"])
        self.assertEqual([path for path in cache.rglob("*") if path.is_file()], [file])
        self.assertEqual(cache.stat().st_mode & 0o777, 0o700)
        text = file.read_text(encoding="utf-8")
        self.assertEqual(text.count("\nstep "), len(tuned["tuning"]["steps"]))
        self.assertIn("tuning: ", self.good(CUTIS, "bench", model, "--autotune", "--tune-file", self.folder / "t", "--runs", 1))
        # The lowest set for every step that there is, from the cache and by name.
        head = "\n".join(text.splitlines()[:3]) + "\n"
        nodes = json.loads(self.good(CUTIS, "inspect", model, "--json"))["nodes"]
        lasts = [i for i, node in enumerate(nodes) if node.get("block") is None or i + 1 == len(nodes)
                 or nodes[i + 1].get("block") != node["block"]]
        file.write_text(head + "".join(f"step {i} scalar\n" for i in lasts), encoding="utf-8")
        for options, env in ((("--tune-file", file), None), ((), {"XDG_CACHE_HOME": str(cache)})):
            slow = json.loads(self.good(CUTIS, "inspect", model, "--json", *options, env=env))["nodes"]
            self.assertTrue(all(node["kernel"].endswith("_scalar") for node in slow), slow)
            result = json.loads(self.good(CUTIS, "bench", model, "--json", "--runs", 1, *options, env=env))
            self.assertEqual((result["output_hash"], result["arena_bytes"]), (plain["output_hash"], plain["arena_bytes"]))
        # Said otherwise, the cache is left alone.
        for options in (["--no-tune"], ["--isa", plain["isa"]]):
            again = json.loads(self.good(CUTIS, "inspect", model, "--json", *options, env={"XDG_CACHE_HOME": str(cache)}))["nodes"]
            self.assertEqual(again, json.loads(self.good(CUTIS, "inspect", model, "--json", *options))["nodes"])

    def test_tunings_of_others(self):
        model, file = SMALL / "small_u8.cutis", self.folder / "tuning"
        self.good(CUTIS, "bench", model, "--autotune", "--tune-file", file, "--runs", 1)
        head = file.read_text(encoding="utf-8").splitlines()[:3]
        def refused(code, fragment, *lines, isa=(), model=model):
            file.write_text("\n".join(lines) + "\n", encoding="utf-8")
            self.assert_error(run(CUTIS, "bench", model, "--runs", 1, "--tune-file", file, *isa), code, file, fragment)
        refused(2, "another CPU", head[0], head[1] + "x", head[2])
        refused(2, "another model", *head, model=MODEL)
        refused(3, "line 1", "cutis-tuning 2", *head[1:])
        refused(3, "too early", *head[:2])
        for line in ("step 99999 scalar", "step -1 scalar", "step 0", "step 0 ", "step scalar 0", "step 1e scalar", "x" * 300):
            refused(3, "line 4", *head, line)
        refused(2, "unknown instruction set", *head, f"step {len(json.loads(self.good(CUTIS, 'inspect', model, '--json'))['nodes']) - 1} sse9")
        best = self.bench("--runs", 1, model=model)["isa"]
        if best != "scalar":
            refused(2, best, *head, f"step {len(json.loads(self.good(CUTIS, 'inspect', model, '--json'))['nodes']) - 1} {best}",
                    isa=("--isa", "scalar"))
        self.assert_error(run(CUTIS, "bench", model, "--tune-file", self.folder / "none"), 3, "none", "cannot be opened")
        self.assert_error(run(CUTIS, "bench", model, "--autotune", "--no-tune"), 2, "--no-tune")
        self.assertEqual(run(CUTIS, "bench", model, "--tune-file", file, "--no-tune").returncode, 2)
        # A damaged one in the cache is no obstacle, and is spoken of.
        cache = {"XDG_CACHE_HOME": str(self.folder / "cache")}
        kept = json.loads(self.good(CUTIS, "bench", model, "--autotune", "--json", "--runs", 1, env=cache))["tuning"]["file"]
        pathlib.Path(kept).write_text("rubbish\n", encoding="utf-8")
        result = run(CUTIS, "bench", model, "--runs", 1, env=cache)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("no tuning is used", result.stderr)

    def test_all_tensors_the_same(self):
        def tensors(*options, model=MODEL):
            return self.bench("--runs", 1, "--hash", "all", *options, model=model)["tensor_hashes"]
        isas = [isa for isa in ISAS if run(CUTIS, "inspect", MODEL, "--isa", isa).returncode == 0]
        best = tensors("--batch", 8, "--threads", 4)
        tensors_of_model = json.loads(self.good(CUTIS, "inspect", MODEL, "--json"))["tensors"]
        self.assertEqual([row["tensor"] for row in best],
                         [tensor["name"] for tensor in tensors_of_model if not tensor.get("inside_block")])
        self.assertGreater(len({row["sha256"] for row in best}), len(best) // 2)
        small = SMALL / "small_u8.cutis"
        best_small = tensors("--batch", 8, "--threads", 4, model=small)
        for isa in isas:
            self.assertEqual(tensors("--isa", isa, model=small), best_small, isa)
            if isa == "scalar" and SLOW:
                # With sanitizers an image of the model takes the reference kernels eight seconds, and a hash is of nineteen.
                images = [json.loads(self.good(CUTIS, "classify", MODEL, SAMPLES[0], "--json", *options))
                          for options in ([], ["--isa", isa])]
                self.assertEqual(images[0]["probabilities"], images[1]["probabilities"])
            else:
                self.assertEqual(tensors("--isa", isa), best, isa)


if __name__ == "__main__":
    unittest.main(verbosity=2)
