#!/usr/bin/env python3
"""Judges a .cutis file on labelled images, through the C++ runtime, from the JPEG file to the verdict.

    python tools/train/evaluate.py --model M.cutis [--model N.cutis ...] --data DATA --fold 9 [--out FOLDER] [--card CARD.md]

Prints tables (Markdown): BCC AUC with a bootstrap interval over lesions, sensitivity and specificity at the file's operating
points, calibration, balanced accuracy, and these for subgroups; of several files side by side, too. With --out also results.json,
scores.csv and plots; with --card the tables of the first file go into a model card, between the lines BEGIN and END.
"""

import argparse
import csv
import json
import os
import pathlib
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np

import lesions
import metrics
import runtime
import views

ROOT = pathlib.Path(__file__).resolve().parents[2]
PREVALENCES = (0.01, 0.05, 0.20)
BEGIN, END = "<!-- evaluate.py: begin -->", "<!-- evaluate.py: end -->"
ROWS = ("images", "bcc", "auc", "specificity_at_95", "balanced_accuracy", "ece", "calibration_slope", "brier_skill", "refer", "unusable",
        "missed_outside_refer")


def over_rows(library, path, rows, threads, function):
    """function(model, path of the image) for each row, in order, on several threads with a session each; progress on a terminal."""
    done = [0]

    def work(part):
        model = runtime.Model(library, path)
        try:
            results = []
            for index in part:
                results.append(function(model, rows[index]["path"]))
                done[0] += 1
                if sys.stderr.isatty() and done[0] % 20 == 0:
                    print(f"\r{done[0]} of {len(rows)} ", end="", file=sys.stderr, flush=True)
            return results
        finally:
            model.close()

    with ThreadPoolExecutor(threads) as pool:
        return [result for part in pool.map(work, np.array_split(np.arange(len(rows)), threads)) for result in part]


def judge_all(library, path, rows, threads):
    return over_rows(library, path, rows, threads, runtime.Model.classify)


class Scores:
    """Results beside their labels."""

    def __init__(self, rows, results):
        self.rows, self.results = rows, results
        self.labels = np.array([lesions.LABELS.index(row["label"]) for row in rows])
        self.positive = self.labels == lesions.POSITIVE
        self.p = np.array([result["p_bcc"] for result in results], np.float64)
        self.logits = np.array([result["logits"] for result in results], np.float64)
        self.log_odds = metrics.log_odds(self.logits, lesions.POSITIVE)
        self.groups = np.array([row["group_id"] for row in rows])
        self.verdicts = np.array([result["verdict"] for result in results])

    def of(self, chosen):
        indices = np.flatnonzero(chosen)
        return Scores([self.rows[i] for i in indices], [self.results[i] for i in indices])

    def __len__(self):
        return len(self.rows)


def summary(scores, rounds=2000):
    """The numbers of one set of images. AUC is that of the log odds: p_bcc is a monotonous function of them."""
    found = {"images": len(scores), "bcc": int(scores.positive.sum())}
    predicted = scores.logits.argmax(1)
    found["balanced_accuracy"] = metrics.balanced_accuracy(predicted, scores.labels, len(lesions.LABELS))
    if not scores.positive.any() or scores.positive.all():
        return found
    interval = metrics.bootstrap(lambda i: metrics.auc(scores.log_odds[i], scores.positive[i]), len(scores), rounds,
                                 groups=scores.groups)
    found["auc"] = [metrics.auc(scores.log_odds, scores.positive), *interval]
    threshold = metrics.threshold_for_sensitivity(scores.log_odds, scores.positive, 0.95)
    found["specificity_at_95"] = metrics.sensitivity_specificity(scores.log_odds, scores.positive, threshold)[1]
    found["ece"] = metrics.expected_calibration_error(scores.p, scores.positive)
    found["brier_skill"] = metrics.brier_skill(scores.p, scores.positive)
    if min(scores.positive.sum(), (~scores.positive).sum()) >= 10:  # of fewer, a slope says nothing
        clipped = np.clip(scores.p, 1e-6, 1 - 1e-6)
        found["calibration_slope"] = metrics.fit_platt(np.log(clipped / (1 - clipped)), scores.positive)[0]
    judged = np.isin(scores.verdicts, ("bcc", "not_bcc"))
    found["refer"] = int((scores.verdicts == "refer").sum())
    found["unusable"] = int((scores.verdicts == "unusable").sum())
    found["missed_outside_refer"] = int((scores.positive & (scores.verdicts == "not_bcc")).sum())
    found["confusion_of_verdicts"] = {verdict: [int((scores.verdicts[scores.positive] == verdict).sum()),
                                                int((scores.verdicts[~scores.positive] == verdict).sum())]
                                      for verdict in ("bcc", "not_bcc", "refer", "unusable", "none")}
    if judged.any() and scores.positive[judged].any():
        called = scores.verdicts == "bcc"
        found["sensitivity_judged"] = float(called[judged & scores.positive].mean())
        found["specificity_judged"] = float((~called)[judged & ~scores.positive].mean())
    return found


