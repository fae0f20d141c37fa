// The C++ interface of pipeline and model cache, by a program that knows nothing else. Usage: pipeline_cpp_api small_u8.cutis
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "cutis_pipeline.hpp"
#include "tests/c_test.h"

using cutis_api::CachedModel;
using cutis_api::Error;
using cutis_api::ModelCache;
using cutis_api::Outcome;
using cutis_api::Pipeline;

static_assert(!std::is_copy_constructible_v<CachedModel> && std::is_nothrow_move_constructible_v<CachedModel>);
static_assert(!std::is_copy_constructible_v<ModelCache> && std::is_nothrow_move_constructible_v<ModelCache>);
static_assert(!std::is_copy_constructible_v<Pipeline> && std::is_nothrow_move_constructible_v<Pipeline>);
static_assert(std::is_convertible_v<const CachedModel&, const cutis_api::ModelView&>);

static void TestCache(const char* path) {
  ModelCache cache;
  CachedModel model, other;
  EXPECT(!cache && !model && cache.Describe().struct_size != 0 && cache.Describe().misses == 0);
  EXPECT(cache.Get(path, &model).status() == CUTIS_ERROR_USAGE);  // not created yet
  EXPECT(!cache.Create() && cache);
  EXPECT(!cache.Get(path, &model) && model && model.Describe().label_count == 7);
  EXPECT(!cache.Get(path, &other) && other.get() == model.get());
  const Error missing = cache.Get("/nonexistent.cutis", &other);
  EXPECT(missing.status() == CUTIS_ERROR_BAD_INPUT && std::strstr(missing.text(), "/nonexistent.cutis") != nullptr);
  EXPECT(other.get() == model.get());  // a failure leaves what was there
  cutis_model_cache_statistics now = cache.Describe();
  EXPECT(now.hits == 1 && now.misses == 1 && now.failures == 1 && now.used_models == 1);
  {
    CachedModel moved = std::move(model);
    EXPECT(!model && moved);  // NOLINT(bugprone-use-after-move)
    other = CachedModel();    // releases one use
    EXPECT(cache.Describe().used_models == 1);
  }
  EXPECT(cache.Describe().used_models == 0 && cache.Describe().open_models == 1);
  cache.Clear();
  EXPECT(cache.Describe().open_models == 0);
  EXPECT(!cache.Get(path, &model));
  cache = ModelCache();  // the model is still there
  cutis_api::Session session;
  EXPECT(!session.Create(model));
  cutis_result result = CUTIS_RESULT_INIT;
  EXPECT(!session.Classify(kPng, sizeof kPng, &result));
}

static void TestRuns(const cutis_api::ModelView& model) {
  Pipeline pipeline;
  EXPECT(!pipeline && pipeline.window() == 0);
  cutis_pipeline_options options = CUTIS_PIPELINE_OPTIONS_INIT;
  options.workers = 3;
  options.batch = 2;
  options.operating_point = "nowhere";
  EXPECT(std::strstr(pipeline.Create(model, &options).text(), "operating point") != nullptr);
  options.operating_point = "screening";
  EXPECT(!pipeline.Create(model, &options) && pipeline && pipeline.window() >= 6);

  // Files in memory: two good ones around a damaged one.
  const std::span<const uint8_t> png(kPng), files[] = {png, png.first(40), png};
  std::vector<float> p_bcc;
  const auto collect = [&p_bcc](const Outcome& outcome) {
    EXPECT(outcome.ok() == (outcome.index() != 1) && outcome.path().empty() && outcome.error().empty() == outcome.ok());
    EXPECT(outcome.status() == (outcome.ok() ? CUTIS_OK : CUTIS_ERROR_BAD_INPUT));
    EXPECT(!outcome.ok() || outcome.probabilities().size() == 7);
    if (outcome.ok()) p_bcc.push_back(outcome.result().p_bcc);
    return true;
  };
  EXPECT(!pipeline.Run(std::span<const std::span<const uint8_t>>(files), collect));
  EXPECT(p_bcc.size() == 2 && p_bcc[0] == p_bcc[1]);

  // Files by path, none of which exists; the second outcome stops the run.
  const std::vector<std::string> paths = {"/nonexistent/a.png", "/nonexistent/b.png", "/nonexistent/c.png"};
  std::vector<std::string> seen;
  EXPECT(!pipeline.Run(std::span<const std::string>(paths), [&seen](const Outcome& outcome) {
    seen.emplace_back(outcome.path());
    return seen.size() < 2;
  }));
  EXPECT(seen == std::vector<std::string>(paths.begin(), paths.begin() + 2));
}

