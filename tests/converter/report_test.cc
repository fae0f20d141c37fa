// The report of a conversion: names of files do no harm in it, and it says nothing but what went in.
#include "converter/report/report.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>

#include "converter/quant/rates.h"
#include "tools/page/text.h"

namespace cutis::convert {

using page::Escape, page::Format, page::Grouped;

namespace {

Report Hostile(const std::string& name) {
  Report report;
  report.converter = "cutis-convert test";
  Summary& summary = report.summary;
  summary.name = summary.output = name;
  summary.nodes = 1;
  summary.notes = {name};
  summary.agreement = Agreement();
  summary.agreement->inputs = 2;
  summary.agreement->each = {{0.9, 1, true}, {0.5, 2, false}};
  summary.compared = {name + "0", name + "1"};
  summary.plan.activation_bytes = 128;
  report.files = {{"weights", name, 3, name, -1}};
  report.options = {{"--recipe", name}};
  report.passes = {{name, name, 2, 1, {{name, -1}}}};
  report.tensors = {{name, DataType::kU8, {1, 1, 4}, 1, false, 0.5f, 3, 0, 64, -1, 0},
                    {name, DataType::kU8, {1, 1, 4}, 1, false, 0.1f, 3, 64, 64, 0, 1}};
  ReportLayer layer;
  layer.name = layer.op = layer.window = layer.range = layer.rounding = name;
  layer.inputs = {0};
  layer.output = 1;
  layer.sqnr_db = 20;
  layer.rows = 4;
  layer.live_rows = 1;
  layer.by_blocks = true;
  report.layers = {layer};
  PruneReport pruning;
  pruning.options.mode = PruneMode::kBlock;
  pruning.options.rate = 0.5;
  pruning.options.limits = {{name, 0.25}};
  pruning.layers = {{name, 40, 4, 10, ""}, {name + " b", 30, 0, 0, "first"}, {"dw", 0, 0, 0, "depthwise"}};
  pruning.units = 40;
  pruning.removed = 10;
  summary.pruning = pruning;
  summary.sensitivity = Sensitivity{PruneMode::kBlock, PruneBy::kL1, 3, {{name, 40, {1, 0.9, std::nan(""), -0.5}}}};
  report.source = report.source_sha256 = report.licence = report.card = name;
  report.verdict = {{"labels", {name}}};
  report.warnings = {name};
  return report;
}

size_t Count(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

}  // namespace

TEST_CASE("hostile names stay text") {
  const std::string plain = ReportHtml(Hostile("name"));
  for (const std::string name :
       {"<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "' onload='x", "</style><b>", "&lt;\x01\x7f"}) {
    const std::string html = ReportHtml(Hostile(name));
    CAPTURE(name);
    // As many tags and quotes as with a harmless name: nothing opens or closes anything.
    for (const char* part : {"<", ">", "\"", "'"}) CHECK(Count(html, part) == Count(plain, part));
    CHECK(Count(html, "<script") == 0);
    CHECK(html.find('\x01') == std::string::npos);
    const auto json = nlohmann::json::parse(ReportJson(Hostile(name)), nullptr, false);
    REQUIRE(!json.is_discarded());
    CHECK(json["layers"][0]["name"] == name);
  }
}

TEST_CASE("what is no UTF-8 is replaced") {
  CHECK(Escape("a\xff z") == "a\uFFFD z");
  CHECK(Escape("\xc0\x80\xe2\x82") == "\uFFFD\uFFFD\uFFFD\uFFFD");  // overlong, cut off
  CHECK(Escape("\xed\xa0\x80") == "\uFFFD\uFFFD\uFFFD");            // a surrogate
  CHECK(Escape("h\u00e9\u20ac\U0001F600") == "h\u00e9\u20ac\U0001F600");
  CHECK(Escape("abcdef", 3) == "abc\u2026");
  const auto json = nlohmann::json::parse(ReportJson(Hostile("bad\xff name")), nullptr, false);
  REQUIRE(!json.is_discarded());
  CHECK(json["model"]["name"] == "bad\uFFFD name");
}

TEST_CASE("a page needs nothing else, and says the same each time") {
  const std::string html = ReportHtml(Hostile("net"));
  for (const char* part : {"http://", "https://", "src=", "href=", "<script", "<link", "@import", "url("})
    CHECK(Count(html, part) == 0);
  CHECK(html == ReportHtml(Hostile("net")));
  CHECK(Grouped(1234567) == "1\u202f234\u202f567");
  CHECK(Grouped(999) == "999");
  CHECK(Format("%s, %.2f of %d", std::string(300, 'x').c_str(), 0.125, 7) == std::string(300, 'x') + ", 0.12 of 7");
}

TEST_CASE("pruning by layers and the sensitivity are in both forms") {
  const auto json = nlohmann::json::parse(ReportJson(Hostile("net")), nullptr, false);
  REQUIRE(!json.is_discarded());
  const auto& layers = json["pruning"]["layers"];
  REQUIRE(layers.size() == 3);
  CHECK((layers[0]["asked_rate"] == 0.5 && layers[0]["largest_rate"] == 0.25));
  CHECK((layers[0]["live_before"] == 36 && layers[0]["live_after"] == 30));
  CHECK((layers[1]["spared"] == "first" && layers[1]["asked_rate"] == 0 && layers[1]["live_after"] == 30));
  const auto& sensitivity = json["sensitivity"];
  CHECK(sensitivity["rates"] == nlohmann::json({0.25, 0.5, 0.75, 0.9}));
  CHECK(sensitivity["layers"][0]["cosine"][1] == 0.9);
  CHECK(sensitivity["layers"][0]["cosine"][2].is_null());

  const std::string html = ReportHtml(Hostile("net"));
  const auto row = [&](const std::string& first) {
    const size_t at = html.find("<tr><td class=\"w\">" + first + "</td>");
    REQUIRE(at != std::string::npos);
    std::string text;
    bool tag = false;
    for (const char c : html.substr(at, html.find("</tr>", at) - at)) {
      if (c == '<' && !text.empty() && text.back() != '|') text += '|';
      tag = c == '<' || (tag && c != '>');
      if (!tag && c != '>') text += c;
    }
    return text;
  };
  CHECK(row("net") == "net|50.0\u202f%|25.0\u202f%|40|36|30|25.0\u202f%|");
  CHECK(row("net b") == "net b|\u2013|\u2013|30|30|30|0.0\u202f%|first layer|");
  CHECK(row("dw") == "dw|\u2013|\u2013|\u2013|\u2013|\u2013|\u2013|depthwise: has no blocks|");
  // Four rates, one of them without a value: a line and a square for each of the three others.
  for (const char* part : {"line0", "line1", "line3", "dot0", "dot1", "dot3"})
    CHECK(Count(html, "class=\"" + std::string(part) + "\"") == 1);
  CHECK(Count(html, "class=\"dot2\"") == 0);
  CHECK(Count(html, "1.0000</td><td class=\"n\">0.9000</td><td class=\"n\">\u2013</td><td class=\"n\">-0.5000</td>") == 1);

  Report none = Hostile("net");
  none.summary.pruning.reset();
  none.summary.sensitivity.reset();
  CHECK(Count(ReportHtml(none), "<h2>Pruning") + Count(ReportHtml(none), "<h2>Sensitivity") == 0);
  CHECK(nlohmann::json::parse(ReportJson(none))["sensitivity"].is_null());
}

TEST_CASE("the inputs that agree least come first") {
  const Report report = Hostile("i");
  CHECK(WorstInputs(*report.summary.agreement, 9) == std::vector<size_t>{1, 0});
  CHECK(InputName(report.summary, 1) == "i1");
  CHECK(InputName(report.summary, 2) == "generated input 2");
}

TEST_CASE("Wilson's interval") {
  // Newcombe (1998), table I: 81 of 263.
  const Share share = ShareOf(81, 263);
  CHECK(share.low == doctest::Approx(0.2553).epsilon(0.0002));
  CHECK(share.high == doctest::Approx(0.3662).epsilon(0.0002));
  CHECK(ShareOf(0, 20).low == 0);
  CHECK(ShareOf(0, 20).high == doctest::Approx(0.1611).epsilon(0.0005));
  CHECK(ShareOf(0, 0).high == 1);
}

TEST_CASE("places that a report may not take") {
  CHECK(CheckReportPaths({"a.html", "b.json"}, {"c.cutis", ""}).ok());
  for (const auto& [reports, taken] : {std::pair<std::vector<std::string>, std::vector<std::string>>{{"a.txt"}, {}},
                                       {{"a.html", "./a.html"}, {}},
                                       {{"r.json"}, {"x/../r.json"}}}) {
    const Status status = CheckReportPaths(reports, taken);
    CHECK(status.code() == Code::kUsage);
  }
}

}  // namespace cutis::convert
