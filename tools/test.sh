#!/usr/bin/env bash
# Builds Cutis and runs all tests; the last line is "tests: N passed, N failed, N skipped".
#   tools/test.sh          release build with gcc, the library and its tests for 64-bit ARM under QEMU, a build with clang, asan and ubsan
#   tools/test.sh --all    other processors too (32-bit ARM, RISC-V), and Windows, then, in a copy of the tree, every fixture made anew (PyTorch, ONNX Runtime, Pillow; from PyPI by the
#                          pinned tests/requirements.txt) and a release build with clang tested against them
# CUTIS_DATA=folder with labels.csv and images/: runs the tests on real images too.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
all=false
case "${1-}" in
  '') ;;
  --all) all=true ;;
  *) echo "usage: tools/test.sh [--all]" >&2; exit 2 ;;
esac

if $all; then export CUTIS_FULL=1; fi
logs=()
failed=false

# configure FOLDER SOURCE OPTIONS...: a new build folder, or new options for the one that stands.
configure() {
  local build=$1 source=$2
  shift 2
  if [ -f "$build/build.ninja" ]; then
    meson setup --reconfigure "$@" "$build" "$source" >"$build/setup.log" 2>&1 || { cat "$build/setup.log"; return 1; }
  else
    mkdir -p "$build"
    meson setup "$@" "$build" "$source" >"$build/setup.log" 2>&1 || { cat "$build/setup.log"; return 1; }
  fi
}

# skip NAME REASON: counted as one skipped test.
skip() {
  echo "== $1: skipped: $2"
  mkdir -p build
  printf '{"name": "%s", "result": "SKIP", "stdout": "%s"}\n' "$1" "$2" >"build/skipped-${1//[^a-z0-9]/-}.json"
  logs+=("build/skipped-${1//[^a-z0-9]/-}.json")
}

# emulate TARGET COMPILER QEMU CPU ISAS: the tests of operators, runtime and the bits of a model with each of the ISAS, built for TARGET
# (targets/cross) as it ships, on an emulated CPU; and the sizes of what ships. The model is made by the cutis-convert of build/.
emulate() {
  local target=$1 compiler=$2 qemu=$3 cpu=$4 isas=$5 build=build-test-$1 linker=() sizes=() programs=()
  if [ "$target" = aarch64 ]; then linker=(--cross-file targets/cross/lld.ini) sizes=(sizes) programs=(cutis tools/device/cutis-device); fi
  command -v "$compiler" >/dev/null || { skip "$target on $cpu" "no $compiler (targets/targets.list names its package)"; return; }
  command -v "$qemu" >/dev/null || { skip "$target on $cpu" "no $qemu (Debian: qemu-user)"; return; }
  echo "== $target: building"
  PATH="$root/build:$PATH" configure "$build" . --cross-file "targets/cross/$target.ini" --cross-file targets/cross/gcc.ini "${linker[@]}" \
    -Dbuildtype=release -Doptimization=s -Db_ndebug=true -Dtests=true -Dtools=true -Dconverter=false -Dstatic_cli=true -Ddevice_program_static=true \
    -Dxnnpack=disabled -Dturbojpeg=disabled
  ninja -C "$build" --quiet tests/ops/ops_test tests/runtime/runtime_test tests/emulated/same_bits tests/tools/source/source.cutis \
    "runtime/libcutis.so.$version" "${programs[@]}" ||
    { echo "== $target: the build failed"; exit 1; }
  echo "== $target: testing on $cpu"
  QEMU_CPU=$cpu CUTIS_TEST_ISAS=$isas meson test -C "$build" --no-rebuild --print-errorlogs --timeout-multiplier 4 --logbase "$cpu" \
    ops runtime "same bits" "${sizes[@]}" </dev/null || failed=true
  logs+=("$build/meson-logs/$cpu.json")
}

# windows: the same for Windows, and its programs, on this machine's CPU under Wine.
windows() {
  local build=build-test-windows tool
  for tool in clang++ ld.lld x86_64-w64-mingw32-g++-posix /usr/lib/wine/wine64; do
    command -v "$tool" >/dev/null || { skip windows "no $tool (targets/targets.list names its package)"; return; }
  done
  echo "== windows: building"
  PATH="$root/build:$PATH" configure "$build" . --cross-file targets/cross/x86_64-windows.ini \
    -Dbuildtype=release -Doptimization=s -Db_ndebug=true -Dtests=true -Dtools=true -Dconverter=false -Dstatic_cli=true -Dwerror=true \
    -Dxnnpack=disabled -Dturbojpeg=disabled
  ninja -C "$build" --quiet tests/ops/ops_test.exe tests/runtime/{runtime_test,image_test,c_api_shared,c_api_static}.exe tests/runtime/small_u8.cutis \
    tests/emulated/same_bits.exe tests/tools/source/source.cutis tools/device/cutis-device.exe cutis.exe ||
    { echo "== windows: the build failed"; exit 1; }
  echo "== windows: testing under Wine"
  meson test -C "$build" --no-rebuild --print-errorlogs --timeout-multiplier 4 --logbase windows \
    ops runtime image c_api_shared c_api_static exports "same bits" "command line on Windows" </dev/null || failed=true
  logs+=("$build/meson-logs/windows.json")
}

