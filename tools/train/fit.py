#!/usr/bin/env python3
"""Fits what a verdict needs on fold 8, through the C++ runtime, and writes it into a model's recipe.json.

    python tools/train/fit.py --model models/bcc_lite0 --data DATA [--build build]

The folder is converted as it stands; the numbers are fitted to what that file computes and bear its output hash, without which
cutis-convert leaves them out. Fitted are: slope and intercept of the BCC probability (Platt), thresholds for 90 % and 95 % sensitivity
with bootstrap intervals over lesions, and the refer band around each. Fold 9 is never looked at.
"""

import argparse
import json
import os
import pathlib
import subprocess
import tempfile

import numpy as np

import evaluate
import lesions
import metrics

POINTS = (("sensitivity_95", 0.95), ("sensitivity_90", 0.90))
REFER_BELOW, REFER_ABOVE = 0.05, 0.03  # shares of the fitting set that the band takes on either side of the threshold


def convert(options, folder, out):
    subprocess.run([str(options.build / "cutis-convert"), str(folder), "-o", str(out)], check=True, stdout=subprocess.DEVNULL)


def output_hash(options, file):
    run = subprocess.run([str(options.build / "cutis"), "bench", "--json", "--no-tune", "--runs", "1", str(file)], check=True,
                         capture_output=True, text=True)
    return json.loads(run.stdout)["output_hash"]


def between(scores, threshold):
    """Half way down to the next lower score, so that rounding cannot turn the verdict of the image that set the threshold."""
    lower = scores[scores < threshold]
    return float((threshold + lower.max()) / 2) if len(lower) else float(threshold)


def interval(values, low_high, digits=4):
    return {"value": round(values, digits), "low": round(low_high[0], digits), "high": round(low_high[1], digits)}


def operating_point(name, sensitivity, p, positive, groups):
    threshold = between(p, metrics.threshold_for_sensitivity(p, positive, sensitivity))
    reached = metrics.sensitivity_specificity(p, positive, threshold)

    def rate(indices, which):
        if not positive[indices].any():
            return float("nan")
        return metrics.sensitivity_specificity(p[indices], positive[indices], threshold)[which]

    intervals = [metrics.bootstrap(lambda i, which=which: rate(i, which), len(p), groups=groups) for which in (0, 1)]
    ordered = np.sort(p)
    at = np.searchsorted(ordered, threshold)
    low = ordered[max(0, at - round(REFER_BELOW * len(p)))]
    high = ordered[min(len(p) - 1, at + round(REFER_ABOVE * len(p)))]
    return {"name": name, "threshold": round(threshold, 6), "calibrated": True, "refer_low": round(float(low), 6),
            "refer_high": round(float(high), 6), "sensitivity": interval(reached[0], intervals[0]),
            "specificity": interval(reached[1], intervals[1]),
            "note": f"threshold for {100 * sensitivity:g} % sensitivity on {int(positive.sum())} BCC among {len(p)} dermoscopic images, "
                    "before refer"}


def fit(scores):
    """What recipe.json gets, from dermoscopic images."""
    slope, intercept = metrics.fit_platt(scores.log_odds, scores.positive)
    slope, intercept = round(slope, 6), round(intercept, 6)
    p = 1 / (1 + np.exp(-(slope * scores.log_odds + intercept)))
    return {"calibration": {"slope": slope, "intercept": intercept, "bcc_share": round(float(scores.positive.mean()), 4),
                            "images": len(scores), "note": "dermoscopic images of the validation fold, Platt scaling of the log odds"},
            "operating_points": [operating_point(name, sensitivity, p, scores.positive, scores.groups) for name, sensitivity in POINTS],
            "default_operating_point": POINTS[0][0]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, type=pathlib.Path, help="a models/NAME folder")
    parser.add_argument("--data", required=True, help="the folder with labels.csv and images/")
    parser.add_argument("--build", type=pathlib.Path, default=evaluate.ROOT / "build", help="the build folder")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    options = parser.parse_args()
    rows = [row for row in lesions.rows_of(lesions.read_rows(options.data), (lesions.VALIDATION_FOLD,))
            if row["modality"] == "dermoscopic"]
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "model.cutis"
        convert(options, options.model, file)
        scores = evaluate.Scores(rows, evaluate.judge_all(options.build / "runtime" / "libcutis.so", file, rows, options.threads))
        digest = output_hash(options, file)
    path = options.model / "recipe.json"
    recipe = json.loads(path.read_text(encoding="utf-8"))
    recipe.update(fit(scores))
    recipe["output_hash"] = digest
    partial = path.with_suffix(".part")
    partial.write_text(json.dumps(recipe, indent=2) + "\n", encoding="utf-8")
    os.replace(partial, path)
    print(json.dumps({key: recipe[key] for key in ("calibration", "operating_points", "output_hash")}, indent=1))


if __name__ == "__main__":
    main()
