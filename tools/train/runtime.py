"""The C++ runtime, by its C interface: what is evaluated and fitted is what ships."""

import ctypes
import pathlib

import numpy as np

import views

VERDICTS = ["none", "bcc", "not_bcc", "refer", "unusable"]


class _OpenOptions(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_size_t), ("isa", ctypes.c_char_p), ("copy", ctypes.c_int), ("tune_file", ctypes.c_char_p),
                ("threads", ctypes.c_int32)]


class _SessionOptions(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_size_t), ("batch", ctypes.c_int32), ("threads", ctypes.c_int32), ("arena", ctypes.c_void_p),
                ("arena_bytes", ctypes.c_size_t), ("pixel_features", ctypes.c_int)]


class _TensorInfo(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_size_t), ("name", ctypes.c_char_p), ("type", ctypes.c_int), ("height", ctypes.c_int32),
                ("width", ctypes.c_int32), ("channels", ctypes.c_int32), ("channel_stride", ctypes.c_int32), ("scale", ctypes.c_float),
                ("zero_point", ctypes.c_int32)]


class _Result(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_size_t), ("probabilities", ctypes.POINTER(ctypes.c_float)),
                ("probability_count", ctypes.c_size_t), ("verdict", ctypes.c_int), ("p_bcc", ctypes.c_float),
                ("operating_point", ctypes.c_char_p), ("reasons", ctypes.c_uint32), ("decode_ms", ctypes.c_double),
                ("preprocess_ms", ctypes.c_double), ("inference_ms", ctypes.c_double)]


class _Findings(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_size_t), ("outputs", ctypes.c_void_p), ("output_count", ctypes.c_size_t),
                ("views", ctypes.c_int32), ("features", ctypes.c_void_p), ("feature_count", ctypes.c_size_t)]


class _JudgeOptions(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_size_t), ("operating_point", ctypes.c_char_p), ("of_views", ctypes.c_int),
                ("without_limits", ctypes.c_int)]