# wasm: operators and the bits of a model as WebAssembly under Node.js.
wasm() {
  local build=build-test-wasm tool
  for tool in em++ node; do
    command -v "$tool" >/dev/null || { skip wasm "no $tool (Debian: emscripten)"; return; }
  done
  echo "== wasm: building"
  PATH="$root/build:$PATH" configure "$build" . --cross-file targets/cross/wasm32.ini \
    -Dbuildtype=release -Doptimization=s -Db_ndebug=true -Dtests=true -Dtools=true -Dconverter=false -Dwerror=true \
    -Dxnnpack=disabled -Dturbojpeg=disabled
  ninja -C "$build" --quiet tests/ops/ops_test.js tests/emulated/same_bits.js tests/tools/source/source.cutis ||
    { echo "== wasm: the build failed"; exit 1; }
  echo "== wasm: testing under Node.js"
  meson test -C "$build" --no-rebuild --print-errorlogs --timeout-multiplier 4 --logbase wasm ops "same bits" </dev/null || failed=true
  logs+=("$build/meson-logs/wasm.json")
}

# check FOLDER NAME TIMEOUT_FACTOR: builds it and runs its tests. A build that fails ends the whole script: nothing was tested.
check() {
  local build=$1 name=$2 factor=$3
  echo "== $name: building"
  ninja -C "$build" --quiet || { echo "== $name: the build failed"; exit 1; }
  echo "== $name: testing"
  rm -f "$build/meson-logs/testlog.json"
  meson test -C "$build" --no-rebuild --print-errorlogs --timeout-multiplier "$factor" --logbase testlog </dev/null || failed=true
  logs+=("$build/meson-logs/testlog.json")
}

version=$(meson introspect --projectinfo meson.build | python3 -c 'import json, sys; print(json.load(sys.stdin)["version"])')
common=(-Dtests=true -Dtools=true -Dwerror=true)

CC=gcc CXX=g++ configure build . -Dbuildtype=release "${common[@]}"
check build "gcc, release" 1

# Older x86 processors are emulated by tests of the build above (tests/emulated).
emulate aarch64 aarch64-linux-gnu-g++ qemu-aarch64 cortex-a76 "scalar neon dotprod"
if $all; then
  emulate aarch64 aarch64-linux-gnu-g++ qemu-aarch64 cortex-a53 "scalar neon"
  emulate aarch64 aarch64-linux-gnu-g++ qemu-aarch64 max "scalar neon dotprod i8mm"
  emulate armv7 arm-linux-gnueabihf-g++ qemu-arm cortex-a9 scalar
  emulate armv7 arm-linux-gnueabihf-g++ qemu-arm cortex-a7 "scalar neon"
  emulate riscv64 riscv64-linux-gnu-g++ qemu-riscv64 rv64 scalar
  windows
  wasm
fi

export ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1:allocator_may_return_null=1
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
# The fuzzers only have to build; their corpora are replayed by every build.
CC=clang CXX=clang++ configure build-asan . -Dbuildtype=debugoptimized -Db_sanitize=address,undefined -Db_lundef=false -Dfuzz="$all" "${common[@]}"
check build-asan "clang, asan and ubsan" 6

if $all; then
  copy=$root/build-fresh
  echo "== fixtures: made anew in build-fresh/"
  mkdir -p "$copy"
  # Build folders stay out (.gitignore); files deleted since the last copy go.
  find "$copy" -mindepth 1 -maxdepth 1 ! -name 'build*' ! -name .venv -exec rm -rf {} +
  git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$copy" --
  [ -x "$copy/.venv/bin/python" ] || python3 -m venv "$copy/.venv"
  "$copy/.venv/bin/pip" install --quiet --requirement tests/requirements.txt
  for script in "$copy"/tests/*/make_*.py "$copy"/tools/samples/make_*.py; do
    [ -f "$script" ] || continue
    echo "== fixtures: ${script#"$copy"/}"
    (cd "$copy" && .venv/bin/python "$script") || { echo "== fixtures: ${script#"$copy"/} failed"; exit 1; }
  done
  # Tests that compare with another runtime find it in this Python.
  export PATH="$copy/.venv/bin:$PATH"
  CC=clang CXX=clang++ configure "$copy/build" "$copy" -Dbuildtype=release "${common[@]}"
  check "$copy/build" "clang, release, fresh fixtures" 1
fi

python3 tests/tools/count_tests.py "${logs[@]}" || failed=true
if $failed; then exit 1; fi
