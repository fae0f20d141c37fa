#!/usr/bin/env python3
"""Writes tests/converter/data/torch: small checkpoints as torch.save writes them, and expected.json with what PyTorch makes of
them.

    python tests/converter/make_torch_fixtures.py

Inputs are those of make_onnx_fixtures.py. The outputs of quantised checkpoints are those of the float network with the dequantised
weights (a weight of -128 taken as -127), since that is what is imported. "graphs" are outputs of torchvision's networks whose
weights are numbers that the test makes too (made_weights). Files called reject_* are attacks, damaged or of another kind:
expected.json holds a part of the message. What the attacks would run is `true`, which does nothing.
"""
import argparse
import collections
import copy
import datetime
import io
import json
import os
import pathlib
import pickle
import shutil
import struct
import subprocess
import sys
import warnings
import zipfile

import numpy as np
import torch
import torch.nn.functional as F
import torchvision
from efficientnet_lite_pytorch import EfficientNet
from torch import nn
from torch.nn.utils import prune

HERE = pathlib.Path(__file__).resolve().parent
FOLDER = HERE / "data" / "torch"
sys.path.insert(0, str(HERE.parents[1] / "tools" / "graphs"))
from graph_writer import GraphWriter  # noqa: E402

warnings.filterwarnings("ignore")
QUANT = torch.ao.quantization
EXPECTED = {"outputs": {}, "graphs": {}, "tensors": {}, "rejections": {}}
INPUT = (1, 3, 12, 12)
DATE = (2024, 1, 1, 0, 0, 0)


def made_input(shape):
    index = np.arange(int(np.prod(shape)), dtype=np.uint64)
    return torch.from_numpy((((index * 2654435761 % 2**32) >> 16).astype(np.float32) / 32768 - 1).reshape(shape))


class Net(nn.Module):
    """Pickled as a whole too: the importer meets this class as __main__.Net."""

    def __init__(self, norm=True):
        super().__init__()
        self.quant, self.dequant = QUANT.QuantStub(), QUANT.DeQuantStub()
        self.conv1 = nn.Conv2d(3, 4, 3)
        self.norm1 = nn.BatchNorm2d(4) if norm else None
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(4, 6, 3, padding=1)
        self.relu2 = nn.ReLU()
        self.fc1 = nn.Linear(150, 3)
        self.register_buffer("scratch", torch.zeros(2), persistent=False)
        self.options = argparse.Namespace(size=12, activation=nn.ReLU, names=("a", "b"))

    def forward(self, x):
        x = self.conv1(self.quant(x))
        x = F.max_pool2d(self.relu1(x if self.norm1 is None else self.norm1(x)), 2)
        return self.dequant(self.fc1(self.relu2(self.conv2(x)).flatten(1)))


def net(norm=True):
    made = Net(norm).eval()
    if norm:
        for part in (made.norm1.weight, made.norm1.bias, made.norm1.running_mean):
            part.data.uniform_(-0.5, 0.5)
        made.norm1.running_var.uniform_(0.5, 1.5)
    return made


def write_graphs():
    for norm in (True, False):
        graph = GraphWriter()
        graph.conv("conv1", 3, 4, 3, bias=True)
        if norm:
            graph.norm("norm1", 4, 1e-5)
        graph.relu("relu1")
        graph.node("MaxPool", "pool1", [graph.value], kernel_shape=[2, 2], strides=[2, 2])
        graph.conv("conv2", 4, 6, 3, bias=True, pads=[1, 1, 1, 1])
        graph.relu("relu2")
        graph.node("Flatten", "features", [graph.value])
        graph.dense("fc1", 150, 3, name="logits")
        modules = {"image": "quant", "relu1": "conv1", "relu2": "conv2", "logits": "fc1"}
        name = "norm" if norm else "plain"
        (FOLDER / f"{name}.json").write_text(graph.text(name, 12, None if norm else modules))
    graph = GraphWriter()
    graph.conv("a", 3, 3, 3, bias=True)
    graph.conv("b", 3, 3, 3, bias=True)
    (FOLDER / "tied.json").write_text(graph.text("tied", 12))


def case(name, made, reference, graph="norm", notes=(), scales=None, weights=None, compact=False, **options):
    """Saves `made` and notes the outputs of `reference`, a float module, and what notes, activation and weight scales must come.
    `compact`: deflated, since the repository need not hold the padding of every file."""
    torch.save(made, FOLDER / f"{name}.pth", **options)
    if compact:
        rezip(name, name)
    note(name, reference, graph, notes, scales, weights)


