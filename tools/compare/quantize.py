"""Post-training int8 by other runtimes, each as its documentation recommends for a CNN: weights per channel, activations per tensor, every
operator in int8, no fine-tuning. `inputs` are batches of one image as the network takes them, by which activations are calibrated. For
peers.py and tests/accuracy/int8_peers.py."""
import pathlib
import tempfile


def with_onnxruntime(model, target, name, inputs, reduce_range=False):
    """Writes `target`, a QDQ model of uint8 activations. `name`: of the network's input."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(CalibrationDataReader):
        def __init__(self):
            self.rows = iter(inputs)

        def get_next(self):
            row = next(self.rows, None)
            return None if row is None else {name: row}

    with tempfile.TemporaryDirectory() as folder:
        prepared = pathlib.Path(folder) / "prepared.onnx"
        quant_pre_process(str(model), str(prepared), skip_symbolic_shape=True)
        quantize_static(str(prepared), str(target), Reader(), quant_format=QuantFormat.QDQ, per_channel=True, reduce_range=reduce_range,
                        activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8)


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


def keras_of(model):
    """The ONNX model of tests/converter/lite0_onnx.py as a Keras model, node by node; NHWC, SAME padding as TensorFlow has it."""
    import onnx
    import tensorflow as tf
    from onnx import numpy_helper
    graph = onnx.load(model).graph
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    image = tf.keras.Input(batch_shape=(1, 224, 224, 3), name="image")
    values = {"image": image}
    for node in graph.node:
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        x = values[node.input[0]]
        if node.op_type == "Conv":
            weights, group = constants[node.input[1]], attributes["group"]
            same = any(attributes["pads"])
            options = dict(kernel_size=attributes["kernel_shape"], strides=attributes["strides"], padding="same" if same else "valid", use_bias=False)
            layer = tf.keras.layers.DepthwiseConv2D(**options) if group > 1 else tf.keras.layers.Conv2D(weights.shape[0], **options)
            y = layer(x)
            layer.set_weights([weights.transpose(2, 3, 0, 1) if group > 1 else weights.transpose(2, 3, 1, 0)])
        elif node.op_type == "BatchNormalization":
            layer = tf.keras.layers.BatchNormalization(epsilon=attributes["epsilon"])
            y = layer(x)
            layer.set_weights([constants[name] for name in node.input[1:]])
        elif node.op_type == "Clip":
            y = tf.keras.layers.ReLU(max_value=6)(x)
        elif node.op_type == "Add":
            y = tf.keras.layers.Add()([x, values[node.input[1]]])
        elif node.op_type == "GlobalAveragePool":
            y = tf.keras.layers.GlobalAveragePooling2D()(x)
        elif node.op_type == "Flatten":
            y = x
        elif node.op_type == "Gemm":
            weights = constants[node.input[1]]
            layer = tf.keras.layers.Dense(weights.shape[0])
            y = layer(x)
            layer.set_weights([weights.T, constants[node.input[2]]])
        else:
            raise ValueError(f"no {node.op_type} here")
        values[node.output[0]] = y
    return tf.keras.Model(image, values[graph.output[0].name])
