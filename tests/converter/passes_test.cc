// Each pass alone: a graph in, a graph out (graph_text.h).
#include "converter/graph/passes.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/converter/graph_text.h"

namespace cutis::convert {
namespace {

using PassFn = Status (*)(Graph&);

struct Case {
  const char* what;
  std::vector<PassFn> passes;  // the last one is the one that is looked at; those before it make what it expects
  const char* before;
  const char* after;
};

void Check(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    CAPTURE(std::string(c.what));
    Graph graph = GraphOf(c.before);
    for (const PassFn pass : c.passes) {
      const Status status = pass(graph);
      CAPTURE(std::string(status.text()));
      REQUIRE(status.ok());
    }
    const std::string once = TextOfGraph(graph);
    CHECK(once == std::string(c.after + 1));  // behind the line break
    CHECK(c.passes.back()(graph).ok());
    CHECK(TextOfGraph(graph) == once);  // nothing is left for a second run
  }
}

}  // namespace

TEST_CASE("FoldConstants") {
  Check({{"arithmetic of constants",
          {FoldConstants},
          R"(
x : 1,2
a := 2 : 1 2
b := 2 : 10
s = Add a b
y = Mul x s
out y)",
          R"(
%0 = Mul x {2 : 11 12}
out %0
)"},
         {"a shape is a constant, whatever is in the tensor",
          {FoldConstants},
          R"(
x : 1,2,3,4
s = Shape x
i := i64 1 : 1
c = Gather s i ; axis=0
m := i64 1 : -1
n := i64 1 : 1
d = Concat n c m ; axis=0
y = Reshape x d
out y)",
          R"(
%0 = Reshape x {i64 3 : 1 2 -1}
out %0
)"}});
}

TEST_CASE("RemoveNoOps") {
  Check({{"Identity, Dropout; Flatten is a Reshape",
          {FoldConstants, RemoveNoOps},
          R"(
x : 1,2,3,4
r = Relu x
i = Identity r
d = Dropout i
y = Flatten d ; axis=1
out y)",
          R"(
%0 = Relu x
%1 = Reshape %0
out %1
)"},
         {"a Transpose that moves ones only is a Reshape, another one stays",
          {FoldConstants, RemoveNoOps},
          R"(
x : 1,4,3,3
p = GlobalAveragePool x
q = Transpose p ; perm=[0,2,3,1]
t = Transpose x ; perm=[0,2,3,1]
out q t)",
          R"(
%0 = GlobalAveragePool x
%1 = Reshape %0
%2 = Transpose x ; perm=[0,2,3,1]
out %1 %2
)"}});
}

TEST_CASE("Canonicalize") {
  Check({{"a Sum of three is two Adds",
          {FoldConstants, Canonicalize},
          R"(
x : 1,2
a = Relu x
b = Tanh x
y = Sum x a b
out y)",
          R"(
%0 = Relu x
%1 = Tanh x
%2 = Add x %0
%3 = Add %2 %1
out %3
)"},
         {"axes count from the front",
          {FoldConstants, Canonicalize},
          R"(
x : 1,3,4,4
a = Relu x
y = Concat x a ; axis=-3
s = Softmax y ; axis=-1
out s)",
          R"(
%0 = Relu x
%1 = Concat x %0 ; axis=1
%2 = Softmax %1 ; axis=3
out %2
)"},
         {"PRelu is what it says: the positive part and the slope times the negative one",
          {FoldConstants, Canonicalize},
          R"(
x : 1,2,3,3
slope := 2,1,1 : 0.1 0.2
y = PRelu x slope
out y)",
          R"(
%0 = Relu x
%1 = Min x {- : 0}
%2 = Mul %1 {2,1,1 : 0.1 0.2}
%3 = Add %0 %2
out %3
)"}});
}

