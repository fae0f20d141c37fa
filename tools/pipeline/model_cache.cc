#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <list>
#include <memory>
#include <mutex>
#include <new>
#include <string>

#include "tools/pipeline/c_structs.h"
#include "tools/pipeline/cutis_model_cache.h"
#include "tools/pipeline/file_id.h"

namespace {

using cutis::pipeline::FileId;
using cutis::pipeline::IdentifyFile;
using cutis::pipeline::Report;

constexpr size_t kErrorBytes = 512;
// A file that is replaced now and then is not replaced so often in a row, each time while it is being opened.
constexpr int kAttempts = 16;

// The files that a model is made of.
struct Files {
  FileId model, tuning;
  bool operator==(const Files&) const = default;
};

// False where one of them cannot be examined.
bool Identify(const char* path, const cutis_open_options& options, Files* files) {
  return IdentifyFile(path, &files->model) && (options.tune_file == nullptr || IdentifyFile(options.tune_file, &files->tuning));
}

// The options that a model depends on.
struct Manner {
  bool tuned = false, masked = false, copied = false;
  std::string isa;

  explicit Manner(const cutis_open_options& options) : tuned(options.tune_file != nullptr), copied(options.copy != 0) {
    // Without a mask of the caller the one of the environment holds, as in cutis_model_open.
    const char* const given = options.isa != nullptr ? options.isa : std::getenv("CUTIS_ISA");
    masked = given != nullptr;
    if (masked) isa = given;
  }
  bool operator==(const Manner&) const = default;
};

struct Entry {
  enum class State { kOpening, kOpen, kFailed, kReplaced };  // kReplaced: another file came while this one was opened

  Entry(const char* name, const Files& of, Manner with) : path(name), files(of), manner(std::move(with)) {}

  const std::string path;
  const Files files;
  const Manner manner;
  State state = State::kOpening;
  uint64_t users = 0;      // those that wait for it included
  bool forgotten = false;  // nobody gets it any more
  cutis_model* model = nullptr;
  uint64_t mapped_bytes = 0, heap_bytes = 0;
  cutis_status status = CUTIS_OK;  // of the opening
  char error[kErrorBytes] = "";

  ~Entry() { cutis_model_close(model); }
  bool idle() const { return state == State::kOpen && users == 0; }
};

// The most recently used first.
using Entries = std::list<std::shared_ptr<Entry>>;

}  // namespace

struct cutis_model_cache {
  explicit cutis_model_cache(const cutis_model_cache_options& options) : options_(options) {}

  cutis_status Get(const char* path, const cutis_open_options& options, const cutis_model** model, char* error,
                   size_t error_size);
  cutis_status Release(const cutis_model* model);
  void Forget();   // all of them
  bool Abandon();  // true: nothing is in use
  cutis_model_cache_statistics Describe();

 private:
  std::shared_ptr<Entry> FindOrBegin(const char* path, const Files& files, const cutis_open_options& options, bool* found);
  void ForgetReplaced(const Entry& made, Entries* out);
  void Open(const std::shared_ptr<Entry>& entry, const char* path, const cutis_open_options& options);
  void TakeOut(Entries::iterator entry, Entries* out);
  void Trim(Entries* out);

  const cutis_model_cache_options options_;
  std::mutex mutex_;  // of all that follows, and of the state of entries; not held while a file is opened or closed
  std::condition_variable opened_;
  Entries entries_;
  bool abandoned_ = false;
  cutis_model_cache_statistics now_ = {};  // bytes and open_models are kept, used_models is counted when asked for
};

// The entry of these files and options, with the caller among its users; a new one, which the caller has to open, where there
// is none.
std::shared_ptr<Entry> cutis_model_cache::FindOrBegin(const char* path, const Files& files, const cutis_open_options& options,
                                                      bool* found) {
  // Whole before others see it: what throws from here on would leave them waiting.
  auto made = std::make_shared<Entry>(path, files, Manner(options));
  Entries closed;  // destroyed after the lock
  const std::lock_guard lock(mutex_);
  const auto at = std::find_if(entries_.begin(), entries_.end(), [&made](const auto& entry) {
    return !entry->forgotten && entry->files == made->files && entry->manner == made->manner;
  });
  *found = at != entries_.end();
  if (*found) {
    entries_.splice(entries_.begin(), entries_, at);
  } else {
    ForgetReplaced(*made, &closed);
    entries_.push_front(std::move(made));
  }
  ++entries_.front()->users;
  return entries_.front();
}

