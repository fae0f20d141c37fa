// What of a node lies in a model file, for whoever lists it.
#ifndef CUTIS_OPS_STORED_H_
#define CUTIS_OPS_STORED_H_

#include <cstddef>
#include <string>
#include <type_traits>
#include <variant>

#include "ops/op.h"

namespace cutis {

// What the options of a node store, in bytes; zero for operators without weights.
struct Stored {
  size_t weights = 0, others = 0;  // others: bias, multipliers, tables
};

inline Stored StoredBytes(const OpOptions& options) {
  return std::visit(
      [](const auto& o) -> Stored {
        using T = std::decay_t<decltype(o)>;
        if constexpr (std::is_same_v<T, ConvU8Options> || std::is_same_v<T, DepthwiseU8Options>) {
          return {o.weights.size_bytes(), o.bias.size_bytes() + o.multiplier.size_bytes() + o.padding.size_bytes()};
        } else if constexpr (std::is_same_v<T, ConvF32Options> || std::is_same_v<T, DepthwiseF32Options>) {
          return {o.weights.size_bytes(), o.bias.size_bytes()};
        } else if constexpr (std::is_same_v<T, AveragePoolU8Options>) {
          return {0, o.counts.size_bytes() + o.multipliers.size_bytes()};
        } else if constexpr (std::is_same_v<T, LookupOptions>) {
          return {0, o.table.size_bytes()};
        } else {
          return {};
        }
      },
      options);
}

// Rows of 64 weight bytes of a pruned layer: those stored, and those that a dense one would have. Zeros for any other node.
struct Rows {
  size_t live = 0, all = 0;
};

inline Rows RowsOf(const Node& node) {
  const auto* conv = std::get_if<ConvU8Options>(&node.options);
  if (conv == nullptr || conv->panel_starts.empty()) return {};
  const auto taps = static_cast<size_t>(conv->window.kernel_h) * static_cast<size_t>(conv->window.kernel_w);
  const size_t group_in = static_cast<size_t>(node.inputs[0]->shape.channels / conv->groups);
  return {conv->live.size(), (conv->panel_starts.size() - 1) * taps * CeilDiv(group_in, 4)};
}

// "3x3 /2" for a window that is more than one pixel; empty without one.
inline std::string WindowText(const OpOptions& options) {
  return std::visit(
      [](const auto& o) -> std::string {
        if constexpr (requires { o.window; }) {
          const Window& w = o.window;
          std::string text = std::to_string(w.kernel_h) + "x" + std::to_string(w.kernel_w);
          if (w.stride_h != 1 || w.stride_w != 1) {
            text += "/" + std::to_string(w.stride_h);
            if (w.stride_w != w.stride_h) text += "," + std::to_string(w.stride_w);
          }
          if (w.dilation_h != 1 || w.dilation_w != 1)
            text += " dil " + std::to_string(w.dilation_h) + "," + std::to_string(w.dilation_w);
          return text;
        } else {
          return "";
        }
      },
      options);
}

}  // namespace cutis

#endif  // CUTIS_OPS_STORED_H_