TEST_CASE("NormalizeWindows") {
  Check({{"auto_pad becomes pads, what is left out becomes the default",
          {FoldConstants, NormalizeWindows},
          R"(
x : 1,3,5,5
w := 2,3,3,3 : 1
y = Conv x w ; auto_pad=SAME_UPPER strides=[2,2]
out y)",
          R"(
%0 = Conv x {2,3,3,3} ; dilations=[1,1] group=1 kernel_shape=[3,3] pads=[1,1,1,1] strides=[2,2]
out %0
)"},
         {"a global pool is a window as large as the image",
          {FoldConstants, NormalizeWindows},
          R"(
x : 1,3,4,6
a = GlobalAveragePool x
m = GlobalMaxPool x
out a m)",
          R"(
%0 = AveragePool x ; count_include_pad=0 dilations=[1,1] kernel_shape=[4,6] pads=[0,0,0,0] strides=[1,1]
%1 = MaxPool x ; dilations=[1,1] kernel_shape=[4,6] pads=[0,0,0,0] strides=[1,1]
out %0 %1
)"},
         {"ceil_mode becomes padding behind",
          {FoldConstants, NormalizeWindows},
          R"(
x : 1,3,6,6
y = MaxPool x ; kernel_shape=[3,3] strides=[2,2] ceil_mode=1
out y)",
          R"(
%0 = MaxPool x ; dilations=[1,1] kernel_shape=[3,3] pads=[0,0,1,1] strides=[2,2]
out %0
)"}});
}

TEST_CASE("NormalizeMatMuls") {
  Check({{"a product with a constant matrix is a Gemm of its transpose",
          {FoldConstants, NormalizeMatMuls},
          R"(
x : 1,2
m := 2,3 : 1 2 3 4 5 6
y = MatMul x m
out y)",
          R"(
%0 = Gemm x {3,2 : 1 4 2 5 3 6} ; transB=1
out %0
)"},
         {"alpha and beta go into weights and bias",
          {FoldConstants, NormalizeMatMuls},
          R"(
x : 1,2
m := 3,2 : 1 2 3 4 5 6
b := 1 : 8
y = Gemm x m b ; transB=1 alpha=2.0 beta=0.5
out y)",
          R"(
%0 = Gemm x {3,2 : 2 4 6 8 10 12} {3 : 4 4 4} ; transB=1
out %0
)"}});
}

TEST_CASE("FoldAffines") {
  Check({{"a factor and a sum behind a convolution, by channel",
          {FoldConstants, NormalizeWindows, FoldAffines},
          R"(
x : 1,1,2,2
w := 2,1,1,1 : 3 5
f := 2,1,1 : 2 4
s := 2,1,1 : 1 -1
c = Conv x w
m = Mul c f
y = Add m s
out y)",
          R"(
%0 = Conv x {2,1,1,1 : 6 20} {2 : 1 -1} ; dilations=[1,1] group=1 kernel_shape=[1,1] pads=[0,0,0,0] strides=[1,1]
out %0
)"},
         {"batch normalisation: variance + epsilon is 4, so the factor is scale / 2",
          {FoldConstants, NormalizeWindows, FoldAffines},
          R"(
x : 1,1,2,2
w := 2,1,1,1 : 3 5
scale := 2 : 2 6
bias := 2 : 10 20
mean := 2 : 1 2
var := 2 : 3.5
c = Conv x w
y = BatchNormalization c scale bias mean var ; epsilon=0.5
out y)",
          R"(
%0 = Conv x {2,1,1,1 : 3 15} {2 : 9 14} ; dilations=[1,1] group=1 kernel_shape=[1,1] pads=[0,0,0,0] strides=[1,1]
out %0
)"},
         {"what something else reads, too, stays; the factor is a depthwise convolution then",
          {FoldConstants, NormalizeWindows, FoldAffines},
          R"(
x : 1,1,2,2
w := 2,1,1,1 : 3 5
f := 2,1,1 : 2 4
c = Conv x w
y = Mul c f
out y c)",
          R"(
%0 = Conv x {2,1,1,1 : 3 5} ; dilations=[1,1] group=1 kernel_shape=[1,1] pads=[0,0,0,0] strides=[1,1]
%1 = Conv %0 {2,1,1,1 : 2 4} {2 : 0 0} ; dilations=[1,1] group=2 kernel_shape=[1,1] pads=[0,0,0,0] strides=[1,1]
out %1 %0
)"}});
}

