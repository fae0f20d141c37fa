"""The mean of several views of an image (test-time augmentation): how it is judged, and after how many views the rest may be left out."""

import numpy as np

import metrics

VIEWS = 8
MARGIN = 1.5  # stops keep this many times the distance that was needed on the images of the fit


def means(outputs):
    """The mean outputs after 1, 2, ... views, [N, views, labels] float32, as the runtime computes them: summed in order, divided."""
    sums = np.cumsum(np.asarray(outputs, np.float32), axis=1, dtype=np.float32)
    return sums / np.arange(1, outputs.shape[1] + 1, dtype=np.float32)[None, :, None]


def log_odds_after(outputs, positive):
    """Log-odds of one label after 1, 2, ... views, [N, views]."""
    mean = means(outputs)
    return np.stack([metrics.log_odds(mean[:, k], positive) for k in range(mean.shape[1])], 1)


def bounds(point):
    """The log-odds at which the decision of an operating point changes (runtime/views.cc)."""
    low, high, threshold = point["refer_low"], point["refer_high"], point["threshold"]
    found = [low, high] if low < high else []
    if not found or not low <= threshold <= high:
        found.append(threshold)
    return sorted(float(np.log(p / (1 - p))) for p in found if 0 < p < 1)


def fit_stops(calibrated, points, margin=MARGIN):
    """`rise` and `fall` for each number of views: `margin` times the furthest that the log-odds of an image lay below (above) a bound
    that they had crossed when all views were in. calibrated: [N, views]."""
    stops = []
    for k in range(calibrated.shape[1] - 1):
        now, last = calibrated[:, k], calibrated[:, -1]
        rise = fall = 0.0
        for bound in {bound for point in points for bound in bounds(point)}:
            rise = max([rise, *(bound - now[(now < bound) & (last >= bound)])])
            fall = max([fall, *(now - bound)[(now >= bound) & (last < bound)]])
        stops.append({"rise": round(margin * rise + 5e-4, 3), "fall": round(margin * fall + 5e-4, 3)})
    return stops


def views_taken(calibrated, point, stops):
    """How many views each image takes."""
    taken = np.full(len(calibrated), calibrated.shape[1])
    for k in reversed(range(len(stops))):
        now, enough = calibrated[:, k], np.ones(len(calibrated), bool)
        for bound in bounds(point):
            enough &= np.where(now < bound, bound - now > stops[k]["rise"], now - bound > stops[k]["fall"])
        taken[enough] = k + 1
    return taken


def decisions(log_odds, point):
    """Between which bounds each lies."""
    return np.searchsorted(bounds(point), log_odds, side="right")


def fit_views(outputs, fitted, positive_label, default):
    """What recipe.json holds under "views". outputs: of all views, [N, views, labels]; fitted: calibration and operating points of the
    mean of all of them, as fit.py fits those of one view."""
    calibration, points = fitted["calibration"], fitted["operating_points"]
    calibrated = calibration["slope"] * log_odds_after(outputs, positive_label) + calibration["intercept"]
    stops = fit_stops(calibrated, points)
    for point in points:
        taken = views_taken(calibrated, point, stops)
        stopped = calibrated[np.arange(len(taken)), taken - 1]
        if (decisions(stopped, point) != decisions(calibrated[:, -1], point)).any():
            raise SystemExit(f"{point['name']}: a decision on the images of the fit differs from that of all views")
    taken = views_taken(calibrated, next(point for point in points if point["name"] == default), stops)
    return {"calibration": calibration, "operating_points": points, "stops": stops, "images": len(outputs),
            "mean_views": round(float(taken.mean()), 3),
            "note": f"stops keep {MARGIN:g} times the distance at which no decision on these images differs from that of all {VIEWS} views"}


def share_interval(count, of, z=1.959964):
    """Wilson's 95 % interval of a share (J. Am. Stat. Assoc. 22, 209 (1927))."""
    p, centre = count / of, (count + z * z / 2) / (of + z * z)
    half = z / (of + z * z) * np.sqrt(p * (1 - p) * of + z * z / 4)
    return max(0.0, centre - half), min(1.0, centre + half)
