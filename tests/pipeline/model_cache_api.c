/* The model cache from C, through its header alone. Usage: model_cache_api small_u8.cutis tiny.cutis */
#define _GNU_SOURCE /* pthread_barrier_t, mkdtemp */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cutis_model_cache.h"
#include "tests/c_test.h"

enum { kThreads = 8, kPath = 256, kError = 400 };

static const char *small, *tiny; /* two models */
static char folder[] = "/tmp/cutis_model_cache_XXXXXX";
static char error[kError];

static const char* In(char* path, const char* name) {
  snprintf(path, kPath, "%s/%s", folder, name);
  return path;
}

/* A copy of a file, which takes the place of `to` at once, as installers do. */
static void Install(const char* from, const char* to) {
  static unsigned char bytes[1 << 20];
  char temporary[kPath + 8];
  snprintf(temporary, sizeof temporary, "%s.new", to);
  FILE* in = fopen(from, "rb");
  FILE* out = fopen(temporary, "wb");
  EXPECT(in != NULL && out != NULL);
  if (in == NULL || out == NULL) exit(1);
  const size_t size = fread(bytes, 1, sizeof bytes, in);
  EXPECT(size > 0 && size < sizeof bytes && fwrite(bytes, 1, size, out) == size);
  fclose(in);
  EXPECT(fclose(out) == 0 && rename(temporary, to) == 0);
}

static cutis_model_cache* Create(uint64_t max_bytes, int32_t max_models) {
  cutis_model_cache_options options = CUTIS_MODEL_CACHE_OPTIONS_INIT;
  options.max_bytes = max_bytes;
  options.max_models = max_models;
  cutis_model_cache* cache = NULL;
  EXPECT(cutis_model_cache_create(&options, &cache, error, sizeof error) == CUTIS_OK);
  return cache;
}

static const cutis_model* Get(cutis_model_cache* cache, const char* path) {
  const cutis_model* model = NULL;
  EXPECT(cutis_model_cache_get(cache, path, NULL, &model, error, sizeof error) == CUTIS_OK);
  if (model == NULL) fprintf(stderr, "%s\n", error);
  return model;
}

static void Release(cutis_model_cache* cache, const cutis_model* model) {
  EXPECT(cutis_model_cache_release(cache, model) == CUTIS_OK);
}

