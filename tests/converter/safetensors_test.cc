// The safetensors reader: what it takes, and that everything else is refused.
#include "converter/safetensors/safetensors.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <string>

#include "converter/graph/edit.h"

namespace cutis::convert {
namespace {

std::string File(const std::string& header, const std::string& body) {
  std::string text(8, '\0');
  for (size_t i = 0; i < 8; ++i) text[i] = static_cast<char>(header.size() >> (8 * i) & 0xff);
  return text + header + body;
}

Result<Checkpoint> Parse(const std::string& text) {
  return ParseSafetensors({reinterpret_cast<const std::byte*>(text.data()), text.size()}, "t.safetensors");
}

std::string ErrorOf(const std::string& text) {
  const auto checkpoint = Parse(text);
  return checkpoint.ok() ? "accepted" : checkpoint.status().text();
}

bool Holds(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

TEST_CASE("tensors of every type are read") {
  const struct {
    const char* dtype;
    std::string bytes;  // of the numbers 1 and -2, or 1 and 0
    double second;
  } types[] = {
      {"F64", std::string("\0\0\0\0\0\0\xf0\x3f\0\0\0\0\0\0\0\xc0", 16), -2},
      {"F32", std::string("\0\0\x80\x3f\0\0\0\xc0", 8), -2},
      {"F16", std::string("\x00\x3c\x00\xc0", 4), -2},
      {"BF16", std::string("\x80\x3f\x00\xc0", 4), -2},
      {"I64", std::string("\1\0\0\0\0\0\0\0\xfe\xff\xff\xff\xff\xff\xff\xff", 16), -2},
      {"I32", std::string("\1\0\0\0\xfe\xff\xff\xff", 8), -2},
      {"I8", std::string("\1\xfe", 2), -2},
      {"U8", std::string("\1\xfe", 2), 254},
      {"BOOL", std::string("\1\0", 2), 0},
  };
  for (const auto& type : types) {
    CAPTURE(type.dtype);
    const std::string header = std::string(R"({"__metadata__":{"by":"me"},"a":{"dtype":")") + type.dtype +
                               R"(","shape":[1,2],"data_offsets":[0,)" + std::to_string(type.bytes.size()) + "]}}";
    const auto checkpoint = Parse(File(header, type.bytes));
    REQUIRE_MESSAGE(checkpoint.ok(), std::string(checkpoint.status().text()));
    CHECK(checkpoint.value().metadata.at("by") == "me");
    const Constant& tensor = *checkpoint.value().tensors.at("a");
    CHECK(tensor.dims == Dims{1, 2});
    CHECK(ReadDoubles(tensor) == std::vector<double>{1, type.second});
  }
}

TEST_CASE("half-precision numbers keep their values") {
  Constant half{ElementType::kF16, {6}, {}};
  // The smallest subnormal, the largest subnormal, the largest number, minus infinity, minus zero, one third.
  const uint16_t bits[] = {0x0001, 0x03ff, 0x7bff, 0xfc00, 0x8000, 0x3555};
  half.data.resize(sizeof bits);
  std::memcpy(half.data.data(), bits, sizeof bits);
  const std::vector<double> values = ReadDoubles(half);
  CHECK(values[0] == 5.9604644775390625e-08);
  CHECK(values[1] == 6.097555160522461e-05);
  CHECK(values[2] == 65504);
  CHECK(values[3] == -std::numeric_limits<double>::infinity());
  CHECK((values[4] == 0 && std::signbit(values[4])));
  CHECK(values[5] == 0.333251953125);
}

TEST_CASE("scalars and empty tensors are read, in any order of bytes") {
  const auto checkpoint =
      Parse(File(R"({"b":{"dtype":"U8","shape":[0,3],"data_offsets":[0,0]},"c":{"dtype":"U8","shape":[],"data_offsets":[2,3]},)"
                 R"("a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}   )",
                 "xyz"));
  REQUIRE_MESSAGE(checkpoint.ok(), std::string(checkpoint.status().text()));
  CHECK(ReadInts(*checkpoint.value().tensors.at("c")) == std::vector<int64_t>{'z'});
  CHECK(checkpoint.value().tensors.at("b")->data.empty());
}

