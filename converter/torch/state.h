// Where the weights of a checkpoint are: wrappers, modules, prefixes of names.
#ifndef CUTIS_CONVERTER_TORCH_STATE_H_
#define CUTIS_CONVERTER_TORCH_STATE_H_

#include <string>
#include <vector>

#include "converter/torch/pickle.h"
#include "ops/status.h"

namespace cutis::convert {

struct StateEntry {
  std::string name;  // as in the state_dict
  PickleId value = kNoPickle;
};

struct State {
  std::vector<StateEntry> entries;  // in the order of the file
  std::vector<std::string> notes;   // for people: what was chosen
};

// The state_dict that `root` is or holds, or that the module at `root` would give.
Result<State> FindState(const Pickle& pickle, PickleId root, const std::string& source_name);

// Takes "module." (DataParallel, AveragedModel) off where every name has it, and "_orig_mod." (torch.compile) everywhere.
void StripPrefixes(State& state);

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_TORCH_STATE_H_
