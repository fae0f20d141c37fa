// cutis classify: images in, verdicts out.
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "cutis_pipeline.h"
#include "runtime/c_abi.h"
#include "tools/cutis/common.h"
#include "tools/cutis/inputs.h"
#include "tools/cutis/progress.h"
#include "tools/cutis/verdict_text.h"
#include "tools/exit_code.h"

namespace cutis::cli {
namespace {

struct ClassifyOptions {
  ModelOptions model;
  std::vector<std::string> images;
  std::string operating_point;  // empty: the model's default
  int32_t threads = 0;
  int32_t batch = 1;
  bool json = false;
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

struct DestroyPipeline {
  void operator()(cutis_pipeline* pipeline) const { cutis_pipeline_destroy(pipeline); }
};

// What comes out of the pipeline, printed in order.
struct Printer {
  const Model& model;
  const bool json;
  Inputs& inputs;
  Progress progress;
  std::string path = {};  // of the image that was named last
  int code = 0;

  void Print(const cutis_pipeline_outcome& outcome) {
    progress.Add();
    if (outcome.status != CUTIS_OK) {
      progress.Clear();
      PrintError(std::string(outcome.path) + ": " + outcome.error);
      if (json) PrintJsonLine({{"file", outcome.path}, {"error", outcome.error}});
      code = kExitBadInput;  // whatever kept this image from being judged
    } else if (json) {
      PrintJsonLine(VerdictJson(model, outcome.path, outcome.result));
    } else {
      PrintVerdict(model, outcome.path, outcome.result);
    }
  }
};

int NextImage(void* context, cutis_pipeline_image* image) {
  Printer& printer = *static_cast<Printer*>(context);
  if (!printer.inputs.Next(&printer.path)) return 0;
  image->path = printer.path.c_str();
  return 1;
}

int PrintOutcome(void* context, const cutis_pipeline_outcome* outcome) {
  static_cast<Printer*>(context)->Print(*outcome);
  return std::ferror(stdout);  // nobody sees what else comes
}

int RunClassify(ClassifyOptions options) {
  options.model.threads = ThreadsOf(options.threads, "cutis");
  Inputs inputs;
  if (Status status = inputs.Expand(options.images); !status.ok()) return Fail(status);
  Result<std::unique_ptr<Model>> opened = OpenModel(options.model);
  if (!opened.ok()) return Fail(opened.status());
  const Model& model = *opened.value();
  if (Status status = CheckModel(model, options.model.path, options.operating_point); !status.ok()) return Fail(status);

  // Several images run side by side; of a single one the rows of its layers do.
  const int32_t threads = SessionThreads(model, options.threads, options.model.threads);
  cutis_pipeline_options with = CUTIS_PIPELINE_OPTIONS_INIT;
  (inputs.total() == 1 ? with.session_threads : with.workers) = threads;
  with.batch = options.batch;
  if (!options.operating_point.empty()) with.operating_point = options.operating_point.c_str();
  cutis_pipeline* made = nullptr;
  char error[512] = "";
  cutis_status status = cutis_pipeline_create(ToHandle(&model), &with, &made, error, sizeof error);
  const std::unique_ptr<cutis_pipeline, DestroyPipeline> pipeline(made);
  if (status != CUTIS_OK) return Fail(Status::Error(static_cast<Code>(status), "%s", error));

  Printer printer{model, options.json, inputs, Progress(inputs.total())};
  status = cutis_pipeline_run(pipeline.get(), NextImage, PrintOutcome, &printer, error, sizeof error);
  printer.progress.Clear();
  if (status != CUTIS_OK) return Fail(Status::Error(static_cast<Code>(status), "%s", error));
  if (!options.json) {
    const char* licence = model.provenance().licence;
    std::printf("Not a medical device: no result replaces an examination.%s%s\n",
                licence[0] == '\0' ? "" : " Model licence: ", PrintableLine(licence).c_str());
  }
  return printer.code;
}

}  // namespace

Command MakeClassify() {
  auto options = std::make_shared<ClassifyOptions>();
  Command command("classify", "Judge images (JPEG or PNG): bcc, not_bcc, refer or unusable");
  AddModelOptions(command, options->model);
  AddTuneOptions(command, options->model);
  command.AddPositionals(
      "IMAGES", options->images,
      "Image files; folders, with all below them; patterns with * and ?; - for a list of names on the standard input");
  command.AddText("operating-point", "NAME", options->operating_point,
                  "The threshold to judge at (default: the model's own choice; see inspect)");
  command.AddNumber(
      "threads", options->threads, 0, kMaxThreads,
      "Images that are judged at the same time (of a single one: threads of its run); 0: as many as the affinity mask "
      "and the CPU quota of the process allow");
  command.AddNumber("batch", options->batch, 1, kMaxBatch, "The most images of one run");
  command.AddFlag("json", options->json, "One line of JSON an image");
  command.SetFooter(
      "Results come in the order of the images, whatever the number of threads. All images are done; the exit code is 3 if any "
      "of "
      "them could not be judged. refer and unusable are results.");
  command.run = [options] { return RunClassify(*options); };
  return command;
}

}  // namespace cutis::cli