def at_points(scores, points, rounds=2000):
    """What the thresholds of the file reach here, without refer."""
    table = []
    for point in points:
        threshold = point["threshold"]
        sensitivity, specificity = metrics.sensitivity_specificity(scores.p, scores.positive, threshold)

        def one(indices, which):
            if not scores.positive[indices].any():
                return float("nan")
            return metrics.sensitivity_specificity(scores.p[indices], scores.positive[indices], threshold)[which]

        table.append({"name": point["name"], "threshold": threshold,
                      "sensitivity": [sensitivity, *metrics.bootstrap(lambda i: one(i, 0), len(scores), rounds, groups=scores.groups)],
                      "specificity": [specificity, *metrics.bootstrap(lambda i: one(i, 1), len(scores), rounds, groups=scores.groups)],
                      "predictive": {f"{share:g}": metrics.predictive_values(sensitivity, specificity, share) for share in PREVALENCES}})
    return table


def age_group(row):
    try:
        age = float(row["age"])
    except ValueError:
        return "unknown"
    return "below 40" if age < 40 else "40 to 59" if age < 60 else "60 and more"


SUBGROUPS = {
    "class": lambda row: row["label"],
    "age": age_group,
    "sex": lambda row: row["sex"] or "unknown",
    "site": lambda row: row["localization"] or "unknown",
    "framing": lambda row: row["view"],
    "diagnosis by": lambda row: row["dx_type"] or "unknown",
}


def subgroups(scores, point):
    """For each value of each attribute: images, BCC, AUC where both kinds occur, and the rates at one operating point. Of a class,
    the share that is found as such."""
    table = []
    for attribute, of in SUBGROUPS.items():
        values = np.array([of(row) for row in scores.rows])
        for value in sorted(set(values)):
            part = scores.of(values == value)
            line = {"attribute": attribute, "value": value, "images": len(part), "bcc": int(part.positive.sum())}
            if attribute == "class":
                line["found"] = float((part.logits.argmax(1) == part.labels).mean())
            if part.positive.any() and not part.positive.all():
                line["auc"] = metrics.auc(part.log_odds, part.positive)
            if point is not None:
                called = part.p >= point["threshold"]
                if part.positive.any():
                    line["sensitivity"] = float(called[part.positive].mean())
                if not part.positive.all():
                    line["specificity"] = float((~called)[~part.positive].mean())
            table.append(line)
    return table


def number(value, digits=3):
    if isinstance(value, list):
        return f"{value[0]:.{digits}f} ({value[1]:.{digits}f} to {value[2]:.{digits}f})"
    return "" if value is None else f"{value:.{digits}f}" if isinstance(value, float) else str(value)


def markdown(head, lines):
    rows = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    rows += ["| " + " | ".join(line) + " |" for line in lines]
    return "\n".join(rows)


def describe(tool, path):
    """What `cutis inspect --json` says of a file."""
    import subprocess
    return json.loads(subprocess.run([str(tool), "inspect", "--json", str(path)], check=True, capture_output=True, text=True).stdout)


def report(name, evaluated):
    """Markdown of one model's results."""
    text = [f"**{name}**, {evaluated['bytes']} bytes, fold {evaluated['fold']}:", ""]
    text.append(markdown(["", *evaluated["sets"]], [[key.replace("_", " "), *(number(part.get(key)) for part in evaluated["sets"].values())]
                                                     for key in ROWS]))
    if evaluated["points"]:
        head = ["operating point", "threshold", "sensitivity", "specificity", *(f"PPV, NPV at {100 * share:g} %" for share in PREVALENCES)]
        lines = [[point["name"], number(point["threshold"], 4), number(point["sensitivity"]), number(point["specificity"]),
                  *(", ".join(number(float(v)) for v in point["predictive"][f"{share:g}"]) for share in PREVALENCES)]
                 for point in evaluated["points"]]
        text += ["", "Dermoscopic images, thresholds as in the file, without refer:", "", markdown(head, lines)]
    if "views" in evaluated:
        text += ["", describe_views(evaluated["views"], evaluated["views"]["one"])]
    keys = ("images", "bcc", "auc", "sensitivity", "specificity", "found")
    text += ["", markdown(["", "", *keys], [[line["attribute"], line["value"], *(number(line.get(key)) for key in keys)]
                                            for line in evaluated["subgroups"]])]
    return "\n".join(text) + "\n"


