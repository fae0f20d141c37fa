// cutis classify: images in, verdicts out.
#include "runtime/classify.h"

#include <algorithm>
#include <cstdio>
#include <functional>
#include <numeric>
#include <string>
#include <vector>

#include "runtime/image.h"
#include "runtime/session.h"
#include "runtime/verdict.h"
#include "tools/cutis/common.h"

namespace cutis::cli {
namespace {

struct ClassifyOptions {
  ModelOptions model;
  std::vector<std::string> images;
  std::string operating_point;  // empty: the model's default
  int32_t threads = 0;
  bool json = false;
};

// Everything that is made once for all images.
struct Classifier {
  const Model* model = nullptr;
  Session* session = nullptr;
  const char* operating_point = nullptr;
  std::vector<float> probabilities;
};

// What the network wants from a model that shall classify: a recipe, labels, and the operating point asked for.
Status CheckModel(const Model& model, const std::string& path, const std::string& operating_point) {
  const VerdictRecipe* recipe = model.verdict();
  if (model.preprocess() == nullptr || recipe == nullptr) {
    return Status::Error(Code::kUnsupported,
                         "%s: the model takes and gives bare tensors (it holds no image recipe and labels); convert "
                         "it with --recipe to classify images",
                         path.c_str());
  }
  if (operating_point.empty()) return Status();
  std::string names;
  for (const OperatingPoint& point : recipe->operating_points) {
    if (operating_point == point.name) return Status();
    names += names.empty() ? "" : ", ";
    names += point.name;
  }
  return Status::Error(Code::kUsage, "--operating-point %s: the model holds %s", operating_point.c_str(),
                       names.empty() ? "no operating point" : ("only: " + names).c_str());
}

Result<Classification> ClassifyFile(Classifier& classifier, const std::string& path) {
  CUTIS_ASSIGN(const std::vector<uint8_t> encoded, ReadFile(path, kMaxEncodedBytes));
  return ClassifyImage(*classifier.session, encoded, classifier.operating_point, classifier.probabilities);
}

std::vector<const char*> ReasonNames(uint32_t reasons) {
  std::vector<const char*> names;
  for (int bit = 0; bit < kReasonCount; ++bit) {
    if (reasons & (1u << bit)) names.push_back(NameOf(static_cast<Reason>(1u << bit)));
  }
  return names;
}

void PrintJsonOutcome(const Classifier& classifier, const std::string& path, const Classification& outcome) {
  const Judgement& judgement = outcome.judgement;
  Json json;
  json["file"] = path;
  const char* verdict = NameOf(judgement.verdict);
  json["verdict"] = verdict == nullptr ? Json(nullptr) : Json(verdict);
  json["p_bcc"] = judgement.p_bcc;
  const VerdictRecipe& recipe = *classifier.model->verdict();
  json["bcc_share"] = recipe.calibration ? Json(recipe.calibration->bcc_share) : Json(nullptr);
  json["operating_point"] = judgement.operating_point == nullptr ? Json(nullptr) : Json(judgement.operating_point->name);
  json["evidence"] = judgement.operating_point == nullptr ? Json(nullptr) : EvidenceJson(*judgement.operating_point);
  json["reasons"] = Json::array();
  for (const char* name : ReasonNames(judgement.reasons)) json["reasons"].push_back(name);
  json["probabilities"] = Json::object();
  const std::span<const char* const> labels = recipe.labels;
  for (size_t i = 0; i < labels.size(); ++i) json["probabilities"][labels[i]] = classifier.probabilities[i];
  json["model_hash"] = Hex(classifier.model->sha256());
  json["ms"] = {{"decode", outcome.image.decode_ms}, {"preprocess", outcome.image.preprocess_ms}, {"inference", outcome.inference_ms}};
  PrintJsonLine(json);
}

const char* Headline(Verdict verdict) {
  switch (verdict) {
    case Verdict::kBcc:
      return "BCC";
    case Verdict::kNotBcc:
      return "not BCC";
    case Verdict::kRefer:
      return "REFER to a specialist";
    case Verdict::kUnusable:
      return "UNUSABLE image";
    case Verdict::kNone:
      return "no verdict";
  }
  return "no verdict";
}

// What to do about an image that exceeds a limit; null for another reason.
const char* ExplanationOfLimit(Reason reason) {
  constexpr const char* kTexts[kLimitReasons] = {
      "the image is not sharp: focus, hold still, and take it again", "the image is too dark: take it again with more light",
      "the image is too bright: take it again with less light",
      "the image is unlike those that the model knows: no lesion, or not a dermoscopic image, or spoiled"};
  for (size_t i = 0; i < kLimitReasons; ++i) {
    if (reason == kReasonFirstLimit << i) return kTexts[i];
  }
  return nullptr;
}

const char* Explanation(Reason reason, bool calibrated) {
  switch (reason) {
    case kReasonNoOperatingPoint:
      return "the model holds no operating point: only the probabilities are given";
    case kReasonUncalibrated:
      return calibrated ? "the threshold was not fitted on held-out images"
                        : "the threshold was not fitted on held-out images: the probability is a score, not a risk";
    case kReasonReferBand:
      return "too close to the threshold to decide";
    default:
      break;
  }
  if (const char* text = ExplanationOfLimit(reason); text != nullptr) return text;
  return "see the documentation of this version";
}

void PrintOutcome(const Classifier& classifier, const std::string& path, const Classification& outcome) {
  const Judgement& judgement = outcome.judgement;
  const VerdictRecipe& recipe = *classifier.model->verdict();
  const std::span<const char* const> labels = recipe.labels;
  std::printf("%s: %s, p(bcc) = %.1f %%", PrintableLine(path).c_str(), Headline(judgement.verdict),
              100.0 * static_cast<double>(judgement.p_bcc));
  if (recipe.calibration) {
    std::printf(" where %.1f %% of the lesions are BCC", 100.0 * static_cast<double>(recipe.calibration->bcc_share));
  }
  if (const OperatingPoint* point = judgement.operating_point) {
    std::printf(" (operating point \"%s\": bcc from %.1f %%%s)", PrintableLine(point->name).c_str(),
                100.0 * static_cast<double>(point->threshold), EvidenceText(*point).c_str());
  }
  std::vector<size_t> order(labels.size());
  std::iota(order.begin(), order.end(), size_t{0});
  const std::vector<float>& p = classifier.probabilities;
  std::stable_sort(order.begin(), order.end(), [&p](size_t a, size_t b) { return p[a] > p[b]; });
  order.resize(std::min<size_t>(order.size(), 3));
  std::printf("\n    labels:");
  for (size_t at = 0; at < order.size(); ++at) {
    std::printf("%s %s %.1f %%", at == 0 ? "" : ",", PrintableLine(labels[order[at]]).c_str(),
                100.0 * static_cast<double>(p[order[at]]));
  }
  std::printf("\n");
  for (int bit = 0; bit < kReasonCount; ++bit) {
    const Reason reason = static_cast<Reason>(1u << bit);
    if (judgement.reasons & reason)
      std::printf("    %s: %s\n", NameOf(reason), Explanation(reason, recipe.calibration.has_value()));
  }
}

int RunClassify(ClassifyOptions options) {
  options.model.threads = ThreadsOf(options.threads, "cutis");
  Result<std::unique_ptr<Model>> model = OpenModel(options.model);
  if (!model.ok()) return Fail(model.status());
  if (Status status = CheckModel(*model.value(), options.model.path, options.operating_point); !status.ok())
    return Fail(status);
  SessionOptions session_options;
  session_options.threads = SessionThreads(*model.value(), options.threads, options.model.threads);
  Result<std::unique_ptr<Session>> session = Session::Create(*model.value(), session_options);
  if (!session.ok()) return Fail(session.status());

  Classifier classifier;
  classifier.model = model.value().get();
  classifier.session = session.value().get();
  classifier.operating_point = options.operating_point.empty() ? nullptr : options.operating_point.c_str();
  classifier.probabilities.resize(model.value()->verdict()->labels.size());

  int code = 0;
  for (const std::string& path : options.images) {
    const Result<Classification> outcome = ClassifyFile(classifier, path);
    if (!outcome.ok()) {
      const std::string text = outcome.status().text();
      PrintError(path + ": " + text);
      if (options.json) PrintJsonLine({{"file", path}, {"error", text}});
      code = 3;  // whatever kept this image from being judged
    } else if (options.json) {
      PrintJsonOutcome(classifier, path, outcome.value());
    } else {
      PrintOutcome(classifier, path, outcome.value());
    }
  }
  if (!options.json) {
    const char* licence = model.value()->provenance().licence;
    std::printf("Not a medical device: no result replaces an examination.%s%s\n",
                licence[0] == '\0' ? "" : " Model licence: ", PrintableLine(licence).c_str());
  }
  return code;
}

}  // namespace

Command MakeClassify() {
  auto options = std::make_shared<ClassifyOptions>();
  Command command("classify", "Judge images (JPEG or PNG): bcc, not_bcc, refer or unusable");
  AddModelOptions(command, options->model);
  AddTuneOptions(command, options->model);
  command.AddPositionals("IMAGES", options->images, "The image files");
  command.AddText("operating-point", "NAME", options->operating_point,
                  "The threshold to judge at (default: the model's own choice; see inspect)");
  AddThreads(command, options->threads);
  command.AddFlag("json", options->json, "One line of JSON an image");
  command.SetFooter(
      "All images are done; the exit code is 3 if any of them could not be judged. refer and unusable are results.");
  command.run = [options] { return RunClassify(*options); };
  return command;
}

}  // namespace cutis::cli
