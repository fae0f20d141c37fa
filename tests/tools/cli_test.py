"""Tests of the programs `cutis` and `cutis-convert` as a user sees them: outputs, errors, exit codes.

Needs in the environment: CUTIS and CUTIS_CONVERT (the programs), CUTIS_MODEL (models/bcc_lite0 converted), CUTIS_ROOT (the
source tree), CUTIS_SMALL (a folder with the small models that tests/runtime/write_models makes). CUTIS_SLOW_BUILD=1 (sanitizers) leaves out most of the combinations whose
hashes are compared; CUTIS_FULL=1 (tools/test.sh --all) leaves out none.
"""

import hashlib
import json
import math
import os
import pathlib
import random
import resource
import shutil
import signal
import struct
import subprocess
import tempfile
import unittest
import zlib

CUTIS = os.environ["CUTIS"]
CONVERT = os.environ["CUTIS_CONVERT"]
MODEL = os.environ["CUTIS_MODEL"]
ROOT = pathlib.Path(os.environ["CUTIS_ROOT"])
SMALL = pathlib.Path(os.environ["CUTIS_SMALL"])
SAMPLES = sorted(str(path) for path in (ROOT / "tools/samples").glob("*.jpg"))
SOURCE = ROOT / "models/bcc_lite0"
SLOW = os.environ.get("CUTIS_SLOW_BUILD") == "1"
FULL = os.environ.get("CUTIS_FULL") == "1" and not SLOW
ISAS = "scalar sse4 avx2 avxvnni avx512vnni amx neon dotprod i8mm".split()


def run(*command, env=None, **options):
    """Runs a program without a terminal; CUTIS_ISA of the caller stays out of it."""
    environment = {key: value for key, value in os.environ.items() if key != "CUTIS_ISA"} | (env or {})
    return subprocess.run([str(part) for part in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, timeout=900, env=environment, check=False, **options)


def png(width, height, pixels=b""):
    """A PNG of RGB pixels; with other dimensions than its data if asked for."""
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b""))


def is_float32(value):
    """Whether a number read from JSON is what a float32 prints as with the fewest digits."""
    if value == 0:
        return True
    single = struct.unpack("f", struct.pack("f", value))[0]
    shortest = next(text for text in (f"{single:.{digits}g}" for digits in range(1, 10))
                    if struct.unpack("f", struct.pack("f", float(text)))[0] == single)
    return len(repr(value).replace(".", "")) <= len(repr(float(shortest)).replace(".", ""))


class CliTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="cutis-cli-"))
        self.addCleanup(shutil.rmtree, self.folder)

    def path(self, name, content=b""):
        path = self.folder / name
        path.write_bytes(content)
        return path

    def assert_error(self, result, code, *fragments, program="cutis"):
        """Exit code, and exactly one line on stderr that names what and where."""
        self.assertEqual(result.returncode, code, result.stderr + (result.stdout or ""))
        lines = result.stderr.splitlines()
        self.assertEqual(len(lines), 1, result.stderr)
        self.assertTrue(lines[0].startswith(f"{program}: "), lines[0])
        for fragment in fragments:
            self.assertIn(str(fragment), lines[0])

    def good(self, *command, **options):
        result = run(*command, **options)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(result.stderr, "")
        return result.stdout


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
                          ["classify", MODEL, sample, "--threads", "0"], ["classify", MODEL, sample, "--threads", "257"],
                          ["classify", MODEL, sample, "--threads", "two"], ["classify", MODEL, sample, "--threads"],
                          ["bench", MODEL, "--threads", "0"], ["bench", MODEL, "--threads", "-1"],
                          ["bench", MODEL, "--threads", "99999999999999"], ["bench", MODEL, "--batch", "0"],
                          ["bench", MODEL, "--runs", "0"], ["bench", MODEL, "--hash", "some"]):
            with self.subTest(arguments=arguments):
                self.assert_error(run(CUTIS, *arguments), 2)
        self.assert_error(run(CUTIS, "inspect", MODEL, "--frobnicate"), 2, "--frobnicate")

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
        for key in ("model_sha256", "tensors", "plan", "recipe", "verdict", "macs"):
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
            self.assertEqual(list(line), ["file", "verdict", "p_bcc", "operating_point", "reasons", "probabilities", "model_sha256", "ms"])
            self.assertEqual(list(line["probabilities"]), recipe["labels"])
            self.assertAlmostEqual(sum(line["probabilities"].values()), 1, places=5)
            self.assertEqual(line["p_bcc"], line["probabilities"]["bcc"])
            self.assertEqual(line["operating_point"], "uncalibrated")
            self.assertEqual(line["reasons"], ["uncalibrated"])
            self.assertEqual(line["verdict"], "bcc" if line["p_bcc"] >= 0.5 else "not_bcc")
            self.assertEqual(line["model_sha256"], header[32:64].hex())
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
            "folder": self.folder,
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
    """What the start model does not show: a refer band, float32, a model of bare tensors."""

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
        self.assertEqual(model["model_sha256"], whole[32:64].hex())
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
        for row in plan["batch_1"]:
            arena = plan["activation_bytes"] + row["threads"] * plan["scratch_bytes_per_thread"] + plan["shared_bytes"]
            self.assertEqual(row["arena_bytes"], arena)
            self.assertGreaterEqual(row["arena_bytes"], row["arena_lower_bound"])
        self.assertEqual([row["threads"] for row in plan["batch_1"]], [1, 2, 3, 4])
        # The lower bound, computed here from the tensors: the most bytes alive in one step.
        steps = range(-1, len(model["nodes"]) + 1)
        # An output that may lie on an input counts once; where the planner chose so the node says it.
        shared = {step: node["in_place"] for step, node in enumerate(model["nodes"]) if "in_place" in node}
        tensors = model["tensors"]
        live = max(sum(t["bytes"] for i, t in enumerate(tensors)
                       if t["first_step"] <= step <= t["last_step"] and i != shared.get(step)) for step in steps)
        self.assertTrue(shared)  # the residual additions
        for step, at in shared.items():
            output = tensors[model["nodes"][step]["output"]]
            self.assertEqual((tensors[at]["offset"], tensors[at]["bytes"], tensors[at]["last_step"]),
                             (output["offset"], output["bytes"], step))
        self.assertEqual(plan["batch_1"][0]["arena_lower_bound"] - plan["scratch_bytes_per_thread"] - plan["shared_bytes"], live)
        for a in model["tensors"]:
            self.assertLessEqual(a["offset"] + a["bytes"], plan["activation_bytes"])
            for b in model["tensors"]:
                together = a is not b and a["first_step"] <= b["last_step"] and b["first_step"] <= a["last_step"]
                apart = a["offset"] + a["bytes"] <= b["offset"] or b["offset"] + b["bytes"] <= a["offset"]
                step = max(a["first_step"], b["first_step"])
                pair = step in shared and {a["name"], b["name"]} == {
                    tensors[shared[step]]["name"], tensors[model["nodes"][step]["output"]]["name"]}
                self.assertTrue(apart or not together or pair, (a["name"], b["name"]))

    def test_for_people(self):
        text = self.good(CUTIS, "inspect", MODEL)
        for fragment in ("SHA-256", "kernel", "lower bound", "Labels: bcc mel nv", "uncalibrated", "non-commercial", "bicubic"):
            self.assertIn(fragment, text)


