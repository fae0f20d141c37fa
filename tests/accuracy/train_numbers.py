#!/usr/bin/env python3
"""The numbers that tools/train fits and reports are those of scikit-learn and SciPy.

Exit 1 when one is not, 77 where packages are missing.
"""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools" / "train"))
try:
    import numpy as np
    import scipy.optimize
    import scipy.spatial.distance
    import scipy.stats
    import sklearn.linear_model
    import sklearn.metrics
    import torch
    import metrics
    import network as networks
    import prune
    import usable
    import views
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)

failures = 0


def check(what, got, expected, tolerance):
    global failures
    error = float(np.max(np.abs(np.asarray(got, np.float64) - np.asarray(expected, np.float64))))
    if not error <= tolerance:
        failures += 1
    print(f"{'ok  ' if error <= tolerance else 'FAIL'} {what}: off by {error:.1e}")


def verdict_numbers(random):
    for _ in range(20):
        count = int(random.integers(20, 400))
        positive = random.random(count) < 0.3
        positive[:2] = True, False
        scores = np.round(random.normal(positive * 1.0, 1), int(random.integers(0, 4)))  # ties
        check("AUC", metrics.auc(scores, positive), sklearn.metrics.roc_auc_score(positive, scores), 1e-12)
        predicted, labels = random.integers(0, 5, count), random.integers(0, 5, count)
        check("balanced accuracy", metrics.balanced_accuracy(predicted, labels, 5),
              sklearn.metrics.balanced_accuracy_score(labels, predicted), 1e-12)
        p = 1 / (1 + np.exp(-scores))
        share = np.full(count, positive.mean())
        check("Brier skill", metrics.brier_skill(p, positive), 1 - sklearn.metrics.brier_score_loss(positive, p) /
              sklearn.metrics.brier_score_loss(positive, share), 1e-12)
    # Platt's targets are soft, so the witness is a minimiser of the same likelihood.
    positive = random.random(500) < 0.1
    z = random.normal(positive * 3.0 - 2, 1.5)
    target = np.where(positive, (positive.sum() + 1) / (positive.sum() + 2), 1 / ((~positive).sum() + 2))
    found = scipy.optimize.minimize(lambda ab: np.sum(np.logaddexp(0, ab[0] * z + ab[1]) - target * (ab[0] * z + ab[1])), [1.0, 0.0],
                                    method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-10, "maxiter": 4000})
    check("Platt's slope and intercept", metrics.fit_platt(z, positive), found.x, 2e-3)
    for share in (0.02, 0.05, 0.1, 0.5):
        sample = random.normal(0, 2, 33)
        spread = min(sample.std(ddof=1), np.subtract(*np.quantile(sample, (0.75, 0.25))) / 1.349)
        kernel = scipy.stats.gaussian_kde(sample, 0.9 * spread * 33**-0.2 / sample.std(ddof=1))
        check(f"smoothed quantile {share}", kernel.integrate_box_1d(-np.inf, metrics.smooth_quantile(sample, share)), share, 1e-9)


def limits(random):
    mix = random.normal(0, 1, (20, 20))
    good, bad = random.normal(0, 1, (900, 20)) @ mix + 3, random.normal(0.4, 1.3, (300, 20)) @ mix + 3
    rule = usable.distance_rule(good)
    inverse = np.linalg.inv(np.cov(good.T) + np.diag(1e-4 * np.diag(np.cov(good.T)) + 1e-12))
    expected = [scipy.spatial.distance.mahalanobis(x, good.mean(0), inverse) for x in bad]
    check("Mahalanobis distance", usable.value_of(rule, bad, []) / expected, 1, 1e-4)
    weights, offset = usable.logistic(good, bad, 1e-3)
    both, labels = np.concatenate([good, bad]), np.r_[np.zeros(len(good)), np.ones(len(bad))]
    standard = (both - both.mean(0)) / both.std(0, ddof=1)
    # Weighted loss + ridge |w|^2 is sklearn's C = 1 / (2 ridge) with the weights of a sample adding up to one.
    witness = sklearn.linear_model.LogisticRegression(C=1 / (2 * 1e-3), tol=1e-10, max_iter=10000)
    witness.fit(standard, labels, sample_weight=np.where(labels > 0, 0.5 / len(bad), 0.5 / len(good)))
    check("score of spoiled images", both @ weights + offset, witness.decision_function(standard), 2e-3)
    values = random.normal(0, 1, 971)
    bound = usable.quantile(values, 0.0125)
    check("share above a bound", (values > bound).mean(), 0.0125, 1 / 971)
    features = np.concatenate([good, bad])
    fitted = usable.fit_limits(np.pad(good, ((0, 0), (0, 4)), constant_values=1) + random.normal(0, 0.1, (900, 24)),
                               np.pad(bad, ((0, 0), (0, 4))) + random.normal(0, 0.1, (300, 24)),
                               np.pad(good, ((0, 0), (0, 4)), constant_values=1) + random.normal(0, 0.1, (900, 24)), np.arange(900),
                               ["detail", "luminance", "bright"])
    check("good images that limits refuse", fitted["refused"]["value"], 0.025, 0.012)
    # Components of the embedding are those of PCA: uncorrelated, with mean 0 and deviation 1.
    weight, bias = usable.embedding(features[:900] + 0.0, features[900:])
    made = good @ weight.T + bias
    check("embedding's means", made.mean(0), 0, 1e-9)
    check("embedding's deviations", made.std(0), 1, 1e-9)
    check("embedding's correlations", np.cov(made[:, :-1].T, bias=True), np.eye(made.shape[1] - 1), 1e-6)


