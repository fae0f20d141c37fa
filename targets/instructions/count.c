// A plugin of QEMU's user emulation (TCG plugins, interface version 1: docs/devel/tcg-plugins.rst of QEMU) that counts the instructions a
// program executes, by function:
//   qemu-aarch64 -plugin ./libcount.so,out=FILE PROGRAM ...
// FILE gets a line for each function, "COUNT NAME", in no order. QEMU knows the symbols of the program, not those of shared libraries: there
// each translated block stands for itself, by its address in place of a name. For programs with one thread (the counters are not atomic).
// QEMU does not install the header, so what is used of it is declared here.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t PluginId;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum { kInlineAdd = 0 };
int qemu_plugin_version __attribute__((visibility("default"))) = 1;
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb* block);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb* block);
struct qemu_plugin_insn* qemu_plugin_tb_get_insn(const struct qemu_plugin_tb* block, size_t index);
const char* qemu_plugin_insn_symbol(const struct qemu_plugin_insn* instruction);
void qemu_plugin_register_vcpu_tb_trans_cb(PluginId id, void (*callback)(PluginId, struct qemu_plugin_tb*));
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb* block, int operation, void* counter, uint64_t addend);
void qemu_plugin_register_atexit_cb(PluginId id, void (*callback)(PluginId, void*), void* data);

enum { kMost = 1 << 16 };
static struct {
  const char* name;
  uint64_t count;
} functions[kMost];  // by the hash of their names; place 0 is for what finds no other
static const char* out_path;

static uint64_t* CounterOf(const char* name) {
  uint32_t hash = 2166136261u;  // FNV-1a
  for (const char* c = name; *c != '\0'; ++c) hash = (hash ^ (uint8_t)*c) * 16777619u;
  for (uint32_t i = 0; i < kMost; ++i) {
    const uint32_t at = (hash + i) % (kMost - 1) + 1;
    if (functions[at].name == NULL) functions[at].name = strdup(name);
    if (functions[at].name != NULL && strcmp(functions[at].name, name) == 0) return &functions[at].count;
  }
  return &functions[0].count;
}

static void Translated(PluginId id, struct qemu_plugin_tb* block) {
  (void)id;
  const char* name = qemu_plugin_insn_symbol(qemu_plugin_tb_get_insn(block, 0));
  char address[32];
  if (name == NULL || name[0] == '\0') {
    snprintf(address, sizeof address, "0x%llx", (unsigned long long)qemu_plugin_tb_vaddr(block));
    name = address;
  }
  qemu_plugin_register_vcpu_tb_exec_inline(block, kInlineAdd, CounterOf(name), qemu_plugin_tb_n_insns(block));
}

static void Finished(PluginId id, void* data) {
  (void)id, (void)data;
  FILE* out = fopen(out_path, "w");
  if (out == NULL) {
    fprintf(stderr, "count: %s cannot be written\n", out_path);
    exit(1);
  }
  for (uint32_t i = 0; i < kMost; ++i) {
    if (functions[i].count > 0) fprintf(out, "%llu %s\n", (unsigned long long)functions[i].count, i == 0 ? "?" : functions[i].name);
  }
  fclose(out);
}

__attribute__((visibility("default"))) int qemu_plugin_install(PluginId id, const void* info, int count, char** arguments) {
  (void)info;
  for (int i = 0; i < count; ++i) {
    if (strncmp(arguments[i], "out=", 4) == 0) out_path = arguments[i] + 4;
  }
  if (out_path == NULL) {
    fprintf(stderr, "count: give out=FILE\n");
    return 1;
  }
  out_path = strdup(out_path);
  qemu_plugin_register_vcpu_tb_trans_cb(id, Translated);
  qemu_plugin_register_atexit_cb(id, Finished, NULL);
  return 0;
}