def rounded(tensor):
    return [float(f"{v:.7g}") for v in tensor.detach().ravel().tolist()]


def note(name, reference, graph="norm", notes=(), scales=None, weights=None, shape=INPUT):
    output = reference(made_input(shape))
    EXPECTED["outputs"][name] = {"graph": graph, "outputs": rounded(output), "notes": None if notes is None else list(notes),
                                 "activations": scales or {}, "weights": weights or {}}


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 3, 3), nn.Conv2d(3, 3, 3)
        self.b.weight = self.a.weight

    def forward(self, x):
        return self.b(self.a(x))


def plain_cases():
    made = net()
    state = made.state_dict()
    case("state_dict", state, made)
    case("state_dict_protocol4", state, made, pickle_protocol=4)
    case("state_dict_protocol5", state, made, pickle_protocol=5, compact=True)
    case("module", made, made)
    case("legacy_state_dict", state, made, _use_new_zipfile_serialization=False)
    case("legacy_module", made, made, _use_new_zipfile_serialization=False)
    parallel = "'module.' was taken off the names"
    case("data_parallel", nn.DataParallel(made).state_dict(), made, notes=[parallel])
    case("data_parallel_module", nn.DataParallel(made), made, notes=[parallel], compact=True)
    case("compiled", collections.OrderedDict(("_orig_mod." + k, v) for k, v in state.items()), made,
         notes=["'_orig_mod.' was taken off the names"], compact=True)
    case("averaged", torch.optim.swa_utils.AveragedModel(made).state_dict(), made, notes=[parallel], compact=True)
    tagged = net()
    tagged.conv1.weight.tag = "kept by torch.save"
    case("parameter_with_state", tagged.state_dict(keep_vars=True), tagged, compact=True)
    tied = Tied().eval()
    case("tied", tied.state_dict(), tied, graph="tied")
    for dtype in (torch.float16, torch.bfloat16, torch.float64):
        cast = net().to(dtype)
        case(str(dtype).removeprefix("torch."), cast.state_dict(), copy.deepcopy(cast).float())
    strided = net()
    state = strided.state_dict()
    big = torch.full((5, 3, 3, 3, 2), 7.0)
    big[1:, ..., 1] = state["conv1.weight"]
    state["conv1.weight"] = big[1:, ..., 1]
    state["conv2.weight"] = state["conv2.weight"].to(memory_format=torch.channels_last)
    state["fc1.weight"] = state["fc1.weight"].T.contiguous().T
    strided.norm1.running_var.fill_(0.75)
    state["norm1.running_var"] = torch.tensor([0.75]).expand(4)
    assert not any(state[k].is_contiguous() for k in ("conv1.weight", "conv2.weight", "fc1.weight", "norm1.running_var"))
    case("strided", state, strided)


def wrapper_cases():
    made, other = net(), net()
    training = {"epoch": 3, "arch": "net", "args": argparse.Namespace(lr=0.1, path=pathlib.PurePosixPath("runs/1")),
                "best": np.float64(0.9), "tag": b"", "date": datetime.datetime(2024, 5, 1, 12),
                "optimizer": torch.optim.Adam(made.parameters()).state_dict(),
                "loss": torch.tensor(0.25), "history": collections.defaultdict(list, {"auc": [0.5, 0.75]})}
    case("checkpoint", {**training, "state_dict": nn.DataParallel(made).state_dict()}, made,
         notes=["weights taken from 'state_dict'", "'module.' was taken off the names"])
    case("checkpoint_model_state_dict", {"model_state_dict": made.state_dict(), "epoch": 1}, made,
         notes=["weights taken from 'model_state_dict'"], compact=True)
    case("checkpoint_ema", {"state_dict": other.state_dict(), "state_dict_ema": made.state_dict()}, made,
         notes=["'state_dict_ema' was preferred to: state_dict", "weights taken from 'state_dict_ema'"], compact=True)
    case("checkpoint_model_module", {"model": made, "ema": None}, made, notes=["weights taken from 'model'"], compact=True)
    case("checkpoint_nested", {"ema": {"module": made.state_dict(), "decay": 0.99}, "model": other}, made,
         notes=["'ema' was preferred to: model", "weights taken from 'ema.module'"], compact=True)


