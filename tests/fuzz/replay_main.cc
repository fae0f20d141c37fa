// Runs a fuzz target over files and folders, so that what the fuzzers found stays found. Usage: replay FILE|FOLDER...
#include <dirent.h>
#include <sys/stat.h>

#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

int g_files = 0;

bool Replay(const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "rb");
  if (file == nullptr) return false;
  std::vector<uint8_t> bytes;
  uint8_t buffer[4096];
  for (size_t got; (got = std::fread(buffer, 1, sizeof buffer, file)) > 0;) bytes.insert(bytes.end(), buffer, buffer + got);
  const bool ok = std::ferror(file) == 0;
  std::fclose(file);
  if (ok) {
    std::printf("%s\n", path.c_str());
    std::fflush(stdout);  // the last line names the file that crashed
    LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
    ++g_files;
  }
  return ok;
}

bool ReplayAny(const std::string& path) {
  struct stat info;
  if (::stat(path.c_str(), &info) != 0) return false;
  if (!S_ISDIR(info.st_mode)) return Replay(path);
  DIR* folder = ::opendir(path.c_str());
  if (folder == nullptr) return false;
  bool ok = true;
  while (const dirent* entry = ::readdir(folder)) {
    if (entry->d_name[0] != '.') ok = ReplayAny(path + "/" + entry->d_name) && ok;
  }
  ::closedir(folder);
  return ok;
}

}  // namespace

int main(int argc, char** argv) {
  bool ok = argc > 1;
  for (int i = 1; i < argc; ++i) {
    if (!ReplayAny(argv[i])) {
      std::fprintf(stderr, "cannot be read: %s\n", argv[i]);
      ok = false;
    }
  }
  std::printf("%d files replayed\n", g_files);
  return ok && g_files > 0 ? 0 : 1;
}
