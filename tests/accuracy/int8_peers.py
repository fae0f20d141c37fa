#!/usr/bin/env python3
"""Post-training int8 by other runtimes, for lite0_int8.py, which runs this in an environment that has them:

    int8_peers.py onnxruntime|openvino|litert MODEL.onnx CALIBRATION.npy IMAGES.npy OUTPUT.npz

Images are uint8 NHWC; the network gets (byte - 127) / 128. Written: the logits of each image by the runtime's own `float32` form of the
model and by its int8 forms, and `version`. Each is quantised as its documentation recommends for a CNN: weights per channel, activations
per tensor, every operator in int8, no fine-tuning.
"""
import pathlib
import sys
import tempfile

import numpy as np

sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "tools/compare"))
import quantize


def real(images):
    """One batch of the network's own input, NCHW."""
    return np.ascontiguousarray(((images.astype(np.float32) - 127) / 128).transpose(0, 3, 1, 2))


def run_onnx(path, images, optimised=True):
    """Unoptimised, a QDQ model runs in float32 between its quantised tensors: the integer arithmetic without the saturation of 16-bit
    sums that the u8 x s8 kernels of CPUs without VNNI have."""
    import onnxruntime
    options = onnxruntime.SessionOptions()
    if not optimised:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return np.concatenate([session.run(None, {"image": real(image[None])})[0] for image in images])


def with_onnxruntime(model, calibration, images, work):
    import onnxruntime
    target = work / "int8.onnx"
    results = {"float32": run_onnx(model, images)}
    for name, reduced in (("int8", False), ("int8, 7-bit weights", True)):
        quantize.with_onnxruntime(model, target, "image", [real(image[None]) for image in calibration], reduced)
        results[name] = run_onnx(target, images)
        if not reduced:
            results["int8, no saturation"] = run_onnx(target, images, optimised=False)
    return results, onnxruntime.__version__


def with_openvino(model, calibration, images, work):
    import nncf
    import openvino
    core = openvino.Core()
    network = core.read_model(model)
    network.reshape([1, 3, *images.shape[1:3]])

    def run(network):
        # The arithmetic of int8 as written: no bf16 or f16 in what stays real.
        compiled = core.compile_model(network, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        return np.concatenate([next(iter(compiled([real(image[None])]).values())).copy() for image in images])

    results = {"float32": run(network)}
    inputs = [{"image": real(image[None])} for image in calibration]
    seven = nncf.AdvancedQuantizationParameters(overflow_fix=nncf.quantization.advanced_parameters.OverflowFix.ENABLE)
    for name, arguments in (("int8", {}), ("int8, 7-bit weights", {"advanced_parameters": seven}), ("int8, accurate bias", {"fast_bias_correction": False})):
        results[name] = run(quantize.with_nncf(network.clone(), inputs, **arguments))
    # The same quantiser on ONNX, run without the saturation of CPUs that lack VNNI.
    import onnx
    path, batch = work / "nncf.onnx", onnx.load(model)
    for value in (*batch.graph.input, *batch.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = 1
    onnx.save(quantize.with_nncf(batch, inputs), path)
    results["int8, no saturation"] = run_onnx(path, images, optimised=False)
    return results, f"{openvino.__version__} with nncf {nncf.__version__}"


def with_litert(model, calibration, images, work):
    import importlib.metadata

    import frameworks
    import tensorflow as tf
    from ai_edge_litert.interpreter import Interpreter

    def nhwc(image):
        return (image[None].astype(np.float32) - 127) / 128

    def run(path):
        interpreter = Interpreter(str(path))
        interpreter.allocate_tensors()
        source, target = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
        rows = []
        for image in images:
            x = nhwc(image)
            if source["dtype"] != np.float32:
                scale, zero = source["quantization"]
                info = np.iinfo(source["dtype"])
                x = np.clip(np.round(x / scale) + zero, info.min, info.max).astype(source["dtype"])
            interpreter.set_tensor(source["index"], x)
            interpreter.invoke()
            y = interpreter.get_tensor(target["index"]).astype(np.float32)
            if target["dtype"] != np.float32:
                scale, zero = target["quantization"]
                y = (y - zero) * np.float32(scale)
            rows.append(y)
        return np.concatenate(rows)

    keras = frameworks.keras_of(model)
    quantize.with_tensorflow(keras, work / "float.tflite", None)
    quantize.with_tensorflow(keras, work / "int8.tflite", [nhwc(image) for image in calibration])
    version = f"{importlib.metadata.version('ai-edge-litert')}, model by TensorFlow {tf.__version__}"
    return {"float32": run(work / "float.tflite"), "int8": run(work / "int8.tflite")}, version


def main():
    runtime, model, calibration, images, output = sys.argv[1:]
    run = {"onnxruntime": with_onnxruntime, "openvino": with_openvino, "litert": with_litert}[runtime]
    with tempfile.TemporaryDirectory() as work:
        results, version = run(model, np.load(calibration), np.load(images), pathlib.Path(work))
    np.savez(output, version=np.array(version), **results)


if __name__ == "__main__":
    main()