// The second time all comes from the cache, and the metrics say so.
static void TestDataCache(const cutis_api::ModelView& model) {
  char folder[] = "/tmp/cutis_pipeline_cpp_XXXXXX";
  EXPECT(mkdtemp(folder) != nullptr);
  cutis_api::DataCache cache;
  EXPECT(!cache && cache.Describe().stored == 0);
  EXPECT(cache.Open("/nonexistent/above", 1 << 20) && !cache);
  EXPECT(!cache.Open(folder, 1 << 20) && cache);
  {
    cutis_pipeline_options options = CUTIS_PIPELINE_OPTIONS_INIT;
    options.cache = cache.get();
    Pipeline pipeline;
    EXPECT(pipeline.Metrics().images == 0 && pipeline.batch() == 0);
    EXPECT(!pipeline.Create(model, &options) && pipeline.batch() == 1 && pipeline.NodeMs(0) == 0);
    const std::span<const uint8_t> files[] = {std::span<const uint8_t>(kPng)};
    int cached = 0;
    for (int i = 0; i < 2; ++i) {
      EXPECT(!pipeline.Run(std::span<const std::span<const uint8_t>>(files), [&cached](const Outcome& outcome) {
        EXPECT(outcome.ok() && outcome.views() == 1);
        cached += outcome.cached() ? 1 : 0;
        return true;
      }));
    }
    EXPECT(cached == 1 && pipeline.Metrics().images == 2 && pipeline.Metrics().cached == 1);
    EXPECT(cache.Describe().stored == 1 && cache.Describe().hits == 1);
  }
  cache = cutis_api::DataCache();
  EXPECT(std::system((std::string("rm -rf ") + folder).c_str()) == 0);
}

// What source or sink throw comes out of the run, once every thread of it has come to rest.
static void TestThrown(const cutis_api::ModelView& model) {
  cutis_pipeline_options options = CUTIS_PIPELINE_OPTIONS_INIT;
  options.workers = 3;
  Pipeline pipeline;
  EXPECT(!pipeline.Create(model, &options));
  for (const bool source_throws : {true, false}) {
    int asked = 0, taken = 0;
    const auto source = [&](cutis_pipeline_image& image) {
      if (++asked == 20 && source_throws) throw std::runtime_error("source");
      image.bytes = kPng;
      image.size = sizeof kPng;
      return asked < 1000;
    };
    const auto sink = [&](const Outcome&) -> bool {
      if (++taken == 5 && !source_throws) throw std::runtime_error("sink");
      return true;
    };
    std::string thrown;
    try {
      (void)pipeline.Run(source, sink);
    } catch (const std::runtime_error& error) {
      thrown = error.what();
    }
    EXPECT(thrown == (source_throws ? "source" : "sink"));
    EXPECT(source_throws ? asked == 20 : taken == 5 && asked < 1000);
  }
}

int main(int argc, char** argv) {
  cutis_api::Model model;
  if (argc != 2) return 2;
  if (Error error = model.Open(argv[1])) return std::fprintf(stderr, "%s\n", error.text()), 2;
  TestCache(argv[1]);
  TestRuns(model);
  TestDataCache(model);
  TestThrown(model);
  if (failures != 0) std::fprintf(stderr, "%d failed\n", failures);
  return failures != 0;
}
