"""What compare.py makes of its measurements: ratios, the table, the plot."""
import statistics

# A drawing of compare.json, for a Python that has matplotlib.
PLOT = r"""
import json, statistics, sys
import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt
result = json.load(open(sys.argv[1]))
cases, names = result["cases"], ["cutis", *[n for n in result["versions"] if n != "cutis"]]
colours = {"cutis": "#2265c3", "onnxruntime": "#c2571a", "openvino": "#7a4fb5", "litert": "#2a8a4f", "deepsparse": "#b33b6a", "ncnn": "#8a6d1f",
           "mnn": "#1f8a8a", "pytorch": "#d04a3a"}
figure, axes = plt.subplots(1, len(cases), figsize=(max(2.6, 0.4 * len(names)) * len(cases), 3.4), layout="constrained")
for axis, case in zip(axes if len(cases) > 1 else [axes], cases):
    shown = [n for n in names if n in case["ms"]]
    axis.boxplot([case["ms"][n] for n in shown], widths=0.55, showfliers=False, medianprops={"color": "black"}, patch_artist=True)
    for patch, name in zip(axis.patches, shown):
        patch.set_facecolor(colours.get(name, "#98a2ad"))
    axis.set_xticks(range(1, len(shown) + 1), shown, rotation=45, ha="right")
    axis.set_ylim(bottom=0)
    axis.set_title(case["what"], fontsize=9)
    axis.grid(axis="y", alpha=0.3)
(axes[0] if len(cases) > 1 else axes).set_ylabel("ms an image")
figure.suptitle(f"{result['network']}: {result['machine']}", fontsize=10)
figure.savefig(sys.argv[2], dpi=130)
"""


def described(precision, threads, batch, isa):
    return f"{precision}, {threads} thread{'s' * (threads > 1)}, batch {batch}" + (f", held to {isa}" if isa else "")


def mark(result, case, name):
    """Why a time is no measure for the ratio, or nothing: not int8 throughout (*), or not held to the instruction set of the case (+)."""
    if case["precision"] == "int8" and result["int8"].get(name, {}).get("partial"):
        return "*"
    return "+" if name in case["not_held"] else ""


def ratios(result, case):
    """Of Cutis to the fastest peer of each round."""
    peers = [values for name, values in case["ms"].items() if name != "cutis" and not mark(result, case, name)]
    if not peers or "cutis" not in case["ms"]:
        return []
    return [own / min(others) for own, *others in zip(case["ms"]["cutis"], *peers)]


def footnotes(result):
    marks = {mark(result, case, name) for case in result["cases"] for name in case["ms"]}
    lines = []
    if "*" in marks:
        lines.append("\\* not int8 throughout, so not counted in the ratio.")
    if "+" in marks:
        lines.append("\\+ cannot be held to an instruction set, so not counted in the ratio.")
    lines += [f"int8 of {name}: {int8['text']}." for name, int8 in result["int8"].items() if int8["text"]]
    if not result["trained"]:
        lines.append("The weights are random, so there is no accuracy to compare.")
    return ["", " ".join(lines)] if lines else []


def table(result):
    names = ["cutis", *[name for name in result["versions"] if name != "cutis"]]
    lines = ["| ms an image | " + " | ".join(names) + " | ratio to the fastest peer |", "|" + "---|" * (len(names) + 2)]
    for case in result["cases"]:
        cells = []
        for name in names:
            values, sign = case["ms"].get(name), mark(result, case, name)
            cells.append(f"{statistics.median(values):.2f} ({min(values):.2f}){sign and ' ' + chr(92) + sign}" if values else
                         "failed" if name in case["failed"] else "")
        found = ratios(result, case)
        ratio = f"{statistics.median(found):.2f} ({min(found):.2f} to {max(found):.2f})" if found else ""
        lines.append(f"| {case['what']} | " + " | ".join(cells) + f" | {ratio} |")
    rows = [("load and first run, int8, ms", result["start_ms"], ".1f"), ("cosine of int8 with the own float32", result["cosine"], ".4f")]
    for what, values, form in rows if result["trained"] else rows[:1]:
        lines.append(f"| {what} | " + " | ".join(format(values[name], form) if name in values else "" for name in names) + " | |")
    lines += ["", f"{result['network']}: medians (and least) of {result['rounds']} rounds that ran in turn; {result['machine']}, instruction set "
              f"{result['isa']}. " + "; ".join(f"{name}: {version}" for name, version in result["versions"].items()) + "."]
    lines += footnotes(result)
    failures = {}
    for case in result["cases"]:
        for failure in case["failed"].items():
            failures.setdefault(failure, []).append(case["what"])
    lines += [f"\n{name} failed ({'; '.join(cases)}): {text}" for (name, text), cases in failures.items()]
    return "\n".join(lines) + "\n"
