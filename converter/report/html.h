// Parts of the HTML report that stand in files of their own.
#ifndef CUTIS_CONVERTER_REPORT_HTML_H_
#define CUTIS_CONVERTER_REPORT_HTML_H_

#include <string>

#include "converter/report/report.h"

namespace cutis::convert {

std::string PicturesHtml(const Report& report);
std::string LayersHtml(const Report& report);
std::string PruningHtml(const Report& report);  // and the sensitivity; empty where there is neither

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_REPORT_HTML_H_