static cutis_model_cache_statistics Describe(cutis_model_cache* cache) {
  cutis_model_cache_statistics now = {sizeof now, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  EXPECT(cutis_model_cache_describe(cache, &now) == CUTIS_OK && now.struct_size == sizeof now);
  return now;
}

static cutis_model_info InfoOf(const cutis_model* model) {
  cutis_model_info info = {0};
  info.struct_size = sizeof info;
  EXPECT(cutis_model_describe(model, &info) == CUTIS_OK);
  return info;
}

/* A model that was closed would not do that. */
static void Use(const cutis_model* model) {
  const cutis_model_info info = InfoOf(model);
  const size_t bytes = (size_t)info.input_height * (size_t)info.input_width * (size_t)info.input_channels;
  uint8_t* pixels = calloc(bytes, 1);
  cutis_session* session = NULL;
  EXPECT(cutis_session_create(model, NULL, &session, error, sizeof error) == CUTIS_OK);
  EXPECT(cutis_session_set_input_u8(session, 0, pixels, bytes, error, sizeof error) == CUTIS_OK);
  EXPECT(cutis_session_run(session, 1, error, sizeof error) == CUTIS_OK);
  cutis_session_destroy(session);
  free(pixels);
}

static void TestHits(void) {
  char link_path[kPath], name[kPath], model_path[kPath], around[2 * kPath];
  Install(small, In(model_path, "model.cutis"));
  EXPECT(link(model_path, In(name, "hard.cutis")) == 0 && symlink("model.cutis", In(link_path, "soft.cutis")) == 0);
  snprintf(around, sizeof around, "%s/../%s", folder, strchr(folder + 1, '/') + 1);
  cutis_model_cache* cache = Create(1 << 30, 8);
  const cutis_model* first = Get(cache, model_path);
  const cutis_model_info info = InfoOf(first);
  struct stat file;
  EXPECT(stat(model_path, &file) == 0 && info.file_volume == (uint64_t)file.st_dev &&
         info.file_number == (uint64_t)file.st_ino);
  EXPECT(info.file_changed == (uint64_t)file.st_mtim.tv_sec * 1000000000u + (uint64_t)file.st_mtim.tv_nsec);
  cutis_model_cache_statistics now = Describe(cache);
  EXPECT(now.hits == 0 && now.misses == 1 && now.open_models == 1 && now.used_models == 1);
  EXPECT(now.mapped_bytes == info.file_bytes && now.heap_bytes == info.memory_bytes);
  EXPECT(now.peak_bytes == info.file_bytes + info.memory_bytes && info.file_bytes > 0 && info.memory_bytes > 0);
  strcat(around, "/model.cutis");
  EXPECT(Get(cache, model_path) == first && Get(cache, name) == first && Get(cache, link_path) == first);
  EXPECT(Get(cache, around) == first);
  now = Describe(cache);
  EXPECT(now.hits == 4 && now.misses == 1 && now.open_models == 1);
  for (int i = 0; i < 5; ++i) Release(cache, first);
  EXPECT(cutis_model_cache_release(cache, first) == CUTIS_ERROR_USAGE); /* once too often */
  now = Describe(cache);
  EXPECT(now.open_models == 1 && now.used_models == 0);
  EXPECT(Get(cache, model_path) == first); /* it was kept */
  Release(cache, first);
  /* The same bytes in another file are another model. */
  const cutis_model* other = Get(cache, small);
  EXPECT(other != first && Describe(cache).misses == 2);
  cutis_model_cache_clear(cache);
  now = Describe(cache);
  EXPECT(now.open_models == 1 && now.used_models == 1 && now.evictions == 0);
  Release(cache, other);
  EXPECT(Describe(cache).open_models == 0);
  cutis_model_cache_destroy(cache);
}

static void TestOptions(void) {
  cutis_model_cache* cache = Create(1 << 30, 8);
  cutis_open_options options = CUTIS_OPEN_OPTIONS_INIT;
  const cutis_model *models[3], *same = NULL;
  models[0] = Get(cache, small);
  options.isa = "scalar";
  EXPECT(cutis_model_cache_get(cache, small, &options, &models[1], error, sizeof error) == CUTIS_OK);
  EXPECT(strcmp(InfoOf(models[1]).isa, "scalar") == 0);
  options.threads = 2; /* no matter of the model */
  EXPECT(cutis_model_cache_get(cache, small, &options, &same, error, sizeof error) == CUTIS_OK && same == models[1]);
  const uint64_t mapped = Describe(cache).mapped_bytes, heap = Describe(cache).heap_bytes;
  options.copy = 1;
  EXPECT(cutis_model_cache_get(cache, small, &options, &models[2], error, sizeof error) == CUTIS_OK);
  EXPECT(models[0] != models[1] && models[1] != models[2]);
  const cutis_model_cache_statistics now = Describe(cache);
  EXPECT(now.misses == 3 && now.hits == 1 && now.open_models == 3);
  EXPECT(now.mapped_bytes == mapped && now.heap_bytes == heap + InfoOf(models[2]).memory_bytes);
  /* What the environment masks, where the caller does not. */
  setenv("CUTIS_ISA", "scalar", 1);
  EXPECT(Get(cache, small) == models[1]);
  unsetenv("CUTIS_ISA");
  EXPECT(Get(cache, small) == models[0]);
  options.copy = 0;
  options.isa = "nothing";
  EXPECT(cutis_model_cache_get(cache, small, &options, &same, error, sizeof error) == CUTIS_ERROR_USAGE);
  EXPECT(strstr(error, "nothing") != NULL);
  options.isa = NULL;
  options.tune_file = "/nonexistent.tune";
  EXPECT(cutis_model_cache_get(cache, small, &options, &same, error, sizeof error) != CUTIS_OK);
  EXPECT(strstr(error, "nonexistent.tune") != NULL);
  EXPECT(Describe(cache).failures == 2);
  Release(cache, models[0]), Release(cache, models[0]);
  Release(cache, models[1]), Release(cache, models[1]), Release(cache, models[1]);
  Release(cache, models[2]);
  cutis_model_cache_destroy(cache);
}

static void TestReplaced(void) {
  char path[kPath];
  cutis_model_cache* cache = Create(1 << 30, 8);
  Install(small, In(path, "replaced.cutis"));
  const cutis_model* old = Get(cache, path);
  Install(tiny, path);
  const cutis_model* new_one = Get(cache, path);
  EXPECT(new_one != old);
  EXPECT(memcmp(InfoOf(old).content_hash, InfoOf(new_one).content_hash, 32) != 0);
  EXPECT(Get(cache, path) == new_one);
  Use(old); /* whoever has it works on with it */
  cutis_model_cache_statistics now = Describe(cache);
  EXPECT(now.misses == 2 && now.hits == 1 && now.open_models == 2 && now.used_models == 2);
  Release(cache, old);
  now = Describe(cache);
  EXPECT(now.open_models == 1 && now.evictions == 1); /* and then it goes */
  EXPECT(now.mapped_bytes == InfoOf(new_one).file_bytes);
  /* The same size, number and bytes, written a nanosecond later. */
  struct stat info;
  EXPECT(stat(path, &info) == 0);
  struct timespec times[2] = {info.st_atim, info.st_mtim};
  times[1].tv_nsec = times[1].tv_nsec == 0 ? 1 : times[1].tv_nsec - 1;
  EXPECT(utimensat(AT_FDCWD, path, times, 0) == 0);
  const cutis_model* touched = Get(cache, path);
  EXPECT(touched != new_one && Describe(cache).misses == 3);
  Release(cache, touched);
  Release(cache, new_one), Release(cache, new_one);
  EXPECT(Describe(cache).open_models == 1 && Describe(cache).evictions == 2);
  cutis_model_cache_destroy(cache);
}

static void TestBounds(void) {
  char paths[3][kPath];
  const char* names[] = {"a.cutis", "b.cutis", "c.cutis"};
  for (int i = 0; i < 3; ++i) Install(small, In(paths[i], names[i]));
  cutis_model_cache* cache = Create(1 << 30, 2);
  Release(cache, Get(cache, paths[0]));
  Release(cache, Get(cache, paths[1]));
  Release(cache, Get(cache, paths[0]));
  const uint64_t two = Describe(cache).mapped_bytes + Describe(cache).heap_bytes;
  Release(cache, Get(cache, paths[2])); /* b was asked for longest ago */
  cutis_model_cache_statistics now = Describe(cache);
  EXPECT(now.open_models == 2 && now.evictions == 1 && now.misses == 3 && now.hits == 1);
  EXPECT(now.mapped_bytes + now.heap_bytes == two && now.peak_bytes == two / 2 * 3);
  Release(cache, Get(cache, paths[0]));
  EXPECT(Describe(cache).misses == 3);
  Release(cache, Get(cache, paths[1]));
  EXPECT(Describe(cache).misses == 4);
  cutis_model_cache_destroy(cache);

  cache = Create(two, 8); /* by bytes: as many as two take, and one byte less */
  for (int i = 0; i < 3; ++i) Release(cache, Get(cache, paths[i]));
  EXPECT(Describe(cache).open_models == 2 && Describe(cache).evictions == 1);
  cutis_model_cache_destroy(cache);
  cache = Create(two - 1, 8);
  for (int i = 0; i < 3; ++i) Release(cache, Get(cache, paths[i]));
  EXPECT(Describe(cache).open_models == 1 && Describe(cache).evictions == 2);
  cutis_model_cache_destroy(cache);

  cache = Create(0, 0); /* what is in use stays open all the same */
  const cutis_model* models[3];
  for (int i = 0; i < 3; ++i) models[i] = Get(cache, paths[i]);
  EXPECT(Get(cache, paths[0]) == models[0]);
  now = Describe(cache);
  EXPECT(now.open_models == 3 && now.used_models == 3 && now.evictions == 0 && now.hits == 1);
  for (int i = 0; i < 3; ++i) Use(models[i]);
  for (int i = 0; i < 3; ++i) Release(cache, models[i]);
  now = Describe(cache);
  EXPECT(now.open_models == 1 && now.evictions == 2); /* the first was got twice */
  Use(models[0]);
  Release(cache, models[0]);
  now = Describe(cache);
  EXPECT(now.open_models == 0 && now.evictions == 3 && now.mapped_bytes == 0 && now.heap_bytes == 0);
  cutis_model_cache_destroy(cache);
}

static void TestFailures(void) {
  char path[kPath], expected[kError] = "";
  cutis_model_cache* cache = Create(1 << 30, 8);
  const cutis_model* model = NULL;
  cutis_model* plain = NULL;
  const char* missing = In(path, "comes_later.cutis");
  const cutis_status status = cutis_model_open(missing, NULL, &plain, expected, sizeof expected);
  EXPECT(status == CUTIS_ERROR_BAD_INPUT);
  EXPECT(cutis_model_cache_get(cache, missing, NULL, &model, error, sizeof error) == status && strcmp(error, expected) == 0);
  Install(small, path);
  EXPECT(truncate(path, 1000) == 0);
  for (int i = 0; i < 2; ++i) {
    EXPECT(cutis_model_cache_get(cache, path, NULL, &model, error, sizeof error) == CUTIS_ERROR_BAD_INPUT);
    EXPECT(strstr(error, "truncated") != NULL && strstr(error, path) != NULL);
  }
  EXPECT(cutis_model_cache_get(cache, folder, NULL, &model, error, sizeof error) == CUTIS_ERROR_BAD_INPUT);
  EXPECT(model == NULL);
  cutis_model_cache_statistics now = Describe(cache);
  EXPECT(now.failures == 4 && now.misses == 0 && now.open_models == 0 && now.peak_bytes == 0);
  Install(small, path);
  Release(cache, Get(cache, path));
  EXPECT(Describe(cache).misses == 1);
  cutis_model_cache_destroy(cache);
}

/* Threads that begin at the same moment. */
typedef struct {
  cutis_model_cache* cache;
  const char* path;
  pthread_barrier_t* barrier;
  const cutis_model* model;
  cutis_status status;
  char error[kError];
  double ms;
} Caller;

static double Now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec * 1e-6;
}