TEST_CASE("damaged and hostile files are refused") {
  const auto one = [](const char* entry, const char* body = "abcd") {
    return ErrorOf(File(std::string(R"({"a":)") + entry + "}", body));
  };
  CHECK(Holds(ErrorOf(""), "shorter than 8 bytes"));
  CHECK(Holds(ErrorOf(std::string(8, '\xff')), "its header would have"));
  CHECK(Holds(ErrorOf(std::string("\x09\0\0\0\0\0\0\0{}", 10)), "its header would have 9 bytes"));
  CHECK(Holds(ErrorOf(File("{", "")), "not valid JSON"));
  for (const char* header : {"", "[]", " {}", "\n{}", "\xef\xbb\xbf{}"})
    CHECK(Holds(ErrorOf(File(header, "")), "does not begin with '{'"));
  CHECK(Holds(ErrorOf(File("{} {}", "")), "not valid JSON"));
  CHECK(Holds(ErrorOf(File("{\"a\":" + std::string(100000, '['), "")), "nested too deeply"));
  for (const char* name : {"", "a\\u0000", "a\\nb", "\x7f"}) {
    const std::string entry = R"(":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})";
    CHECK(Holds(ErrorOf(File(std::string("{\"") + name + entry, "x")), "a tensor's name is empty"));
  }
  CHECK(Holds(ErrorOf(File(R"({"__metadata__":{"a":"1","a":"2"}})", "")), "stands twice"));
  CHECK(Holds(ErrorOf(File(R"({"a":1})", "")), "must be an object"));
  CHECK(Holds(ErrorOf(File(R"({"__metadata__":{"a":1}})", "")), "is not a text"));
  CHECK(
      Holds(ErrorOf(File(
                R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})",
                "xy")),
            "stands twice"));
  CHECK(Holds(one(R"({"dtype":"F8_E5M2","shape":[4],"data_offsets":[0,4]})"), "data type 'F8_E5M2' is not supported"));
  CHECK(Holds(one(R"({"dtype":"F32","shape":[1],"data_offsets":[0,4],"more":1})"), "unknown key"));
  CHECK(Holds(one(R"({"dtype":"F32","data_offsets":[0,4]})"), "\"shape\" is missing"));
  CHECK(Holds(one(R"({"dtype":"F32","shape":[-1],"data_offsets":[0,4]})"), "not a list of sizes"));
  CHECK(Holds(one(R"({"dtype":"F32","shape":[1.0],"data_offsets":[0,4]})"), "not a list of sizes"));
  CHECK(Holds(one(R"({"dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,4]})"), "not a list of sizes"));
  CHECK(Holds(one(R"({"dtype":"F32","shape":[16777216,16777216,16777216],"data_offsets":[0,4]})"), "its shape is too large"));
  CHECK(Holds(one(R"({"dtype":"F32","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,4]})"), "its shape is too large"));
  CHECK(Holds(one(R"({"dtype":"F32","shape":[1],"data_offsets":[0]})"), "not two positions"));
  CHECK(Holds(one(R"({"dtype":"F32","shape":[1],"data_offsets":[4,0]})"), "lie outside the file"));
  CHECK(Holds(one(R"({"dtype":"F32","shape":[1],"data_offsets":[0,18446744073709551615]})"), "lie outside the file"));
  CHECK(Holds(one(R"({"dtype":"F32","shape":[1],"data_offsets":[0,4]})", "abc"), "lie outside the file"));
  CHECK(Holds(one(R"({"dtype":"F32","shape":[2],"data_offsets":[0,4]})"), "4 bytes do not hold [2] of F32"));
  CHECK(Holds(one(R"({"dtype":"F32","shape":[1],"data_offsets":[0,4]})", "abcde"), "1 bytes after the last tensor"));
  CHECK(Holds(one(R"({"dtype":"U8","shape":[3],"data_offsets":[1,4]})"), "leave a gap"));
  CHECK(
      Holds(ErrorOf(File(
                R"({"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},"b":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}})",
                "abcd")),
            "overlap"));
  CHECK(!ReadSafetensors("no/such/file.safetensors").ok());
  CHECK(!ReadSafetensors(".").ok());
}

}  // namespace
}  // namespace cutis::convert
