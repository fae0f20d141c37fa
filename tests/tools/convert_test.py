"""Tests of the program `cutis-convert` as a user sees it: outputs, errors, exit codes. Argument: the class of cases to run."""

import hashlib
import json
import math
import pathlib
import random
import re
import resource
import shutil
import signal
import struct
import unittest

from cli_case import CONVERT, CUTIS, MODEL, ROOT, SAMPLES, SOURCE, CliTest, png, run


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
        """A copy of SOURCE that may be spoilt."""
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

    def test_no_fuse(self):
        """Layers that run one by one: the same bits from a larger arena."""
        output = self.output()
        text = self.good(CONVERT, SOURCE, "-o", output, "--no-fuse")
        self.assertNotIn("run as one step", text)
        self.assertIn("16 blocks of them run as one step each", self.good(CONVERT, SOURCE, "-o", self.path("fused.cutis")))
        apart, together = (json.loads(self.good(CUTIS, "bench", model, "--runs", 1, "--json")) for model in (output, MODEL))
        self.assertEqual(apart["output_hash"], together["output_hash"])
        self.assertGreater(apart["arena_bytes"], 1.4 * together["arena_bytes"])
        for arguments in ([SOURCE, "-o", self.path("x.cutis"), "--float", "--no-fuse"], ["--check", SOURCE, MODEL, "--no-fuse"]):
            self.assertEqual(run(CONVERT, *arguments).returncode, 2, arguments)

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

    def test_emit_c(self):
        emitted, header = self.folder / "m.c", self.folder / "m.h"
        self.assertEqual(self.good(CONVERT, MODEL, "--emit-c", emitted), "")
        content = pathlib.Path(MODEL).read_bytes()
        text = emitted.read_text(encoding="ascii")
        words = [int(word, 16) for word in re.findall(r"0x([0-9a-f]+)u,", text)]
        self.assertEqual(struct.pack(f"<{len(words)}Q", *words), content)
        self.assertIn("_Alignas(64) const uint64_t bcc_lite0_dense_model[", text)
        numbers = dict(re.findall(r"#define BCC_LITE0_DENSE_(\w+)_BYTES (\d+)", header.read_text(encoding="ascii")))
        shown = json.loads(self.good(CUTIS, "inspect", MODEL, "--json"))
        self.assertEqual(int(numbers["MODEL"]), len(content))
        self.assertEqual(int(numbers["ARENA"]), shown["plan"]["batch_1"][0]["arena_bytes"])
        self.assertGreater(int(numbers["MEMORY"]), 0)
        again = self.folder / "again.c"
        self.good(CONVERT, MODEL, "--emit-c", again)
        self.assertEqual(again.read_text(encoding="ascii").replace("again.h", "m.h"), text)

    def test_emit_c_refused(self):
        emitted = self.folder / "m.c"
        for arguments, code, part in [((MODEL,), 2, "--emit-c"), ((MODEL, "--emit-c", self.folder / "m.h"), 2, "does not end with .c"),
                                      ((MODEL, "--emit-c", emitted, "--float"), 2, "no other option"),
                                      ((self.path("bad.cutis", b"no"), "--emit-c", emitted), 3, "not a .cutis file"),
                                      ((self.folder / "none.cutis", "--emit-c", emitted), 3, "none.cutis")]:
            self.assert_error(run(CONVERT, *arguments), code, part, program="cutis-convert")
        self.assertEqual([path.name for path in self.folder.iterdir()], ["bad.cutis"])

    def test_full_disk(self):
        """Writing stops at 200 kB, as on a full disk: the old file stays, no half of a new one does."""
        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
        output = self.output(b"the old one")
        self.assert_error(run(CONVERT, SOURCE, "-o", output, preexec_fn=limit), 1, program="cutis-convert")
        self.assert_nothing_written(output, b"the old one")

    def test_fitted_numbers_belong_to_a_network(self):
        """Calibration and calibrated operating points go into the file of the network that they were fitted with, and no other."""
        source, output, report = self.source(), self.folder / "model.cutis", self.folder / "report.json"
        recipe = json.loads((source / "recipe.json").read_text(encoding="utf-8"))
        measured = {"value": 0.95, "low": 0.9, "high": 0.975}
        recipe["calibration"] = {"slope": 0.75, "intercept": -0.5, "bcc_share": 0.25, "images": 900}
        recipe["limits"] = {"rules": [{"reason": "blurred", "feature": "detail", "least": 0}], "images": 900}
        recipe["operating_points"].append({"name": "fitted", "threshold": 0.25, "calibrated": True, "sensitivity": measured})
        recipe["default_operating_point"] = "fitted"
        def convert(*options, to=output):
            (source / "recipe.json").write_text(json.dumps(recipe), encoding="utf-8")
            return self.good(CONVERT, source, "-o", to, *options)
        def verdict(path=output):
            return json.loads(self.good(CUTIS, "inspect", path, "--json"))["verdict"]
        # Without the hash nobody can know.
        (source / "recipe.json").write_text(json.dumps(recipe), encoding="utf-8")
        self.assert_error(run(CONVERT, source, "-o", output), 3, "recipe.json: output_hash: is missing", program="cutis-convert")
        self.assertFalse(output.exists())
        # Of this network: all goes in. bench measures what inspect shows.
        right = json.loads(self.good(CUTIS, "bench", MODEL, "--runs", 1, "--json"))["output_hash"]
        recipe["output_hash"] = right
        text = convert("--report", report)
        self.assertIn(f"output hash  {right}, as recipe.json says\n", text)
        self.assertNotIn("left out", text)
        self.assertEqual(json.loads(report.read_text(encoding="utf-8"))["warnings"], [])
        whole = verdict()
        self.assertEqual(whole["output_hash"], right)
        self.assertEqual(json.loads(self.good(CUTIS, "bench", output, "--runs", 1, "--json"))["output_hash"], right)
        self.assertEqual(whole["calibration"]["slope"], 0.75)
        self.assertEqual(whole["operating_points"][1]["evidence"], {"sensitivity": measured, "specificity": None})
        self.assertTrue(whole["operating_points"][1]["default"])
        line = json.loads(self.good(CUTIS, "classify", output, SAMPLES[0], "--json"))
        self.assertEqual((line["bcc_share"], line["operating_point"], line["reasons"]), (0.25, "fitted", []))
        self.assertEqual([rule["reason"] for rule in whole["limits"]["rules"]], ["blurred"])
        self.assertEqual(line["evidence"]["sensitivity"], measured)
        # Of another one: they stay out, and that is said.
        wrong = recipe["output_hash"] = "ab" * 32
        text = convert("--report", report)
        self.assertIn(f"output hash  {right}, not what recipe.json says\n", text)
        said = next(line for line in text.splitlines() if line.startswith("note ") and "left out" in line)
        for fragment in ('the calibration, the limits of usable images, operating point "fitted"; the default is now "uncalibrated"', right, wrong, "fit them anew"):
            self.assertIn(fragment, said)
        said = said.split(None, 1)[1]
        document = json.loads(report.read_text(encoding="utf-8"))
        self.assertEqual(document["warnings"], [said])
        self.assertIn(said, document["notes"])
        bare = verdict()
        self.assertEqual((bare["calibration"], bare["limits"], bare["output_hash"]), (None, None, None))
        self.assertEqual([point["name"] for point in bare["operating_points"]], ["uncalibrated"])
        self.assertEqual(output.read_bytes(), pathlib.Path(MODEL).read_bytes())
        # So do those of the int8 network in a float32 file.
        recipe["output_hash"] = right
        text = convert("--float")
        self.assertIn("left out", text)
        self.assertEqual([point["name"] for point in verdict()["operating_points"]], ["uncalibrated"])
        # A float32 network has numbers of its own.
        recipe["output_hash"] = json.loads(self.good(CUTIS, "bench", output, "--runs", 1, "--json"))["output_hash"]
        self.assertNotEqual(recipe["output_hash"], right)
        self.assertNotIn("left out", convert("--float"))
        self.assertEqual(verdict()["output_hash"], recipe["output_hash"])

    def profile(self, **changed):
        profile = {"name": "a test", "text": "made by a test", "isa": "dotprod", "cores": 4, "ram": 1 << 26, "storage": 1 << 24,
                   "image": {"width": 1920, "height": 1080, "file": 1 << 20}} | changed
        profile = {key: value for key, value in profile.items() if value is not None}
        return self.path("device.json", json.dumps(profile).encode())

    def test_device(self):
        """A file made for a device says what that has memory for, all of it, and is refused where it does not fit."""
        output = self.output()
        text = self.good(CONVERT, SOURCE, "-o", output, "--target", self.profile())
        self.assertIn("device       a test: file ", text)
        footprint = json.loads(self.good(CUTIS, "inspect", output, "--json"))["footprint"]
        device = footprint["device"]
        self.assertEqual((device["name"], device["isa"], device["threads"], device["image_file_bytes"]), ("a test", "dotprod", 4, 1 << 20))
        bench = json.loads(self.good(CUTIS, "bench", output, "--threads", 4, "--runs", 1, "--json"))
        self.assertEqual(footprint["storage_bytes"], output.stat().st_size)
        # What is left for images is what nothing else takes.
        heap = int(re.search(r"heap (\d+) \(", text)[1])
        self.assertEqual(device["image_bytes"], (1 << 26) - output.stat().st_size - heap - (1 << 20))
        self.assertGreater(heap, bench["arena_bytes"] + footprint["model_bytes"] + footprint["session_bytes"])
        # The same network computes the same.
        self.assertEqual(bench["output_hash"], json.loads(self.good(CUTIS, "bench", MODEL, "--runs", 1, "--json"))["output_hash"])
        more = run(CUTIS, "bench", output, "--threads", 5, "--runs", 1)
        self.assertEqual(more.returncode, 2)
        self.assertIn("cutis: 5 threads: the model was made for a test, whose memory holds a session of 4\n", more.stderr)
        self.assertIn("made for a test (dotprod): sessions of up to 4 threads", self.good(CUTIS, "inspect", output))
        # As many threads as there is memory for; images that need more than is left are refused, and only those.
        heap = footprint["heap_bytes"]
        ram = output.stat().st_size + heap + 4096 + 65536 + 800_000
        text = self.good(CONVERT, SOURCE, "-o", output, "--target", self.profile(ram=ram, image={"width": 160, "height": 120, "file": 65536}))
        device = json.loads(self.good(CUTIS, "inspect", output, "--json"))["footprint"]["device"]
        self.assertLess(device["threads"], 4)
        self.assertLess(device["image_bytes"], 900_000)
        small, large = self.path("small.png", png(64, 64, bytes(64 * 193))), self.path("large.png", png(600, 600, bytes(600 * 1801)))
        self.good(CUTIS, "classify", output, small)
        self.assert_error(run(CUTIS, "classify", output, large), 3, "large.png: the image is too large for a test: 600 x 600 pixels may take ")
        heavy = self.path("heavy.jpg", pathlib.Path(SAMPLES[0]).read_bytes() + bytes(65536))
        self.assert_error(run(CUTIS, "classify", output, heavy), 3, "the image file is too large for a test")

    def test_device_that_is_too_small(self):
        output = self.output()
        for changed, words in (({"storage": 1 << 20}, "the weights take at least"), ({"storage": 3_500_000}, "the file takes"),
                               ({"ram": 4_000_000}, "bytes of memory, and one thread needs"), ({"isa": "sse9"}, "isa: is none of scalar, sse4"),
                               ({"cores": 0}, "cores"), ({"ram": None}, '"ram" is missing'), ({"colour": "red"}, "colour"),
                               ({"image": {"width": 65535, "height": 65535, "file": 1}}, "no image of more than")):
            result = run(CONVERT, SOURCE, "-o", output, "--target", self.profile(**changed))
            self.assert_error(result, 3, words, program="cutis-convert")
            self.assert_nothing_written(output)
        # The pictures of the self-test need some memory, whatever the camera makes.
        fits = json.loads(self.good(CUTIS, "inspect", MODEL, "--json"))["footprint"]
        result = run(CONVERT, SOURCE, "-o", output, "--target",
                     self.profile(ram=fits["storage_bytes"] + fits["heap_bytes"] + 314_000, cores=1, image={"width": 8, "height": 8, "file": 100_000}))
        self.assert_error(result, 3, "the self-test cannot run on this device", program="cutis-convert")
        # Flash that is addressed like memory: the file takes no ram.
        bytes_of = pathlib.Path(MODEL).stat().st_size
        self.good(CONVERT, SOURCE, "-o", output, "--target", self.profile(ram=bytes_of, in_place=True, cores=1, image=None))
        self.assertIsNone(json.loads(self.good(CUTIS, "inspect", output, "--json"))["footprint"]["device"]["image_bytes"])
        self.good(CUTIS, "classify", output, SAMPLES[0])
        self.assert_error(run(CONVERT, SOURCE, "-o", output, "--target", self.folder / "none.json"), 3, "none.json", program="cutis-convert")

    def test_profiles(self):
        """Each profile of targets/device is one, named like its file; this network fits into all but the one without images."""
        output = self.output()
        for path in sorted((ROOT / "targets/device").glob("*.json")):
            self.assertEqual(json.loads(path.read_text(encoding="utf-8"))["name"], path.stem)
            result = run(CONVERT, SOURCE, "-o", output, "--target", path)
            if path.stem == "cortex-m7-512k":
                self.assert_error(result, 3, "cortex-m7-512k", program="cutis-convert")
            else:
                self.assertEqual(result.returncode, 0, result.stderr)

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

    def test_decoders(self):
        seen = {}
        for decoder in ("stb", "libjpeg-turbo", "libjpeg-turbo-scaled"):
            path = self.source / "recipe.json"
            recipe = json.loads(path.read_text(encoding="utf-8")) | {"decoder": decoder}
            path.write_text(json.dumps(recipe), encoding="utf-8")
            output = self.folder / "model.cutis"
            result = run(CONVERT, self.source, "-o", output, "--calibrate", self.images)
            if result.returncode != 0:  # a build without the library
                self.assertNotEqual(decoder, "stb")
                self.assertIn("-Dturbojpeg=enabled", result.stderr)
                continue
            shown = json.loads(self.good(CUTIS, "inspect", output, "--json"))["recipe"]
            self.assertEqual(shown["decoder"], decoder)
            self.assertRegex(shown["decoder_version"], "^$" if decoder == "stb" else r"^\d+\.\d+")
            seen[decoder] = output.read_bytes()
        self.assertEqual(len(set(seen.values())), len(seen))  # the decoder is part of the bytes, and decides about ranges

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
        table, report = self.folder / "sensitivity.json", self.folder / "report.json"
        for mode, units in (("block", "blocks"), ("unstructured", "weights"), ("channel", "channels")):
            with self.subTest(mode=mode):
                _, text = self.convert("--sensitivity", table, "--report", report, *([] if mode == "block" else ["--prune", mode + ":0.1"]))
                self.assertIn("sensitivity  one layer pruned by " + units, text)
                result = json.loads(table.read_text(encoding="utf-8"))
                self.assertEqual((result["mode"], result["images"], result["rates"]), (mode, len(SAMPLES), [0.25, 0.5, 0.75, 0.9]))
                self.assertEqual(json.loads(report.read_text(encoding="utf-8"))["sensitivity"], result)
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
        self.assert_error(run(CONVERT, "--check", self.ONNX, MODEL), 3, "192 x 192 x 3", program="cutis-convert")
        self.assert_error(run(CONVERT, "--check", self.ONNX), 2, "--check", program="cutis-convert")
        self.assert_error(run(CONVERT, "--check", self.ONNX, output, "-o", "x.cutis"), 2, "-o", program="cutis-convert")
        self.assert_error(run(CONVERT, "--check", self.ONNX, output, ROOT / "tools/samples"), 2, output, program="cutis-convert")
        copy = self.path("again.onnx", self.ONNX.read_bytes() + b"\x32\x00")  # an empty doc_string more
        shutil.copy(self.ONNX.parent / "external.bin", self.folder)
        self.assertIn("warning      again.onnx is not the file", self.good(CONVERT, "--check", copy, output))

    def test_check_with_several_inputs(self):
        folder = ROOT / "tests/converter/data/qdq_operators"
        source, other = folder / "qdq_u8s8.onnx", folder / "qoperator_u8s8.onnx"
        output, table = self.folder / "m.cutis", self.folder / "check.json"
        for precision, least in ((["--float"], 1), ([], 0.98)):
            with self.subTest(precision=precision):
                self.good(CONVERT, source, "-o", output, *precision)
                text = self.good(CONVERT, "--check", source, output, "--min-cosine", str(least), "--report", table)
                self.assertIn("generated inputs", text)
                report = json.loads(table.read_text(encoding="utf-8"))
                shapes = [report["tensors"][i]["shape"] for i in report["inputs"]]
                self.assertEqual(sorted(shape[1] * shape[2] * shape[3] for shape in shapes), [16, 96, 968])
                self.assertEqual(report["agreement"]["largest_difference"] == 0, least == 1)
                # A source with other weights differs, so all that is compared comes from what was given.
                self.assertIn("warning", self.good(CONVERT, "--check", other, output))
                self.assertEqual(run(CONVERT, "--check", other, output, "--min-cosine", "1").returncode, 4)
        self.assert_error(run(CONVERT, "--check", self.ONNX, output), 3, "3 inputs", program="cutis-convert")
        self.assert_error(run(CONVERT, "--check", source, output, ROOT / "tools/samples"), 2, "no preprocessing", program="cutis-convert")
        self.assert_error(run(CONVERT, source, "-o", output, "--calibrate", ROOT / "tools/samples"), 2, "--recipe", program="cutis-convert")

    def test_check_on_images(self):
        result = run(CONVERT, "--check", SOURCE, MODEL, ROOT / "tools/samples", "--min-cosine", "0.99999")
        self.assertEqual((result.returncode, result.stderr), (4, ""))
        self.assertIn(f"{len(SAMPLES)} images", result.stdout)
        self.assertRegex(result.stdout, r"worst +\w+\.jpg: cosine 0\.9")


if __name__ == "__main__":
    unittest.main(verbosity=2)