static void* Call(void* context) {
  Caller* caller = context;
  pthread_barrier_wait(caller->barrier);
  const double start = Now();
  caller->status =
      cutis_model_cache_get(caller->cache, caller->path, NULL, &caller->model, caller->error, sizeof caller->error);
  caller->ms = Now() - start;
  return NULL;
}

static void Start(pthread_t* threads, Caller* callers, cutis_model_cache* cache, const char* path, pthread_barrier_t* barrier) {
  for (int i = 0; i < kThreads; ++i) {
    callers[i] = (Caller){cache, path, barrier, NULL, CUTIS_OK, "", 0};
    EXPECT(pthread_create(&threads[i], NULL, Call, &callers[i]) == 0);
  }
}

static void TestTogether(void) {
  pthread_t threads[kThreads];
  static Caller callers[kThreads];
  pthread_barrier_t barrier;
  pthread_barrier_init(&barrier, NULL, kThreads);
  for (int round = 0; round < 20; ++round) {
    cutis_model_cache* cache = Create(1 << 30, 8);
    Start(threads, callers, cache, small, &barrier);
    for (int i = 0; i < kThreads; ++i) pthread_join(threads[i], NULL);
    for (int i = 0; i < kThreads; ++i) EXPECT(callers[i].status == CUTIS_OK && callers[i].model == callers[0].model);
    const cutis_model_cache_statistics now = Describe(cache);
    EXPECT(now.misses == 1 && now.hits == kThreads - 1 && now.open_models == 1);
    for (int i = 0; i < kThreads; ++i) Release(cache, callers[i].model);
    EXPECT(Describe(cache).used_models == 0);
    cutis_model_cache_destroy(cache);
  }
  pthread_barrier_destroy(&barrier);
}

