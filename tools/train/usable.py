"""Which images may be judged: an embedding that the network gives beside its logits, and limits on it and on features of pixels.

Two views of an image are needed. Its distance from good lesions (Mahalanobis, after Lee et al., arXiv:1807.03888) finds what is
like nothing seen before. A score learned from the kinds negatives.FIT finds spoiled lesions, which lie near the good ones. Both
are over the features of pixels that the runtime computes (sharpness, exposure, colours) and the embedding, which holds the
leading principal components of the pooled features and the direction in which spoiled images differ from good ones.
"""

import io

import numpy as np
import torch
from PIL import Image

import lesions
import metrics
import negatives

COMPONENTS = 31
EDGE = 12.0  # standard deviations of the good images at which the embedding's grid ends
GOOD, EACH_KIND = 2500, 150  # images of lesions, and of each kind that is spoiled or no lesion


def choose(rows, count, seed):
    """`count` dermoscopic rows and all clinical ones."""
    dermoscopic = [row for row in rows if row["modality"] == "dermoscopic"]
    order = np.random.default_rng(seed).permutation(len(dermoscopic))[:count]
    return [dermoscopic[i] for i in order] + [row for row in rows if row["modality"] != "dermoscopic"]


def square(row):
    return Image.fromarray(lesions.load_image(row["path"], negatives.SIDE))


def as_sent(image, random):
    """A good image as a simpler camera or a message would hand it on: fewer pixels, compressed harder. It stays good."""
    side = int(random.integers(200, 320))
    buffer = io.BytesIO()
    image.resize((side, side), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=int(random.integers(60, 90)))
    return Image.open(buffer).convert("RGB")


def good_and_spoiled(rows, seed):
    """Pillow squares of lesions, a quarter of them as_sent, and of all kinds of FIT."""
    random = np.random.default_rng(seed)
    squares = [square(row) for row in rows]
    spoiled = [image for kind in negatives.FIT for image in negatives.make(kind, squares, EACH_KIND, seed)]
    return [as_sent(image, random) if random.random() < 0.25 else image for image in squares], spoiled


def pixels(images, size):
    """uint8 [N, 3, size, size], as the recipe's resize makes them."""
    made = [np.asarray(image.convert("RGB").resize((size, size), Image.Resampling.BICUBIC)) for image in images]
    return torch.from_numpy(np.stack(made)).permute(0, 3, 1, 2)


def logistic(good, spoiled, ridge):
    """Weights and offset of a score above 0 for what looks spoiled, by logistic regression; both sides weigh the same."""
    x = torch.from_numpy(np.concatenate([good, spoiled]).astype(np.float64))
    y = torch.cat([torch.zeros(len(good)), torch.ones(len(spoiled))]).double()
    mean, deviation = x.mean(0), x.std(0) + 1e-9
    standard = (x - mean) / deviation
    share = torch.where(y > 0, 0.5 / len(spoiled), 0.5 / len(good))
    weights = torch.zeros(x.shape[1], dtype=torch.double, requires_grad=True)
    offset = torch.zeros(1, dtype=torch.double, requires_grad=True)
    optimiser = torch.optim.LBFGS([weights, offset], max_iter=300, line_search_fn="strong_wolfe")

    def loss():
        optimiser.zero_grad()
        wrong = torch.nn.functional.binary_cross_entropy_with_logits(standard @ weights + offset, y, reduction="none")
        value = (wrong * share).sum() + ridge * (weights**2).sum()
        value.backward()
        return value

    optimiser.step(loss)
    scaled = (weights / deviation).detach()
    return scaled.numpy(), float((offset - (mean * scaled).sum()).detach())


def embedding(good, spoiled):
    """Weight [COMPONENTS + 1, features] and bias of the embedding of pooled features: principal components of the good images and
    one direction towards the spoiled ones, each with mean 0 and deviation 1 over the good images."""
    mean = good.mean(0)
    directions = np.linalg.svd(good - mean, full_matrices=False)[2][:COMPONENTS]
    directions = np.concatenate([directions, logistic(good, spoiled, 1e-3)[0][None]])
    values = (good - mean) @ directions.T
    weight = directions / values.std(0)[:, None]
    return weight, -weight @ mean