// What the path led to before will hardly be asked for again.
void cutis_model_cache::ForgetReplaced(const Entry& made, Entries* out) {
  for (auto next = entries_.begin(); next != entries_.end();) {
    const auto at = next++;
    Entry& old = **at;
    if (old.state != Entry::State::kOpen || old.forgotten || old.path != made.path || old.manner != made.manner) continue;
    if (old.files.model == made.files.model) continue;  // with another tuning
    old.forgotten = true;
    ++now_.evictions;
    if (old.idle()) TakeOut(at, out);
  }
}

// Opens what FindOrBegin has begun, and tells those that wait. Nothing in here throws, or they would wait for ever.
void cutis_model_cache::Open(const std::shared_ptr<Entry>& entry, const char* path, const cutis_open_options& options) {
  Entry& made = *entry;
  made.status = cutis_model_open(path, &options, &made.model, made.error, sizeof made.error);
  cutis_model_info info = {};
  info.struct_size = sizeof info;
  if (made.status == CUTIS_OK) made.status = cutis_model_describe(made.model, &info);
  Entry::State state = made.status == CUTIS_OK ? Entry::State::kOpen : Entry::State::kFailed;
  // The path is looked up twice, and may have led to another file each time.
  Files found = made.files;
  if (made.model != nullptr) found.model = {info.file_volume, info.file_number, info.file_bytes, info.file_changed};
  if (made.manner.tuned) (void)IdentifyFile(options.tune_file, &found.tuning);
  if (found != made.files) state = Entry::State::kReplaced;

  Entries closed;
  const std::lock_guard lock(mutex_);
  made.state = state;
  if (state == Entry::State::kOpen) {
    made.mapped_bytes = made.manner.copied ? 0 : info.file_bytes;
    made.heap_bytes = info.memory_bytes;
    now_.mapped_bytes += made.mapped_bytes;
    now_.heap_bytes += made.heap_bytes;
    ++now_.open_models;
    now_.peak_bytes = std::max(now_.peak_bytes, now_.mapped_bytes + now_.heap_bytes);
    Trim(&closed);
  } else {
    closed.splice(closed.begin(), entries_, std::find(entries_.begin(), entries_.end(), entry));
  }
  opened_.notify_all();
}

cutis_status cutis_model_cache::Get(const char* path, const cutis_open_options& options, const cutis_model** model, char* error,
                                    size_t error_size) {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    Files files;
    if (!Identify(path, options, &files)) {
      // The runtime knows what to say about it, unless the file has just come.
      cutis_model* opened = nullptr;
      const cutis_status status = cutis_model_open(path, &options, &opened, error, error_size);
      cutis_model_close(opened);
      if (status == CUTIS_OK) continue;
      const std::lock_guard lock(mutex_);
      ++now_.failures;
      return status;
    }
    bool found = false;
    const std::shared_ptr<Entry> entry = FindOrBegin(path, files, options, &found);
    if (!found) Open(entry, path, options);
    std::unique_lock lock(mutex_);
    opened_.wait(lock, [&entry] { return entry->state != Entry::State::kOpening; });
    if (entry->state == Entry::State::kReplaced) continue;
    if (entry->state == Entry::State::kFailed) {
      ++now_.failures;
      return Report(entry->status, entry->error, error, error_size);
    }
    ++(found ? now_.hits : now_.misses);
    *model = entry->model;
    return CUTIS_OK;
  }
  const std::lock_guard lock(mutex_);
  ++now_.failures;
  return Report(CUTIS_ERROR_IO, (std::string(path) + ": is replaced again and again while it is opened").c_str(), error,
                error_size);
}

cutis_status cutis_model_cache::Release(const cutis_model* model) {
  bool last = false;
  {
    Entries closed;
    const std::lock_guard lock(mutex_);
    const auto at = std::find_if(entries_.begin(), entries_.end(), [model](const auto& entry) {
      return entry->state == Entry::State::kOpen && entry->model == model;  // until then it is the opener's
    });
    if (at == entries_.end() || (*at)->users == 0) return CUTIS_ERROR_USAGE;
    --(*at)->users;
    if ((*at)->forgotten && (*at)->idle()) TakeOut(at, &closed);
    Trim(&closed);
    last = abandoned_ && entries_.empty();
  }
  if (last) delete this;
  return CUTIS_OK;
}

void cutis_model_cache::TakeOut(Entries::iterator entry, Entries* out) {
  now_.mapped_bytes -= (*entry)->mapped_bytes;
  now_.heap_bytes -= (*entry)->heap_bytes;
  --now_.open_models;
  out->splice(out->begin(), entries_, entry);
}

