"""Tests of `cutis classify --explain`: the picture, what it rests on, what is refused."""

import json
import struct
import unittest
import zlib

from cli_case import CONVERT, CUTIS, ISAS, MODEL, ROOT, SAMPLES, SLOW, SMALL, SOURCE, CliTest, png, run


def pixels_of(data):
    """Width, height and rows of RGB triples of a PNG of 8 bits a colour without interlacing, by its specification."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, packed = 8, b""
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + length]
        assert struct.unpack(">I", data[at + 8 + length:at + 12 + length])[0] == zlib.crc32(kind + body)
        if kind == b"IHDR":
            width, height, *form = struct.unpack(">IIBBBBB", body)
            assert form == [8, 2, 0, 0, 0]
        packed += body if kind == b"IDAT" else b""
        at += 12 + length
    raw, stride, rows = zlib.decompress(packed), 3 * width + 1, []
    before = bytearray(stride - 1)
    for y in range(height):
        kind, line = raw[y * stride], bytearray(raw[y * stride + 1:(y + 1) * stride])
        for i, value in enumerate(line):
            left, up, corner = line[i - 3] if i > 2 else 0, before[i], before[i - 3] if i > 2 else 0
            guess = left + up - corner
            paeth = min((left, up, corner), key=lambda near: abs(guess - near))
            line[i] = (value + (0, left, up, (left + up) // 2, paeth)[kind]) % 256
        rows.append([tuple(line[i:i + 3]) for i in range(0, len(line), 3)])
        before = line
    return width, height, rows


class Explain(CliTest):
    SIDE, MARGIN, TOP = 576, 16, 40  # of the panels: three times the network's 192 pixels

    def explain(self, *arguments, name="out.png"):
        out = self.folder / name
        text = self.good(CUTIS, "classify", MODEL, SAMPLES[0], "--explain", out, *arguments)
        data = out.read_bytes()
        self.assertEqual(sorted(path.name for path in self.folder.iterdir() if path.suffix == ".tmp"), [])
        out.unlink()
        return text, data

    def test_picture(self):
        text, data = self.explain()
        ordinary = self.good(CUTIS, "classify", MODEL, SAMPLES[0])
        self.assertEqual(text, ordinary)
        width, height, rows = pixels_of(data)
        self.assertEqual(width, 3 * self.MARGIN + 2 * self.SIDE)
        self.assertGreater(height, self.TOP + self.SIDE)
        # Right of the image lies the image in grey under one of two colours, as much of it as the map says: all three channels of a
        # pixel must agree about how much, and neighbours must be close.
        colors, shares = {1: (230, 85, 0), -1: (0, 110, 190)}, {}
        for y in range(0, self.SIDE, 4):
            for x in range(0, self.SIDE, 4):
                red, green, blue = rows[self.TOP + y][self.MARGIN + x]
                shaded = rows[self.TOP + y][2 * self.MARGIN + self.SIDE + x]
                grey = (299 * red + 587 * green + 114 * blue) // 1000
                side = 1 if shaded[0] >= shaded[2] else -1
                channel = max(range(3), key=lambda c: abs(colors[side][c] - grey))  # the one that tells most
                share = (shaded[channel] - grey) / (colors[side][channel] - grey)
                self.assertTrue(-0.01 <= share <= 0.68, (x, y, share))
                for c in range(3):
                    self.assertAlmostEqual(shaded[c], grey * (1 - share) + colors[side][c] * share, delta=2)
                shares[x, y] = side * share
        self.assertGreater(max(abs(share) for share in shares.values()), 0.3)
        for (x, y), share in shares.items():
            for near in ((x + 4, y), (x, y + 4)):
                self.assertAlmostEqual(share, shares.get(near, share), delta=0.08)
        # The picture is an image like any other.
        self.assertEqual(run(CUTIS, "classify", MODEL, self.path("again.png", data), "--json").returncode, 0)

    def test_left_panel(self):
        """What the network sees: a picture of as many pixels as a panel comes back as it is."""
        pixels = bytes((x * 3 + y * c) % 256 for y in range(self.SIDE) for x in range(-1, self.SIDE) for c in (1, 2, 3))
        lines = [b"\0" + pixels[y * 3 * (self.SIDE + 1):][:3 * self.SIDE] for y in range(self.SIDE)]
        image, out = self.path("in.png", png(self.SIDE, self.SIDE, b"".join(lines))), self.folder / "out.png"
        self.good(CUTIS, "classify", MODEL, image, "--explain", out)
        _, _, rows = pixels_of(out.read_bytes())
        for y in range(self.SIDE):
            shown = b"".join(bytes(pixel) for pixel in rows[self.TOP + y][self.MARGIN:self.MARGIN + self.SIDE])
            self.assertEqual(shown, lines[y][1:])

    def test_same_bytes(self):
        _, first = self.explain()
        self.assertEqual(first, self.explain("--threads", 3)[1])
        self.assertEqual(first, self.explain("--batch", 4)[1])
        for isa in ["scalar"] if SLOW else ISAS:
            result = run(CUTIS, "classify", MODEL, SAMPLES[0], "--isa", isa, "--explain", self.folder / f"{isa}.png")
            if result.returncode == 0:  # else it is of another processor
                self.assertEqual(first, (self.folder / f"{isa}.png").read_bytes(), isa)
        self.assertEqual(first, (self.folder / "scalar.png").read_bytes())
        other = self.folder / "other.png"
        self.good(CUTIS, "classify", MODEL, SAMPLES[1], "--explain", other)
        self.assertNotEqual(first, other.read_bytes())

    def test_json(self):
        """The line is that of any image."""
        line = json.loads(self.explain("--json")[0])
        plain = json.loads(self.good(CUTIS, "classify", MODEL, SAMPLES[0], "--json"))
        self.assertEqual({**line, "ms": None}, {**plain, "ms": None})

    def test_refused(self):
        out = self.folder / "out.png"
        def refuse(code, *arguments, words):
            self.assert_error(run(CUTIS, "classify", *arguments, "--explain", out), code, *words)
            self.assertFalse(out.exists())
        refuse(2, MODEL, SAMPLES[0], SAMPLES[1], words=["--explain", "one image"])
        refuse(2, MODEL, "-", words=["--explain", "one image"])
        refuse(2, MODEL, SAMPLES[0], "--out", self.folder / "r.csv", words=["exclude"])
        refuse(3, SMALL / "small_u8.cutis", SAMPLES[0], words=[SMALL / "small_u8.cutis", "no plan for --explain"])
        refuse(3, MODEL, self.path("no.jpg", b"none"), words=["no.jpg"])
        self.assert_error(run(CUTIS, "classify", MODEL, SAMPLES[0], "--explain", self.folder / "no" / "out.png"), 1, "out.png", "cannot be written")
        out.write_bytes(b"something")
        self.assert_error(run(CUTIS, "classify", MODEL, SAMPLES[0], "--explain", out), 2, out, "is there already")
        self.assertEqual(out.read_bytes(), b"something")

    def test_small_network(self):
        out = self.folder / "small.png"
        self.good(CUTIS, "classify", SMALL / "small_explained.cutis", SAMPLES[0], "--explain", out)
        self.assertEqual(pixels_of(out.read_bytes())[0], 3 * self.MARGIN + 2 * 516)  # 43 times 12

    def test_inspect(self):
        model = json.loads(self.good(CUTIS, "inspect", MODEL, "--json"))
        explanation, tensors, nodes = model["explanation"], model["tensors"], model["nodes"]
        features, logits = tensors[explanation["feature_map"]], nodes[explanation["logits"]]
        self.assertEqual(features["shape"], [6, 6, 1280])
        self.assertEqual(logits["output"], model["outputs"][0])
        pool = [node for node in nodes if explanation["feature_map"] in node["inputs"]]
        self.assertEqual([node["op"] for node in pool], ["average_pool"])
        # The plan once more, from its offsets and from lifetimes in which the map lives to the end.
        placed = [{**tensor, "offset": offset} for tensor, offset in zip(tensors, explanation["offsets"], strict=True)]
        placed[explanation["feature_map"]]["last_step"] = len(nodes)
        placed = [tensor for tensor in placed if not tensor.get("inside_block")]
        for row in explanation["batch_1"]:
            top = lambda step: max(t["offset"] + t["bytes"] for t in placed if t["first_step"] <= step <= t["last_step"])
            self.assertEqual(row["arena_bytes"], max(top(step) + row["threads"] * node["scratch_bytes"] for step, node in enumerate(nodes)))
        for a in placed:
            self.assertLessEqual(a["offset"] + a["bytes"], explanation["most_activation_bytes"])
            for b in placed:
                together = a is not b and a["first_step"] <= b["last_step"] and b["first_step"] <= a["last_step"]
                apart = a["offset"] + a["bytes"] <= b["offset"] or b["offset"] + b["bytes"] <= a["offset"]
                self.assertTrue(apart or not together, (a["name"], b["name"]))
        text = self.good(CUTIS, "inspect", MODEL)
        self.assertIn("feature map 6x6x1280 kept", text)
        self.assertIsNone(json.loads(self.good(CUTIS, "inspect", SMALL / "small_u8.cutis", "--json"))["explanation"])

    def test_devices(self):
        """A file for a device explains where that takes no more memory than a verdict, and not where it does."""
        profile = self.path("profile.json", json.dumps({"name": "a", "text": "a", "isa": "scalar", "cores": 2, "ram": 1 << 26, "storage": 1 << 26}).encode())
        heads = ROOT / "tests/converter/data/onnx/two_heads.onnx"
        def made(source, *arguments):
            output = self.folder / "made.cutis"
            self.good(CONVERT, source, "-o", output, *arguments)
            model = json.loads(self.good(CUTIS, "inspect", output, "--json"))
            if model["explanation"] is None:
                return None
            return [row["arena_bytes"] for row in model["explanation"]["batch_1"]], [row["arena_bytes"] for row in model["plan"]["batch_1"]]
        explaining, ordinary = made(heads, "--float")
        self.assertGreater(explaining[0], ordinary[0])
        self.assertIsNone(made(heads, "--float", "--target", profile))
        explaining, ordinary = made(SOURCE, "--target", profile)
        self.assertEqual(explaining[:2], ordinary[:2])

    def test_float(self):
        """int8 says nearly what float32 says: the pictures differ little."""
        real, out = self.path("float.cutis"), self.folder / "float.png"
        self.good(CONVERT, SOURCE, "--float", "-o", real)
        self.good(CUTIS, "classify", real, SAMPLES[0], "--explain", out)
        _, _, shown = pixels_of(out.read_bytes())
        _, _, rows = pixels_of(self.explain()[1])
        left = 2 * self.MARGIN + self.SIDE
        differences = [abs(a - b) for y in range(self.TOP, self.TOP + self.SIDE, 8)
                       for one, two in zip(rows[y][left:left + self.SIDE], shown[y][left:left + self.SIDE]) for a, b in zip(one, two)]
        self.assertLess(sum(differences) / len(differences), 12)


if __name__ == "__main__":
    unittest.main()
