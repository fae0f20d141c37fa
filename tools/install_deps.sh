#!/usr/bin/env bash
# Installs what Cutis needs from Debian 12's own packages, only what is missing; does nothing where all is there.
#   tools/install_deps.sh            to build the library, cutis and cutis-convert
#   tools/install_deps.sh --tests    for the tests too (second compiler, sanitizers, test libraries, a cross compiler and an emulator)
#   tools/install_deps.sh --with PACKAGE...   these too: a cross compiler, say (targets/build.sh)
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

packages=(
  g++ meson ninja-build pkg-config            # the build
  flatbuffers-compiler libflatbuffers-dev     # the file format
  libhwy-dev                                  # portable SIMD (headers only)
  libstb-dev                                  # JPEG and PNG decoder (header only)
  libjpeg62-turbo-dev                         # second JPEG decoder
  libcli11-dev nlohmann-json3-dev             # command lines, JSON
  libprotobuf-dev protobuf-compiler libonnx-dev  # ONNX import
  libzip-dev                                  # PyTorch import: .pth files are zip archives
  libxnnpack-dev libpthreadpool-dev           # second float32 backend
)
test_packages=(
  doctest-dev libsimde-dev binutils git python3 python3-venv python3-dev
  clang libclang-rt-14-dev llvm               # second compiler, sanitizers, libFuzzer
  g++-aarch64-linux-gnu lld qemu-user         # other processors
  dpkg-dev zsh                                # packages, completions
)

tests=false
case "${1-}" in
  '') ;;
  --tests) packages+=("${test_packages[@]}"); tests=true ;;
  --with) packages+=("${@:2}") ;;
  *) echo "usage: tools/install_deps.sh [--tests | --with PACKAGE...]" >&2; exit 2 ;;
esac

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
  echo "install_deps: this script knows Debian packages only; install what these stand for: ${packages[*]}" >&2
  exit 1
fi

missing=()
for package in "${packages[@]}"; do
  state=$(dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null || true)
  grep -qx installed <<<"$state" || missing+=("$package")
done

# environment NAME WHAT PIP_ARGUMENTS...: a folder of Python packages from PyPI, build/NAME, for tests that are skipped without them.
environment() {
  local env=$root/build/$1 what=$2
  shift 2
  [ ! -x "$env/bin/python" ] || return 0
  echo "install_deps: Python packages for $what"
  mkdir -p "$(dirname "$env")"
  if ! { python3 -m venv "$env" && "$env/bin/pip" install --quiet --disable-pip-version-check "$@"; } </dev/null; then
    rm -rf "$env"
    echo "install_deps: no packages; $what will be skipped" >&2
  fi
}
python_tests() {
  $tests || return 0
  environment onnx-env "the tests of ONNX's backends" onnx==1.17.0
  environment python-env "the tests of the Python module" --requirement "$root/tests/python/requirements.txt"
}
if [ "${#missing[@]}" -eq 0 ]; then
  python_tests
  exit 0
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || { echo "install_deps: run as root, or install: ${missing[*]}" >&2; exit 1; }
  if [ -t 0 ]; then as_root=(sudo); else as_root=(sudo -n); fi
fi
echo "install_deps: installing ${missing[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
install() {
  "${as_root[@]}" apt-get update -q &&
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"
}
if ! install >"$log" 2>&1 </dev/null; then
  tail -n 30 "$log" >&2
  echo "install_deps: apt-get failed; its last lines stand above" >&2
  exit 1
fi
python_tests
