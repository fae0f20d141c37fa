#include "converter/torch/tensor.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "converter/graph/edit.h"

namespace cutis::convert {
namespace {

// What the elements of a storage are.
struct TorchType {
  std::string_view storage, dtype;  // torch.FloatStorage, torch.float32
  ElementType type;                 // 16-bit integers are read as 32-bit ones
  size_t bytes;
  bool quantised;
};
constexpr TorchType kTypes[] = {
    {"FloatStorage", "float32", ElementType::kF32, 4, false}, {"DoubleStorage", "float64", ElementType::kF64, 8, false},
    {"HalfStorage", "float16", ElementType::kF16, 2, false},  {"BFloat16Storage", "bfloat16", ElementType::kBF16, 2, false},
    {"LongStorage", "int64", ElementType::kI64, 8, false},    {"IntStorage", "int32", ElementType::kI32, 4, false},
    {"ShortStorage", "int16", ElementType::kI32, 2, false},   {"CharStorage", "int8", ElementType::kI8, 1, false},
    {"ByteStorage", "uint8", ElementType::kU8, 1, false},     {"BoolStorage", "bool", ElementType::kBool, 1, false},
    {"QInt8Storage", "qint8", ElementType::kI8, 1, true},     {"QUInt8Storage", "quint8", ElementType::kU8, 1, true},
};

constexpr const char* kBuilders[] = {"torch._utils._rebuild_tensor",        "torch._utils._rebuild_tensor_v2",
                                     "torch._utils._rebuild_tensor_v3",     "torch._utils._rebuild_qtensor",
                                     "torch._utils._rebuild_sparse_tensor", "torch._utils._rebuild_meta_tensor_no_storage"};

void SwapBytes(std::byte* element, size_t bytes) { std::reverse(element, element + bytes); }

}  // namespace

// A tensor as PyTorch has it: some elements of a storage.
struct TensorReader::View {
  const TorchType* type = nullptr;
  std::span<const std::byte> storage;
  int64_t elements = 0;  // of the storage, from `begin` on
  int64_t begin = 0;     // of a view of a storage (old files), in elements
  int64_t offset = 0;
  Dims dims, strides;  // the stride of a dimension of 1 is 0
  int64_t count = 0;
  int64_t key = 0;  // which storage
};

// Parameters and tensors of subclasses hold the call that makes their tensor.
PickleId TensorReader::Unwrap(PickleId id) const {
  for (int i = 0; i < 8 && id != kNoPickle && pickle_.KindOf(id) == PickleKind::kCall; ++i) {
    const PickleValue& call = pickle_[id];
    const std::string name = pickle_.GlobalName(call.callee);
    const bool parameter = name == "torch._utils._rebuild_parameter" || name == "torch._utils._rebuild_parameter_with_state";
    if (!parameter || call.items.empty()) return id;
    id = call.items[0];
  }
  return id;
}

bool TensorReader::IsTensor(PickleId id) const {
  id = Unwrap(id);
  if (id == kNoPickle || pickle_.KindOf(id) != PickleKind::kCall) return false;
  const std::string name = pickle_.GlobalName(pickle_[id].callee);
  if (name == "torch._tensor._rebuild_from_type" || name == "torch._tensor._rebuild_from_type_v2") return true;
  return std::any_of(std::begin(kBuilders), std::end(kBuilders), [&](const char* builder) { return name == builder; });
}

Status TensorReader::ReadStorage(PickleId id, PickleId dtype, const std::string& where, View* view) {
  const Status damaged = Status::Error(Code::kBadInput, "%s: its storage is not described as torch.save does", where.c_str());
  if (pickle_.KindOf(id) != PickleKind::kPersistent) return damaged;
  const PickleValue& tuple = pickle_[pickle_[id].items[0]];
  // ("storage", class, key, location, elements) and, in old files, a view: None or (key, first element, elements).
  if (tuple.kind != PickleKind::kTuple || tuple.items.size() < 5 || tuple.items.size() > 6) return damaged;
  const PickleValue& type = pickle_[tuple.items[1]];
  const PickleValue& key = pickle_[tuple.items[2]];
  const PickleValue& elements = pickle_[tuple.items[4]];
  if (pickle_[tuple.items[0]].text != "storage" || type.kind != PickleKind::kGlobal || key.kind != PickleKind::kText ||
      elements.kind != PickleKind::kInt) {
    return damaged;
  }
  const std::string_view storage_class = pickle_[type.items[1]].text;
  std::string_view dtype_name;
  if (dtype != kNoPickle && pickle_.KindOf(dtype) == PickleKind::kGlobal) dtype_name = pickle_[pickle_[dtype].items[1]].text;
  const TorchType* found = std::find_if(std::begin(kTypes), std::end(kTypes), [&](const TorchType& t) {
    return dtype == kNoPickle ? t.storage == storage_class : t.dtype == dtype_name;
  });
  if (found == std::end(kTypes)) {
    return Status::Error(Code::kUnsupported, "%s: data type %s is not supported", where.c_str(),
                         Printable(dtype == kNoPickle ? storage_class : dtype_name, 40).c_str());
  }
  view->type = found;
  const size_t stored = StorageElementBytes(storage_class);
  if (stored == 0 || elements.number < 0 || elements.number > INT64_MAX / 16) return damaged;
  const uint64_t bytes = static_cast<uint64_t>(elements.number) * stored;
  CUTIS_ASSIGN(view->storage, archive_.Storage(std::string(key.text), bytes, where));
  view->elements = static_cast<int64_t>(view->storage.size() / found->bytes);
  if (tuple.items.size() == 6 && pickle_.KindOf(tuple.items[5]) != PickleKind::kNone) {
    const PickleValue& part = pickle_[tuple.items[5]];
    if (part.kind != PickleKind::kTuple || part.items.size() != 3) return damaged;
    const PickleValue& first = pickle_[part.items[1]];
    const PickleValue& size = pickle_[part.items[2]];
    if (first.kind != PickleKind::kInt || size.kind != PickleKind::kInt || first.number < 0 || size.number < 0 ||
        first.number > view->elements || size.number > view->elements - first.number) {
      return damaged;
    }
    view->begin = first.number;
    view->elements = size.number;
  }
  view->key = keys_.emplace(std::string(key.text), static_cast<int64_t>(keys_.size())).first->second;
  return {};
}

// Checks that no element lies outside the storage.
Status TensorReader::ReadSizes(PickleId sizes, PickleId strides, const std::string& where, View* view) const {
  const auto numbers = [&](PickleId id, Dims* out) {
    // torch.Size(...) is a call around the tuple.
    if (pickle_.KindOf(id) == PickleKind::kCall && pickle_[id].items.size() == 1) id = pickle_[id].items[0];
    if (pickle_.KindOf(id) != PickleKind::kTuple && pickle_.KindOf(id) != PickleKind::kList) return false;
    if (pickle_[id].items.size() > kMaxRank) return false;
    for (const PickleId item : pickle_[id].items) {
      if (pickle_.KindOf(item) != PickleKind::kInt || pickle_[item].number < 0) return false;
      out->push_back(pickle_[item].number);
    }
    return true;
  };
  if (!numbers(sizes, &view->dims) || !numbers(strides, &view->strides) || view->dims.size() != view->strides.size()) {
    return Status::Error(Code::kBadInput, "%s: its sizes and strides are not two lists of at most %zu numbers, none negative",
                         where.c_str(), kMaxRank);
  }
  view->count = ElementCount(view->dims);
  if (view->count < 0) {
    return Status::Error(Code::kBadInput, "%s: its shape %s is too large", where.c_str(), ToText(view->dims).c_str());
  }
  if (view->count == 0) return {};
  bool inside = view->offset < view->elements;
  int64_t last = view->offset;  // the element that lies furthest
  for (size_t i = 0; inside && i < view->dims.size(); ++i) {
    if (view->dims[i] == 1) {
      view->strides[i] = 0;  // never stepped over, and could be any number
      continue;
    }
    // Neither the product nor the sum can overflow: both factors are below the size of the storage.
    inside = view->strides[i] == 0 || view->strides[i] <= (view->elements - 1 - last) / (view->dims[i] - 1);
    if (inside) last += view->strides[i] * (view->dims[i] - 1);
  }
  if (inside) return {};
  return Status::Error(Code::kBadInput,
                       "%s: its shape %s with strides %s from element %lld does not lie in its storage of %lld", where.c_str(),
                       ToText(view->dims).c_str(), ToText(view->strides).c_str(), static_cast<long long>(view->offset),
                       static_cast<long long>(view->elements));
}

Status TensorReader::ReadView(const PickleValue& call, const std::string& where, View* view) {
  const std::string name = pickle_.GlobalName(call.callee);
  const size_t arguments = call.items.size();
  if (arguments < 4) return Status::Error(Code::kBadInput, "%s: %s with %zu arguments", where.c_str(), name.c_str(), arguments);
  const bool v3 = name == "torch._utils._rebuild_tensor_v3";
  if (v3 && arguments < 7) return Status::Error(Code::kBadInput, "%s: it has no data type", where.c_str());
  const PickleValue& offset = pickle_[call.items[1]];
  if (offset.kind != PickleKind::kInt || offset.number < 0)
    return Status::Error(Code::kBadInput, "%s: its offset is negative or no number", where.c_str());
  CUTIS_TRY(ReadStorage(call.items[0], v3 ? call.items[6] : kNoPickle, where, view));
  view->offset = offset.number;
  // The last argument may be a dict of flags; none that we know of (conj, neg) can be left out of account.
  const PickleValue& metadata = pickle_[call.items.back()];
  const bool qtensor = name == "torch._utils._rebuild_qtensor";
  if (arguments == (v3 ? 8u : 7u) && !qtensor && metadata.kind == PickleKind::kDict) {
    for (size_t i = 1; i < metadata.items.size(); i += 2) {
      if (pickle_.KindOf(metadata.items[i]) == PickleKind::kBool && pickle_[metadata.items[i]].number == 0) continue;
      return Status::Error(Code::kUnsupported, "%s: is a conjugated or negated view: save it after .resolve_neg()",
                           where.c_str());
    }
  }
  return ReadSizes(call.items[2], call.items[3], where, view);
}

Status TensorReader::Gather(const View& view, const std::string& where, Constant* constant) {
  const size_t bytes = view.type->bytes;
  CUTIS_TRY(budget_.Take(static_cast<uint64_t>(view.count) * bytes, where));
  constant->type = view.type->type;
  constant->dims = view.dims;
  constant->data.resize(static_cast<size_t>(view.count) * bytes);
  if (view.count == 0) return {};
  const size_t rank = view.dims.size();
  const int64_t inner = rank == 0 ? 1 : view.dims[rank - 1];
  const int64_t stride = rank == 0 ? 1 : view.strides[rank - 1];
  const auto at = [&](int64_t element) { return view.storage.data() + static_cast<size_t>(element) * bytes; };
  std::vector<int64_t> index(rank, 0);
  int64_t first = view.begin + view.offset;  // of the row
  std::byte* out = constant->data.data();
  for (int64_t row = 0; row < view.count / inner; ++row) {
    if (stride == 1) {
      std::memcpy(out, at(first), static_cast<size_t>(inner) * bytes);
    } else {
      for (int64_t i = 0; i < inner; ++i) std::memcpy(out + static_cast<size_t>(i) * bytes, at(first + i * stride), bytes);
    }
    out += static_cast<size_t>(inner) * bytes;
    for (size_t axis = rank == 0 ? 0 : rank - 1; axis-- > 0;) {
      first += view.strides[axis];
      if (++index[axis] < view.dims[axis]) break;
      first -= view.strides[axis] * view.dims[axis];
      index[axis] = 0;
    }
  }
  if (archive_.big_endian() && bytes > 1) {
    for (size_t i = 0; i < constant->data.size(); i += bytes) SwapBytes(constant->data.data() + i, bytes);
  }
  return {};
}

// (torch.per_tensor_affine, scale, zero point) or (torch.per_channel_affine, scales, zero points, axis).
Status TensorReader::ReadQuantiser(PickleId id, const Dims& dims, const std::string& where, std::vector<float>* scales,
                                   std::vector<int64_t>* zero_points, size_t* axis) {
  const Status damaged = Status::Error(Code::kBadInput, "%s: its scales are not described as torch.save does", where.c_str());
  const PickleValue& tuple = pickle_[id];
  if (tuple.kind != PickleKind::kTuple || tuple.items.empty()) return damaged;
  const std::string scheme = pickle_.GlobalName(tuple.items[0]);
  if (scheme == "torch.per_tensor_affine" && tuple.items.size() == 3) {
    const PickleValue& scale = pickle_[tuple.items[1]];
    const PickleValue& zero_point = pickle_[tuple.items[2]];
    if (scale.kind != PickleKind::kFloat || zero_point.kind != PickleKind::kInt) return damaged;
    scales->push_back(static_cast<float>(scale.real));
    zero_points->push_back(zero_point.number);
  } else if (scheme == "torch.per_channel_affine" && tuple.items.size() == 4) {
    const PickleValue& number = pickle_[tuple.items[3]];
    if (number.kind != PickleKind::kInt || number.number < 0 || static_cast<uint64_t>(number.number) >= dims.size() ||
        !IsTensor(tuple.items[1]) || !IsTensor(tuple.items[2])) {
      return damaged;
    }
    *axis = static_cast<size_t>(number.number);
    if (in_scales_) return damaged;  // scales that have scales
    in_scales_ = true;
    CUTIS_ASSIGN(const TorchTensor scale, Read(tuple.items[1], where + ": scales"));
    CUTIS_ASSIGN(const TorchTensor zero_point, Read(tuple.items[2], where + ": zero points"));
    in_scales_ = false;
    if (!IsFloat(scale.constant->type) || IsFloat(zero_point.constant->type)) return damaged;
    *scales = ReadFloats(*scale.constant);
    *zero_points = ReadInts(*zero_point.constant);
    const size_t wanted = static_cast<size_t>(dims[*axis]);
    if (scales->size() != wanted || zero_points->size() != wanted) return damaged;
  } else {
    return Status::Error(Code::kUnsupported, "%s: quantisation scheme %s is not supported", where.c_str(), scheme.c_str());
  }
  for (size_t i = 0; i < scales->size(); ++i) {
    if (!std::isnormal((*scales)[i]) || (*scales)[i] < 0)
      return Status::Error(Code::kBadInput, "%s: scale %g is no positive number", where.c_str(), double{(*scales)[i]});
    if ((*zero_points)[i] < -128 || (*zero_points)[i] > 255)
      return Status::Error(Code::kBadInput, "%s: zero point %lld is out of range", where.c_str(),
                           static_cast<long long>((*zero_points)[i]));
  }
  return {};
}

// Values as PyTorch's dequantize() gives them: (q - zero point) * scale in float32. Scales that fit Cutis' convention for
// weights (int8 with zero point 0, or the same shifted by 128; one for all or one per output channel) are kept beside.
Result<TorchTensor> TensorReader::Dequantise(const PickleValue& call, const View& view, Constant raw,
                                             const std::string& where) {
  std::vector<float> scales;
  std::vector<int64_t> zero_points;
  size_t axis = 0;
  CUTIS_TRY(ReadQuantiser(call.items[4], view.dims, where, &scales, &zero_points, &axis));
  CUTIS_TRY(budget_.Take(static_cast<uint64_t>(view.count) * sizeof(float), where));
  const bool is_signed = raw.type == ElementType::kI8;
  const int64_t natural = is_signed ? 0 : 128;
  TorchTensor tensor;
  tensor.quantised = true;
  if (std::any_of(zero_points.begin(), zero_points.end(), [&](int64_t z) { return z != natural; })) {
    tensor.lost = "a zero point is not " + std::to_string(natural);
  } else if (axis != 0) {
    tensor.lost = "the scales run along axis " + std::to_string(axis);
  }
  int64_t inner = 1;
  for (size_t i = axis + 1; i < view.dims.size(); ++i) inner *= view.dims[i];
  std::vector<float> values(static_cast<size_t>(view.count));
  for (size_t i = 0; i < values.size(); ++i) {
    const size_t channel = scales.size() == 1 ? 0 : static_cast<size_t>(static_cast<int64_t>(i) / inner % view.dims[axis]);
    const int64_t q = is_signed ? std::to_integer<int>(raw.data[i]) - (std::to_integer<int>(raw.data[i]) >= 128 ? 256 : 0)
                                : std::to_integer<int>(raw.data[i]);
    int64_t centred = q - zero_points[channel];
    if (tensor.lost.empty() && centred == -128) {
      centred = -127;
      ++tensor.clamped;
    }
    values[i] = static_cast<float>(centred) * scales[channel];
  }
  tensor.constant = std::make_shared<const Constant>(MakeFloats(view.dims, values));
  if (tensor.lost.empty()) tensor.quantization = std::make_shared<const Quantization>(Quantization{std::move(scales), 0});
  return tensor;
}

Result<TorchTensor> TensorReader::Read(PickleId id, const std::string& where) {
  const PickleValue* call = &pickle_[Unwrap(id)];
  std::string name = pickle_.GlobalName(call->callee);
  PickleValue from_type;
  if (name == "torch._tensor._rebuild_from_type" || name == "torch._tensor._rebuild_from_type_v2") {
    // (function, class, arguments, state)
    if (call->items.size() < 3 || pickle_.KindOf(call->items[2]) != PickleKind::kTuple)
      return Status::Error(Code::kBadInput, "%s: is not described as torch.save does", where.c_str());
    from_type.kind = PickleKind::kCall;
    from_type.callee = call->items[0];
    from_type.items = pickle_[call->items[2]].items;
    call = &from_type;
    name = pickle_.GlobalName(call->callee);
    if (name == "torch._utils._rebuild_parameter" && !call->items.empty() &&
        pickle_.KindOf(call->items[0]) == PickleKind::kCall) {
      call = &pickle_[call->items[0]];
      name = pickle_.GlobalName(call->callee);
    }
  }
  if (name == "torch._utils._rebuild_sparse_tensor")
    return Status::Error(Code::kUnsupported, "%s: is a sparse tensor: save it after .to_dense()", where.c_str());
  if (name == "torch._utils._rebuild_meta_tensor_no_storage")
    return Status::Error(Code::kUnsupported, "%s: lies on the meta device and holds no data", where.c_str());
  const bool quantised = name == "torch._utils._rebuild_qtensor";
  const bool plain =
      std::any_of(std::begin(kBuilders), std::end(kBuilders), [&](const char* builder) { return name == builder; });
  if (!plain)
    return Status::Error(Code::kUnsupported, "%s: is made by '%s', which is not supported", where.c_str(), name.c_str());
  View view;
  CUTIS_TRY(ReadView(*call, where, &view));
  if (quantised != view.type->quantised || (quantised && call->items.size() < 5))
    return Status::Error(Code::kBadInput, "%s: quantised data without scales, or scales without quantised data", where.c_str());

  std::vector<int64_t> identity = {view.key, view.type - kTypes, view.begin, view.offset, quantised ? call->items[4] : 0};
  identity.insert(identity.end(), view.dims.begin(), view.dims.end());
  identity.insert(identity.end(), view.strides.begin(), view.strides.end());
  const auto known = known_.find(identity);
  if (known != known_.end()) return TorchTensor(known->second);

  Constant constant;
  CUTIS_TRY(Gather(view, where, &constant));
  TorchTensor tensor;
  if (quantised) {
    CUTIS_ASSIGN(tensor, Dequantise(*call, view, std::move(constant), where));
  } else if (view.type->storage == "ShortStorage") {
    CUTIS_TRY(budget_.Take(static_cast<uint64_t>(view.count) * sizeof(int32_t), where));
    Constant wide{ElementType::kI32, constant.dims, std::vector<std::byte>(constant.data.size() * 2)};
    for (size_t i = 0; i < constant.data.size() / 2; ++i) {
      int16_t element;
      std::memcpy(&element, constant.data.data() + 2 * i, sizeof element);
      const int32_t number = element;
      std::memcpy(wide.data.data() + 4 * i, &number, sizeof number);
    }
    tensor.constant = std::make_shared<const Constant>(std::move(wide));
  } else {
    tensor.constant = std::make_shared<const Constant>(std::move(constant));
  }
  known_.emplace(std::move(identity), tensor);
  return tensor;
}

}  // namespace cutis::convert