TEST_CASE("FuseGates") {
  Check({{"x * sigmoid(x)",
          {FoldConstants, FuseGates, RemoveDeadCode},
          R"(
x : 1,4
s = Sigmoid x
y = Mul x s
out y)",
          R"(
%0 = Swish x
out %0
)"},
         {"x * relu6(x + 3) / 6",
          {FoldConstants, FuseGates, RemoveDeadCode},
          R"(
x : 1,4
three := - : 3
six := - : 6
zero := - : 0
a = Add x three
c = Clip a zero six
m = Mul x c
y = Div m six
out y)",
          R"(
%0 = HardSwish x
out %0
)"},
         {"the gate of another tensor is a product",
          {FoldConstants, FuseGates, RemoveDeadCode},
          R"(
x : 1,4
r = Relu x
s = Sigmoid r
y = Mul x s
out y)",
          R"(
%0 = Relu x
%1 = Sigmoid %0
%2 = Mul x %1
out %2
)"}});
}

TEST_CASE("FuseActivations") {
  Check({{"Relu, and the Clip behind it, go into the convolution",
          {FoldConstants, NormalizeWindows, FuseActivations},
          R"(
x : 1,1,2,2
w := 2,1,1,1 : 3 5
c = Conv x w
r = Relu c
six := - : 6
lo := - : -1
y = Clip r lo six
out y)",
          R"(
%0 = Conv x {2,1,1,1 : 3 5} ; clip_max=6.0 clip_min=0.0 dilations=[1,1] group=1 kernel_shape=[1,1] pads=[0,0,0,0] strides=[1,1]
out %0
)"},
         {"a Relu beside another reader stays, as Clip",
          {FoldConstants, NormalizeWindows, FuseActivations},
          R"(
x : 1,1,2,2
w := 2,1,1,1 : 3 5
c = Conv x w
y = Relu c
out y c)",
          R"(
%0 = Conv x {2,1,1,1 : 3 5} ; dilations=[1,1] group=1 kernel_shape=[1,1] pads=[0,0,0,0] strides=[1,1]
%1 = Clip %0 ; max=inf min=0.0
out %1 %0
)"}});
}

TEST_CASE("FusePads") {
  Check({{"zeros go into the convolution",
          {FoldConstants, Canonicalize, NormalizeWindows, FusePads},
          R"(
x : 1,1,4,4
w := 2,1,3,3 : 1
p := i64 8 : 0 0 1 2 0 0 3 4
q = Pad x p
y = Conv q w ; pads=[1,1,1,1]
out y)",
          R"(
%0 = Conv x {2,1,3,3} ; dilations=[1,1] group=1 kernel_shape=[3,3] pads=[2,3,4,5] strides=[1,1]
out %0
)"},
         {"other values do not",
          {FoldConstants, Canonicalize, NormalizeWindows, FusePads},
          R"(
x : 1,1,4,4
w := 2,1,3,3 : 1
p := i64 8 : 0 0 1 1 0 0 1 1
v := - : 7
q = Pad x p v
y = Conv q w
out y)",
          R"(
%0 = Pad x {i64 8} {- : 7}
%1 = Conv %0 {2,1,3,3} ; dilations=[1,1] group=1 kernel_shape=[3,3] pads=[0,0,0,0] strides=[1,1]
out %1
)"}});
}

TEST_CASE("MergeReshapes") {
  Check({{"of a chain the last one stays",
          {FoldConstants, RemoveNoOps, MergeReshapes},
          R"(
x : 1,2,3,4
r = Relu x
a := i64 2 : 1 24
b := i64 3 : 1 6 4
p = Reshape r a
y = Reshape p b
out y)",
          R"(
%0 = Relu x
%1 = Reshape %0
%2 = Reshape %0
out %2
)"},
         {"one that comes back to where it began goes",
          {FoldConstants, RemoveNoOps, MergeReshapes},
          R"(
x : 1,2,3,4
r = Relu x
a := i64 2 : 1 24
b := i64 4 : 1 2 3 4
p = Reshape r a
q = Reshape p b
y = Tanh q
out y)",
          R"(
%0 = Relu x
%1 = Reshape %0
%2 = Tanh %0
out %2
)"}});
}

