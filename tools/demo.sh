#!/usr/bin/env bash
# Shows the main job on a bare Debian 12: installs what is missing, builds, converts the model and judges an image.
#   tools/demo.sh            a drawn sample
#   tools/demo.sh IMAGE      your own JPEG or PNG
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
if [ "$#" -gt 1 ] || [[ "${1-}" == -* ]]; then
  echo "usage: tools/demo.sh [IMAGE]" >&2
  exit 2
fi
image=${1-$root/tools/samples/lesion.jpg}
build=$root/build
model=$build/bcc_lite0.cutis

# Runs a command and shows its output only when it fails.
log=$(mktemp)
trap 'rm -f "$log"' EXIT
quietly() {
  echo "demo: $1"
  shift
  if ! "$@" >"$log" 2>&1 </dev/null; then
    cat "$log" >&2
    echo "demo: failed: $*" >&2
    exit 1
  fi
}

bash "$root/tools/install_deps.sh"
# Tests are left out of a fresh build folder: they need packages that the demo does not. One that stands is used as it is.
[ -f "$build/build.ninja" ] || quietly "configuring build/" meson setup -Dtests=false "$build" "$root"
quietly "building (a few minutes the first time)" ninja -C "$build" cutis cutis-convert
newest=$(find "$root/models/bcc_lite0" "$build/cutis-convert" -type f -newer "$model" 2>/dev/null | head -n 1 || true)
if [ ! -f "$model" ] || [ -n "$newest" ]; then
  quietly "converting models/bcc_lite0 to build/bcc_lite0.cutis" "$build/cutis-convert" "$root/models/bcc_lite0" -o "$model"
fi
echo "demo: build/cutis classify build/bcc_lite0.cutis $image"
if [ "$#" -eq 0 ]; then
  echo "demo: the sample is a drawing, not a photograph of skin: the model refuses it"
fi
exec "$build/cutis" classify "$model" "$image"