def pruning(random):
    """Scores of blocks against the Kronecker product that they are the short form of; blocks at the edge are smaller."""
    shape = {"stem": 24, "blocks": [[3, 1, 24, 24, 16], [3, 1, 16, 48, 16]], "head": 32}
    model = networks.Network(shape, 7)
    found = {}
    for name, layer in prune.layers(model).items():
        outputs, inputs = layer.weight.shape[:2]
        a, g = random.normal(0, 1, (inputs, inputs)), random.normal(0, 1, (outputs, outputs))
        found[name] = (torch.zeros(inputs), torch.from_numpy(a @ a.T), torch.from_numpy(g @ g.T))
    name = "_blocks.0._project_conv"
    with torch.no_grad():
        prune.layers(model)[name].weight[:16, 4:8] = 0
    scores = prune.scores(model, found)
    for name, layer in prune.layers(model).items():
        weight, (_, covariance, gradients) = layer.weight.detach().double().flatten(1).numpy(), found[name]
        expected = np.empty(scores[name].shape)
        for panel, group in np.ndindex(expected.shape):
            rows = slice(16 * panel, min(16 * panel + 16, len(weight)))
            columns = slice(4 * group, 4 * group + 4)
            block = weight[rows, columns].reshape(-1)
            kernel = np.kron(gradients.numpy()[rows, rows], covariance.numpy()[columns, columns])
            expected[panel, group] = block @ kernel @ block if block.any() else -1
        check(f"scores of blocks, {name}", scores[name].numpy() / np.abs(expected), np.sign(expected), 1e-9)
    lite0 = prune.layers(networks.Network(networks.LITE0, 7))
    masks = prune.choose({name: torch.rand(prune.padded_blocks(layer.weight).shape[::2]) for name, layer in lite0.items()}, 0.75)
    live, total = sum(int(mask.sum()) for mask in masks.values()), sum(mask.numel() for mask in masks.values())
    check("share of live blocks", live / total, 0.25, 0.001)
    check("every panel and group lives", [min(int(mask.any(0).all()), int(mask.any(1).all())) for mask in masks.values()], 1, 0)


def several_views(random):
    """Stops: image by image and view by view, no decision at any point differs from that of all views; and no smaller margin would do."""
    outputs = random.normal(0, 1, (400, views.VIEWS, 3)) + random.normal(0, 2, (400, 1, 3))
    after = views.log_odds_after(outputs, 0)
    mean = outputs.astype(np.float32)[:, :3].astype(np.float64).mean(1)
    check("log-odds after three views", after[:, 2], mean[:, 0] - np.log(np.exp(mean[:, 1:]).sum(1)), 1e-5)
    points = [{"name": "band", "refer_low": 0.2, "refer_high": 0.6, "threshold": 0.4}, {"name": "line", "refer_low": 0, "refer_high": 0, "threshold": 0.1}]
    check("bounds", views.bounds(points[0]) + views.bounds(points[1]), [np.log(0.2 / 0.8), np.log(0.6 / 0.4), np.log(0.1 / 0.9)], 1e-12)
    stops = views.fit_stops(after, points, margin=1)
    for margin, wanted in ((1, 0), (0.7, 1)):
        differ = 0
        for point in points:
            for image in after:
                used = next((k for k, stop in enumerate(stops) if all(
                    (bound - image[k] > margin * stop["rise"]) if image[k] < bound else (image[k] - bound > margin * stop["fall"])
                    for bound in views.bounds(point))), views.VIEWS - 1)
                differ += sum(image[used] >= bound for bound in views.bounds(point)) != sum(image[-1] >= bound for bound in views.bounds(point))
                if margin == 1:
                    check("views taken", int(views.views_taken(image[None], point, stops)[0]), used + 1, 0)
        check(f"decisions that differ, {margin} of the margin", min(differ, 1), wanted, 0)
    # Of 10: Brown, Cai, DasGupta, Stat. Sci. 16, 101 (2001), eq. 4, z = 1.96.
    check("interval of a share", views.share_interval(0, 10), [0, 1.96**2 / (10 + 1.96**2)], 1e-4)


def main():
    random = np.random.default_rng(1)
    verdict_numbers(random)
    limits(random)
    pruning(random)
    several_views(random)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
