"""The page of cutis bench --report: it is whole and needs nothing else, and its numbers are those of --json and inspect."""
import html.parser
import json
import math
import pathlib
import re
import unittest
import xml.etree.ElementTree

from cli_case import CUTIS, MODEL, SMALL, CliTest, run

VOID = {"meta"}
SPACE = "\u202f"


class Page(html.parser.HTMLParser):
    """Checks that every element is closed where it must be; collects pictures, tables by id, and all text."""

    def __init__(self, text):
        super().__init__()
        self.text, self.open, self.tables, self.words = text, [], {}, []
        self.svgs = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
        self.rows = None
        self.feed(text)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag, attrs):
        if tag in VOID:
            return
        self.open.append(tag)
        if tag == "table":
            self.rows = self.tables.setdefault(dict(attrs).get("id", f"table {len(self.tables)}"), [])
        elif tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_startendtag(self, tag, attrs):
        pass  # closes itself

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, (tag, self.getpos())

    def handle_data(self, data):
        self.words.append(data)
        if self.open and {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data

    def said(self):
        return " ".join(self.words).replace(SPACE, " ")


def number(cell):
    return float(cell.replace(SPACE, "").rstrip("%"))


class BenchReport(CliTest):
    def page(self, *options, model=MODEL):
        path = self.folder / "page.html"
        printed = json.loads(self.good(CUTIS, "bench", model, "--json", "--report", path, *options))
        return Page(path.read_text(encoding="utf-8")), printed

    def baseline(self, **changes):
        text = {"schema": "cutis-before-after-1", "about": "a <net>", "machine": "another & one",
                "before": {"name": "Old <one>", "versions": {"torch": "2.15.0"}, "inference_ms": 40, "image_ms": 50.5, "peak_bytes": 600000000, "utilisation": 0.5},
                "after": {"name": "New", "versions": {"Cutis": "0.1.0"}, "inference_ms": 2.5, "image_ms": 4, "peak_bytes": 10000000, "utilisation": 0.75},
                "ratios": {"inference_ms": {"median": 17.25, "least": 15, "most": 18}}} | changes
        return self.path("baseline.json", json.dumps(text).encode())

    def test_whole_and_alone(self):
        page, _ = self.page("--runs", 20, "--baseline", self.baseline())
        for part in ("http://", "https://", "src=", "href=", "<script", "<link", "@import", "url("):
            self.assertNotIn(part, page.text)
        self.assertIn("default-src 'none'", page.text)
        self.assertTrue(page.text.startswith("<!DOCTYPE html>") and page.text.endswith("</html>\n"))
        self.assertEqual(len(page.svgs), 6)  # before and after, latency, roofline, steps, arena, process
        for svg in page.svgs:
            root = xml.etree.ElementTree.fromstring(svg)
            width, height = map(float, root.get("viewBox").split()[2:])
            for shape in root.iter():
                self.assertFalse(set(shape.attrib.values()) & {"nan", "inf", "\u2013"}, shape.attrib)
                x, y = float(shape.get("x", shape.get("cx", 0))), float(shape.get("y", shape.get("cy", 0)))
                self.assertTrue(0 <= x <= width and 0 <= y <= height, (shape.tag, shape.attrib))
                if shape.tag == "rect":
                    self.assertLessEqual(x + float(shape.get("width")), width + 0.01)
                    self.assertLessEqual(y + float(shape.get("height")), height + 0.01)
        self.assertNotIn(str(pathlib.Path(MODEL).parent), page.text)  # it is passed on
        self.assertEqual([path.name for path in self.folder.iterdir()].count("page.html"), 1)
        self.assertFalse([path for path in self.folder.iterdir() if path.name.endswith(".tmp")])

    def test_numbers_of_json(self):
        page, printed = self.page("--runs", 40, "--batch", 3, "--threads", 2)
        said = page.said()
        for words in (printed["model_hash"], printed["output_hash"], printed["isa"], printed["cpu"], printed["version"], "40 of 3 images each, 2 threads",
                      f"{printed['arena_bytes']:,}".replace(",", " ")):
            self.assertIn(words, said)
        # What was printed is rounded to float32 first.
        marks = {name: float(value) for name, value in re.findall(r"(median|p90|p99) ([0-9.]+) ms", page.svgs[0])}
        for name, key in (("median", "median_ms"), ("p90", "p90_ms"), ("p99", "p99_ms")):
            self.assertAlmostEqual(marks[name], printed[key], delta=0.0006)
        self.assertLessEqual(printed["rss_bytes"], printed["peak_rss_bytes"])
        self.assertIn(f"{printed['rss_bytes']:,}".replace(",", " ") + " bytes", said)
        # All runs are in the histogram.
        counts = [int(count) for count in re.findall(r"<title>(\d+) runs? of ", page.svgs[0])]
        self.assertEqual(sum(counts), 40)
        rows = page.tables["steps"][1:]
        self.assertEqual(len(rows), len(printed["profile"]))
        for row, step in zip(rows, printed["profile"]):
            self.assertEqual((row[1], row[2], row[7]), (step["op"], step["node"], step["bound"] or "-"))
            self.assertAlmostEqual(number(row[3]), step["ms"], delta=6e-5)
            self.assertAlmostEqual(number(row[4]), step["gops"], delta=0.06)
            self.assertAlmostEqual(number(row[5]), step["intensity"], delta=0.06)
            self.assertAlmostEqual(number(row[6]), 100 * step["roof_share"], delta=0.06)
        self.assertAlmostEqual(number(page.tables["kinds"][-1][2]), sum(step["ms"] for step in printed["profile"]), delta=1e-3)

    def test_roofline_places(self):
        """Each dot lies where its numbers say: on logarithmic axes that the ticks give."""
        page, printed = self.page("--runs", 5)
        root = xml.etree.ElementTree.fromstring(next(svg for svg in page.svgs if "<circle" in svg))
        ticks = [(shape.get("text-anchor"), float(shape.text), float(shape.get("x")), float(shape.get("y"))) for shape in root.iter("text")
                 if re.fullmatch(r"[0-9.e+-]+", shape.text) and shape.get("class") is None]

        def axis(points):
            (a, at), (b, bt) = points[0], points[-1]
            return lambda value: at + (bt - at) * math.log(value / a) / math.log(b / a)
        x_of = axis([(value, x) for anchor, value, x, _ in ticks if anchor == "middle"])
        y_of = axis([(value, y - 4) for anchor, value, _, y in ticks if anchor == "end"])
        dots = {int(re.match(r"step (\d+),", dot[0].text).group(1)): dot for dot in root.iter("circle")}
        numbers = [int(row[0]) for row in page.tables["steps"][1:]]
        with_work = [(at, step) for at, step in zip(numbers, printed["profile"]) if step["gops"] > 0 and step["intensity"] > 0]
        self.assertEqual(sorted(dots), [at for at, _ in with_work])
        for at, step in with_work:
            self.assertAlmostEqual(float(dots[at].get("cx")), x_of(step["intensity"]), delta=0.05)
            self.assertAlmostEqual(float(dots[at].get("cy")), y_of(step["gops"]), delta=0.05)

    def test_arena_of_steps(self):
        """Liveness anew, from the tensors that inspect lists."""
        for model, batch, threads in ((MODEL, 1, 1), (MODEL, 3, 2), (SMALL / "small_f32.cutis", 2, 1)):
            page, printed = self.page("--runs", 1, "--batch", batch, "--threads", threads, model=model)
            inspected = json.loads(self.good(CUTIS, "inspect", model, "--json"))
            tensors, nodes = inspected["tensors"], inspected["nodes"]

            def need(i):
                alive = [t for t in tensors if "offset" in t and t["first_step"] <= i <= t["last_step"]]
                live, top = sum(t["bytes"] for t in alive), max((t["offset"] + t["bytes"] for t in alive), default=0)
                # An output that may lie on an input is not counted beside it, whether it does or not.
                ends = [tensors[t]["bytes"] for t in nodes[i]["inputs"] if tensors[t]["last_step"] == i]
                lives = [live - tensors[nodes[i]["in_place"]]["bytes"]] if "in_place" in nodes[i] else [live, *(live - end for end in ends)]
                return [batch * live for live in lives], batch * top, threads * nodes[i]["scratch_bytes"]
            most, first = 0, 0
            for row in page.tables["steps"][1:]:
                last = int(row[0])
                steps = [need(i) for i in range(first, last + 1)]
                first = last + 1
                live, *others = (int(number(cell)) for cell in row[8:11])
                self.assertTrue(any(live in lives and others == [top, scratch] for lives, top, scratch in steps), (row, steps))
                self.assertEqual(int(number(row[9])) + int(number(row[10])), max(top + scratch for _, top, scratch in steps))
                most = max(most, int(number(row[9])) + int(number(row[10])))
            self.assertEqual(first, len(nodes))
            self.assertEqual(most, printed["arena_bytes"])

    def test_before_and_after(self):
        page, printed = self.page("--runs", 3, "--baseline", self.baseline())
        said, bars = page.said(), page.svgs[0].replace(SPACE, " ")
        self.assertNotIn("<one>", page.text)
        for words in ("Old <one> (torch 2.15.0)", "New (Cutis 0.1.0)", "a <net>", "another & one", "another processor"):
            self.assertIn(words, said)
        own = printed["ms_per_image"]
        # The ratio of the rounds, of the medians where there is none, and this run's.
        for words in ("2.500 ms (17.2x less)", "50.50 ms", "4.000 ms (12.6x less)", "600 MB", "10.00 MB (60.0x less)", "0.50", "0.75"):
            self.assertIn(words, re.sub(" +", " ", bars))
        found = re.search(r">this run: ([0-9.]+) ms +\(([0-9.]+)x less\)", bars)
        self.assertAlmostEqual(float(found.group(1)), own, delta=0.006)
        self.assertAlmostEqual(float(found.group(2)), 40 / own, delta=0.06 + 0.002 * 40 / own)
        root = xml.etree.ElementTree.fromstring(page.svgs[0])
        widths = [float(rect.get("width")) for rect in root.iter("rect")]
        self.assertAlmostEqual(widths[1] / widths[0], 2.5 / 40, delta=0.001)

    def test_float_baseline(self):
        """What bench --json prints is a baseline as well."""
        small = SMALL / "small_f32.cutis"
        printed = self.good(CUTIS, "bench", small, "--json", "--runs", 2)
        page, _ = self.page("--runs", 2, "--baseline", self.path("f.json", printed.encode()))
        self.assertIn(f"small_f32.cutis (Cutis {json.loads(printed)['version']}, {json.loads(printed)['isa']})", page.said())
        self.assertIn("Opening the model and a first run", page.text)
        self.assertNotIn("another processor", page.text)

    def test_bad_baselines(self):
        page = self.folder / "page.html"
        page.write_text("old", encoding="utf-8")
        good = json.loads(self.good(CUTIS, "bench", MODEL, "--json", "--runs", 1))
        side = {"name": "x", "inference_ms": 1}
        damaged = {"no JSON": (b"{", "neither"), "a list": (b"[]", "neither"), "empty": (b"", "neither"), "another schema": (b'{"schema": "x"}', "neither"),
                   "no sides": (b'{"schema": "cutis-before-after-1"}', '"before" is missing'),
                   "a text for a number": (json.dumps({"schema": "cutis-before-after-1", "before": side | {"inference_ms": "1"}}).encode(), "inference_ms"),
                   "zero": (json.dumps({"schema": "cutis-before-after-1", "before": side | {"peak_bytes": 0}}).encode(), "peak_bytes"),
                   "infinite": (b'{"schema": "cutis-before-after-1", "before": {"name": "x", "inference_ms": 1e99}}', "neither"),
                   "no name": (b'{"schema": "cutis-before-after-1", "before": {"inference_ms": 1}}', "name"),
                   "no figures": (b'{"schema": "cutis-before-after-1", "before": {"name": "x", "speed": 1}}', "figures"),
                   "an after that is none": (json.dumps({"schema": "cutis-before-after-1", "before": side, "after": 3}).encode(), '"after"'),
                   "ratios that are none": (json.dumps({"schema": "cutis-before-after-1", "before": side, "after": side, "ratios": {"inference_ms": {"median": -1}}}).encode(), "median"),
                   "half of bench": (json.dumps({key: good[key] for key in good if key != "first_ms"}).encode(), "missing")}
        for name, (text, fragment) in damaged.items():
            with self.subTest(name):
                result = run(CUTIS, "bench", MODEL, "--runs", 1, "--report", page, "--baseline", self.path("bad.json", text))
                self.assert_error(result, 3, "bad.json", fragment)
                self.assertEqual(result.stdout, "")
        result = run(CUTIS, "bench", MODEL, "--runs", 1, "--report", page, "--baseline", self.folder / "gone.json")
        self.assert_error(result, 3, "gone.json")
        self.assertEqual(page.read_text(encoding="utf-8"), "old")

    def test_wrong_usage(self):
        for options, fragment in ((["--report", self.folder / "page.htm"], ".html"), (["--report", ".html"], ".html"),
                                  (["--baseline", self.baseline()], "--report"), (["--report", self.folder / "d.html"], "folder")):
            (self.folder / "d.html").mkdir(exist_ok=True)
            self.assert_error(run(CUTIS, "bench", MODEL, "--runs", 1, *options), 2, fragment)
        result = run(CUTIS, "bench", SMALL / "small_u8.cutis", "--runs", 1, "--report", self.folder / "gone" / "page.html")
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertIn("page.html", result.stderr)
        self.assertIn("median", result.stdout)  # what was measured is not lost

    def test_hostile_names(self):
        """A file's name does no harm in the page."""
        model = self.folder / 'a"<b>&\'.cutis'
        model.write_bytes((SMALL / "small_u8.cutis").read_bytes())
        page, _ = self.page("--runs", 1, model=model)
        self.assertIn('a"<b>&\'.cutis', page.said())
        self.assertNotIn("<b>&", page.text)


if __name__ == "__main__":
    unittest.main()
