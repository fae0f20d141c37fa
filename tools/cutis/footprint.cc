#include "tools/cutis/footprint.h"

#include <cstdio>
#include <string>

#include "runtime/image_memory.h"
#include "tools/footprint.h"

namespace cutis::cli {
namespace {

// JPEGs of these sides (CameraHeap).
constexpr struct { int32_t width, height; } kPictures[] = {{640, 480}, {1920, 1080}, {4000, 3000}};

}  // namespace

Result<Json> FootprintJson(const Model& model) {
  CUTIS_ASSIGN(const Footprint one, MeasureFootprint(model, 1));
  Json json = {
      {"storage_bytes", one.file}, {"heap_bytes", one.Heap()},  {"model_bytes", one.model}, {"session_bytes", one.session},
      {"arena_bytes", one.arena},  {"pictures", Json::array()}, {"device", nullptr}};
  if (model.preprocess() != nullptr) {
    for (const auto& picture : kPictures) {
      json["pictures"].push_back({{"width", picture.width},
                                  {"height", picture.height},
                                  {"heap_bytes", CameraHeap(*model.preprocess(), picture.width, picture.height)}});
    }
  }
  if (const DeviceLimits* device = model.device(); device != nullptr) {
    json["device"] = {{"name", device->name},
                      {"isa", device->isa},
                      {"threads", device->threads},
                      {"image_bytes", device->image_bytes == UINT64_MAX ? Json(nullptr) : Json(device->image_bytes)},
                      {"image_file_bytes", device->image_bytes == UINT64_MAX ? Json(nullptr) : Json(device->image_file_bytes)}};
  }
  return json;
}

Status PrintFootprint(const Model& model) {
  CUTIS_ASSIGN(const Footprint one, MeasureFootprint(model, 1));
  std::printf("\nStorage %s bytes (read in place), heap %s: model %s, session of one thread %s, arena %s\n",
              Grouped(one.file).c_str(), Grouped(one.Heap()).c_str(), Grouped(one.model).c_str(), Grouped(one.session).c_str(),
              Grouped(one.arena).c_str());
  if (model.preprocess() != nullptr) {
    std::printf("  an image on its way to the input takes up to, beside its file (JPEG):");
    for (const auto& picture : kPictures) {
      std::printf(" %s %dx%d", Grouped(CameraHeap(*model.preprocess(), picture.width, picture.height)).c_str(), picture.width,
                  picture.height);
      if (&picture != std::end(kPictures) - 1) std::printf(",");
    }
    std::printf("\n");
  }
  if (const DeviceLimits* device = model.device(); device != nullptr) {
    std::printf("  made for %s (%s): sessions of up to %d thread%s", PrintableLine(device->name).c_str(),
                PrintableLine(device->isa).c_str(), device->threads, device->threads == 1 ? "" : "s");
    if (device->image_bytes != UINT64_MAX) {
      std::printf(", images that take up to %s bytes, files of up to %s", Grouped(device->image_bytes).c_str(),
                  Grouped(device->image_file_bytes).c_str());
    }
    std::printf("\n");
  }
  return {};
}

}  // namespace cutis::cli
