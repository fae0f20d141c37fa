"""Post-training int8 by other runtimes, each as its documentation recommends for a CNN: weights per channel, activations per tensor, every
operator in int8, no fine-tuning. `inputs` are batches of one image as the network takes them, by which activations are calibrated. For
peers.py and tests/accuracy/int8_peers.py."""
import json
import pathlib
import tempfile

import numpy as np


def with_onnxruntime(model, target, name, inputs, reduce_range=False, per_channel=True, operators=False, leave=()):
    """Writes `target`, a QDQ model of uint8 activations, or one of quantised operators (QOperator) but for those of `leave`. `name`: of the
    network's input."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.registry import QLinearOpsRegistry
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(CalibrationDataReader):
        def __init__(self):
            self.rows = iter(inputs)

        def get_next(self):
            row = next(self.rows, None)
            return None if row is None else {name: row}

    kinds = [kind for kind in QLinearOpsRegistry if kind not in leave] if operators else None
    with tempfile.TemporaryDirectory() as folder:
        prepared = pathlib.Path(folder) / "prepared.onnx"
        quant_pre_process(str(model), str(prepared), skip_symbolic_shape=True)
        quantize_static(str(prepared), str(target), Reader(), quant_format=QuantFormat.QOperator if operators else QuantFormat.QDQ,
                        per_channel=per_channel, reduce_range=reduce_range, activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
                        op_types_to_quantize=kinds)


def with_nncf(network, inputs, **options):
    """An OpenVINO or ONNX model -> one of the same kind. For ONNX the inputs are dictionaries by name."""
    import nncf
    inputs = list(inputs)
    return nncf.quantize(network, nncf.Dataset(inputs), preset=nncf.QuantizationPreset.MIXED, subset_size=len(inputs), **options)


def with_tensorflow(keras, target, inputs):
    """Writes `target`, a LiteRT model; in float32 where `inputs` is None, else int8 at its ends too. NHWC."""
    import tensorflow as tf
    converter = tf.lite.TFLiteConverter.from_keras_model(keras)
    if inputs is not None:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([row] for row in inputs)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
    target.write_bytes(converter.convert())


def with_mnn(source, target, name, inputs):
    """Writes `target` from an MNN model in float32. `name`: of the network's input."""
    # Not by MNN.tools, which installs a package to report its use.
    from _tools import mnnquant
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for number, row in enumerate(inputs):
            part = folder / "inputs" / f"{number:04}"
            part.mkdir(parents=True)
            (part / "input.json").write_text(json.dumps({"inputs": [{"name": name, "shape": row.shape}]}), encoding="utf-8")
            np.savetxt(part / f"{name}.txt", row.ravel(), fmt="%.8g")
        settings = {"path": f"{folder / 'inputs'}/", "input_type": "sequence", "used_sample_num": len(inputs), "batch_size": 1,
                    "feature_quantize_method": "KL", "weight_quantize_method": "MAX_ABS"}
        (folder / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
        mnnquant(["mnnquant", str(source), str(target), str(folder / "settings.json")])
