// Reading of JSON objects with errors for people: every message says which key of which file, and unknown keys are refused.
#ifndef CUTIS_CONVERTER_RECIPE_JSON_H_
#define CUTIS_CONVERTER_RECIPE_JSON_H_

#include <cstdint>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "ops/status.h"

namespace cutis::convert {

// Parses `text`; `where` (a file name) begins every message. A key that stands twice in one object is refused.
Result<nlohmann::json> ParseJson(std::string_view text, const std::string& where);

// One object, whose keys are taken one by one. `value` must outlive it.
class JsonObject {
 public:
  static Result<JsonObject> From(const nlohmann::json& value, const std::string& where);

  bool Has(const char* key) const { return value_->contains(key); }
  // The value of a key that must be there.
  Result<const nlohmann::json*> Get(const char* key);
  Result<std::string> String(const char* key);
  Result<double> Number(const char* key, double lowest, double highest);
  Result<int64_t> Integer(const char* key, int64_t lowest, int64_t highest);
  Result<bool> Bool(const char* key);
  Result<std::vector<float>> Floats(const char* key);
  Result<std::vector<std::string>> Strings(const char* key);
  // An array whose elements are read by the caller.
  Result<const nlohmann::json*> Array(const char* key);

  // Refuses the keys that nobody asked for.
  Status Finish() const;
  // "file: key": the place of a key, for messages.
  std::string Where(const std::string& key) const;

 private:
  const nlohmann::json* value_ = nullptr;
  std::string where_;
  std::set<std::string> taken_;
};

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_RECIPE_JSON_H_
