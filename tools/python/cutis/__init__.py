"""Cutis: tells basal cell carcinoma (BCC) from other skin lesions in a dermoscopic image. Not a medical device.

    import cutis
    model = cutis.load_model("bcc_lite0.cutis")
    for result in cutis.process_batch(model, ["a.jpg", "b.png"]):
        print(result)

Threads: every function may be called by any number of threads at once. The interpreter's lock is not held while files are read
and checked, images decoded, and networks computed. Ctrl-C ends a call between two images.

Errors: ValueError and TypeError for a wrong call, cutis.Error with one line of text for what the runtime refuses (a damaged
model, say), MemoryError.
"""

import os
from collections.abc import Iterable
from typing import TypedDict, final

import numpy as np
import numpy.typing as npt

from . import _cutis
from ._cutis import Error, Model, __version__

__all__ = [
    "Error", "Estimate", "Evidence", "Failure", "Milliseconds", "Model", "Result", "__version__", "clear_model_cache",
    "get_memory_usage", "get_model_cache_statistics", "load_model", "measure_inference_time", "process_batch",
]

Path = str | bytes | os.PathLike[str] | os.PathLike[bytes]


class Estimate(TypedDict):
    """A share that was measured on images, with its 95 % bootstrap interval; all in 0 .. 1."""

    value: float
    low: float
    high: float


class Evidence(TypedDict):
    """What was measured at an operating point; None for what was not."""

    sensitivity: Estimate | None
    specificity: Estimate | None


class Milliseconds(TypedDict):
    """Where the time of an image went; inference is its share of the runs of its batches."""

    decode: float
    preprocess: float
    inference: float


@final
class Result(TypedDict):
    """An image that was judged: the fields of `cutis classify --json`."""

    file: str | None  # None for an image of an array
    verdict: str | None  # "bcc", "not_bcc", "refer", "unusable"; None where the model holds no operating point
    p_bcc: float  # 0 .. 1; a probability where bcc_share is given, else a score
    bcc_share: float | None  # p_bcc holds where BCC has about this share of the lesions
    operating_point: str | None
    evidence: Evidence | None
    reasons: list[str]  # "uncalibrated", "refer_band", "blurred", ...
    probabilities: dict[str, float]  # one a label, 0 .. 1
    views: int  # whose mean was judged
    gates: bool  # whether the model's limits of usable images were looked at; not where it has none
    model_hash: str
    ms: Milliseconds


@final
class Failure(TypedDict):
    """An image that could not be judged."""

    file: str
    error: str  # one line for people


def load_model(path: Path, *, isa: str | None = None, tune_file: Path | None = None, copy: bool = False, threads: int = 1) -> Model:
    """Opens and checks a .cutis file, or gives the model that is open already.

    Models are kept after their last use, up to 16 and 256 MiB, and closed in the order in which they were used. A file that has
    been replaced is opened anew.

    path: the file. It must not be altered while the model lives; replace it by renaming another one over it.
    isa: no instruction set after this one is used ("scalar", "sse4", "avx2", ...); None: all that the machine has, under the
        environment variable CUTIS_ISA. Results are the same bits for each.
    tune_file: what `cutis bench --autotune` has written.
    copy: take the bytes into private memory before they are checked (for removable media).
    threads: that check the file.
    """
    tuning = None if tune_file is None else os.fsencode(tune_file)
    return _cutis.load_model(os.fsencode(path), isa, tuning, copy, threads)


def process_batch(model: Model, images: Iterable[Path] | npt.NDArray[np.uint8], *, operating_point: str | None = None,
                  views: int = 1, gates: bool = True, workers: int = 0, threads: int = 1, batch: int = 1) -> list[Result | Failure]:
    """Judges images; one dict an image, in their order, with the fields of `cutis classify --json`.

    images: paths of JPEG or PNG files; or an array, uint8, (n, height, width, 3), of pixels that are of the network's own size
        (model.input_shape), RGB, cropped and scaled as the model was trained. Nothing but its bytes is used: they go into the
        network as they are, and the model's limits of usable images look at them as they do at a file's.
    operating_point: the threshold to judge at; None: the model's default.
    views: 1, or 8: the mean of as many flips and quarter turns of the image as are needed, as `cutis classify --tta 8`.
    gates: False: every image is judged, whatever the model's limits of usable images say.
    workers: images that are judged side by side; 0: as many as the process has CPUs for.
    threads: of the run of each worker. batch: the most images of one run. None of the three changes a result.

    A file that cannot be judged gives {"file", "error"} and disturbs no other one. For an array "file" is None, and the times
    of decoding and preprocessing, which did not take place, are 0. Reals are the decimals that --json prints: the shortest that
    read back as the same float32.
    """
    if isinstance(images, np.ndarray):
        return _cutis.judge_pixels(model, images, operating_point, views, gates, workers, threads, batch)
    if isinstance(images, (str, bytes, os.PathLike)):
        raise TypeError("a list of paths is wanted, not one path")
    paths = [os.fsencode(path) for path in images]
    return _cutis.judge_files(model, paths, operating_point, views, gates, workers, threads, batch)


def measure_inference_time(model: Model, runs: int = 50, *, batch: int = 1, threads: int = 1) -> dict[str, float]:
    """Times the network on drawn pixels, after some runs to warm up: milliseconds of one run of `batch` images.

    Returns {"min", "median", "mean", "p90", "p99", "max", "std"}; decoding, preprocessing and the setting of inputs are not in it.
    Percentiles are interpolated between neighbours.
    """
    if runs < 1:
        raise ValueError("runs must be 1 or more")
    if not 1 <= batch <= 1024:
        raise ValueError("batch must be 1 .. 1024")
    images = np.random.default_rng(0).integers(0, 256, (batch, *model.input_shape), dtype=np.uint8)
    ms = np.array(_cutis.measure_runs(model, images, runs, threads))
    median, p90, p99 = np.percentile(ms, [50, 90, 99])
    values = {"min": ms.min(), "median": median, "mean": ms.mean(), "p90": p90, "p99": p99, "max": ms.max(), "std": ms.std()}
    return {name: float(value) for name, value in values.items()}


def get_memory_usage() -> dict[str, int]:
    """Bytes of memory.

    "resident", "peak_resident": physical memory of the process, now and at most (0 where the system does not say);
    "models_mapped": files of the open models, mapped, whose pages the system may take back;
    "models_heap": heap of the open models; "models_peak": the most that both were together.
    The arena of a call (Model.arena_bytes, for each worker) lives as long as the call.
    """
    return _cutis.memory_usage()


def get_model_cache_statistics() -> dict[str, int]:
    """Counts of load_model(): "hits", "misses" (files opened), "failures", "evictions", "open_models", "used_models"."""
    return _cutis.cache_statistics()


def clear_model_cache() -> None:
    """Closes the models that nobody holds; the others when they are given up."""
    _cutis.clear_cache()