/* A file that takes long to be refused, since its hash has to be taken: all who ask for it get the same error, and somebody who
 * asks for another file meanwhile does not wait for that. */
static void TestSlow(void) {
  enum { kSegment = 1 << 28 };
  char path[kPath];
  unsigned char header[64];
  FILE* from = fopen(small, "rb");
  EXPECT(from != NULL && fread(header, 1, sizeof header, from) == sizeof header);
  if (from != NULL) fclose(from);
  uint64_t graph_bytes = 0;
  const uint64_t segment_bytes = kSegment;
  memcpy(&graph_bytes, header + 16, sizeof graph_bytes);
  memcpy(header + 24, &segment_bytes, sizeof segment_bytes);
  FILE* out = fopen(In(path, "slow.cutis"), "wb");
  EXPECT(out != NULL && fwrite(header, 1, sizeof header, out) == sizeof header && fclose(out) == 0);
  EXPECT(truncate(path, (off_t)(sizeof header + graph_bytes + segment_bytes)) == 0); /* a hole, it takes no disk */

  cutis_model_cache* cache = Create(1 << 30, 8);
  pthread_t threads[kThreads];
  static Caller callers[kThreads];
  pthread_barrier_t barrier;
  pthread_barrier_init(&barrier, NULL, kThreads + 1);
  Start(threads, callers, cache, path, &barrier);
  pthread_barrier_wait(&barrier);
  nanosleep(&(struct timespec){0, 5000000}, NULL);
  const double start = Now();
  Release(cache, Get(cache, small));
  const double other_ms = Now() - start;
  for (int i = 0; i < kThreads; ++i) pthread_join(threads[i], NULL);
  pthread_barrier_destroy(&barrier);
  for (int i = 0; i < kThreads; ++i) {
    EXPECT(callers[i].status == CUTIS_ERROR_BAD_INPUT && strcmp(callers[i].error, callers[0].error) == 0);
    EXPECT(strstr(callers[i].error, "hash") != NULL);
    EXPECT(other_ms < callers[i].ms / 2);
  }
  EXPECT(Describe(cache).failures == kThreads && Describe(cache).open_models == 1);
  cutis_model_cache_destroy(cache);
  EXPECT(unlink(path) == 0);
}