def add_embedding(model, rows, size, seed):
    """Gives a QuantNetwork the output "embedding", from lesions of `rows`."""
    good, spoiled = good_and_spoiled(choose(rows, GOOD, seed), seed)
    with torch.no_grad():
        found = [torch.cat([model.pooled(part) for part in pixels(images, size).split(64)]).numpy().astype(np.float64)
                 for images in (good, spoiled)]
    weight, bias = embedding(*found)
    model.add_head("embedding", torch.from_numpy(weight).float(), torch.from_numpy(bias).float(), -EDGE, EDGE)


def digits(values):
    """As numbers that name the same float32."""
    return [float(f"{np.float32(value):.9g}") for value in values]


def quantile(values, share):
    """The value that `share` of the values exceed at most."""
    ordered = np.sort(values)
    return float(ordered[max(0, int(np.ceil((1 - share) * len(ordered))) - 1)])


def distance_rule(good):
    """Of the Mahalanobis distance from the good images; "most" is left to the caller."""
    center = good.mean(0)
    covariance = np.cov(good.T)
    deviation = np.sqrt(np.diag(covariance))
    covariance += np.diag(1e-4 * deviation**2 + 1e-12)
    triangle = np.linalg.inv(np.linalg.cholesky(covariance))
    return {"reason": "unlike_training", "most": 0.0, "center": digits(center),
            "weights": [digits(row[:i + 1]) for i, row in enumerate(triangle)]}


def value_of(rule, features, names):
    """What a rule compares, as the runtime computes it but in float64. names: of the features of pixels."""
    if "feature" in rule:
        return features[:, names.index(rule["feature"])]
    if "center" in rule:
        triangle = np.zeros((len(rule["center"]),) * 2)
        for i, row in enumerate(rule["weights"]):
            triangle[i, :i + 1] = row
        return np.sqrt((((features - np.array(rule["center"])) @ triangle.T) ** 2).sum(1))
    return features @ np.array(rule["weights"])


def exceeds(rules, features, names):
    refused = np.zeros(len(features), bool)
    for rule in rules:
        value = value_of(rule, features, names)
        refused |= (value > rule.get("most", np.inf)) | (value < rule.get("least", -np.inf))
    return refused


def fit_limits(good, spoiled, held_out, groups, names, share=0.0125):
    """The key "limits" of recipe.json, from features of good and spoiled images (names: of the first of them,
    those of pixels); bounds are such that each of the two views refuses
    `share` of the held-out good images. The bounds of single features lie outside nearly all good images: they are there to say
    what is wrong, not to refuse more."""
    weights, _ = logistic(good, spoiled, 1e-3)
    views = [distance_rule(good), {"reason": "unlike_training", "most": 0.0, "weights": digits(weights)}]
    for rule in views:
        rule["most"] = digits([quantile(value_of(rule, held_out, names), share)])[0]
    everything, rules = np.concatenate([good, held_out]), []
    for reason, feature, side in (("blurred", "detail", "least"), ("under_exposed", "luminance", "least"),
                                  ("over_exposed", "luminance", "most"), ("over_exposed", "bright", "most")):
        values = everything[:, names.index(feature)]
        bound = -quantile(-values, 0.001) if side == "least" else quantile(values, 0.001)
        rules.append({"reason": reason, "feature": feature, side: digits([bound])[0]})
    rules += views
    refused = exceeds(rules, held_out, names)
    low, high = metrics.bootstrap(lambda i: float(refused[i].mean()), len(held_out), groups=groups)
    return {"embedding": "embedding", "rules": rules, "images": len(held_out),
            "refused": {"value": round(float(refused.mean()), 4), "low": round(low, 4), "high": round(high, 4)},
            "note": "images of the validation fold, dermoscopic and clinical"}
