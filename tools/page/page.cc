#include "tools/page/page.h"

namespace cutis::page {
namespace {

constexpr char kStyle[] = R"css(
:root{color-scheme:light dark;--bg:#fff;--fg:#1b1f24;--soft:#59636e;--line:#d5dae0;--card:#f5f7f9;--a:#2265c3;--b:#b9c4d2;
--c0:#2265c3;--c1:#c2571a;--c2:#2a8a4f;--c3:#7a4fb5;--c4:#a58a00;--c5:#c0396b;--c6:#6b7785;--c7:#98a2ad;--warn:#8a4b00;--warnbg:#fff3df}
@media screen and (prefers-color-scheme:dark){:root{--bg:#14171b;--fg:#e4e8ec;--soft:#9aa5b1;--line:#343b44;--card:#1d2127;--a:#6aa5f5;--b:#3d4957;
--c0:#5b97ea;--c1:#e58a4f;--c2:#58b87e;--c3:#a98be0;--c4:#cdb64a;--c5:#e57ba1;--c6:#8592a0;--c7:#5d6874;--warn:#ffd08a;--warnbg:#3a2b12}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:1100px;padding:16px 20px 60px;background:var(--bg);color:var(--fg);font:15px/1.5 system-ui,"DejaVu Sans",sans-serif}
h1{font-size:1.6em;margin:.2em 0 0;overflow-wrap:anywhere}h2{font-size:1.2em;margin:2em 0 .4em;border-bottom:1px solid var(--line)}
p{margin:.4em 0 .8em;max-width:75ch}.soft,figcaption{color:var(--soft)}code,td,th,p,li{overflow-wrap:anywhere;unicode-bidi:isolate}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(160px,1fr));gap:10px;margin:16px 0}
.tile{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:10px 12px}
.tile b{display:block;font-size:1.45em;line-height:1.3;white-space:nowrap}.tile span{display:block;font-size:.85em;color:var(--soft)}
.warn{background:var(--warnbg);color:var(--warn);padding:8px 12px;border-radius:6px}
.scroll{overflow-x:auto;margin:.4em 0}
table{border-collapse:collapse;font-size:.87em;font-variant-numeric:tabular-nums}
th,td{text-align:left;vertical-align:top;padding:3px 12px 3px 0;border-bottom:1px solid var(--line)}
th{font-weight:600;color:var(--soft);overflow-wrap:normal}td.n,th.n{text-align:right;white-space:nowrap}td.s{white-space:nowrap}td.w{min-width:11em}td.h{font-size:.85em;font-family:ui-monospace,"DejaVu Sans Mono",monospace;min-width:17em}
figure{margin:1.2em 0}figure .scroll svg{min-width:600px}svg{width:100%;height:auto;display:block}
svg text{font-size:11px;fill:var(--soft)}.grid{stroke:var(--line);stroke-width:.7}
.part0,.k0{fill:var(--c0);background:var(--c0)}.part1,.k1{fill:var(--c1);background:var(--c1)}.part2,.k2{fill:var(--c2);background:var(--c2)}
.part3,.k3{fill:var(--c3);background:var(--c3)}.part4,.k4{fill:var(--c4);background:var(--c4)}.part5,.k5{fill:var(--c5);background:var(--c5)}
.part6,.k6{fill:var(--c6);background:var(--c6)}.part7,.k7{fill:var(--c7);background:var(--c7)}
i.key{display:inline-block;width:.8em;height:.8em;border-radius:2px;margin-right:.5em}
@media print{body{max-width:none;padding:0}.scroll{overflow:visible}figure,.tile,tr{break-inside:avoid}h2,h3{break-after:avoid}}
)css";

}  // namespace

std::string Begin(const std::string& title, const char* style) {
  return "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
         "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>" +
         title + "</title>\n<style>" + kStyle + style + "</style>\n</head>\n<body>\n";
}

std::string End() { return "</body>\n</html>\n"; }

std::string Tile(const std::string& name, const std::string& value, const std::string& detail) {
  return "<div class=\"tile\"><span>" + name + "</span><b>" + value + "</b><span>" + detail + "</span></div>\n";
}

std::string Row(const std::string& name, const std::string& value) {
  return "<tr><th>" + name + "</th><td>" + value + "</td></tr>\n";
}

std::string Figure(const std::string& title, const std::string& svg, const std::string& caption) {
  return "<figure><h3>" + title + "</h3><div class=\"scroll\">" + svg + "</div><figcaption>" + caption +
         "</figcaption></figure>\n";
}

}  // namespace cutis::page
