"""What a classifier is judged by, in numpy alone."""

import math

import numpy as np


def auc(scores, positive):
    """The area under the ROC curve: the share of (positive, negative) pairs in the right order, ties counting half.

    Hanley and McNeil, Radiology 143, 29 (1982)."""
    scores, positive = np.asarray(scores, np.float64), np.asarray(positive, bool)
    if positive.all() or not positive.any():
        return float("nan")
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    hits, misses = positive.sum(), (~positive).sum()
    return float((ranks[positive].sum() - hits * (hits + 1) / 2) / (hits * misses))


def balanced_accuracy(predicted, labels, classes):
    """The mean over the classes that occur of the share of each that is found."""
    return float(np.mean([np.mean(predicted[labels == k] == k) for k in range(classes) if np.any(labels == k)]))


def softmax(logits):
    shifted = np.exp(logits - logits.max(1, keepdims=True))
    return shifted / shifted.sum(1, keepdims=True)


def log_odds(logits, positive):
    """log(p / (1 - p)) of one class under softmax."""
    others = np.delete(np.asarray(logits, np.float64), positive, 1)
    top = others.max(1)
    return np.asarray(logits, np.float64)[:, positive] - top - np.log(np.exp(others - top[:, None]).sum(1))


def bootstrap(function, count, rounds=2000, seed=1, groups=None):
    """The 95 % interval of function(indices) over samples with replacement, of whole groups where these are given (several images
    of one lesion are no independent evidence)."""
    generator = np.random.default_rng(seed)
    if groups is None:
        members = [np.array([i]) for i in range(count)]
    else:
        _, inverse = np.unique(groups, return_inverse=True)
        members = [np.flatnonzero(inverse == g) for g in range(inverse.max() + 1)]
    values = []
    for _ in range(rounds):
        drawn = generator.integers(0, len(members), len(members))
        values.append(function(np.concatenate([members[i] for i in drawn])))
    values = np.array(values)[~np.isnan(values)]
    return float(np.quantile(values, 0.025)), float(np.quantile(values, 0.975))


def threshold_for_sensitivity(scores, positive, sensitivity):
    """The largest threshold t with share(scores >= t) of the positives at least `sensitivity`."""
    ordered = np.sort(np.asarray(scores)[np.asarray(positive, bool)])[::-1]
    return float(ordered[int(np.ceil(sensitivity * len(ordered))) - 1])


def smooth_quantile(values, share):
    """The quantile of a sample after smoothing by a Gaussian kernel of Silverman's width (Silverman 1986, eq. 3.31). Of few values
    the outer quantiles of the sample itself lie too far inside."""
    values = np.sort(np.asarray(values, np.float64))
    quarters = np.quantile(values, (0.25, 0.75))
    spread = min(values.std(ddof=1), (quarters[1] - quarters[0]) / 1.349)
    width = 0.9 * (spread if spread > 0 else 1e-6) * len(values) ** -0.2
    low, high = values[0] - 10 * width, values[-1] + 10 * width
    for _ in range(80):
        middle = (low + high) / 2
        below = np.mean([0.5 * (1 + math.erf((middle - value) / (width * math.sqrt(2)))) for value in values])
        low, high = (middle, high) if below < share else (low, middle)
    return (low + high) / 2


def sensitivity_specificity(scores, positive, threshold):
    called = np.asarray(scores) >= threshold
    positive = np.asarray(positive, bool)
    return float(called[positive].mean()), float((~called)[~positive].mean())


def expected_calibration_error(probabilities, positive, bins=10):
    """The mean over bins of equal mass of |mean probability - share of positives| (Nixon et al., arXiv:1904.01685)."""
    order = np.argsort(probabilities, kind="stable")
    total = 0.0
    for part in np.array_split(order, min(bins, len(order))):
        total += len(part) * abs(float(np.mean(probabilities[part])) - float(np.mean(positive[part])))
    return total / len(order)


def fit_platt(log_odds_of, positive, ridge=1e-4, steps=200):
    """Slope and intercept of p = 1 / (1 + exp(-(slope * z + intercept))) by maximum likelihood with Platt's smoothed targets
    (Platt 1999; Lin, Lin, Weng, Machine Learning 68, 267 (2007)), by Newton's method."""
    z, positive = np.asarray(log_odds_of, np.float64), np.asarray(positive, bool)
    hits, misses = positive.sum(), (~positive).sum()
    target = np.where(positive, (hits + 1) / (hits + 2), 1 / (misses + 2))
    design = np.stack([z, np.ones_like(z)], 1)
    parameters = np.array([1.0, 0.0])
    for _ in range(steps):
        p = 1 / (1 + np.exp(-np.clip(design @ parameters, -50, 50)))
        gradient = design.T @ (p - target)
        hessian = design.T @ (design * (p * (1 - p))[:, None]) + ridge * np.eye(2)
        change = np.linalg.solve(hessian, gradient)
        parameters -= change
        if np.abs(change).max() < 1e-10:
            break
    return float(parameters[0]), float(parameters[1])


def brier_skill(probabilities, positive):
    """1 - Brier score over that of the constant share."""
    positive = np.asarray(positive, np.float64)
    share = positive.mean()
    return float(1 - np.mean((probabilities - positive) ** 2) / np.mean((share - positive) ** 2))


def predictive_values(sensitivity, specificity, prevalence):
    """PPV and NPV by Bayes' theorem."""
    true_hits, false_hits = sensitivity * prevalence, (1 - specificity) * (1 - prevalence)
    true_misses, false_misses = specificity * (1 - prevalence), (1 - sensitivity) * prevalence
    return true_hits / max(true_hits + false_hits, 1e-12), true_misses / max(true_misses + false_misses, 1e-12)
