#include "converter/recipe/json.h"

#include <cmath>

namespace cutis::convert {

using nlohmann::json;

namespace {

// Brackets open at once, outside of strings. Counted before parsing, so that a hostile text takes no memory for its depth.
bool IsTooDeep(std::string_view text) {
  constexpr int kMaxDepth = 64;
  int depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > kMaxDepth) return true;
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return false;
}

}  // namespace

Result<json> ParseJson(std::string_view text, const std::string& where) {
  if (IsTooDeep(text)) return Status::Error(Code::kBadInput, "%s: its JSON is nested too deeply", where.c_str());
  // The parser keeps the last of two equal keys in silence; the callback sees both.
  std::vector<std::set<std::string>> keys;
  std::string twice;
  const json::parser_callback_t watch = [&](int, json::parse_event_t event, json& parsed) {
    if (event == json::parse_event_t::object_start) keys.emplace_back();
    if (event == json::parse_event_t::object_end && !keys.empty()) keys.pop_back();
    if (event == json::parse_event_t::key && !keys.empty()) {
      const std::string& key = parsed.get_ref<const std::string&>();
      if (!keys.back().insert(key).second) twice = key;
    }
    return true;
  };
  json value = json::parse(text.begin(), text.end(), watch, /*allow_exceptions=*/false);
  if (value.is_discarded()) return Status::Error(Code::kBadInput, "%s: not valid JSON", where.c_str());
  if (!twice.empty())
    return Status::Error(Code::kBadInput, "%s: key \"%s\" stands twice in one object", where.c_str(), twice.c_str());
  return value;
}

Result<JsonObject> JsonObject::From(const json& value, const std::string& where) {
  if (!value.is_object()) return Status::Error(Code::kBadInput, "%s: must be an object", where.c_str());
  JsonObject object;
  object.value_ = &value;
  object.where_ = where;
  return object;
}

std::string JsonObject::Where(const std::string& key) const { return where_ + ": " + key; }

Result<const json*> JsonObject::Get(const char* key) {
  taken_.insert(key);
  const auto found = value_->find(key);
  if (found == value_->end()) return Status::Error(Code::kBadInput, "%s: \"%s\" is missing", where_.c_str(), key);
  return &*found;
}

Result<std::string> JsonObject::String(const char* key) {
  CUTIS_ASSIGN(const json* value, Get(key));
  if (!value->is_string()) return Status::Error(Code::kBadInput, "%s: must be a string", Where(key).c_str());
  std::string text = value->get<std::string>();
  // A zero byte would silently end the string where it becomes a C string.
  if (text.find('\0') != std::string::npos) return Status::Error(Code::kBadInput, "%s: holds a zero byte", Where(key).c_str());
  return text;
}

Result<double> JsonObject::Number(const char* key, double lowest, double highest) {
  CUTIS_ASSIGN(const json* value, Get(key));
  const double number = value->is_number() ? value->get<double>() : std::nan("");
  if (!(number >= lowest && number <= highest)) {
    return Status::Error(Code::kBadInput, "%s: must be a number from %g to %g", Where(key).c_str(), lowest, highest);
  }
  return number;
}

Result<int64_t> JsonObject::Integer(const char* key, int64_t lowest, int64_t highest) {
  CUTIS_ASSIGN(const json* value, Get(key));
  // An unsigned number beyond int64 must not wrap around into the allowed range.
  const bool fits = value->is_number_integer() && !(value->is_number_unsigned() && value->get<uint64_t>() > INT64_MAX);
  const int64_t number = fits ? value->get<int64_t>() : 0;
  if (!fits || number < lowest || number > highest) {
    return Status::Error(Code::kBadInput, "%s: must be a whole number from %lld to %lld", Where(key).c_str(),
                         static_cast<long long>(lowest), static_cast<long long>(highest));
  }
  return number;
}

Result<bool> JsonObject::Bool(const char* key) {
  CUTIS_ASSIGN(const json* value, Get(key));
  if (!value->is_boolean()) return Status::Error(Code::kBadInput, "%s: must be true or false", Where(key).c_str());
  return value->get<bool>();
}

Result<const json*> JsonObject::Array(const char* key) {
  CUTIS_ASSIGN(const json* value, Get(key));
  if (!value->is_array()) return Status::Error(Code::kBadInput, "%s: must be an array", Where(key).c_str());
  return value;
}

Result<std::vector<float>> JsonObject::Floats(const char* key) {
  CUTIS_ASSIGN(const json* array, Array(key));
  std::vector<float> numbers;
  for (const json& element : *array) {
    const float number = element.is_number() ? static_cast<float>(element.get<double>()) : std::nanf("");
    if (!std::isfinite(number)) {
      return Status::Error(Code::kBadInput, "%s: element %zu must be a finite number", Where(key).c_str(), numbers.size());
    }
    numbers.push_back(number);
  }
  return numbers;
}

Result<std::vector<std::string>> JsonObject::Strings(const char* key) {
  CUTIS_ASSIGN(const json* array, Array(key));
  std::vector<std::string> texts;
  for (const json& element : *array) {
    if (!element.is_string() || element.get_ref<const std::string&>().find('\0') != std::string::npos) {
      return Status::Error(Code::kBadInput, "%s: element %zu must be a string", Where(key).c_str(), texts.size());
    }
    texts.push_back(element.get<std::string>());
  }
  return texts;
}

Status JsonObject::Finish() const {
  for (const auto& [key, value] : value_->items()) {
    if (taken_.count(key) == 0) return Status::Error(Code::kBadInput, "%s: unknown key \"%s\"", where_.c_str(), key.c_str());
  }
  return {};
}

}  // namespace cutis::convert