/* A file that is replaced again and again under those that open it: each gets one of the two whole. */
typedef struct {
  cutis_model_cache* cache;
  const char* path;
  unsigned char hashes[2][32];
  atomic_int done;
} Race;

static void* GetOften(void* context) {
  Race* race = context;
  char text[kError] = "";
  while (!atomic_load(&race->done)) {
    const cutis_model* model = NULL;
    const cutis_status status = cutis_model_cache_get(race->cache, race->path, NULL, &model, text, sizeof text);
    if (status == CUTIS_ERROR_IO) continue; /* replaced 16 times in a row */
    EXPECT(status == CUTIS_OK);
    if (status != CUTIS_OK) fprintf(stderr, "%s\n", text);
    if (model == NULL) break;
    cutis_model_info info = {0};
    info.struct_size = sizeof info;
    EXPECT(cutis_model_describe(model, &info) == CUTIS_OK);
    EXPECT(memcmp(info.content_hash, race->hashes[0], 32) == 0 || memcmp(info.content_hash, race->hashes[1], 32) == 0);
    EXPECT(cutis_model_cache_release(race->cache, model) == CUTIS_OK);
  }
  return NULL;
}

/* The link at `path` leads to another file at once. */
static void Switch(const char* to, const char* path) {
  char temporary[kPath + 8];
  snprintf(temporary, sizeof temporary, "%s.new", path);
  EXPECT(symlink(to, temporary) == 0 && rename(temporary, path) == 0);
}

/* Right after it was replaced, whoever asks gets the new file. */
static void ExpectFile(const Race* race, int i) {
  const cutis_model* model = Get(race->cache, race->path);
  EXPECT(memcmp(InfoOf(model).content_hash, race->hashes[i], 32) == 0);
  Release(race->cache, model);
}

static void ReplaceByNewFiles(Race* race) {
  const char* files[2] = {small, tiny};
  for (int i = 0; i < 300; ++i) {
    Install(files[i % 2], race->path);
    ExpectFile(race, i % 2);
  }
}

/* The link leads back to files that were asked for before: what was opened in between must not be taken for them. */
static void ReplaceByLinks(Race* race) {
  const char* files[2] = {"link_0.cutis", "link_1.cutis"};
  char target[kPath];
  Install(small, In(target, files[0]));
  Install(tiny, In(target, files[1]));
  for (int i = 0; i < 300; ++i) {
    cutis_model_cache_clear(race->cache);
    for (int j = 0; j < 20; ++j) Switch(files[j % 2], race->path);
    for (int j = 0; j < 2; ++j) {
      Switch(files[j], race->path);
      ExpectFile(race, j);
    }
  }
}

static void TestRace(void (*replace)(Race* race)) {
  char path[kPath];
  Race race = {.cache = Create(1 << 30, 4), .path = In(path, "race.cutis")};
  const char* files[2] = {small, tiny};
  for (int i = 0; i < 2; ++i) {
    const cutis_model* model = Get(race.cache, files[i]);
    memcpy(race.hashes[i], InfoOf(model).content_hash, 32);
    Release(race.cache, model);
  }
  Install(small, path);
  pthread_t threads[3];
  for (int i = 0; i < 3; ++i) EXPECT(pthread_create(&threads[i], NULL, GetOften, &race) == 0);
  replace(&race);
  atomic_store(&race.done, 1);
  for (int i = 0; i < 3; ++i) pthread_join(threads[i], NULL);
  cutis_model_cache_statistics now = Describe(race.cache);
  EXPECT(now.open_models <= 4 && now.used_models == 0 && now.misses >= 300);
  if (replace == ReplaceByNewFiles) EXPECT((uint64_t)now.open_models == now.misses - now.evictions); /* none is lost */
  cutis_model_cache_clear(race.cache);
  now = Describe(race.cache);
  EXPECT(now.open_models == 0 && now.mapped_bytes == 0 && now.heap_bytes == 0);
  cutis_model_cache_destroy(race.cache);
}

