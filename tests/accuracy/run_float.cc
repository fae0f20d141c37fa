// run_float MODEL INPUT OUTPUT [xnnpack|bytes]: runs a .cutis over raw tensors, for scripts that compare it with other runtimes.
// INPUT: float32 values (bytes: uint8 pixels), tight NHWC, any number of images; OUTPUT: real values of output 0, likewise.
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <vector>

#include "runtime/model.h"
#include "runtime/session.h"

namespace {

size_t Elements(const cutis::Shape& shape) {
  return static_cast<size_t>(shape.height) * static_cast<size_t>(shape.width) * static_cast<size_t>(shape.channels);
}

cutis::Status Run(const char* path, const std::vector<char>& bytes, const char* mode, std::vector<float>* output) {
  CUTIS_ASSIGN(const auto model, cutis::Model::Open(path));
  cutis::SessionOptions options;
  if (std::strcmp(mode, "xnnpack") == 0) options.float_backend = cutis::FloatBackend::kXnnpack;
  CUTIS_ASSIGN(const auto session, cutis::Session::Create(*model, options));
  const size_t in = Elements(model->tensors()[static_cast<size_t>(model->input())].info.shape);
  const size_t out = Elements(model->tensors()[static_cast<size_t>(model->outputs()[0])].info.shape);
  const bool pixels = std::strcmp(mode, "bytes") == 0;
  const size_t image_bytes = in * (pixels ? 1 : sizeof(float));
  if (bytes.empty() || bytes.size() % image_bytes != 0)
    return cutis::Status::Error(cutis::Code::kUsage, "the input is no whole number of images");
  std::vector<float> input(in);
  for (size_t i = 0; i < bytes.size() / image_bytes; ++i) {
    const char* image = bytes.data() + i * image_bytes;
    if (pixels) {
      CUTIS_TRY(session->SetInputU8(0, reinterpret_cast<const uint8_t*>(image), in));
    } else {
      std::memcpy(input.data(), image, image_bytes);
      CUTIS_TRY(session->SetInputF32(0, input.data(), in));
    }
    CUTIS_TRY(session->Run(1));
    output->resize(output->size() + out);
    CUTIS_TRY(session->GetOutputF32(0, 0, output->data() + i * out, out));
  }
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4 && argc != 5) {
    std::fprintf(stderr, "usage: run_float MODEL INPUT OUTPUT [xnnpack|bytes]\n");
    return 2;
  }
  std::ifstream file(argv[2], std::ios::binary);
  const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
  std::vector<float> output;
  const cutis::Status status = Run(argv[1], bytes, argc == 5 ? argv[4] : "", &output);
  if (!status.ok()) {
    std::fprintf(stderr, "run_float: %s\n", status.text());
    return 1;
  }
  std::ofstream result(argv[3], std::ios::binary);
  result.write(reinterpret_cast<const char*>(output.data()), static_cast<std::streamsize>(output.size() * sizeof(float)));
  return result.flush() ? 0 : 1;
}
