// What the style sheet of a report has beside that of all pages (tools/page/page.cc).
#ifndef CUTIS_CONVERTER_REPORT_STYLE_H_
#define CUTIS_CONVERTER_REPORT_STYLE_H_

namespace cutis::convert {

inline constexpr char kReportStyle[] = R"css(
.bar{fill:var(--a)}.bar2{fill:var(--c1)}
.scratch{fill:var(--b);stroke:var(--bg);stroke-width:.7}.box0{fill:var(--c0)}.box1{fill:var(--c2)}.box2{fill:var(--c3)}.box3{fill:var(--c6)}[class^=box]{fill-opacity:.55;stroke:var(--bg);stroke-width:.7}
.line0{stroke:var(--c0)}.line1{stroke:var(--c2)}.line2{stroke:var(--c3)}.line3{stroke:var(--c1)}[class^=line]{fill:none;stroke-width:1.3}
.dot0,.d0{fill:var(--c0);background:var(--c0)}.dot1,.d1{fill:var(--c2);background:var(--c2)}.dot2,.d2{fill:var(--c3);background:var(--c3)}
.dot3,.d3{fill:var(--c1);background:var(--c1)}
.live{fill:none;stroke:var(--c1);stroke-width:1.6}
)css";

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_REPORT_STYLE_H_