def prune_cases():
    one = net()
    prune.random_unstructured(one.conv1, "weight", 0.25)
    case("prune_unstructured", one.state_dict(), one, notes=["1 pruned tensors (X_orig * X_mask), 25.0 % zeros"], compact=True)
    two = net()
    prune.ln_structured(two.conv2, "weight", amount=0.5, n=1, dim=0)
    prune.l1_unstructured(two.conv2, "bias", amount=2)
    case("prune_structured", two.state_dict(), two, notes=["2 pruned tensors (X_orig * X_mask), 49.5 % zeros"], compact=True)
    three = net()
    weights = [(three.conv1, "weight"), (three.conv2, "weight"), (three.fc1, "weight")]
    prune.global_unstructured(weights, prune.L1Unstructured, amount=0.2)
    notes = ["3 pruned tensors (X_orig * X_mask), 20.0 % zeros"]
    case("prune_global", three.state_dict(), three, notes=notes)
    case("prune_global_module", three, three, notes=notes, compact=True)


def weights_of(tensor):
    """The scales that are kept for an int8 tensor."""
    if tensor.qscheme() == torch.per_tensor_affine:
        return [float(np.float32(tensor.q_scale()))]
    return [float(np.float32(s)) for s in tensor.q_per_channel_scales().tolist()]


def dequantised(tensor):
    """Float32 values, -128 taken as -127."""
    q = tensor.int_repr().clamp(min=-127).float()
    if tensor.qscheme() == torch.per_tensor_affine:
        assert tensor.q_zero_point() == 0
        return q * np.float32(tensor.q_scale())
    assert not tensor.q_per_channel_zero_points().any()
    return q * tensor.q_per_channel_scales().float().reshape([-1] + [1] * (tensor.dim() - 1))


def float_twin(quantised, like):
    """`like` with the dequantised weights of the quantised module."""
    twin = copy.deepcopy(like)
    for name in ("conv1", "conv2", "fc1"):
        source, target = getattr(quantised, name), getattr(twin, name)
        if callable(source.weight):
            target.weight.data, target.bias.data = dequantised(source.weight()), source.bias().detach()
    return twin


def quantised_cases():
    made = net(norm=False)
    made.fc1.weight.data[0, 0] = -made.fc1.weight.abs().max() * 1.2  # becomes -128
    for name, config in (("per_tensor", QUANT.default_dynamic_qconfig), ("per_channel", QUANT.per_channel_dynamic_qconfig)):
        dynamic = QUANT.quantize_dynamic(made, {nn.Linear: config})
        clamped = int((dynamic.fc1.weight().int_repr() == -128).sum())
        notes = [f"{clamped} int8 weights of -128 became -127"] if clamped else []
        weights = {"fc1.weight": weights_of(dynamic.fc1.weight())}
        twin = float_twin(dynamic, made)
        assert clamped > 0 or name == "per_channel"
        case(f"dynamic_{name}", dynamic.state_dict(), twin, graph="plain", notes=notes, weights=weights)
        case(f"dynamic_{name}_module", dynamic, twin, graph="plain", notes=notes, weights=weights, compact=True)

    # Eager mode: conv and ReLU fused, observers, convert.
    for engine in ("fbgemm", "qnnpack"):
        torch.backends.quantized.engine = engine
        static = QUANT.fuse_modules(copy.deepcopy(made), [["conv1", "relu1"], ["conv2", "relu2"]])
        static.qconfig = QUANT.get_default_qconfig(engine)
        QUANT.prepare(static, inplace=True)
        for seed in range(4):
            static(made_input((1, 3, 12, 12)).roll(seed * 17))
        QUANT.convert(static, inplace=True)
        modules = {"quant": static.quant, "conv1": static.conv1, "conv2": static.conv2, "fc1": static.fc1}
        scales = {k: [float(np.float32(float(m.scale))), int(m.zero_point)] for k, m in modules.items()}
        weights = {f"{k}.weight": weights_of(modules[k].weight()) for k in ("conv1", "conv2", "fc1")}
        clamped = sum(int((modules[k].weight().int_repr() == -128).sum()) for k in ("conv1", "conv2", "fc1"))
        notes = [f"{clamped} int8 weights of -128 became -127"] if clamped else []
        twin = float_twin(static, made)
        case(f"static_{engine}", static.state_dict(), twin, graph="plain", notes=notes, scales=scales, weights=weights)
        if engine == "fbgemm":
            case("static_module", static, twin, graph="plain", notes=notes, scales=scales, weights=weights)