TEST_CASE("RemoveDeadCode") {
  Check({{"what no output needs",
          {FoldConstants, RemoveDeadCode},
          R"(
x : 1,2
a = Relu x
b = Tanh a
y = Sigmoid a
out y)",
          R"(
%0 = Relu x
%1 = Sigmoid %0
out %1
)"}});
}

TEST_CASE("quantised graphs") {
  Check({{"ExpandQuantizedOperators: a QLinear operator is the real one between quantisations",
          {ExpandQuantizedOperators},
          R"(
x : u8 1,4
s := - : 0.5
z := u8 - : 128
t := - : 0.25
y = QLinearLeakyRelu x s z t z ; alpha=0.1
out y)",
          R"(
%0 = DequantizeLinear x {- : 0.5} {u8 - : 128} ; axis=1
%1 = LeakyRelu %0 ; alpha=0.1
%2 = QuantizeLinear %1 {- : 0.25} {u8 - : 128}
out %2
)"},
         {"ResolveQuantization: the integers go, the values carry their scales",
          {FoldConstants, ResolveQuantization},
          R"(
x : 1,4
s := - : 0.5
z := u8 - : 10
t := - : 0.25
q = QuantizeLinear x s z
d = DequantizeLinear q s z
r = Relu d
u = QuantizeLinear r t z
y = DequantizeLinear u t z
out y)",
          R"(
%0@0.25,10 = Relu x@0.5,10
out %0@0.25,10
)"},
         {"ResolveQuantization: int8 activations are bytes, 128 higher",
          {FoldConstants, ResolveQuantization},
          R"(
x : 1,4
s := - : 0.5
z := i8 - : -118
q = QuantizeLinear x s z
y = DequantizeLinear q s z
out y)",
          R"(
out x@0.5,10
)"},
         {"SpreadQuantization: what only moves elements has the scale of its input",
          {FoldConstants, ResolveQuantization, NormalizeWindows, SpreadQuantization},
          R"(
x : 1,1,4,4
s := - : 0.5
z := u8 - : 10
r = Relu x
q = QuantizeLinear r s z
d = DequantizeLinear q s z
y = MaxPool d ; kernel_shape=[2,2] strides=[2,2]
out y)",
          R"(
%0@0.5,10 = Relu x
%1@0.5,10 = MaxPool %0@0.5,10 ; dilations=[1,1] kernel_shape=[2,2] pads=[0,0,0,0] strides=[2,2]
out %1@0.5,10
)"},
         {"ExpandQuantizedEdges: an input of bytes with a scale for each channel",
          {FoldConstants, ResolveQuantization, ExpandQuantizedEdges},
          R"(
x : u8 1,2,2,2
s := 2 : 0.5 0.25
z := u8 2 : 10 20
y = DequantizeLinear x s z ; axis=1
out y)",
          R"(
%0 = DequantizeLinear x@1,0 {- : 1}
%1 = Sub %0 {1,2,1,1 : 10 20}
%2 = Mul %1 {1,2,1,1 : 0.5 0.25}
out %2
)"},
         {"TakeBytesAsReals: an input of bytes is a real one of that scale",
          {FoldConstants, ResolveQuantization, ExpandQuantizedEdges, SpreadQuantization, TakeBytesAsReals},
          R"(
x : u8 1,4
s := - : 0.5
z := u8 - : 10
d = DequantizeLinear x s z
y = Relu d
out y)",
          R"(
%0 = Relu x@0.5,10
out %0
)"}});
}

TEST_CASE("checks") {
  const auto refused = [](PassFn check, const char* text, const char* words) {
    Graph graph = GraphOf(text);
    const Status status = check(graph);
    CAPTURE(std::string(status.text()));
    CHECK(!status.ok());
    CHECK(std::string(status.text()).find(words) != std::string::npos);
  };
  const PassFn normal = [](Graph& graph) {
    REQUIRE(FoldConstants(graph).ok());
    return CheckNormalForm(graph);
  };
  refused(CheckOperators, "x : 1,2\ny = Relu x ; alpha=1.0\nout y", "alpha");
  refused(CheckOperators, "x : 1,2\ny = Add x\nout y", "input");
  refused(normal, "x : 1,2\ny = Identity x\nout y", "Identity");
}

}  // namespace cutis::convert
