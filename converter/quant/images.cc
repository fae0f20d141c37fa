#include "converter/quant/images.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "converter/write/file.h"
#include "runtime/image.h"

namespace cutis::convert {
namespace {

bool IsImage(const std::filesystem::path& path) {
  std::string ending = path.extension().string();
  std::transform(ending.begin(), ending.end(), ending.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return ending == ".jpg" || ending == ".jpeg" || ending == ".png";
}

}  // namespace

Result<std::vector<std::string>> ListImages(const std::string& folder) {
  std::error_code error;
  std::vector<std::string> paths;
  std::filesystem::recursive_directory_iterator entry(folder, error), end;
  while (!error && entry != end) {
    if (IsImage(entry->path()) && entry->is_regular_file(error)) paths.push_back(entry->path().string());
    if (!error) entry.increment(error);
  }
  if (error) return Status::Error(Code::kBadInput, "%s: cannot read this folder: %s", folder.c_str(), error.message().c_str());
  if (paths.empty()) return Status::Error(Code::kBadInput, "%s: holds no .jpg or .png file", folder.c_str());
  std::sort(paths.begin(), paths.end());
  return paths;
}

Result<std::vector<uint8_t>> LoadImage(const std::string& path, const Preprocess& recipe, const Shape& shape) {
  CUTIS_ASSIGN(const std::vector<std::byte> encoded, ReadFile(path, kMaxEncodedBytes));
  const auto named = [&](const Status& status) { return Status::Error(status.code(), "%s: %s", path.c_str(), status.text()); };
  auto image = DecodeImage({reinterpret_cast<const uint8_t*>(encoded.data()), encoded.size()}, recipe);
  if (!image.ok()) return named(image.status());
  std::vector<uint8_t> pixels(static_cast<size_t>(shape.height) * static_cast<size_t>(shape.width) * 3);
  const Status status = PreprocessImage(recipe, image.value(), DetectCpu(), shape.width, shape.height, 3, pixels.data());
  if (!status.ok()) return named(status);
  return pixels;
}

}  // namespace cutis::convert
