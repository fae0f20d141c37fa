"""The pictures of a model card: ROC, precision and recall, calibration, confusion."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plot
import numpy as np

import lesions


def curves(scores):
    """False positive rate, sensitivity and precision at every threshold, from the highest score on."""
    order = np.argsort(-scores.log_odds, kind="stable")
    positive = scores.positive[order]
    last = np.append(np.flatnonzero(np.diff(scores.log_odds[order])), len(order) - 1)  # ends of ties
    hits, alarms = np.cumsum(positive)[last], np.cumsum(~positive)[last]
    return alarms / max(alarms[-1], 1), hits / max(hits[-1], 1), hits / (hits + alarms)


def save(figure, path):
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plot.close(figure)


def draw_curves(scores, found, folder):
    false_alarms, sensitivity, precision = curves(scores)
    figure, (left, right) = plot.subplots(1, 2, figsize=(9, 4.2))
    left.plot(np.insert(false_alarms, 0, 0), np.insert(sensitivity, 0, 0), color="#1f4e79")
    left.plot([0, 1], [0, 1], color="#bbbbbb", linewidth=0.8)
    for point in found["points"]:
        left.plot(1 - point["specificity"][0], point["sensitivity"][0], "o", label=point["name"], markersize=5)
    auc = found["sets"]["dermoscopic"]["auc"]
    left.set(xlabel="1 - specificity", ylabel="sensitivity", title=f"ROC, AUC {auc[0]:.3f} ({auc[1]:.3f} to {auc[2]:.3f})")
    if found["points"]:
        left.legend(loc="lower right")
    right.plot(sensitivity, precision, color="#1f4e79")
    right.axhline(scores.positive.mean(), color="#bbbbbb", linewidth=0.8)
    right.set(xlabel="sensitivity (recall)", ylabel="precision", ylim=(0, 1.02),
              title=f"Precision and recall, share of BCC {scores.positive.mean():.3f}")
    for panel in (left, right):
        panel.grid(alpha=0.3)
    save(figure, folder / "roc_pr.png")


def draw_calibration(scores, found, folder, bins=10):
    order = np.argsort(scores.p, kind="stable")
    parts = np.array_split(order, bins)
    x = [scores.p[part].mean() for part in parts]
    y = [scores.positive[part].mean() for part in parts]
    error = [1.96 * np.sqrt(max(value * (1 - value), 1e-9) / len(part)) for value, part in zip(y, parts)]
    figure, (left, right) = plot.subplots(1, 2, figsize=(9, 4.2))
    summary = found["sets"]["dermoscopic"]
    for panel in (left, right):
        panel.errorbar(x, y, yerr=error, fmt="o", color="#1f4e79", markersize=4, capsize=2)
        panel.plot([0, 1], [0, 1], color="#bbbbbb", linewidth=0.8)
        panel.set(xlabel="mean predicted p(bcc)", ylabel="share of BCC")
        panel.grid(alpha=0.3)
    left.set(title=f"Calibration, {bins} bins of equal mass: ECE {summary['ece']:.3f}")
    edge = max(0.02, 1.2 * max(x[-2], y[-2]))
    right.set(xlim=(-0.002, edge), ylim=(-0.002, edge), title="The same, all bins but the last")
    save(figure, folder / "calibration.png")


def draw_confusion(scores, folder):
    count = len(lesions.LABELS)
    table = np.zeros((count, count), int)
    np.add.at(table, (scores.labels, scores.logits.argmax(1)), 1)
    figure, panel = plot.subplots(figsize=(6, 5.2))
    panel.imshow(table / np.maximum(table.sum(1, keepdims=True), 1), cmap="Blues", vmin=0, vmax=1)
    for i in range(count):
        for j in range(count):
            panel.text(j, i, table[i, j], ha="center", va="center", fontsize=8,
                       color="white" if table[i, j] > 0.55 * table[i].sum() else "black")
    panel.set_xticks(range(count), lesions.LABELS, rotation=45, ha="right")
    panel.set_yticks(range(count), lesions.LABELS)
    panel.set(xlabel="most probable class", ylabel="label")
    save(figure, folder / "confusion.png")


def draw(scores, found, folder):
    draw_curves(scores, found, folder)
    draw_calibration(scores, found, folder)
    draw_confusion(scores, folder)
