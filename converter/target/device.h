// What a file says about the device that it was made for.
#ifndef CUTIS_CONVERTER_TARGET_DEVICE_H_
#define CUTIS_CONVERTER_TARGET_DEVICE_H_

#include <cstdint>
#include <string>

namespace cutis::convert {

// DeviceLimits (runtime/recipe.h), owning what it points to.
struct DeviceSettings {
  std::string name, isa;
  int32_t threads = 1;
  uint64_t image_bytes = UINT64_MAX, image_file_bytes = UINT64_MAX;  // no limit: the device gives tensors
};

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_TARGET_DEVICE_H_