def bcc_cnn_case():
    """The network of models/bcc_cnn, pruned over all its weights and then quantised dynamically, as in the issue."""
    def fresh():
        return nn.Sequential(collections.OrderedDict(conv1=nn.Conv2d(3, 16, 3), relu1=nn.ReLU(), pool1=nn.MaxPool2d(2),
                                                     conv2=nn.Conv2d(16, 32, 3), relu2=nn.ReLU(), pool2=nn.MaxPool2d(2),
                                                     flat=nn.Flatten(), fc1=nn.Linear(6272, 2))).eval()
    dynamic, twin = fresh(), fresh()
    prune.global_unstructured([(dynamic.conv1, "weight"), (dynamic.conv2, "weight"), (dynamic.fc1, "weight")], prune.L1Unstructured,
                              amount=0.2)
    for name in ("conv1", "conv2"):
        source, target = getattr(dynamic, name), getattr(twin, name)
        target.weight.data, target.bias.data = (source.weight_orig * source.weight_mask).detach(), source.bias.detach()
    QUANT.quantize_dynamic(dynamic, {nn.Linear}, inplace=True)  # a copy of a pruned module cannot be made
    twin.fc1.weight.data, twin.fc1.bias.data = dequantised(dynamic.fc1.weight()), dynamic.fc1.bias().detach()
    torch.save(dynamic.state_dict(), FOLDER / "bcc_cnn.pth")
    rezip("bcc_cnn", "bcc_cnn")
    # How many zeros lie in the two convolutions is not ours to say here.
    note("bcc_cnn", twin, graph="bcc_cnn", notes=None, weights={"fc1.weight": weights_of(dynamic.fc1.weight())},
         shape=(1, 3, 64, 64))


def rezip(source, target, change=lambda name, data: data, method=zipfile.ZIP_DEFLATED):
    """Writes an archive again with its entries compressed, or changed (None: left out)."""
    with zipfile.ZipFile(FOLDER / f"{source}.pth") as archive:
        entries = [(info.filename, archive.read(info)) for info in archive.infolist()]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in entries:
            if (data := change(name, data)) is not None:
                archive.writestr(zipfile.ZipInfo(name, DATE), data, method)
    (FOLDER / f"{target}.pth").write_bytes(buffer.getvalue())


def container_cases():
    made = net()
    case("stored", made.state_dict(), made)
    rezip("stored", "deflated")
    note("deflated", made)

    def swap(name, data):
        if name.endswith("/byteorder"):
            return b"big"
        if "/data/" not in name or name.endswith("/.data/serialization_id"):
            return data
        size = 8 if len(data) == 8 and name.endswith("/7") else 4  # number 7 is the int64 num_batches_tracked
        return np.frombuffer(data, f"u{size}").byteswap().tobytes()
    rezip("stored", "big_endian", swap)
    note("big_endian", made)
    (FOLDER / "stored.pth").unlink()
    del EXPECTED["outputs"]["stored"]

    torch.manual_seed(5)
    tensors = {"i8": torch.tensor([-128, 127], dtype=torch.int8), "u8": torch.tensor([0, 255], dtype=torch.uint8),
               "i16": torch.tensor([-32768, 32767, 5], dtype=torch.int16),
               "i32": torch.tensor([-2**31, 2**31 - 1], dtype=torch.int32),
               "i64": torch.tensor([[-2**40], [2**40]]), "bool": torch.tensor([True, False]), "scalar": torch.tensor(2.5),
               "empty": torch.zeros(0, 3), "f16": torch.tensor([1.5, -65504], dtype=torch.float16),
               "ones": torch.ones(1).expand(2, 3), "column": torch.arange(6.).reshape(2, 3)[:, 1],
               "flipped": torch.arange(24.).reshape(2, 3, 4).permute(2, 0, 1)}
    for name, legacy in (("tensors", False), ("legacy_tensors", True), ("tensors_without_checksums", False)):
        torch.serialization.set_crc32_options(not name.endswith("checksums"))
        torch.save(tensors, FOLDER / f"{name}.pth", _use_new_zipfile_serialization=not legacy)
        EXPECTED["tensors"][name] = {k: {"dims": list(v.shape), "values": v.double().ravel().tolist()} for k, v in tensors.items()}
    torch.serialization.set_crc32_options(True)


