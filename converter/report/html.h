// Parts of the HTML report that stand in files of their own.
#ifndef CUTIS_CONVERTER_REPORT_HTML_H_
#define CUTIS_CONVERTER_REPORT_HTML_H_

#include <string>

#include "converter/report/report.h"

namespace cutis::convert {

std::string PicturesHtml(const Report& report);
std::string LayersHtml(const Report& report);

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_REPORT_HTML_H_
