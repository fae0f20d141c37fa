#!/usr/bin/env bash
# Builds Cutis for one device and packs it.
#   bash targets/build.sh TARGET [--model FILE|FOLDER]...
# writes build-targets/cutis-VERSION-TARGET.tar.xz (for Windows a .zip too), and for each --model (a .cutis file, or a folder of models/)
# build-targets/cutis-model-NAME-VERSION.tar.xz. The same commit and packages give the same bytes. JOBS=N: parallel jobs.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
. targets/package/common.sh

list_targets() {
  echo "usage: targets/build.sh TARGET [--model FILE|FOLDER]...; the targets:"
  while IFS='|' read -r name _ _ _ what; do printf '  %-16s%s\n' "$(trim "$name")" "$(trim "$what")"; done < <(targets)
}

[ $# -gt 0 ] || { list_targets; exit 0; }
target=$1
shift
models=()
while [ $# -gt 0 ]; do
  [ "$1" = --model ] && [ $# -ge 2 ] || { echo "build: $1: not understood" >&2; list_targets >&2; exit 2; }
  models+=("$(realpath "$2")")
  shift 2
done
line=$(targets | grep -E "^$target +\|" || true)
[ -n "$line" ] || { echo "build: $target: no such target" >&2; list_targets >&2; exit 2; }
IFS='|' read -r _ machine_files packages _ <<<"$line"

read -ra packages <<<"$packages"
bash tools/install_deps.sh --with "${packages[@]}"
cross=()
for file in $machine_files; do cross+=(--cross-file "targets/cross/$file.ini"); done

# -- build -------------------------------------------------------------------------------------------------------------------------
build=build-$target
mkdir -p "$build"
configure=(meson setup)
if [ -f "$build/build.ninja" ]; then configure+=(--reconfigure); fi
run_quietly "$build/setup.log" "${configure[@]}" "$build" . "${cross[@]}" --prefix=/usr --libdir=lib -Dbuildtype=release \
  -Doptimization=s -Db_ndebug=true -Dtools=true -Ddevice_program_static=true \
  -Dconverter=false -Dtests=false -Dxnnpack=disabled -Dturbojpeg=disabled -Dstatic_cli=true -Dprefer_static=true -Dpkgconfig.relocatable=true
run_quietly "$build/build.log" ninja -C "$build" ${JOBS:+"-j$JOBS"}
if [[ $target == aarch64* ]]; then python3 targets/sizes.py "$build" --strip aarch64-linux-gnu-strip; fi

# -- pack --------------------------------------------------------------------------------------------------------------------------
name=cutis-$version-$target
stage=$out/$name
rm -rf "$stage" "$stage.root"
run_quietly "$build/install.log" env DESTDIR="$stage.root" meson install -C "$build" --no-rebuild --strip
mv "$stage.root/usr" "$stage"
rmdir "$stage.root"
cp LICENSE "$stage"
bash targets/package/readme.sh "$stage" >"$stage/README.md"
python3 targets/package/sbom.py "$build" "$stage" "$name" >"$stage/sbom.spdx.json"
pack "$stage"

for model in "${models[@]}"; do bash targets/package/model.sh "$model"; done
