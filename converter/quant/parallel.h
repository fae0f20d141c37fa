// Work on several threads whose result does not depend on how many there are.
#ifndef CUTIS_CONVERTER_QUANT_PARALLEL_H_
#define CUTIS_CONVERTER_QUANT_PARALLEL_H_

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace cutis::convert {

// Calls work(i) for i = 0 .. count-1, each once, in no order, on up to `threads` threads. Each call must write to places of its
// own. What a call throws is thrown again here, after all threads have ended.
template <class Work>
void ParallelFor(size_t count, int32_t threads, const Work& work) {
  std::atomic<size_t> next{0};
  std::mutex mutex;
  std::exception_ptr thrown;
  const auto loop = [&] {
    try {
      for (size_t i = next++; i < count; i = next++) work(i);
    } catch (...) {
      const std::lock_guard lock(mutex);
      thrown = std::current_exception();
      next = count;
    }
  };
  std::vector<std::thread> others;
  const size_t wanted = std::min(count, static_cast<size_t>(std::max(1, threads)));
  for (size_t i = 1; i < wanted; ++i) others.emplace_back(loop);
  loop();
  for (std::thread& other : others) other.join();
  if (thrown) std::rethrow_exception(thrown);
}

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_QUANT_PARALLEL_H_
