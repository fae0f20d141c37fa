#!/usr/bin/env python3
"""Compares two converted models on labelled images: AUC of BCC against the rest, their difference, agreement of the outputs.

    tests/accuracy/compare.py --cutis build/cutis --model int8.cutis --reference float.cutis --data "$CUTIS_DATA" --fold 8

Only the Python standard library is used. `--data` is a folder with labels.csv (columns file, is_bcc, group_id, fold10, modality)
and the images it names. Both models run through `cutis classify --json`, so this measures what a user gets.

Printed: AUC of each model, the difference with a 95 % interval from a paired bootstrap over lesions (group_id: all images of a
lesion are drawn together), the mean cosine of the centred log-probabilities (the logits up to the constant that softmax drops) and
the share of images on which the most likely label is the same. Exit 1 when a limit given by --max-auc-loss or --min-cosine is missed,
77 (skipped) when neither --data nor the environment variable CUTIS_DATA names a folder.
"""
import argparse
import csv
import json
import math
import os
import random
import subprocess
import sys


def classify(cutis, model, paths, threads):
    """Probabilities by label of each path, in order."""
    results = {}
    for start in range(0, len(paths), 500):
        chunk = paths[start:start + 500]
        run = subprocess.run([cutis, "classify", model, "--json", "--threads", str(threads), *chunk], capture_output=True, text=True)
        if run.returncode != 0:
            sys.exit(f"{cutis} classify {model} failed: {run.stderr.strip()}")
        for line in run.stdout.splitlines():
            row = json.loads(line)
            results[row["file"]] = (row["p_bcc"], list(row["probabilities"].values()))
    return [results[path] for path in paths]


def auc(scores, positives):
    """Area under the ROC curve by the rank sum (Mann-Whitney); ties count half."""
    order = sorted(range(len(scores)), key=scores.__getitem__)
    rank_sum, i, n_pos = 0.0, 0, sum(positives)
    while i < len(order):
        j = i
        while j < len(order) and scores[order[j]] == scores[order[i]]:
            j += 1
        mean_rank = (i + j + 1) / 2
        rank_sum += mean_rank * sum(positives[k] for k in order[i:j])
        i = j
    n_neg = len(scores) - n_pos
    return (rank_sum - n_pos * (n_pos + 1) / 2) / (n_pos * n_neg) if n_pos and n_neg else float("nan")


def centred_logits(probabilities):
    logs = [math.log(max(p, 1e-38)) for p in probabilities]
    mean = sum(logs) / len(logs)
    return [value - mean for value in logs]


def cosine(a, b):
    norm = math.sqrt(sum(x * x for x in a) * sum(x * x for x in b))
    return sum(x * y for x, y in zip(a, b)) / norm if norm else 1.0


def bootstrap(a, b, positives, groups, rounds, seed):
    """95 % interval of auc(a) - auc(b) over resampled lesions, drawn within each class so that every round has both."""
    members = {}
    for index, group in enumerate(groups):
        members.setdefault(group, []).append(index)
    classes = {0: [], 1: []}
    for indices in members.values():
        classes[positives[indices[0]]].append(indices)
    rng, differences = random.Random(seed), []
    for _ in range(rounds):
        drawn = [i for side in classes.values() for indices in rng.choices(side, k=len(side)) for i in indices]
        p = [positives[i] for i in drawn]
        differences.append(auc([a[i] for i in drawn], p) - auc([b[i] for i in drawn], p))
    differences.sort()
    return differences[int(0.025 * rounds)], differences[int(0.975 * rounds)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cutis", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--reference", required=True)
    parser.add_argument("--data", default=os.environ.get("CUTIS_DATA"))
    parser.add_argument("--fold", type=int, required=True)
    parser.add_argument("--modality", default="dermoscopic")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=2000)
    parser.add_argument("--max-auc-loss", type=float)
    parser.add_argument("--min-cosine", type=float)
    options = parser.parse_args()

    if not options.data:
        print("skipped: CUTIS_DATA is not set")
        sys.exit(77)
    with open(f"{options.data}/labels.csv", newline="", encoding="utf-8") as table:
        rows = [row for row in csv.DictReader(table) if int(row["fold10"]) == options.fold and row["modality"] == options.modality]
    if not rows:
        sys.exit(f"no {options.modality} image of fold {options.fold} in {options.data}/labels.csv")
    paths = [f"{options.data}/{row['file']}" for row in rows]
    positives = [int(row["is_bcc"]) for row in rows]
    groups = [row["group_id"] for row in rows]
    mine = classify(options.cutis, options.model, paths, options.threads)
    reference = classify(options.cutis, options.reference, paths, options.threads)

    a, b = [p for p, _ in mine], [p for p, _ in reference]
    auc_a, auc_b = auc(a, positives), auc(b, positives)
    low, high = bootstrap(a, b, positives, groups, options.rounds, seed=1)
    mean_cosine = sum(cosine(centred_logits(x), centred_logits(y)) for (_, x), (_, y) in zip(mine, reference)) / len(rows)
    same = sum(x.index(max(x)) == y.index(max(y)) for (_, x), (_, y) in zip(mine, reference)) / len(rows)
    print(f"images {len(rows)}, bcc {sum(positives)}, lesions {len(set(groups))}")
    print(f"auc model {auc_a:.5f}  reference {auc_b:.5f}  difference {auc_a - auc_b:+.5f}  95% [{low:+.5f}, {high:+.5f}]")
    print(f"mean cosine {mean_cosine:.5f}  same label {100 * same:.1f} %")
    failed = False
    if options.max_auc_loss is not None and abs(auc_a - auc_b) > options.max_auc_loss:
        print(f"the AUC differs by more than {options.max_auc_loss}")
        failed = True
    if options.min_cosine is not None and mean_cosine < options.min_cosine:
        print(f"the mean cosine is below {options.min_cosine}")
        failed = True
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