static void TestUsers(void) {
  cutis_model_cache* cache = Create(1 << 30, 8);
  const cutis_model *a = Get(cache, small), *b = Get(cache, tiny);
  cutis_model_cache_clear(cache);
  Use(a);
  const cutis_model* again = Get(cache, small); /* what was forgotten is opened anew */
  EXPECT(again != a && Describe(cache).open_models == 3);
  Release(cache, a);
  EXPECT(Describe(cache).open_models == 2);
  EXPECT(cutis_model_cache_release(cache, (const cutis_model*)"none of its models") == CUTIS_ERROR_USAGE);
  cutis_model_cache_destroy(cache);
  Use(again), Use(b);
  Release(cache, again);
  Use(b);
  Release(cache, b); /* the cache goes with it: a sanitizer sees that */
}

static void TestUsage(void) {
  cutis_model_cache* cache = NULL;
  const cutis_model* model = NULL;
  cutis_model_cache_options options = CUTIS_MODEL_CACHE_OPTIONS_INIT;
  EXPECT(cutis_model_cache_create(NULL, NULL, error, sizeof error) == CUTIS_ERROR_USAGE);
  options.max_models = -1;
  EXPECT(cutis_model_cache_create(&options, &cache, error, sizeof error) == CUTIS_ERROR_USAGE);
  options.max_models = 1;
  options.struct_size = sizeof options + 1;
  EXPECT(cutis_model_cache_create(&options, &cache, error, sizeof error) == CUTIS_ERROR_USAGE && cache == NULL);
  options.struct_size = offsetof(cutis_model_cache_options, max_models); /* an older caller: the number is the default */
  EXPECT(cutis_model_cache_create(&options, &cache, error, sizeof error) == CUTIS_OK);
  Release(cache, Get(cache, small)), Release(cache, Get(cache, tiny));
  EXPECT(Describe(cache).open_models == 2);
  EXPECT(cutis_model_cache_get(NULL, small, NULL, &model, error, sizeof error) == CUTIS_ERROR_USAGE);
  EXPECT(cutis_model_cache_get(cache, NULL, NULL, &model, error, sizeof error) == CUTIS_ERROR_USAGE);
  EXPECT(cutis_model_cache_get(cache, small, NULL, NULL, error, sizeof error) == CUTIS_ERROR_USAGE);
  cutis_open_options open = CUTIS_OPEN_OPTIONS_INIT;
  open.struct_size = sizeof open + 8;
  EXPECT(cutis_model_cache_get(cache, small, &open, &model, error, sizeof error) == CUTIS_ERROR_USAGE);
  struct {
    cutis_model_cache_statistics known;
    uint64_t unknown;
  } newer = {{sizeof newer, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 7};
  EXPECT(cutis_model_cache_describe(cache, &newer.known) == CUTIS_OK && newer.known.misses == 2 && newer.unknown == 0);
  cutis_model_cache_statistics older = {offsetof(cutis_model_cache_statistics, failures), 0, 0, 7, 7, 7, 7, 7, 7, 7};
  EXPECT(cutis_model_cache_describe(cache, &older) == CUTIS_OK && older.misses == 2 && older.failures == 7);
  older.struct_size = 0;
  EXPECT(cutis_model_cache_describe(cache, &older) == CUTIS_ERROR_USAGE);
  EXPECT(cutis_model_cache_release(cache, NULL) == CUTIS_OK);
  cutis_model_cache_clear(NULL);
  cutis_model_cache_destroy(cache);
  cutis_model_cache_destroy(NULL);
}

int main(int argc, char** argv) {
  if (argc != 3 || mkdtemp(folder) == NULL) return 2;
  small = argv[1];
  tiny = argv[2];
  unsetenv("CUTIS_ISA");
  TestHits();
  TestOptions();
  TestReplaced();
  TestBounds();
  TestFailures();
  TestTogether();
  TestSlow();
  TestRace(ReplaceByNewFiles);
  TestRace(ReplaceByLinks);
  TestUsers();
  TestUsage();
  char command[kPath];
  snprintf(command, sizeof command, "rm -rf %s", folder);
  EXPECT(system(command) == 0);
  if (failures != 0) fprintf(stderr, "%d failed\n", failures);
  return failures != 0;
}
