#!/usr/bin/env bash
# Builds a release: every target, the models, Debian packages, checksums.
#   bash targets/release.sh [TARGET]...      default: all of targets/targets.list
# writes build-targets/*.tar.xz, *.zip (Windows), *.deb and SHA256SUMS. Models are converted by the cutis-convert built here (build-release).
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
. targets/package/common.sh
if [ $# -gt 0 ]; then names=("$@"); else mapfile -t names < <(targets | cut -d '|' -f 1 | sed 's/ *$//'); fi
if [ -n "$(git status --porcelain --untracked-files=no)" ]; then
  echo "release: the tree differs from its commit; what is released has to be what is committed" >&2
  exit 1
fi

rm -rf "$out"
mkdir -p "$out"
bash tools/install_deps.sh --with dpkg-dev
export CUTIS_BUILD=build-release
[ -f "$CUTIS_BUILD/build.ninja" ] || run_quietly "$out/setup.log" meson setup "$CUTIS_BUILD" . -Dbuildtype=release -Dtests=false
run_quietly "$out/build.log" ninja -C "$CUTIS_BUILD" ${JOBS:+"-j$JOBS"}

for name in "${names[@]}"; do bash targets/build.sh "$name"; done
for folder in models/*; do
  if [ -f "$folder/CARD.md" ]; then bash targets/package/model.sh "$folder"; fi
done
# One package for each architecture of Debian: the target that runs on all of its machines.
while read -r name architecture; do
  if [ -d "$out/cutis-$version-$name" ]; then bash targets/package/deb.sh cutis "$out/cutis-$version-$name" "$architecture"; fi
done <<<'aarch64 arm64
armv7 armhf
x86_64-v2 amd64'
for folder in "$out"/cutis-model-*/; do bash targets/package/deb.sh model "$folder"; done

python3 targets/table.py "$out"
find "$out" -mindepth 1 -maxdepth 1 -type d -exec rm -r {} +
rm -f "$out"/*.log
(cd "$out" && shopt -s nullglob && sha256sum -- *.tar.xz *.zip *.deb >SHA256SUMS)
echo "$out/SHA256SUMS"