class Bench(CliTest):
    FIELDS = ["median_ms", "p10_ms", "p90_ms", "runs", "threads", "batch", "isa", "load_ms", "first_ms", "arena_bytes",
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
        self.assertEqual([row["node"] for row in result["profile"]], [node["name"] for node in nodes])
        self.assertEqual([row["kernel"] for row in result["profile"]], [node["kernel"] for node in nodes])
        self.assertEqual([row["macs"] for row in result["profile"]], [3 * node["macs"] for node in nodes])

    def test_for_people(self):
        text = self.good(CUTIS, "bench", MODEL, "--runs", 2, "--profile")
        for fragment in ("median", "arena", "output", "depthwise", "GOP/s"):
            self.assertIn(fragment, text)

    def test_same_bits_everywhere(self):
        """One output hash for every instruction set, thread count and batch."""
        isas = [isa for isa in ISAS if run(CUTIS, "inspect", MODEL, "--isa", isa).returncode == 0]
        self.assertIn("scalar", isas)
        every = [(isa, threads, batch) for isa in isas for threads in (1, 2, 3, 4) for batch in (1, 8)]
        # The reference kernels take half a second an image of the start model, so that most of their combinations wait for a full run.
        slow = {"scalar"} if not SLOW else set(isas) - {isas[-1]}
        some = [case for case in every if case[0] not in slow or case[1:] == (1, 1)]
        for model, cases in ((SMALL / "small_u8.cutis", every), (MODEL, every if FULL else some)):
            hashes = {}
            for isa, threads, batch in cases:
                result = self.bench("--runs", 1, "--isa", isa, "--threads", threads, "--batch", batch, model=model)
                self.assertEqual((result["isa"], result["threads"], result["batch"]), (isa, threads, batch))
                hashes[isa, threads, batch] = result["output_hash"]
            self.assertEqual(len(set(hashes.values())), 1, hashes)

    def test_all_tensors_the_same(self):
        def tensors(*options):
            return self.bench("--runs", 1, "--hash", "all", *options)["tensor_hashes"]
        isas = [isa for isa in ISAS if run(CUTIS, "inspect", MODEL, "--isa", isa).returncode == 0]
        best = tensors("--batch", 8, "--threads", 4)
        self.assertEqual(len(best), len(json.loads(self.good(CUTIS, "inspect", MODEL, "--json"))["tensors"]))
        self.assertGreater(len({row["sha256"] for row in best}), len(best) // 2)
        for isa in isas[:1] if SLOW else isas:
            self.assertEqual(tensors("--isa", isa), best, isa)


class Convert(CliTest):
    def assert_nothing_written(self, output, before=None):
        """The output is as it was, and nothing else lies beside it."""
        names = {path.name for path in output.parent.iterdir()}
        if before is None:
            self.assertEqual(names, set())
        else:
            self.assertEqual(names, {output.name})
            self.assertEqual(output.read_bytes(), before)

    def output(self, content=None):
        folder = self.folder / "out"
        folder.mkdir()
        path = folder / "model.cutis"
        if content is not None:
            path.write_bytes(content)
        return path

    def source(self):
        """A copy of models/bcc_lite0 that may be spoilt."""
        copy = self.folder / "source"
        copy.mkdir()
        for path in SOURCE.iterdir():
            if path.is_file():
                shutil.copy(path, copy)
                (copy / path.name).chmod(0o644)
        return copy

    def test_high_effort_needs_images(self):
        output = self.output()
        self.assert_error(run(CONVERT, self.source(), "-o", output, "--effort", "high"), 2, "--calibrate DIR", program="cutis-convert")
        self.assert_nothing_written(output)

    def test_same_bytes_again(self):
        output = self.output()
        result = run(CONVERT, SOURCE, "-o", output)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(output.read_bytes(), pathlib.Path(MODEL).read_bytes())
        self.assertEqual([path.name for path in output.parent.iterdir()], ["model.cutis"])

    def test_usage(self):
        output = self.output()
        for arguments in ([], [SOURCE, "-o", output, "--frobnicate"], ["-o", output]):
            with self.subTest(arguments=arguments):
                self.assert_error(run(CONVERT, *arguments), 2, program="cutis-convert")
        self.assert_nothing_written(output)

    def test_bad_input(self):
        source = self.source()
        weights = source / "weights.safetensors"
        whole = weights.read_bytes()
        output = self.output()
        cases = {
            "missing": self.folder / "none.onnx",
            "empty": self.path("empty.onnx"),
            "foreign": self.path("foreign.onnx", pathlib.Path(SAMPLES[0]).read_bytes()),
            "foreign weights": self.path("foreign.safetensors", b"not weights" * 30),
        }
        for name, path in cases.items():
            with self.subTest(name=name):
                graph = ["--graph", SOURCE / "graph.json"] if path.suffix == ".safetensors" else []
                self.assert_error(run(CONVERT, path, *graph, "--float", "-o", output), 3, path, program="cutis-convert")
        for name, content in {"truncated": whole[:len(whole) // 2], "header length": b"\xff" * 8 + whole[8:], "empty weights": b""}.items():
            with self.subTest(name=name):
                weights.write_bytes(content)
                self.assert_error(run(CONVERT, source, "-o", output), 3, program="cutis-convert")
        self.assert_nothing_written(output)

    def test_pytorch(self):
        fixtures, graph = ROOT / "tests/converter/data/torch", ROOT / "models/bcc_cnn/graph.json"
        output = self.output()
        result = run(CONVERT, fixtures / "bcc_cnn.pth", "--graph", graph, "--float", "-o", output)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("note         2 pruned tensors (X_orig * X_mask), ", result.stdout)
        result = run(CONVERT, fixtures / "checkpoint_ema.pth", "--graph", fixtures / "norm.json", "--float", "-o", output)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("note         'state_dict_ema' was preferred to: state_dict\n", result.stdout)
        # A folder with its weights in PyTorch's format, by either ending, but not in two files.
        folder = self.folder / "network"
        folder.mkdir()
        shutil.copy(graph, folder)
        for name in ("weights.pth", "weights.pt"):
            shutil.copy(fixtures / "bcc_cnn.pth", folder / name)
            self.good(CONVERT, folder, "--float", "-o", output)
            (folder / name).unlink()
        self.assert_error(run(CONVERT, folder, "--float", "-o", output), 3, "weights.safetensors", program="cutis-convert")
        for name in ("weights.pth", "weights.pt"):
            shutil.copy(fixtures / "bcc_cnn.pth", folder / name)
        output.unlink()
        self.assert_error(run(CONVERT, folder, "--float", "-o", output), 2, "weights.pth", "weights.pt", program="cutis-convert")
        self.assert_error(run(CONVERT, fixtures / "bcc_cnn.pth", "--float", "-o", output), 2, "--graph", program="cutis-convert")
        attack = fixtures / "reject_system.pth"
        self.assert_error(run(CONVERT, attack, "--graph", graph, "--float", "-o", output), 3, "posix.system", program="cutis-convert")
        self.assert_nothing_written(output)

    def test_shape_that_does_not_fit(self):
        source = self.source()
        graph = source / "graph.json"
        text = graph.read_text(encoding="utf-8")
        self.assertIn("_fc.weight", text)
        graph.write_text(text.replace("_fc.weight", "_conv_stem.weight"), encoding="utf-8")
        output = self.output(b"the old one")
        self.assert_error(run(CONVERT, source, "-o", output), 3, program="cutis-convert")
        self.assert_nothing_written(output, b"the old one")

    def test_without_calibration(self):
        source = self.source()
        (source / "calibration.json").unlink()
        output = self.output()
        self.assert_error(run(CONVERT, source, "-o", output), 2, "--calibrate", program="cutis-convert")
        self.assert_nothing_written(output)

    def test_scales_of_the_source(self):
        """A quantised ONNX model needs no calibration."""
        source = ROOT / "tests" / "converter" / "data" / "qdq" / "qdq_u8s8_channel.onnx"
        output = self.output()
        result = run(CONVERT, source, "-o", output)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("by the scales of the source", result.stdout)
        self.assertNotIn("calibration ", result.stdout)
        self.assertEqual(run(CUTIS, "bench", output, "--runs", "1").returncode, 0)
        self.assert_error(run(CONVERT, source, "-o", output, "--effort", "high"), 2, "--calibrate", program="cutis-convert")

    def test_full_disk(self):
        """Writing stops at 200 kB, as on a full disk: the old file stays, no half of a new one does."""
        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
        output = self.output(b"the old one")
        self.assert_error(run(CONVERT, SOURCE, "-o", output, preexec_fn=limit), 1, program="cutis-convert")
        self.assert_nothing_written(output, b"the old one")

    def test_without_operating_points(self):
        recipe = json.loads((SOURCE / "recipe.json").read_text(encoding="utf-8"))
        recipe["operating_points"] = []
        del recipe["default_operating_point"]
        output = self.output()
        self.good(CONVERT, SOURCE, "--recipe", self.path("recipe.json", json.dumps(recipe).encode()), "-o", output)
        line = json.loads(self.good(CUTIS, "classify", output, SAMPLES[0], "--json"))
        self.assertEqual((line["verdict"], line["operating_point"]), (None, None))
        self.assertEqual(line["reasons"], ["no_operating_point"])
        self.assertEqual(list(line["probabilities"]), recipe["labels"])
        self.assertIn("no verdict", self.good(CUTIS, "classify", output, SAMPLES[0]))
        self.assert_error(run(CUTIS, "classify", output, SAMPLES[0], "--operating-point", "any"), 2, "any")

    def test_output_folder_missing(self):
        result = run(CONVERT, SOURCE, "-o", self.folder / "no" / "such" / "model.cutis")
        self.assert_error(result, 1, "model.cutis", program="cutis-convert")
        self.assertFalse((self.folder / "no").exists())


class Prune(CliTest):
    """--prune and --sensitivity on a small network, written here without any package."""

    def setUp(self):
        super().setUp()
        generator = random.Random(1)
        shapes = {"stem.w": [16, 3, 3, 3], "wide.w": [64, 16, 1, 1], "narrow.w": [32, 64, 1, 1], "fc.w": [3, 32]}
        self.tensors = {name: [generator.uniform(-0.4, 0.4) for _ in range(math.prod(shape))] for name, shape in shapes.items()}
        for name in ("stem", "wide", "narrow", "fc"):
            shapes[name + ".b"] = [shapes[name + ".w"][0]]
            self.tensors[name + ".b"] = [generator.uniform(-0.1, 0.3) for _ in range(shapes[name + ".b"][0])]
        self.shapes = shapes
        clip = {"attributes": {"min": 0, "max": 6}}
        graph = {"name": "small", "input": {"name": "image", "shape": [1, 3, 32, 32]}, "outputs": ["scores"], "tensors": shapes, "nodes": [
            {"op": "Conv", "name": "stem", "inputs": ["image", "stem.w", "stem.b"], "outputs": ["a"], "attributes": {"strides": [2, 2]}},
            {"op": "Clip", "inputs": ["a"], "outputs": ["b"], **clip},
            {"op": "Conv", "name": "wide", "inputs": ["b", "wide.w", "wide.b"], "outputs": ["c"]},
            {"op": "Clip", "inputs": ["c"], "outputs": ["d"], **clip},
            {"op": "Conv", "name": "narrow", "inputs": ["d", "narrow.w", "narrow.b"], "outputs": ["e"]},
            {"op": "GlobalAveragePool", "inputs": ["e"], "outputs": ["f"]}, {"op": "Flatten", "inputs": ["f"], "outputs": ["g"]},
            {"op": "Gemm", "name": "fc", "inputs": ["g", "fc.w", "fc.b"], "outputs": ["scores"], "attributes": {"transB": 1}}]}
        recipe = {"name": "small", "decoder": "stb", "mean": [127, 127, 127], "std": [128, 128, 128],
                  "steps": [{"step": "center_square"}, {"step": "resize", "width": 32, "height": 32, "filter": "bicubic"}]}
        self.source = self.folder / "source"
        self.source.mkdir()
        (self.source / "graph.json").write_text(json.dumps(graph), encoding="utf-8")
        (self.source / "recipe.json").write_text(json.dumps(recipe), encoding="utf-8")
        self.images = self.folder / "images"
        self.images.mkdir()
        for sample in SAMPLES:
            shutil.copy(sample, self.images)
        self.write_weights()

    def write_weights(self):
        header, data = {}, b""
        for name, values in self.tensors.items():
            begin = len(data)
            data += struct.pack(f"<{len(values)}f", *values)
            header[name] = {"dtype": "F32", "shape": self.shapes[name], "data_offsets": [begin, len(data)]}
        text = json.dumps(header).encode()
        (self.source / "weights.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)

    def convert(self, *options, calibrate=None):
        output = self.folder / "model.cutis"
        text = self.good(CONVERT, self.source, "-o", output, "--calibrate", calibrate or self.images, *options)
        return output, text

    def nodes(self, output):
        return {node["name"]: node for node in json.loads(self.good(CUTIS, "inspect", output, "--json"))["nodes"]}

    def test_modes(self):
        whole = self.convert()[0].read_bytes()
        for mode in ("unstructured:0.5", "block:0.5", "channel:0.5"):
            for by in ("l1", "activation"):
                with self.subTest(mode=mode, by=by):
                    output, text = self.convert("--prune", mode, "--prune-by", by)
                    pruned = output.read_bytes()
                    self.assertIn(f"pruning      {mode} by {by}: ", text)
                    self.assertIn("float32 after pruning with float32 before", text)
                    self.assertEqual(self.convert("--prune", mode, "--prune-by", by, "--threads", "2")[0].read_bytes(), pruned)
                    self.good(CUTIS, "bench", output, "--runs", "1")
                    if mode == "unstructured:0.5":
                        self.assertEqual(len(pruned), len(whole))
                        self.assertNotEqual(pruned, whole)
                    else:
                        self.assertLess(len(pruned), len(whole) - 1000)
        self.assertEqual(self.convert("--prune", "none")[0].read_bytes(), whole)

    def test_blocks_are_shown(self):
        output, text = self.convert("--prune", "block:0.5")
        nodes = self.nodes(output)
        self.assertNotIn("live_rows", nodes["stem"])
        # 4 panels of 4 k-groups and 2 of 16, together half of them.
        self.assertEqual((nodes["wide"]["rows"], nodes["narrow"]["rows"]), (16, 32))
        self.assertEqual(nodes["wide"]["live_rows"] + nodes["narrow"]["live_rows"], 24)
        self.assertIn("Sparse", nodes["narrow"]["kernel"])
        self.assertEqual(nodes["narrow"]["macs"], nodes["narrow"]["live_rows"] * 64 * 15 * 15)
        self.assertIn(f"{nodes['narrow']['live_rows']} of 32 rows", self.good(CUTIS, "inspect", output))
        self.assertIn("2 of 4 layers stored by blocks", text)
        _, text = self.convert("--prune", "block:0.9", "--prune-limit", "narrow=0", "--prune-limit", "wide=0.25", "--prune-first", "--prune-last")
        self.assertRegex(text, r"wide +4 of +16 blocks")
        self.assertRegex(text, r"narrow +0 of +32 blocks.*spared \(limit\)")

    def test_channels_make_it_smaller(self):
        output, _ = self.convert("--prune", "channel:0.5")
        tensors = json.loads(self.good(CUTIS, "inspect", output, "--json"))["tensors"]
        channels = sorted(tensor["shape"][2] for tensor in tensors)
        self.assertEqual(channels[-1], 32)  # of 64
        self.assertIn(16, channels)         # of 32, and the stem's

    def test_what_the_source_has_pruned(self):
        calibration = self.folder / "calibration.json"
        narrow = self.tensors["narrow.w"]
        for i in range(len(narrow)):
            if i % 64 < 42 or (i // 64 < 16 and i % 64 >= 48):
                narrow[i] = 0.0
        self.write_weights()
        output, text = self.convert("--write-calibration", calibration)
        # Of 42 channels that nobody reads 40 go, and leave whole k-groups; the blocks of two more hold others too.
        self.assertIn("channels     40 that the source left without effect have been removed", text)
        nodes = self.nodes(output)
        self.assertEqual((nodes["narrow"]["live_rows"], nodes["narrow"]["rows"]), (8, 12))
        self.assertIn("1 of 4 layers stored by blocks", text)
        # The statistics alone know the channels of the source, too.
        output, text = self.convert(calibrate=calibration)
        self.assertIn("channels     40 that", text)
        nodes = self.nodes(output)
        self.assertEqual((nodes["narrow"]["live_rows"], nodes["narrow"]["rows"]), (8, 12))

    def test_float(self):
        output = self.folder / "model.cutis"
        self.good(CONVERT, self.source, "-o", output, "--float")
        whole = output.stat().st_size
        text = self.good(CONVERT, self.source, "-o", output, "--float", "--prune", "channel:0.5")
        self.assertIn("channel:0.5", text)
        self.assertLess(output.stat().st_size, whole - 5000)

    def test_sensitivity(self):
        table = self.folder / "sensitivity.json"
        for mode, units in (("block", "blocks"), ("unstructured", "weights"), ("channel", "channels")):
            with self.subTest(mode=mode):
                _, text = self.convert("--sensitivity", table, *([] if mode == "block" else ["--prune", mode + ":0.1"]))
                self.assertIn("sensitivity  one layer pruned by " + units, text)
                result = json.loads(table.read_text(encoding="utf-8"))
                self.assertEqual((result["mode"], result["images"], result["rates"]), (mode, len(SAMPLES), [0.25, 0.5, 0.75, 0.9]))
                names = [layer["layer"] for layer in result["layers"]]
                self.assertEqual(names, ["stem", "wide", "narrow"] if mode == "channel" else ["stem", "wide", "narrow", "fc"])
                for layer in result["layers"]:
                    self.assertLess(layer["cosine"][3], 1)
                    self.assertLessEqual(max(layer["cosine"]), 1)
                    self.assertGreater(layer[units], 0)

    def test_errors(self):
        output = self.folder / "model.cutis"
        base = [CONVERT, self.source, "-o", output]
        images = ["--calibrate", self.images]
        calibration = self.folder / "calibration.json"
        self.convert("--write-calibration", calibration)
        output.unlink()
        for arguments, words in (([*images, "--prune", "half"], "--prune half"), ([*images, "--prune", "block:1.5"], "block:1.5"),
                                 ([*images, "--prune", "block:0.5", "--prune-by", "luck"], "luck"),
                                 ([*images, "--prune", "block:0.5", "--prune-limit", "wide"], "wide"),
                                 ([*images, "--prune", "block:0.5", "--prune-limit", "broad=0.5"], "broad"),
                                 ([*images, "--prune-last"], "--prune-last"), ([*images, "--prune", "channel:0.5", "--prune-last"], "--prune-last"),
                                 (["--calibrate", calibration, "--prune", "block:0.5"], "calibration.json"),
                                 (["--calibrate", calibration, "--sensitivity", "x.json"], "--sensitivity"),
                                 ([*images, "--prune", "block:0.5", "--write-calibration", "x.json"], "--write-calibration"),
                                 (["--float", "--prune", "block:0.5", "--prune-by", "activation"], "--prune-by"),
                                 (["--float", "--sensitivity", "x.json"], "--sensitivity"),
                                 ([*images, "--sensitivity", output], "replace")):
            with self.subTest(arguments=[str(a) for a in arguments]):
                self.assert_error(run(*base, *arguments), 2, words, program="cutis-convert")
        self.assertFalse(output.exists())


class Report(CliTest):
    """--report and --check."""
    ONNX = ROOT / "tests/converter/data/onnx/conv_external_data.onnx"

    def test_report(self):
        output, page, table = self.folder / "m.cutis", self.folder / "m.html", self.folder / "m.json"
        texts = set()
        for threads in ("1", "2"):
            self.good(CONVERT, self.ONNX, "-o", output, "--float", "--report", page, "--report", table, "--threads", threads)
            texts.add((page.read_bytes(), table.read_bytes()))
        self.assertEqual(len(texts), 1)
        for text in texts.pop():
            self.assertNotIn(str(self.folder).encode(), text)
            self.assertNotIn(str(ROOT).encode(), text)
        report = json.loads(table.read_text(encoding="utf-8"))
        self.assertEqual((report["schema"], report["kind"]), ("cutis-report-1", "conversion"))
        self.assertEqual([(file["role"], file["name"]) for file in report["files"]], [("weights", self.ONNX.name), ("external data", "external.bin")])
        for file in report["files"]:
            data = (self.ONNX.parent / file["name"]).read_bytes()
            self.assertEqual((file["bytes"], file["sha256"]), (len(data), hashlib.sha256(data).hexdigest()))
        self.assertEqual(sum(report["file_parts"].values()), output.stat().st_size)
        self.assertIn("RemoveNoOps", [step["name"] for step in report["passes"]])
        self.assertEqual(sorted(path.name for path in self.folder.iterdir()), ["m.cutis", "m.html", "m.json"])

    def test_refused(self):
        output = self.folder / "m.cutis"
        base = [CONVERT, self.ONNX, "-o", output, "--float"]
        for arguments in (["--report", "m.txt"], ["--report", self.folder], ["--report", self.folder / "a.html", "--report", self.folder / "." / "a.html"],
                          ["--min-cosine", "0.5"], ["other.cutis"]):
            with self.subTest(arguments=[str(a) for a in arguments]):
                self.assert_error(run(*base, *arguments), 2, program="cutis-convert")
        same = self.folder / "m.json"
        self.assert_error(run(CONVERT, self.ONNX, "-o", same, "--float", "--report", same), 2, "--report", program="cutis-convert")
        self.assert_error(run(CONVERT, SOURCE, "-o", output, "--report", SOURCE / "recipe.json"), 2, "--report", program="cutis-convert")
        # A conversion that fails leaves no report.
        self.assert_error(run(CONVERT, self.path("bad.onnx", b"no"), "-o", output, "--float", "--report", self.folder / "bad.html"), 3,
                          program="cutis-convert")
        self.assertEqual([path.name for path in self.folder.iterdir()], ["bad.onnx"])

    def test_check(self):
        output, table = self.folder / "m.cutis", self.folder / "check.json"
        self.good(CONVERT, self.ONNX, "-o", output, "--float")
        text = self.good(CONVERT, "--check", self.ONNX, output, "--min-cosine", "1", "--report", table)
        self.assertIn("generated inputs", text)
        self.assertNotIn("warning", text)
        report = json.loads(table.read_text(encoding="utf-8"))
        self.assertEqual((report["kind"], report["agreement"]["largest_difference"]), ("check", 0))
        self.assert_error(run(CONVERT, "--check", self.ONNX, MODEL), 3, "160 x 160 x 3", program="cutis-convert")
        self.assert_error(run(CONVERT, "--check", self.ONNX), 2, "--check", program="cutis-convert")
        self.assert_error(run(CONVERT, "--check", self.ONNX, output, "-o", "x.cutis"), 2, "-o", program="cutis-convert")
        self.assert_error(run(CONVERT, "--check", self.ONNX, output, ROOT / "tools/samples"), 2, output, program="cutis-convert")
        copy = self.path("again.onnx", self.ONNX.read_bytes() + b"\x32\x00")  # an empty doc_string more
        shutil.copy(self.ONNX.parent / "external.bin", self.folder)
        self.assertIn("warning      again.onnx is not the file", self.good(CONVERT, "--check", copy, output))

    def test_check_on_images(self):
        result = run(CONVERT, "--check", SOURCE, MODEL, ROOT / "tools/samples", "--min-cosine", "0.99999")
        self.assertEqual((result.returncode, result.stderr), (4, ""))
        self.assertIn(f"{len(SAMPLES)} images", result.stdout)
        self.assertRegex(result.stdout, r"worst +\w+\.jpg: cosine 0\.9")


if __name__ == "__main__":
    unittest.main(verbosity=2)
