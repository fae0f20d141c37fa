// Graphs as text, for tests of passes: what goes in and what comes out can be read at a glance. A line each:
//   x : 1,3,8,8              an input; "x : u8 1,3,8,8" of another type
//   w := 2,3 : 1 2 3         a constant; too few numbers are repeated; "s := i64 2 : 1 -1"; dims "-": a scalar
//   y = Conv x w - ; group=1 pads=[1,1,1,1] clip_max=6.0 mode=edge     a node; "-": an input that is left out; "a b = Split ..."
//   out y
#ifndef CUTIS_TESTS_CONVERTER_GRAPH_TEXT_H_
#define CUTIS_TESTS_CONVERTER_GRAPH_TEXT_H_

#include <string>

#include "converter/graph/graph.h"

namespace cutis::convert {

Graph GraphOf(const std::string& text);

// The nodes and outputs in the same form. What they make is called %0, %1, ... in their order; constants stand where they are
// read, as {dims : values}, those of more than six elements without the values. Behind a value "@scale,zero" where it states its
// quantisation.
std::string TextOfGraph(const Graph& graph);

}  // namespace cutis::convert

#endif  // CUTIS_TESTS_CONVERTER_GRAPH_TEXT_H_