def made_weights(name, shape, seed):
    """Numbers that the test makes in the same way: exact in float32, and of a size that keeps the activations near 1."""
    index = np.arange(int(np.prod(shape)), dtype=np.uint64)
    unit = ((((index + seed * 7919) * 2654435761) % 2**32) >> 16).astype(np.float32) / 32768 - 1
    if name.endswith("running_var"):
        unit = 1 + unit / 2
    elif len(shape) == 1 and name.endswith(".weight"):
        unit = 1 + unit / 4
    elif len(shape) == 1:
        unit = unit / 4
    else:
        inputs, halvings = int(np.prod(shape[1:])), 0
        while 4**halvings < inputs:
            halvings += 1
        unit = unit * np.float32(2 * 0.5**halvings)
    return torch.from_numpy(unit.astype(np.float32).reshape(shape))


def graph_outputs():
    models = torchvision.models
    networks = {"resnet18": (models.resnet18, 48), "resnet50": (models.resnet50, 48), "mobilenet_v2": (models.mobilenet_v2, 64),
                "mobilenet_v3_large": (models.mobilenet_v3_large, 64)}
    for i in range(3):
        networks[f"efficientnet_lite{i}"] = (lambda i=i: EfficientNet.from_name(f"efficientnet-lite{i}", image_size=64), 64)
    for name, (make, size) in networks.items():
        made = make().eval()
        state = {k: v for k, v in made.state_dict().items() if not k.endswith("num_batches_tracked")}
        for seed, key in enumerate(sorted(state)):
            state[key] = made_weights(key, list(state[key].shape), seed)
        made.load_state_dict(state, strict=False)
        EXPECTED["graphs"][name] = {"size": size, "outputs": rounded(made(made_input((1, 3, size, size)))[0, :16])}


class Attack:
    """Pickled as a call."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


def reject(name, message, data):
    (FOLDER / f"reject_{name}.pth").write_bytes(data)
    EXPECTED["rejections"][f"reject_{name}.pth"] = message


def saved(made, **options):
    buffer = io.BytesIO()
    torch.save(made, buffer, **options)
    return buffer.getvalue()


def archive(text, entries=(), name="archive", method=zipfile.ZIP_STORED):
    """A zip archive with this data.pkl."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        for part, data in [("data.pkl", text), ("byteorder", b"little"), *entries, ("version", b"3\n")]:
            made.writestr(zipfile.ZipInfo(f"{name}/{part}", DATE), data, method)
    return buffer.getvalue()


def attacks():
    state = {"w": torch.ones(2)}
    reject("system", "refers to 'posix.system'", saved({**state, "x": Attack(os.system, "true")}))
    reject("system_protocol4", "refers to 'posix.system'", saved({**state, "x": Attack(os.system, "true")}, pickle_protocol=4))
    reject("system_legacy", "refers to 'posix.system'",
           saved({**state, "x": Attack(os.system, "true")}, _use_new_zipfile_serialization=False))
    reject("eval", "refers to '__builtin__.eval'", saved({**state, "x": Attack(eval, "1")}))
    reject("eval_protocol4", "refers to 'builtins.eval'", saved({**state, "x": Attack(eval, "1")}, pickle_protocol=4))
    reject("subprocess", "refers to 'subprocess.Popen'", saved(Attack(subprocess.Popen, ["true"]), pickle_protocol=4))
    # Protocol 2 writes the names of Python 2.
    reject("commands", "refers to 'commands.Popen'", saved(Attack(subprocess.Popen, ["true"])))
    reject("getattr", "refers to '__builtin__.getattr'", saved(Attack(getattr, state, "get")))
    reject("torch_load", "would call 'torch.storage._load_from_bytes' with arguments (REDUCE)",
           saved(Attack(torch.storage._load_from_bytes, b"")))
    hidden = net(norm=False)
    hidden.conv2.hook = Attack(os.system, "true")
    reject("nested_in_module", "refers to 'posix.system'", saved(hidden))
    rezip("reject_nested_in_module", "reject_nested_in_module")
    hidden = net(norm=False)
    hidden.conv2._parameters["weight"] = Attack(copy.deepcopy, 1)
    reject("call_for_weight", "would call 'copy.deepcopy' with arguments (REDUCE)", saved(hidden))
    rezip("reject_call_for_weight", "reject_call_for_weight")

    def text(*parts):
        return b"\x80\x02" + b"".join(parts) + b"."
    reject("newobj_arguments", "would call 'some.module.Class' with arguments (NEWOBJ)",
           archive(text(b"csome.module\nClass\nX\x04\0\0\0true\x85\x81")))
    reject("newobj_system", "refers to 'os.system'", archive(text(b"cos\nsystem\n)\x81")))
    reject("inst", "INST would make 'some.module.Class'", archive(text(b"(X\x04\0\0\0trueisome.module\nClass\n")))
    reject("inst_system", "refers to 'os.system'", archive(text(b"(X\x04\0\0\0trueios\nsystem\n")))
    reject("obj", "OBJ would make 'some.module.Class'", archive(text(b"(csome.module\nClass\nX\x04\0\0\0trueo")))
    reject("dotted", "refers to 'torch.serialization.os.system'",
           archive(b"\x80\x04\x8c\x13torch.serialization\x8c\x09os.system\x93X\x04\0\0\0true\x85R."))
    reject("extension", "opcode EXT1 is not supported", archive(text(b"\x82\x01")))
    reject("buffer", "opcode NEXT_BUFFER is not supported", archive(text(b"\x97")))
    reject("persid", "opcode PERSID is not supported", archive(text(b"Pstorage\n")))
    reject("depth", "values are nested too deeply", archive(text(b"N" + b"\x85" * 100000), method=zipfile.ZIP_DEFLATED))
    reject("stack", "stacks more values than any checkpoint needs",
           archive(text(b"N" + b"2" * (1 << 19)), method=zipfile.ZIP_DEFLATED))
    reject("marks", "values are nested too deeply", archive(text(b"(" * 100000), method=zipfile.ZIP_DEFLATED))
    # The first value of the list is the list; the state_dict holds itself.
    reject("cycle", "no state_dict is found", archive(text(b"}q\0X\x01\0\0\0ah\0s")))
    reject("cycle_model", "the state_dict lies too deep", archive(text(b"}q\0X\x05\0\0\0modelh\0s")))
    module = (b"c__main__\nNet\n)\x81q\0}(X\x0b\0\0\0_parameters}X\x08\0\0\0_modules}X\x01\0\0\0ah\0sub")
    reject("cycle_module", "or in themselves", archive(text(module)))
    reject("two_values", "STOP does not find exactly one value", archive(text(b"NN")))


