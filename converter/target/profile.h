// What a device has (targets/device/*.json), and whether a model fits into it.
#ifndef CUTIS_CONVERTER_TARGET_PROFILE_H_
#define CUTIS_CONVERTER_TARGET_PROFILE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "converter/lower/net.h"
#include "converter/target/device.h"
#include "ops/status.h"
#include "tools/footprint.h"

namespace cutis::convert {

// docs/targets.md says what each key means. Bytes throughout.
struct Profile {
  std::string name, text, isa;
  int32_t cores = 1;
  uint64_t ram = 0;       // that the model, its session and an image may take
  uint64_t storage = 0;   // for the model file
  bool in_place = false;  // the file is executed from storage (flash that is addressed like memory): it takes no ram
  // Of a picture as the device's camera makes it: a JPEG of one scan. 0: the device gives tensors, not files.
  int32_t image_width = 0, image_height = 0;
  uint64_t image_file = 0;
};

// kBadInput for what is not a profile; every message begins with `where`.
Result<Profile> ParseProfile(std::string_view text, const std::string& where);

// How a model fits.
struct Fit {
  DeviceSettings device;
  Footprint footprint;       // with the threads of the device
  uint64_t camera_heap = 0;  // for a picture of the device's camera; 0: none
};

// Before anything long is done: kBadInput when the weights alone are more than the storage holds, however they are converted
// (int8, without what is zero). Nothing when that isn't known yet (`pruned`: weights will be removed).
Status CheckWeights(const Profile& profile, const Net& net, bool float32, bool pruned);

// The most threads whose session fits beside a picture of the camera, and all the memory that is then left for images.
// kBadInput, with the sum, when not even one does. `file` is the finished one, with a device in it already.
Result<Fit> FitDevice(const Profile& profile, std::span<const std::byte> file);

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_TARGET_PROFILE_H_
