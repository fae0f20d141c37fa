"""The Python module: beside the command line, and beside what numpy and the system say.

Environment: CUTIS, CUTIS_CONVERT (the programs), CUTIS_MODEL (a network of 192 x 192), CUTIS_SMALL (a folder with the small models that
tests/runtime/write_models makes), CUTIS_ROOT (the source tree).
"""

import importlib.util
import json
import os
import pathlib
import pickle
import shutil
import signal
import struct
import subprocess
import sys
import threading
import time
import typing
import zlib

import cutis
import numpy as np
import pytest

ROOT = pathlib.Path(os.environ["CUTIS_ROOT"])
SMALL = pathlib.Path(os.environ["CUTIS_SMALL"])
MODEL = os.environ["CUTIS_MODEL"]
IMAGES = sorted((ROOT / "tests/runtime/data").glob("*.[jp][pn]g")) + sorted((ROOT / "tools/samples").glob("*.jpg"))


@pytest.fixture(autouse=True)
def no_models_of_other_tests():
    cutis.clear_model_cache()


def png(path, pixels):
    """Written here, by the PNG specification: RGB of 8 bits, no filter."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    height, width, _ = pixels.shape
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
    return path


def drawn(count, *shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, *shape), dtype=np.uint8)


def without_times(results):
    return [{key: value for key, value in result.items() if key != "ms"} for result in results]


def command_line(model, files, *options):
    command = [os.environ["CUTIS"], "classify", model, "--json", *options, *files]
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False).stdout.splitlines()


# -- process_batch of files ------------------------------------------------------------------------------------------------------


JUDGING = [({}, ()), ({"views": 8}, ("--tta", "8")), ({"gates": False}, ("--no-gates",)),
           ({"views": 8, "gates": False}, ("--tta", "8", "--no-gates"))]


@pytest.mark.parametrize("judging,options", JUDGING)
@pytest.mark.parametrize("name", [MODEL, "small_u8.cutis", "small_f32.cutis", "small_calibrated.cutis", "small_limits.cutis"])
def test_results_are_the_lines_of_the_command_line(tmp_path, name, judging, options):
    path = SMALL / name
    odd = tmp_path / "näme with \"quotes\".png"
    shutil.copy(ROOT / "tests/runtime/data/png_8_2.png", odd)
    (tmp_path / "broken.jpg").write_bytes(IMAGES[0].read_bytes()[:300])
    files = [str(file) for file in [*IMAGES, odd, tmp_path / "broken.jpg", tmp_path / "missing.png", ROOT / "README.md", tmp_path]]
    lines = command_line(path, files[:-1], *options)  # a folder is no image there, but all that are in it
    assert len(lines) == len(files) - 1
    results = cutis.process_batch(cutis.load_model(path), files, **judging)
    for line, result in zip(lines, results):
        expected = json.loads(line)
        assert list(result) == list(expected)
        if "ms" in expected:
            assert list(result["ms"]) == list(expected["ms"])
            # Where the time is the line's only difference, byte for byte.
            text = json.dumps({**result, "ms": 0}, ensure_ascii=False, separators=(",", ":"))
            assert text.encode() == line[:line.index(b'"ms":')] + b'"ms":0}'
        else:
            assert result == expected
    assert results[-1]["file"] == str(tmp_path) and "error" in results[-1]
    assert sum("error" in result for result in results) >= 4 and sum("verdict" in result for result in results) >= 20


@pytest.mark.parametrize("views", [1, 8])
@pytest.mark.parametrize("spread", [{"workers": 3, "batch": 4}, {"workers": 1, "batch": 7}, {"workers": 2, "threads": 2}])
def test_results_do_not_depend_on_workers_threads_and_batch(spread, views):
    model = cutis.load_model(SMALL / "small_limits.cutis")
    files = [*IMAGES, ROOT / "README.md"] * 2
    expected = without_times(cutis.process_batch(model, files, views=views, workers=1))
    assert without_times(cutis.process_batch(model, files, views=views, **spread)) == expected


def test_one_bad_image_disturbs_no_other():
    model = cutis.load_model(SMALL / "small_u8.cutis")
    good = str(ROOT / "tests/runtime/data/jpg_420.jpg")
    results = cutis.process_batch(model, [good, "/nonexistent.png", good])
    assert results[1] == {"file": "/nonexistent.png", "error": "cannot open: No such file or directory"}
    assert without_times([results[0]]) == without_times([results[2]]) and results[0]["verdict"] is not None
    assert all(value > 0 for value in results[0]["ms"].values())


def test_operating_points():
    model = cutis.load_model(SMALL / "small_limits.cutis")
    assert model.operating_points == ("uncalibrated", "screening") and model.default_operating_point == "uncalibrated"
    files, evidence = [IMAGES[0]], []
    for name in model.operating_points:
        for judging, options in JUDGING:
            line = json.loads(command_line(SMALL / "small_limits.cutis", files, "--operating-point", name, *options)[0])
            found = cutis.process_batch(model, files, operating_point=name, **judging)
            assert without_times(found) == without_times([line])
            evidence.append(found[0]["evidence"])
    assert any(one is not None for one in evidence) and any(one is None for one in evidence)
    for images in (files, drawn(1, 12, 12, 3)):
        with pytest.raises(ValueError, match="operating point"):
            cutis.process_batch(model, images, operating_point="nowhere")


def test_paths_of_every_kind(tmp_path):
    model = cutis.load_model(str(SMALL / "small_u8.cutis"))
    name = os.fsencode(tmp_path) + b"/\xff.png"
    shutil.copy(IMAGES[-1], name)
    results = cutis.process_batch(model, (path for path in [name, os.fsdecode(name), pathlib.Path(os.fsdecode(name))]))
    assert [result["file"] for result in results] == [os.fsdecode(name)] * 3
    assert all("verdict" in result for result in results)
    assert cutis.process_batch(model, []) == []


# -- process_batch of arrays -----------------------------------------------------------------------------------------------------


def files_of(folder, images, border):
    """As files that the recipe cuts to these pixels: of their own size, or with a border around them."""
    wide = np.pad(images, ((0, 0), (border, border), (border, border), (0, 0)))
    return [png(folder / f"{i}.png", image) for i, image in enumerate(wide)]


# The recipe of the small models scales to 14 x 14 and takes the middle, that of the other one scales to its own size.
@pytest.mark.parametrize("judging,options", JUDGING)
@pytest.mark.parametrize("name,border", [(MODEL, 0), ("small_u8.cutis", 1), ("small_f32.cutis", 1), ("small_limits.cutis", 1)])
def test_pixels_are_judged_as_the_file_that_they_come_of(tmp_path, name, border, judging, options):
    model = cutis.load_model(SMALL / name)
    images = drawn(7, *model.input_shape)
    images[2] = 9  # too dark, where the model has limits
    images[3] = 255
    expected = cutis.process_batch(model, files_of(tmp_path, images, border), **judging)
    for spread in ({}, {"workers": 1}, {"workers": 3, "batch": 2}, {"batch": 1024}, {"threads": 2}):
        results = cutis.process_batch(model, images, **judging, **spread)
        assert [list(result) for result in results] == [list(result) for result in expected]
        assert all(result["file"] is None for result in results)
        assert without_times([{**result, "file": ""} for result in results]) == without_times(
            [{**result, "file": ""} for result in expected])
        for result in results:
            assert result["ms"]["decode"] == 0 and result["ms"]["preprocess"] == 0 and result["ms"]["inference"] > 0
    verdicts = [result["verdict"] for result in results]
    if name == "small_limits.cutis":
        assert ("over_exposed" in results[2]["reasons"]) == judging.get("gates", True) and verdicts[0] != "unusable"
        assert verdicts[2:4] == ["unusable"] * 2 if judging.get("gates", True) else "unusable" not in verdicts
    counts = {result["views"] for result in results}
    assert counts == {1} if "views" not in judging else (counts == {8} or name == "small_limits.cutis")


def test_arrays_that_are_not_in_one_piece():
    model = cutis.load_model(SMALL / "small_u8.cutis")
    images = drawn(6, 12, 12, 3)
    channels_first = np.ascontiguousarray(images.transpose(0, 3, 1, 2)).transpose(0, 2, 3, 1)
    backwards = np.ascontiguousarray(images[::-1])[::-1]
    assert not channels_first.flags.c_contiguous and not backwards.flags.c_contiguous
    expected = without_times(cutis.process_batch(model, images))
    assert without_times(cutis.process_batch(model, channels_first)) == expected
    assert without_times(cutis.process_batch(model, backwards)) == expected
    assert cutis.process_batch(model, images[:0]) == []


def test_arrays_of_another_shape_or_type():
    model = cutis.load_model(SMALL / "small_u8.cutis")
    for images in (drawn(1, 12, 13, 3), drawn(1, 13, 12, 3), drawn(1, 12, 12, 4), drawn(12, 12, 3), drawn(1, 1, 12, 12, 3)):
        for call in (cutis.process_batch, cutis.Model.run):
            with pytest.raises(ValueError, match=r"\(n, 12, 12, 3\) wanted"):
                call(model, images)
    for kind in (np.int8, np.float64, np.int32):
        for call in (cutis.process_batch, cutis.Model.run):
            with pytest.raises(TypeError, match="uint8"):
                call(model, drawn(1, 12, 12, 3).astype(kind))
    with pytest.raises(TypeError, match="float32"):
        cutis.process_batch(model, drawn(1, 12, 12, 3).astype(np.float32))


# -- run -------------------------------------------------------------------------------------------------------------------------


def inspect(model):
    return json.loads(subprocess.run([os.environ["CUTIS"], "inspect", model, "--json"], stdout=subprocess.PIPE, check=True).stdout)


@pytest.mark.parametrize("name", [MODEL, "small_u8.cutis", "small_f32.cutis"])
def test_outputs_give_the_probabilities(name):
    model = cutis.load_model(SMALL / name)
    images = drawn(5, *model.input_shape)
    expected = model.run(images, workers=2, batch=2)
    assert expected.shape == (5, len(model.labels)) and expected.dtype == np.float32
    if inspect(SMALL / name)["verdict"]["scores"] == "softmax":  # of temperature 1
        powers = np.exp(expected.astype(np.float64) - expected.max(axis=1, keepdims=True))
        expected = powers / powers.sum(axis=1, keepdims=True)
    found = [list(result["probabilities"].values()) for result in cutis.process_batch(model, images)]
    assert np.allclose(found, expected, rtol=1e-5, atol=1e-7)
    assert len(np.unique(found, axis=0)) == 5


@pytest.mark.parametrize("name", [MODEL, "small_u8.cutis", "small_f32.cutis"])
def test_real_inputs_are_the_normalised_pixels(name):
    model = cutis.load_model(SMALL / name)
    recipe = inspect(SMALL / name)["recipe"]
    images = drawn(3, *model.input_shape)
    real = (images.astype(np.float32) - np.float32(recipe["mean"])) / np.float32(recipe["std"])
    assert np.array_equal(model.run(real), model.run(images))


def test_outputs_with_more_than_one_pixel(tmp_path):
    onnx = ROOT / "tests/converter/data/onnx"
    expected = json.loads((onnx / "expected.json").read_text())["outputs"]["residual_clip"]  # from ONNX Runtime
    path = tmp_path / "residual_clip.cutis"
    subprocess.run([os.environ["CUTIS_CONVERT"], onnx / "residual_clip.onnx", "-o", path, "--float"], stdout=subprocess.DEVNULL, check=True)
    model = cutis.load_model(path)
    _, channels, height, width = expected["shape"]
    assert model.input_shape == (height, width, channels)
    assert model.labels == () and model.default_operating_point is None and not model.takes_images
    # What make_onnx_fixtures.py feeds them.
    numbers = np.arange(channels * height * width, dtype=np.uint64) * 2654435761 % (1 << 32) // 65536
    image = (numbers / 32768 - 1).astype(np.float32).reshape(channels, height, width).transpose(1, 2, 0)
    outputs = model.run(np.stack([np.zeros_like(image), image]))
    made = expected["outputs"][0]
    assert np.allclose(outputs[1], np.array(made["values"]).reshape(made["dims"])[0].transpose(1, 2, 0), rtol=1e-5, atol=1e-6)
    assert outputs.shape[0] == 2 and not np.array_equal(outputs[0], outputs[1])
    for batch in (drawn(1, height, width, channels), ["/nonexistent.png"]):
        with pytest.raises(ValueError, match="says nothing about images"):
            cutis.process_batch(model, batch)
    for output in (-1, model.output_count):
        with pytest.raises(ValueError, match="no output"):
            model.run(image[None], output=output)


# -- models ----------------------------------------------------------------------------------------------------------------------


def test_a_model_is_opened_once_and_anew_when_it_was_replaced(tmp_path):
    path = tmp_path / "model.cutis"
    shutil.copy(SMALL / "small_u8.cutis", path)
    before = cutis.get_model_cache_statistics()
    first, again = cutis.load_model(path), cutis.load_model(os.fsencode(path))
    now = cutis.get_model_cache_statistics()
    assert (now["misses"] - before["misses"], now["hits"] - before["hits"]) == (1, 1)
    assert now["open_models"] == 1 and now["used_models"] == 1 and first.hash == again.hash
    shutil.copy(SMALL / "small_calibrated.cutis", tmp_path / "new.cutis")
    os.replace(tmp_path / "new.cutis", path)
    other = cutis.load_model(path)
    assert other.hash != first.hash and other.has_calibration and not first.has_calibration
    assert "verdict" in cutis.process_batch(first, [IMAGES[0]])[0]  # whoever has the old one keeps it
    assert cutis.get_model_cache_statistics()["open_models"] == 2
    del first, again
    assert cutis.get_model_cache_statistics()["open_models"] == 1
    scalar = cutis.load_model(path, isa="scalar")
    assert scalar.isa == "scalar" and cutis.get_model_cache_statistics()["open_models"] == 2
    del other, scalar
    assert cutis.get_model_cache_statistics()["used_models"] == 0
    cutis.clear_model_cache()
    assert cutis.get_model_cache_statistics()["open_models"] == 0


def test_a_model_depends_on_its_tuning(tmp_path):
    path, tuning = SMALL / "small_u8.cutis", tmp_path / "tuning"
    subprocess.run([os.environ["CUTIS"], "bench", path, "--runs", "1", "--threads", "1", "--autotune", "--tune-file", tuning],
                   stdout=subprocess.DEVNULL, check=True)
    tuned = cutis.load_model(path, tune_file=tuning)
    before = cutis.get_model_cache_statistics()
    models = [cutis.load_model(path, tune_file=os.fsencode(tuning)), cutis.load_model(path)]
    now = cutis.get_model_cache_statistics()
    assert (now["hits"] - before["hits"], now["misses"] - before["misses"], now["used_models"]) == (1, 1, 2)
    shutil.copy(tuning, tmp_path / "new")
    os.replace(tmp_path / "new", tuning)
    models.append(cutis.load_model(path, tune_file=tuning))
    assert cutis.get_model_cache_statistics()["used_models"] == 3
    images = drawn(3, *tuned.input_shape)
    assert all(np.array_equal(model.run(images), tuned.run(images)) for model in models)
    tuning.write_text("no tuning")
    with pytest.raises((cutis.Error, ValueError), match="tuning"):
        cutis.load_model(path, tune_file=tuning)


def test_what_is_said_of_a_model():
    inspected = inspect(MODEL)
    model = cutis.load_model(MODEL)
    assert model.hash == inspected["model_hash"] and model.isa == inspected["isa"]
    assert list(model.labels) == inspected["verdict"]["labels"]
    assert list(model.operating_points) == [point["name"] for point in inspected["verdict"]["operating_points"]]
    assert model.input_shape == (192, 192, 3) and model.takes_images and model.output_count == 1
    assert (model.name, model.licence, model.card) == tuple(inspected["provenance"][key] for key in ("name", "licence", "card"))
    assert model.file_bytes == inspected["file_bytes"] == os.path.getsize(MODEL)
    assert model.memory_bytes == inspected["footprint"]["model_bytes"]
    assert model.arena_bytes() == inspected["footprint"]["arena_bytes"] < model.arena_bytes(batch=2)
    assert model.hash[:12] in repr(model)
    with pytest.raises(TypeError):
        cutis.Model()
    with pytest.raises(TypeError):
        pickle.dumps(model)
    assert cutis.__version__ in subprocess.run([os.environ["CUTIS"], "--version"], stdout=subprocess.PIPE, check=True, text=True).stdout


def test_damaged_models(tmp_path):
    whole = (SMALL / "small_u8.cutis").read_bytes()
    path = tmp_path / "damaged.cutis"
    for damaged in (whole[:1000], whole[:-1] + bytes([whole[-1] ^ 1]), b"no model", b""):
        path.write_bytes(damaged)
        said = subprocess.run([os.environ["CUTIS"], "inspect", path], stderr=subprocess.PIPE, text=True, check=False).stderr
        with pytest.raises(cutis.Error) as raised:
            cutis.load_model(path)
        assert f"cutis: {raised.value}\n" == said and raised.value.status == "bad_input"
    assert issubclass(cutis.Error, RuntimeError)
    path.write_bytes(whole)  # a failure is not kept
    assert cutis.load_model(path).labels


def test_wrong_calls(tmp_path):
    model = cutis.load_model(SMALL / "small_u8.cutis")
    with pytest.raises(cutis.Error, match="No such file"):
        cutis.load_model(tmp_path / "missing.cutis")
    with pytest.raises(ValueError, match="instruction set"):
        cutis.load_model(SMALL / "small_u8.cutis", isa="nothing")
    for path in ("a\0b", b"a\0b"):
        with pytest.raises(ValueError, match="null"):
            cutis.load_model(path)
        with pytest.raises(ValueError, match="null"):
            cutis.process_batch(model, [path])
    for path in ("one.jpg", b"one.jpg", pathlib.Path("one.jpg")):
        with pytest.raises(TypeError, match="not one path"):
            cutis.process_batch(model, path)
    with pytest.raises(TypeError):
        cutis.process_batch(model, [3])
    for images in ([IMAGES[0]], drawn(1, 12, 12, 3)):
        for wrong in ({"views": 0}, {"views": 3}, {"views": 9}, {"workers": -1}, {"workers": 257}, {"threads": 0}, {"threads": 257},
                      {"batch": 0}, {"batch": 1025}):
            with pytest.raises(ValueError, match=next(iter(wrong))):
                cutis.process_batch(model, images, **wrong)
    for wrong in ({"runs": 0}, {"batch": 0}, {"batch": 1025}, {"threads": 0}):
        with pytest.raises(ValueError):
            cutis.measure_inference_time(model, **wrong)


# -- threads and signals ---------------------------------------------------------------------------------------------------------


def test_the_lock_of_the_interpreter_is_not_held():
    model = cutis.load_model(MODEL)
    images = drawn(60, *model.input_shape)
    counted, stop = [0], threading.Event()

    def count():
        while not stop.is_set():
            counted[0] += 1
            time.sleep(0)

    thread = threading.Thread(target=count)
    thread.start()
    try:
        for call in (lambda: cutis.process_batch(model, [IMAGES[-1]] * 60, workers=1),
                     lambda: cutis.process_batch(model, images, workers=1),
                     lambda: model.run(images, workers=1),
                     lambda: cutis._cutis.measure_runs(model, images[:1], 60, 1)):
            before = counted[0]
            call()
            assert counted[0] - before > 200
    finally:
        stop.set()
        thread.join()


def test_threads_share_a_model():
    model = cutis.load_model(MODEL)
    images = drawn(12, 192, 192, 3)
    expected = without_times(cutis.process_batch(model, images)), without_times(cutis.process_batch(model, IMAGES))
    found = []

    def judge():
        for _ in range(3):
            same = cutis.load_model(MODEL)
            found.append((without_times(cutis.process_batch(same, images)), without_times(cutis.process_batch(same, IMAGES))))

    threads = [threading.Thread(target=judge) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 12 and all(one == expected for one in found)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers of signals here")
@pytest.mark.parametrize("kind", ["files", "arrays", "runs"])
def test_control_c_ends_a_call(kind):
    model = cutis.load_model(MODEL)
    calls = {
        "files": lambda: cutis.process_batch(model, [IMAGES[-1]] * 100_000),
        "arrays": lambda: model.run(np.repeat(drawn(1, 192, 192, 3), 1500, axis=0), workers=1, batch=1),
        "runs": lambda: cutis.measure_inference_time(model, 1_000_000),
    }
    previous = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        with pytest.raises(KeyboardInterrupt):
            calls[kind]()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    assert "verdict" in cutis.process_batch(model, [IMAGES[-1]])[0]


# -- measurements ----------------------------------------------------------------------------------------------------------------


def test_times(monkeypatch):
    model = cutis.load_model(MODEL)
    found = cutis.measure_inference_time(model, 20)
    assert list(found) == ["min", "median", "mean", "p90", "p99", "max", "std"]
    assert 0 < found["min"] <= found["median"] <= found["p90"] <= found["p99"] <= found["max"]
    assert found["min"] <= found["mean"] <= found["max"] and all(isinstance(value, float) for value in found.values())
    # A run of eight takes longer than one of one; no run is faster than the machine.
    assert cutis.measure_inference_time(model, 5, batch=8)["min"] > found["min"]
    monkeypatch.setattr(cutis._cutis, "measure_runs", lambda *_: [float(i) for i in range(101, 0, -1)])
    assert cutis.measure_inference_time(model, 101) == {
        "min": 1, "median": 51, "mean": 51, "p90": 91, "p99": 100, "max": 101, "std": pytest.approx(np.std(np.arange(101)))}


def test_memory():
    assert cutis.get_memory_usage()["models_mapped"] == 0 and cutis.get_memory_usage()["models_heap"] == 0
    model = cutis.load_model(MODEL)
    found = cutis.get_memory_usage()
    assert list(found) == ["resident", "peak_resident", "models_mapped", "models_heap", "models_peak"]
    assert found["models_mapped"] == os.path.getsize(MODEL) and found["models_heap"] == model.memory_bytes
    assert found["models_peak"] >= found["models_mapped"] + found["models_heap"]
    private = cutis.load_model(MODEL, copy=True)
    assert cutis.get_memory_usage()["models_heap"] == model.memory_bytes + private.memory_bytes
    assert private.memory_bytes >= model.memory_bytes + os.path.getsize(MODEL) - 100_000  # a copied graph less
    assert found["peak_resident"] >= found["resident"]
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    assert found["resident"] == pytest.approx(pages * os.sysconf("SC_PAGE_SIZE"), rel=0.1)
    block = np.ones(64 << 20, dtype=np.uint8)
    grown = cutis.get_memory_usage()
    assert grown["resident"] >= found["resident"] + len(block) * 0.9 and grown["peak_resident"] >= grown["resident"]


# -- what tools see --------------------------------------------------------------------------------------------------------------


def test_hints_say_what_results_hold():
    model = cutis.load_model(SMALL / "small_limits.cutis")
    good, bad = cutis.process_batch(model, [IMAGES[0], "/nonexistent.png"], operating_point="screening")
    for found, declared in ((good, cutis.Result), (bad, cutis.Failure), (good["ms"], cutis.Milliseconds),
                            (good["evidence"], cutis.Evidence), (good["evidence"]["sensitivity"], cutis.Estimate)):
        assert list(found) == list(declared.__annotations__)
    hints = typing.get_type_hints(cutis.process_batch)
    assert hints["return"] == list[cutis.Result | cutis.Failure]
    for name in cutis.__all__:
        assert getattr(cutis, name).__doc__
    for name, member in vars(cutis.Model).items():
        assert name.startswith("_") or member.__doc__


PROGRAM = """import cutis
import numpy as np

