// The C++ interface, by a program that knows nothing else. Usage: cpp_api small_explained.cutis
#include <cstdio>
#include <utility>

#include "runtime/cutis.hpp"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  cutis_api::Model model;
  if (model || model.Describe().label_count != 0) return 1;
  if (!model.Open("/nonexistent.cutis")) return 1;
  if (cutis_api::Error error = model.Open(argv[1])) return std::fprintf(stderr, "%s\n", error.text()), 1;
  if (cutis_api::Error error = model.Open(argv[1])) return std::fprintf(stderr, "%s\n", error.text()), 1;  // replaces the first
  if (model.Describe().label_count != 7 || model.Label(0) == nullptr || model.ArenaBytes() == 0) return 1;
  if (model.OperatingPoint(1).threshold != 0.3f || model.OperatingPoint(2).name != nullptr) return 1;
  if (model.Calibration().slope != 0) return 1;  // it has none
  if (model.Limits().rules != 0) return 1;       // nor these
  if (model.Explanation().height != 3 || model.Explanation().width != 3) return 1;
  cutis_api::Session first;
  if (cutis_api::Error error = first.Create(model)) return std::fprintf(stderr, "%s\n", error.text()), 1;
  cutis_api::Session session = std::move(first);
  if (first || !session) return 1;  // NOLINT(bugprone-use-after-move)
  unsigned char pixels[12 * 12 * 3] = {};
  float values[7], floats[12 * 12 * 3] = {};
  if (session.SetInput(0, pixels, sizeof pixels) || session.Run() || session.GetOutput(0, 0, values, 7)) return 1;
  if (session.SetInput(0, floats, 12 * 12 * 3) || session.Run()) return 1;
  if (session.SetInput(0, pixels, 1).status() != CUTIS_ERROR_USAGE) return 1;
  float map[9];
  if (session.GetExplanation(0, 0, map, 9).status() != CUTIS_ERROR_USAGE) return 1;  // it was not created for that
  cutis_session_options options = CUTIS_SESSION_OPTIONS_INIT;
  options.explain = 1;
  if (session.Create(model, &options) || session.SetInput(0, pixels, sizeof pixels) || session.Run()) return 1;
  if (session.GetExplanation(0, 0, map, 9)) return 1;
  cutis_result result = CUTIS_RESULT_INIT;
  return session.Classify("no image", 8, &result).status() == CUTIS_ERROR_BAD_INPUT ? 0 : 1;
}
