#include "converter/target/profile.h"

#include <algorithm>
#include <cinttypes>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>

#include "converter/recipe/json.h"
#include "ops/cpu.h"
#include "runtime/file.h"
#include "runtime/image.h"
#include "runtime/image_memory.h"
#include "tools/threads.h"

namespace cutis::convert {
namespace {

constexpr int64_t kMostBytes = int64_t{1} << 40;

Result<uint64_t> Bytes(JsonObject& object, const char* key, int64_t lowest) {
  CUTIS_ASSIGN(const int64_t bytes, object.Integer(key, lowest, kMostBytes));
  return static_cast<uint64_t>(bytes);
}

Status ParseImage(const nlohmann::json& value, const std::string& where, Profile* profile) {
  CUTIS_ASSIGN(JsonObject image, JsonObject::From(value, where));
  CUTIS_ASSIGN(const int64_t width, image.Integer("width", 1, 65535));
  CUTIS_ASSIGN(const int64_t height, image.Integer("height", 1, 65535));
  CUTIS_ASSIGN(profile->image_file, Bytes(image, "file", 1));
  if (width * height > kMaxPixels)
    return Status::Error(Code::kBadInput, "%s: no image of more than %lld pixels can be handled", where.c_str(),
                         static_cast<long long>(kMaxPixels));
  profile->image_width = static_cast<int32_t>(width);
  profile->image_height = static_cast<int32_t>(height);
  return image.Finish();
}

}  // namespace

Result<Profile> ParseProfile(std::string_view text, const std::string& where) {
  CUTIS_ASSIGN(const nlohmann::json value, ParseJson(text, where));
  CUTIS_ASSIGN(JsonObject object, JsonObject::From(value, where));
  Profile profile;
  CUTIS_ASSIGN(profile.name, object.String("name"));
  CUTIS_ASSIGN(profile.text, object.String("text"));
  CUTIS_ASSIGN(profile.isa, object.String("isa"));
  CUTIS_ASSIGN(const int64_t cores, object.Integer("cores", 1, kMaxThreads));
  profile.cores = static_cast<int32_t>(cores);
  CUTIS_ASSIGN(profile.ram, Bytes(object, "ram", 1));
  CUTIS_ASSIGN(profile.storage, Bytes(object, "storage", 1));
  if (object.Has("in_place")) {
    CUTIS_ASSIGN(profile.in_place, object.Bool("in_place"));
  }
  if (object.Has("image")) {
    CUTIS_ASSIGN(const nlohmann::json* image, object.Get("image"));
    CUTIS_TRY(ParseImage(*image, object.Where("image"), &profile));
  }
  CUTIS_TRY(object.Finish());
  if (profile.name.empty()) return Status::Error(Code::kBadInput, "%s: is empty", object.Where("name").c_str());
  std::string known;
  for (const Isa isa : kAllIsas) {
    const char* const name = NameOf(isa);
    if (profile.isa == name) return profile;
    known.append(known.empty() ? "" : ", ").append(name);
  }
  return Status::Error(Code::kBadInput, "%s: is none of %s", object.Where("isa").c_str(), known.c_str());
}

Status CheckWeights(const Profile& profile, const Net& net, bool float32, bool pruned) {
  if (pruned) return {};
  uint64_t bytes = 0;
  for (const NetNode& node : net.nodes) {
    const auto live = std::count_if(node.weights.begin(), node.weights.end(), [](float weight) { return weight != 0.0f; });
    bytes += float32 ? node.weights.size() * sizeof(float) : static_cast<uint64_t>(live);
  }
  if (bytes <= profile.storage) return {};
  return Status::Error(Code::kBadInput,
                       "the weights take at least %" PRIu64 " bytes, and %s has %" PRIu64
                       " for the file: use a smaller network, "
                       "or --prune",
                       bytes, profile.name.c_str(), profile.storage);
}

Result<Fit> FitDevice(const Profile& profile, std::span<const std::byte> bytes) {
  // Read in place, as on the device: a copy would count as heap.
  const auto placed = AllocateAligned(bytes.size());
  if (placed == nullptr) return Status::Error(Code::kNoMemory, "out of memory: no %zu bytes for the model", bytes.size());
  std::memcpy(placed.get(), bytes.data(), bytes.size());
  CUTIS_ASSIGN(const std::unique_ptr<Model> opened, Model::OpenMemory(placed.get(), bytes.size()));
  const Model& model = *opened;
  if (model.file_bytes() > profile.storage) {
    return Status::Error(Code::kBadInput,
                         "the file takes %" PRIu64 " bytes, and %s has %" PRIu64 " for it: use a smaller network, or --prune",
                         model.file_bytes(), profile.name.c_str(), profile.storage);
  }
  Fit fit;
  fit.device.name = profile.name;
  fit.device.isa = profile.isa;
  const bool images = model.preprocess() != nullptr && profile.image_width != 0;
  if (images) {
    fit.camera_heap = CameraHeap(*model.preprocess(), profile.image_width, profile.image_height);
    fit.device.image_file_bytes = profile.image_file;
  }
  const uint64_t file = profile.in_place ? 0 : model.file_bytes();
  for (int32_t threads = profile.cores; threads >= 1; --threads) {
    CUTIS_ASSIGN(fit.footprint, MeasureFootprint(model, threads));
    const uint64_t fixed = file + fit.footprint.Heap() + (images ? profile.image_file : 0);
    if (fixed + fit.camera_heap > profile.ram) continue;
    fit.device.threads = threads;
    if (images) fit.device.image_bytes = profile.ram - fixed;
    return fit;
  }
  const Footprint& one = fit.footprint;
  return Status::Error(Code::kBadInput,
                       "%s has %" PRIu64 " bytes of memory, and one thread needs %" PRIu64 ": file %" PRIu64 ", model %" PRIu64
                       ", session %" PRIu64 ", arena %" PRIu64 ", encoded image %" PRIu64 ", image %" PRIu64,
                       profile.name.c_str(), profile.ram,
                       file + one.Heap() + (images ? profile.image_file : 0) + fit.camera_heap, file, one.model, one.session,
                       one.arena, images ? profile.image_file : 0, fit.camera_heap);
}

}  // namespace cutis::convert