def side_by_side(everything):
    """Markdown of the dermoscopic images of several models."""
    sets = [evaluated["sets"]["dermoscopic"] for evaluated in everything.values()]
    lines = [["bytes of the file", *(str(evaluated["bytes"]) for evaluated in everything.values())]]
    lines += [[key.replace("_", " "), *(number(part.get(key)) for part in sets)] for key in ROWS]
    for which in ("sensitivity", "specificity"):
        for point in dict.fromkeys(point["name"] for evaluated in everything.values() for point in evaluated["points"]):
            found = ({p["name"]: p[which] for p in evaluated["points"]}.get(point) for evaluated in everything.values())
            lines.append([f"{which} at {point}", *(number(value) for value in found)])
    return markdown(["dermoscopic images", *everything], lines) + "\n"


def write_card(path, text):
    """Puts the text between the lines BEGIN and END of a file."""
    card = path.read_text(encoding="utf-8")
    begin, end = card.find(BEGIN), card.find(END)
    if begin < 0 or end < begin:
        raise SystemExit(f"{path}: needs the lines {BEGIN} and {END}, between which the tables go")
    partial = path.with_suffix(".part")
    partial.write_text(card[:begin + len(BEGIN)] + "\n\n" + text.strip() + "\n\n" + card[end:], encoding="utf-8")
    os.replace(partial, path)


def refusals(options, path, rows):
    """Markdown of the share of each kind of negatives.py that is called unusable, made from the good lesions of `rows`."""
    import tempfile
    import negatives
    from PIL import Image
    good = [Image.fromarray(lesions.load_image(row["path"], negatives.SIDE)) for row in rows[:400]]
    lines = []
    with tempfile.TemporaryDirectory() as name:
        for kind in [*negatives.FIT, *negatives.TEST, "photograph"]:
            made = []
            for index, image in enumerate(negatives.make(kind, good, options.negatives, 1)):
                made.append({"path": pathlib.Path(name) / f"{kind}-{index}.png"})
                image.convert("RGB").save(made[-1]["path"])
            verdicts = [result["verdict"] for result in judge_all(options.library, path, made, options.threads)]
            use = "looked at in fitting" if kind in negatives.FIT else "for figures alone"
            lines.append([kind.replace("_", " "), use, number(verdicts.count("unusable") / len(verdicts), 2)])
    return markdown(["kind", "", "refused"], lines)


def without_limits(scores, point):
    """The summary of one view, with what the limits refuse judged by its probability."""
    refer = (scores.p >= point["refer_low"]) & (scores.p < point["refer_high"])
    found = summary(scores)
    found["refer"] = int(refer.sum())
    found["missed_outside_refer"] = int((scores.positive & ~refer & (scores.p < point["threshold"])).sum())
    return found


def several_views(options, path, scores, points, rounds=2000):
    """One view, as many of the eight as the file's limits ask for, and all of them, on the same images, through the C++ runtime."""
    outputs = over_rows(options.library, path, scores.rows, options.threads, runtime.Model.view_outputs)
    model = runtime.Model(options.library, path)
    default = next(point for point in points if point.get("default"))
    found = {}
    try:
        stopped, complete = ([model.judge_views(image, all_views) for image in outputs] for all_views in (False, True))
        for name, judged in (("as many as needed", stopped), ("all", complete)):
            p = np.array([result[1] for result in judged], np.float64)
            interval = metrics.bootstrap(lambda i, p=p: metrics.auc(p[i], scores.positive[i]), len(scores), rounds, groups=scores.groups)
            verdicts = np.array([result[0] for result in judged])
            found[name] = {"auc": [metrics.auc(p, scores.positive), *interval], "mean_views": float(np.mean([result[2] for result in judged])),
                           "ece": metrics.expected_calibration_error(p, scores.positive),
                           "refer": int((verdicts == "refer").sum()),
                           "missed_outside_refer": int((scores.positive & (verdicts == "not_bcc")).sum())}
    finally:
        model.close()
    differ = sum(a[0] != b[0] for a, b in zip(stopped, complete))
    return {"operating_point": default["name"], "sets": found, "images": len(scores),
            "differ": [differ, *views.share_interval(differ, len(scores))]}