def tensor_pickle(size=b"K\x02\x85", stride=b"K\x01\x85", offset=b"K\0", elements=b"K\x02", storage=b"FloatStorage", key=b"0"):
    """{"w": tensor} with parts that can be wrong."""
    persistent = (b"(X\x07\0\0\0storagectorch\n" + storage + b"\nX" + struct.pack("<I", len(key)) + key + b"X\x03\0\0\0cpu" +
                  elements + b"tQ")
    return (b"\x80\x02}X\x01\0\0\0wctorch._utils\n_rebuild_tensor_v2\n(" + persistent + offset + size + stride +
            b"\x89ccollections\nOrderedDict\n)RtRs.")


def damaged_tensors():
    data = [("data/0", struct.pack("<2f", 1, 2))]

    def tensor(name, message, entries=data, **parts):
        reject(name, message, archive(tensor_pickle(**parts), entries))
    (FOLDER / "hand_made.pth").write_bytes(archive(tensor_pickle(), data))
    EXPECTED["tensors"]["hand_made"] = {"w": {"dims": [2], "values": [1, 2]}}
    tensor("storage_short", "its storage holds 8 bytes instead of 12", elements=b"K\x03", size=b"K\x03\x85")
    tensor("storage_missing", "its storage 'data/../0' is missing", key=b"../0")
    tensor("storage_smaller_than_tensor", "does not lie in its storage of 2", size=b"K\x03\x85")
    tensor("storage_huge", "its storage is not described", elements=b"\x8a\x08" + b"\xff" * 7 + b"\x7f")
    tensor("storage_negative", "its storage is not described", elements=b"J\xfe\xff\xff\xff")
    tensor("storage_type", "data type ComplexFloatStorage is not supported", storage=b"ComplexFloatStorage")
    tensor("storage_unknown", "data type NoStorage is not supported", storage=b"NoStorage")
    tensor("size_negative", "none negative", size=b"J\xfe\xff\xff\xff\x85")
    tensor("stride_negative", "none negative", stride=b"J\xff\xff\xff\xff\x85")
    tensor("stride_wide", "does not lie in its storage", stride=b"\x8a\x08" + b"\xff" * 7 + b"\x7f\x85")
    tensor("offset_negative", "its offset is negative", offset=b"J\xff\xff\xff\xff")
    tensor("offset_wide", "does not lie in its storage", offset=b"\x8a\x08" + b"\xff" * 7 + b"\x7f")
    tensor("ranks_differ", "its sizes and strides are not two lists", stride=b"K\x01K\x01\x86")
    tensor("rank", "its sizes and strides are not two lists", size=b"(" + b"K\x01" * 9 + b"t", stride=b"(" + b"K\x01" * 9 + b"t")
    tensor("size_huge", "is too large", size=b"J\0\0\0\x01J\0\0\0\x01J\0\0\0\x01\x87", stride=b"K\0K\0K\0\x87")
    tensor("expanded", "times its size in memory", size=b"J\0\0\0\x01\x85", stride=b"K\0\x85")
    sparse = torch.eye(3).to_sparse()
    reject("sparse", "is a sparse tensor", saved({"w": sparse}))
    reject("meta", "lies on the meta device", saved({"w": torch.empty(2, device="meta")}))
    reject("complex", "data type ComplexFloatStorage is not supported", saved({"w": torch.ones(2, dtype=torch.complex64)}))
    reject("mask", "does not fit", saved({"w_orig": torch.ones(2), "w_mask": torch.ones(3)}))
    reject("no_tensors", "the keys are: epoch, lr", saved({"epoch": 1, "lr": 0.1}))
    reject("list", "holds neither a state_dict nor a module", saved([torch.ones(2)]))
    reject("same_name", "stands twice", saved({"_orig_mod.w": torch.ones(2), "w": torch.zeros(2)}))
    reject("control_name", "holds control characters", saved({"w\n": torch.ones(2)}))


