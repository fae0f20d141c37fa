#!/usr/bin/env python3
"""Fits what a verdict needs on fold 8, through the C++ runtime, and writes it into a model's recipe.json.

    python tools/train/fit.py --model models/bcc_lite0 --data DATA [--build build]

The folder is converted as it stands; the numbers are fitted to what that file computes and bear its output hash, without which
cutis-convert leaves them out. Fitted are: slope and intercept of the BCC probability (Platt), thresholds for 90 % and 95 % sensitivity
with bootstrap intervals over lesions, the refer band around each, the same for the mean of several views with the limits that say
when fewer are enough, and, for a network with the output "embedding", limits of usable images. Fold 9 is never looked at.
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
import quantise
import runtime
import usable
import views

POINTS = (("sensitivity_95", 0.95), ("sensitivity_90", 0.90))
REFER_BELOW, REFER_ABOVE = 0.05, 0.03  # shares of the fitting set that the band takes on either side of the threshold


def convert(options, folder, out):
    subprocess.run([str(options.build / "cutis-convert"), str(folder), "-o", str(out)], check=True, stdout=subprocess.DEVNULL)


def output_hash(options, file):
    run = subprocess.run([str(options.build / "cutis"), "bench", "--json", "--no-tune", "--runs", "1", str(file)], check=True,
                         capture_output=True, text=True)
    return json.loads(run.stdout)["output_hash"]


def interval(values, low_high, digits=4):
    return {"value": round(values, digits), "low": round(low_high[0], digits), "high": round(low_high[1], digits)}


def operating_point(name, sensitivity, threshold, p, positive, groups):
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
            "note": f"threshold for {100 * sensitivity:g} % sensitivity by the smoothed scores of {int(positive.sum())} BCC among "
                    f"{len(p)} dermoscopic images, before refer"}


def fit(scores):
    """What recipe.json gets, from dermoscopic images."""
    slope, intercept = metrics.fit_platt(scores.log_odds, scores.positive)
    slope, intercept = round(slope, 6), round(intercept, 6)

    def probability(z):
        return 1 / (1 + np.exp(-(slope * z + intercept)))

    p, found = probability(scores.log_odds), scores.log_odds[scores.positive]
    points = [operating_point(name, sensitivity, float(probability(metrics.smooth_quantile(found, 1 - sensitivity))), p,
                              scores.positive, scores.groups) for name, sensitivity in POINTS]
    return {"calibration": {"slope": slope, "intercept": intercept, "bcc_share": round(float(scores.positive.mean()), 4),
                            "images": len(scores), "note": "dermoscopic images of the validation fold, Platt scaling of the log odds"},
            "operating_points": points, "default_operating_point": POINTS[0][0]}


def fit_views(options, file, rows):
    """The same for the mean of several views, and when fewer than all of them are enough."""
    outputs = np.stack(evaluate.over_rows(options.library, file, rows, options.threads, runtime.Model.view_outputs))
    results = [{"p_bcc": np.nan, "logits": mean, "verdict": "none"} for mean in views.means(outputs)[:, -1]]
    return views.fit_views(outputs, fit(evaluate.Scores(rows, results)), lesions.POSITIVE, POINTS[0][0])


def features_of(options, file, rows):
    return np.stack(evaluate.over_rows(options.library, file, rows, options.threads, runtime.Model.features)).astype(np.float64)


def write_images(folder, images):
    """Rows for Pillow images, written as PNG files."""
    rows = []
    for index, image in enumerate(images):
        rows.append({"path": folder / f"{index}.png"})
        image.convert("RGB").save(rows[-1]["path"], compress_level=1)
    return rows


def fit_limits(options, file, rows, folder):
    """Limits of usable images from lesions of the training folds and what negatives.FIT makes of them, bounds from fold 8."""
    chosen = usable.choose(lesions.rows_of(rows, lesions.TRAIN_FOLDS), usable.GOOD, options.seed)
    found = []
    for images in usable.good_and_spoiled(chosen, options.seed):
        with tempfile.TemporaryDirectory(dir=folder) as name:
            found.append(features_of(options, file, write_images(pathlib.Path(name), images)))
    held_out = lesions.rows_of(rows, (lesions.VALIDATION_FOLD,))
    model = runtime.Model(options.library, file)
    names = model.pixel_features
    model.close()
    return usable.fit_limits(*found, features_of(options, file, held_out), np.array([row["group_id"] for row in held_out]), names)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, type=pathlib.Path, help="a models/NAME folder")
    parser.add_argument("--data", required=True, help="the folder with labels.csv and images/")
    parser.add_argument("--build", type=pathlib.Path, default=evaluate.ROOT / "build", help="the build folder")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    options.library = options.build / "runtime" / "libcutis.so"
    everything = lesions.read_rows(options.data)
    rows = [row for row in lesions.rows_of(everything, (lesions.VALIDATION_FOLD,)) if row["modality"] == "dermoscopic"]
    path = options.model / "recipe.json"
    recipe = json.loads(path.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "model.cutis"
        convert(options, options.model, file)
        recipe.update(fit(evaluate.Scores(rows, evaluate.judge_all(options.library, file, rows, options.threads))))
        graph = json.loads((options.model / "graph.json").read_text(encoding="utf-8")) if (options.model / "graph.json").exists() else {}
        if "embedding" in graph.get("outputs", []):
            recipe["limits"] = fit_limits(options, file, everything, folder)
        recipe["views"] = fit_views(options, file, rows)
        recipe["output_hash"] = output_hash(options, file)
    partial = path.with_suffix(".part")
    partial.write_text(quantise.json_text(recipe), encoding="utf-8")
    os.replace(partial, path)
    print(quantise.json_text({key: recipe[key] for key in ("calibration", "operating_points", "output_hash")}))
    if "limits" in recipe:
        print(f"limits refuse {100 * recipe['limits']['refused']['value']:.1f} % of {recipe['limits']['images']} good images")


if __name__ == "__main__":
    main()