model: cutis.Model = cutis.load_model("model.cutis", threads=2)
for result in cutis.process_batch(model, ["a.jpg", b"b.jpg"]) + cutis.process_batch(model, np.zeros((1, 2, 2, 3), np.uint8)):
    if "error" in result:
        text: str = result["error"]
    else:
        share: float = result["p_bcc"] + result["ms"]["decode"] + result["probabilities"][model.labels[0]]
best: np.float32 = model.run(np.zeros((1, 2, 2, 3), np.float32)).max()
median: float = cutis.measure_inference_time(model, 10)["median"]
resident: int = cutis.get_memory_usage()["resident"]
"""


@pytest.mark.skipif(importlib.util.find_spec("mypy") is None, reason="no mypy")
def test_hints_are_those_of_this_module(tmp_path):
    package = pathlib.Path(cutis.__file__).parent
    assert (package / "py.typed").exists()

    def mypy(module, *arguments):
        environment = {**os.environ, "PYTHONPATH": str(package.parent), "MYPYPATH": str(package.parent)}
        return subprocess.run([sys.executable, "-m", module, *arguments], cwd=tmp_path, env=environment, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)

    # What pybind11 makes of every class.
    (tmp_path / "allowed").write_text("cutis._cutis.Model\ncutis._cutis.Model.__init__\n")
    found = mypy("mypy.stubtest", "cutis", "--ignore-disjoint-bases", "--allowlist", "allowed")
    assert found.returncode == 0, found.stdout
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "wrong.py").write_text(PROGRAM.replace("text: str", "text: int"))
    found = mypy("mypy", "--strict", "program.py", package)
    assert found.returncode == 0, found.stdout
    assert "Incompatible types" in mypy("mypy", "--strict", "wrong.py").stdout