class Model:
    """A .cutis file and one session on it. library: libcutis.so of a build."""

    def __init__(self, library, path, threads=1):
        self.lib = ctypes.CDLL(str(library))
        for name in ("cutis_model_label", "cutis_reason_name", "cutis_pixel_feature_name"):
            getattr(self.lib, name).restype = ctypes.c_char_p
        self.lib.cutis_session_output.restype = ctypes.POINTER(ctypes.c_uint8)
        self.error = ctypes.create_string_buffer(1000)
        self.model, self.session = ctypes.c_void_p(), ctypes.c_void_p()
        opened = _OpenOptions(ctypes.sizeof(_OpenOptions), None, 0, None, threads)
        self._check(self.lib.cutis_model_open(str(path).encode(), ctypes.byref(opened), ctypes.byref(self.model), self.error, 1000))
        options = _SessionOptions(ctypes.sizeof(_SessionOptions), 1, threads, None, 0, 1)
        self._check(self.lib.cutis_session_create(self.model, ctypes.byref(options), ctypes.byref(self.session), self.error, 1000))
        self.labels = []
        while (label := self.lib.cutis_model_label(self.model, len(self.labels))) is not None:
            self.labels.append(label.decode())
        self.pixel_features = []
        while (name := self.lib.cutis_pixel_feature_name(len(self.pixel_features))) is not None:
            self.pixel_features.append(name.decode())
        self.outputs = []
        while True:
            info = _TensorInfo(ctypes.sizeof(_TensorInfo))
            if self.lib.cutis_model_output(self.model, len(self.outputs), ctypes.byref(info)) != 0:
                break
            self.outputs.append(info)

    def close(self):
        self.lib.cutis_session_destroy(self.session)
        self.lib.cutis_model_close(self.model)

    def _check(self, status):
        if status != 0:
            raise RuntimeError(self.error.value.decode())

    def run(self, pixels):
        """The raw outputs, one after the other, for tight NHWC bytes [H, W, 3]."""
        data = np.ascontiguousarray(pixels, np.uint8)
        self._check(self.lib.cutis_session_set_input_u8(self.session, 0, data.ctypes.data_as(ctypes.c_void_p), data.nbytes, self.error,
                                                        1000))
        self._check(self.lib.cutis_session_run(self.session, 1, self.error, 1000))
        return np.concatenate([np.array(self.lib.cutis_session_output(self.session, index, 0)[:info.channels], np.uint8)
                               for index, info in enumerate(self.outputs)])

    def real_output(self, index=0):
        """An output of the last run as real values."""
        info = self.outputs[index]
        values = np.empty(info.height * info.width * info.channels, np.float32)
        self._check(self.lib.cutis_session_get_output_f32(self.session, index, 0, values.ctypes.data_as(ctypes.c_void_p), values.size,
                                                          self.error, 1000))
        return values

    def features(self, path):
        """What limits look at: features of the pixels of an image file, and the network's outputs after the first."""
        self.classify(path)
        values = np.empty(len(self.pixel_features), np.float32)
        self._check(self.lib.cutis_session_get_pixel_features(self.session, 0, values.ctypes.data_as(ctypes.c_void_p),
                                                              ctypes.c_size_t(values.size), self.error, 1000))
        return np.concatenate([values, *(self.real_output(index) for index in range(1, len(self.outputs)))])

    def view_outputs(self, path):
        """The network's first output for each of the eight views of an image file, [views, labels] float32."""
        data = pathlib.Path(path).read_bytes()
        info = _TensorInfo(ctypes.sizeof(_TensorInfo))
        self._check(self.lib.cutis_model_input(self.model, ctypes.byref(info)))
        pixels, view = (np.empty((info.height, info.width, 3), np.uint8) for _ in range(2))
        place = [array.ctypes.data_as(ctypes.c_void_p) for array in (pixels, view)]
        bytes_of = ctypes.c_size_t(pixels.nbytes)
        self._check(self.lib.cutis_session_set_image(self.session, 0, data, ctypes.c_size_t(len(data)), None, self.error, 1000))
        self._check(self.lib.cutis_session_get_input_u8(self.session, 0, place[0], bytes_of, self.error, 1000))
        outputs = []
        for index in range(views.VIEWS):
            self._check(self.lib.cutis_make_view(place[0], info.height, index, place[1], self.error, 1000))
            self._check(self.lib.cutis_session_set_input_u8(self.session, 0, place[1], bytes_of, self.error, 1000))
            self._check(self.lib.cutis_session_run(self.session, 1, self.error, 1000))
            outputs.append(self.real_output())
        return np.stack(outputs)

    def judge_views(self, outputs, all_views=False, operating_point=None):
        """The verdict on the mean of as many of the views' outputs as are needed, or of all: (verdict, p_bcc, views), without limits."""
        outputs = np.ascontiguousarray(outputs, np.float32)
        point = None if operating_point is None else operating_point.encode()
        options = _JudgeOptions(ctypes.sizeof(_JudgeOptions), point, 1, 1)
        for count in range(len(outputs) if all_views else 1, len(outputs) + 1):
            findings = _Findings(ctypes.sizeof(_Findings), outputs.ctypes.data, count * outputs.shape[1], count, None, 0)
            suffice = ctypes.c_int(0)
            self._check(self.lib.cutis_model_views_suffice(self.model, ctypes.byref(findings), ctypes.byref(options),
                                                           ctypes.byref(suffice), self.error, 1000))
            if suffice.value:
                break
        result = _Result(ctypes.sizeof(_Result), None, 0)
        self._check(self.lib.cutis_model_judge(self.model, ctypes.byref(findings), ctypes.byref(options), ctypes.byref(result), self.error,
                                               1000))
        return VERDICTS[result.verdict], result.p_bcc, count

    def classify(self, path, operating_point=None):
        """The verdict on an image file, as a dictionary; "logits" are the network's outputs before any calibration."""
        data = pathlib.Path(path).read_bytes()
        probabilities = (ctypes.c_float * len(self.labels))()
        result = _Result(ctypes.sizeof(_Result), probabilities, len(self.labels))
        point = None if operating_point is None else operating_point.encode()
        self._check(self.lib.cutis_session_classify(self.session, data, len(data), point, ctypes.byref(result), self.error, 1000))
        reasons = [self.lib.cutis_reason_name(1 << bit).decode() for bit in range(32) if result.reasons >> bit & 1]
        return {"verdict": VERDICTS[result.verdict], "p_bcc": result.p_bcc, "probabilities": np.array(probabilities, np.float64),
                "reasons": reasons, "logits": self.real_output()}