def damaged_containers():
    good = archive(tensor_pickle(), [("data/0", struct.pack("<2f", 1, 2))])
    central = good.index(b"PK\x01\x02")

    def patched(at, value, form="<I", start=central):
        data = bytearray(good)
        struct.pack_into(form, data, start + at, value)
        return bytes(data)
    reject("zip_size_lies", "cannot hold the 4000000000 it states", patched(24, 4000000000))
    reject("zip_sizes_lie", "its entries are larger than the file", patched(20, 4000000000))
    longer = bytearray(patched(20, 300))  # both sizes agree, and reach into what follows
    struct.pack_into("<I", longer, central + 24, 300)
    reject("zip_sizes_beyond", "a damaged zip archive", bytes(longer))
    reject("zip_offset_lies", "a damaged zip archive", patched(42, 0x7ffffff0))
    reject("zip_crc", "a damaged zip archive", patched(16, 12345))
    reject("zip_method", "is compressed by method 12", patched(10, 12, "<H"))
    flags = bytearray(patched(8, 1, "<H"))
    struct.pack_into("<H", flags, 6, 1)
    reject("zip_encrypted", "is encrypted", bytes(flags))
    end = good.index(b"PK\x05\x06")
    reject("zip_count_lies", "a damaged zip archive", patched(10, 60000, "<H", end))
    twice = io.BytesIO()
    with zipfile.ZipFile(twice, "w") as made:
        for _ in range(2):
            made.writestr(zipfile.ZipInfo("a/data.pkl", DATE), b"\x80\x02N.")
    reject("zip_twice", "this name stands twice", twice.getvalue())
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr(zipfile.ZipInfo("a/data.pkl", DATE), b"\0" * (8 << 20), zipfile.ZIP_DEFLATED)
    reject("zip_bomb", "times its size in memory", bomb.getvalue())
    foreign = io.BytesIO()
    with zipfile.ZipFile(foreign, "w") as made:
        made.writestr(zipfile.ZipInfo("a.txt", DATE), b"hello")
    reject("zip_foreign", "a zip archive without data.pkl", foreign.getvalue())
    reject("script", "a TorchScript archive", archive(b"\x80\x02N.", [("constants.pkl", b"\x80\x02).")]))
    reject("byteorder", "byteorder is 'middle'", archive(b"\x80\x02N.").replace(b"little", b"middle"))
    EXPECTED["rejections"]["reject_byteorder.pth"] = "a damaged zip archive"  # its checksum comes first
    reject("trailing_pickle", "goes on after its end", archive(b"\x80\x02N.N"))
    reject("plain_pickle", "a plain pickle", pickle.dumps({"w": [1.0]}))
    reject("text", "not a file of torch.save", b"this is no checkpoint\n")
    reject("empty", "an empty file", b"")
    reject("tar", "a tar archive, as PyTorch wrote before", bytes(257) + b"ustar" + bytes(250))
    reject("lfs", "a pointer of Git LFS", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    legacy = saved({"w": torch.ones(2)}, _use_new_zipfile_serialization=False)
    reject("legacy_cut", "reach beyond the end of the file", legacy[:-1])
    reject("legacy_more", "after the last storage belong to none", legacy + b"\0")
    reject("legacy_protocol", "not version 1001", legacy.replace(b"M\xe9\x03", b"M\xea\x03", 1))


def fuzz_corpus():
    """Seeds of tests/fuzz/fuzz_torch: whole small files, and objects after a byte that says which storages there are."""
    folder = HERE.parent / "fuzz" / "corpus_torch"
    folder.mkdir(exist_ok=True)
    for name in ("hand_made", "legacy_tensors", "reject_cycle_module"):
        shutil.copyfile(FOLDER / f"{name}.pth", folder / f"{name}.pth")

    def seed(name, storages, *parts):
        (folder / name).write_bytes(bytes([sum(storages)]) + b"\x80\x02" + b"".join(parts) + b".")

    def text(value):
        return b"X" + struct.pack("<I", len(value)) + value

    widths = {b"QInt8Storage": b"1", b"CharStorage": b"1", b"HalfStorage": b"2", b"FloatStorage": b"4"}

    def storage(kind):
        return b"(" + text(b"storage") + b"ctorch\n" + kind + b"\n" + text(widths[kind]) + text(b"cpu") + b"K\x04NtQ"

    def tensor(kind, size=b"K\x04\x85", stride=b"K\x01\x85"):
        return b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage(kind) + b"K\0" + size + stride + b"\x89NtR"

    def quantised(kind, parameters):
        return b"ctorch._utils\n_rebuild_qtensor\n(" + storage(kind) + b"K\0K\x02K\x02\x86K\x02K\x01\x86" + parameters + b"\x89NtR"

    def dictionary(*items):
        return b"}(" + b"".join(text(key) + value for key, value in items) + b"u"
    plain = tensor(b"FloatStorage")
    one = b"G" + struct.pack(">d", 0.5)
    seed("dict", [2, 4], dictionary((b"a.weight", plain), (b"a.bias", tensor(b"HalfStorage", b"K\x02\x85", b"K\x02\x85"))))
    seed("masks", [4], dictionary((b"module.w_orig", plain), (b"module.w_mask", tensor(b"FloatStorage", stride=b"K\0\x85"))))
    per_tensor = b"(ctorch\nper_tensor_affine\n" + one + b"K\0t"
    seed("quantised", [1], dictionary((b"a.weight", quantised(b"QInt8Storage", per_tensor)), (b"a.scale", one), (b"a.zero_point", b"K\x07")))
    scales, zeros = (tensor(kind, b"K\x02\x85", b"K\x02\x85") for kind in (b"FloatStorage", b"CharStorage"))
    channels = b"(ctorch\nper_channel_affine\n" + scales + zeros + b"K\0t"
    seed("channels", [1, 4], dictionary((b"a._packed_params._packed_params", quantised(b"QInt8Storage", channels) + plain + b"\x86")))
    module = b"c__main__\nNet\n)\x81" + dictionary((b"_parameters", dictionary((b"w", plain))), (b"_buffers", b"}"),
                                                (b"_modules", dictionary((b"a", b"N")))) + b"b"
    seed("module", [4], dictionary((b"epoch", b"K\x01"), (b"model", module)))
    seed("parameter", [4], dictionary((b"w", b"ctorch._utils\n_rebuild_parameter\n(" + plain + b"\x88Nt" + b"R")))


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    torch.manual_seed(11)
    # The old format keeps the source of every class, and where it lay on the machine.
    torch.serialization.get_source_lines_and_file = lambda made: ([f"class {made.__name__}: ...\n"], 1, "source.py")
    write_graphs()
    for group in (plain_cases, wrapper_cases, prune_cases, quantised_cases, bcc_cnn_case, container_cases, graph_outputs, attacks,
                  damaged_tensors, damaged_containers, fuzz_corpus):
        group()
    parts = []
    for part, entries in EXPECTED.items():
        lines = [f"    {json.dumps(name)}: {json.dumps(value)}" for name, value in entries.items()]
        parts.append(f"  {json.dumps(part)}: {{\n" + ",\n".join(lines) + "\n  }")
    (FOLDER / "expected.json").write_text("{\n" + ",\n".join(parts) + "\n}\n")


if __name__ == "__main__":
    main()