// The idle ones that are beyond the bounds, the least recently used first.
void cutis_model_cache::Trim(Entries* out) {
  const auto beyond = [this] {
    return now_.open_models > options_.max_models || now_.mapped_bytes + now_.heap_bytes > options_.max_bytes;
  };
  for (auto next = entries_.end(); beyond() && next != entries_.begin();) {
    const auto at = --next;
    if (!(*at)->idle()) continue;
    ++next;
    ++now_.evictions;
    TakeOut(at, out);
  }
}

void cutis_model_cache::Forget() {
  Entries closed;
  const std::lock_guard lock(mutex_);
  for (auto next = entries_.begin(); next != entries_.end();) {
    const auto at = next++;
    (*at)->forgotten = true;
    if ((*at)->idle()) TakeOut(at, &closed);
  }
}

bool cutis_model_cache::Abandon() {
  Forget();
  const std::lock_guard lock(mutex_);
  abandoned_ = true;
  return entries_.empty();
}

cutis_model_cache_statistics cutis_model_cache::Describe() {
  const std::lock_guard lock(mutex_);
  cutis_model_cache_statistics full = now_;
  for (const auto& entry : entries_) full.used_models += entry->state == Entry::State::kOpen && entry->users > 0 ? 1 : 0;
  return full;
}

// -- the C interface
// -------------------------------------------------------------------------------------------------------------

// Options of a caller that may be older: what it does not know keeps its default.
template <class T>
static bool ReadOptions(const T* from, T* to) {
  if (from == nullptr) return true;
  if (from->struct_size < sizeof(size_t) || from->struct_size > sizeof(T)) return false;
  std::memcpy(to, from, from->struct_size);
  to->struct_size = sizeof(T);
  return true;
}

static constexpr char kStructSize[] = "struct_size of the options is not set, or that of a newer version";
static constexpr char kNoMemory[] = "out of memory";

cutis_status cutis_model_cache_create(const cutis_model_cache_options* options, cutis_model_cache** cache, char* error,
                                      size_t error_size) {
  if (cache == nullptr) return Report(CUTIS_ERROR_USAGE, "no place for the cache given", error, error_size);
  cutis_model_cache_options given = CUTIS_MODEL_CACHE_OPTIONS_INIT;
  if (!ReadOptions(options, &given)) return Report(CUTIS_ERROR_USAGE, kStructSize, error, error_size);
  if (given.max_models < 0) return Report(CUTIS_ERROR_USAGE, "max_models must be 0 or more", error, error_size);
  cutis_model_cache* const made = new (std::nothrow) cutis_model_cache(given);
  if (made == nullptr) return Report(CUTIS_ERROR_NO_MEMORY, kNoMemory, error, error_size);
  *cache = made;
  return CUTIS_OK;
}

void cutis_model_cache_destroy(cutis_model_cache* cache) {
  if (cache != nullptr && cache->Abandon()) delete cache;
}

cutis_status cutis_model_cache_get(cutis_model_cache* cache, const char* path, const cutis_open_options* options,
                                   const cutis_model** model, char* error, size_t error_size) try {
  if (cache == nullptr || path == nullptr || model == nullptr) {
    return Report(CUTIS_ERROR_USAGE, "no cache, path, or place for the model given", error, error_size);
  }
  cutis_open_options given = CUTIS_OPEN_OPTIONS_INIT;
  if (!ReadOptions(options, &given)) return Report(CUTIS_ERROR_USAGE, kStructSize, error, error_size);
  return cache->Get(path, given, model, error, error_size);
} catch (const std::bad_alloc&) {
  return Report(CUTIS_ERROR_NO_MEMORY, kNoMemory, error, error_size);
}

cutis_status cutis_model_cache_release(cutis_model_cache* cache, const cutis_model* model) {
  if (model == nullptr) return CUTIS_OK;
  return cache == nullptr ? CUTIS_ERROR_USAGE : cache->Release(model);
}

void cutis_model_cache_clear(cutis_model_cache* cache) {
  if (cache != nullptr) cache->Forget();
}

cutis_status cutis_model_cache_describe(cutis_model_cache* cache, cutis_model_cache_statistics* statistics) {
  if (cache == nullptr || statistics == nullptr || statistics->struct_size < sizeof(size_t)) return CUTIS_ERROR_USAGE;
  cutis::pipeline::GiveStruct(cache->Describe(), statistics);
  return CUTIS_OK;
}