def describe_views(evaluated, one):
    """Markdown of several_views; `one` is the summary of the same images by one view, limits of images left out."""
    keys = ("auc", "ece", "refer", "missed_outside_refer", "mean_views")
    columns = {"one": {**one, "mean_views": 1.0}, **evaluated["sets"]}
    lines = [[key.replace("_", " "), *(number(part.get(key)) for part in columns.values())] for key in keys]
    count, low, high = evaluated["differ"]
    return (f"Several views of each dermoscopic image (`cutis classify --tta 8`), at {evaluated['operating_point']}, limits of usable images "
            f"left out; {count} of {evaluated['images']} decisions differ from that of all views (95 % interval of the share {100 * low:.2f} "
            f"to {100 * high:.2f} %):\n\n" + markdown(["", *columns], lines))


def write_scores(path, scores):
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "label", "modality", "p_bcc", "verdict", *(f"logit_{label}" for label in lesions.LABELS)])
        for row, result in zip(scores.rows, scores.results):
            writer.writerow([row["file"], row["label"], row["modality"], f"{result['p_bcc']:.6f}", result["verdict"],
                             *(f"{value:.5f}" for value in result["logits"])])


def evaluate(options, path, rows):
    scores = Scores(rows, judge_all(options.library, path, rows, options.threads))
    described = describe(options.tool, path)
    verdict = described.get("verdict") or {}
    points = verdict.get("operating_points") or []
    modality = np.array([row["modality"] for row in rows])
    dermoscopic = scores.of(modality == "dermoscopic")
    sets = {"dermoscopic": dermoscopic}
    if (modality == "clinical").any():
        sets["clinical"] = scores.of(modality == "clinical")
    default = next((point for point in points if point.get("default")), points[0] if points else None)
    found = {"file": os.path.basename(path), "bytes": os.path.getsize(path), "fold": options.fold, "limits": verdict.get("limits"),
             "sets": {name: summary(part) for name, part in sets.items()},
             "points": at_points(dermoscopic, points), "subgroups": subgroups(dermoscopic, default)}
    if verdict.get("views") and default:
        found["views"] = several_views(options, path, dermoscopic, points)
        found["views"]["one"] = without_limits(dermoscopic, default)
    return scores, dermoscopic, found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", action="append", required=True, help="a .cutis file; may be repeated")
    parser.add_argument("--data", required=True, help="the folder with labels.csv and images/")
    parser.add_argument("--fold", type=int, default=lesions.TEST_FOLD)
    parser.add_argument("--negatives", type=int, default=0, metavar="N",
                        help="also N images of each kind that must not be judged: how many are refused")
    parser.add_argument("--out", type=pathlib.Path, help="write results.json, report.md, scores.csv and plots there")
    parser.add_argument("--card", type=pathlib.Path, help="a model card that gets the tables")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build", help="the build folder")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    options = parser.parse_args()
    options.library, options.tool = options.build / "runtime" / "libcutis.so", options.build / "cutis"
    rows = lesions.rows_of(lesions.read_rows(options.data), (options.fold,))
    everything, texts = {}, []
    for path in options.model:
        scores, dermoscopic, found = evaluate(options, path, rows)
        name = pathlib.Path(path).stem
        if name in everything:
            parser.error(f"two files are called {name}: tables go by names")
        everything[name] = found
        texts.append(report(name, found))
        if options.negatives:
            texts[-1] += f"\nImages that must not be judged, {options.negatives} of each kind"
            texts[-1] += f":\n\n{refusals(options, path, rows)}\n" if found["limits"] else ": the model has no limits and refuses none.\n"
        print(texts[-1], flush=True)
        if options.out:
            import plots
            folder = options.out / name
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "results.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
            (folder / "report.md").write_text(texts[-1], encoding="utf-8")
            write_scores(folder / "scores.csv", scores)
            plots.draw(dermoscopic, found, folder)
    beside = side_by_side(everything) if len(everything) > 1 else ""
    print(beside, end="")
    if options.card:
        write_card(options.card, texts[0] + "\n" + beside)


if __name__ == "__main__":
    main()
