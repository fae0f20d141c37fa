#!/usr/bin/env bash
# Packs a model: build-targets/cutis-model-NAME-VERSION.tar.xz with the .cutis file, its card, pictures and licence.
#   targets/package/model.sh FILE|FOLDER
# FILE is a .cutis file; CARD.md, LICENSE and *.png beside it go along. FOLDER holds such a file, or is one of models/, which is
# converted first. Uses cutis and cutis-convert of CUTIS_BUILD (default: build).
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. targets/package/common.sh
fail() { echo "model: $*" >&2; exit 1; }
[ $# -eq 1 ] || { echo "usage: targets/package/model.sh FILE|FOLDER" >&2; exit 2; }
[ -e "$1" ] || fail "$1: does not exist"
tools=${CUTIS_BUILD:-build}
[ -x "$tools/cutis" ] && [ -x "$tools/cutis-convert" ] || fail "$tools: no cutis and cutis-convert; build them: meson setup $tools && ninja -C $tools"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ -d "$1" ]; then
  folder=$1
  shopt -s nullglob
  found=("$folder"/*.cutis)
  [ "${#found[@]}" -le 1 ] || fail "$folder: ${#found[@]} .cutis files; name the one"
  if [ "${#found[@]}" -eq 1 ]; then
    file=${found[0]}
  else
    file=$work/$(basename "$folder").cutis
    "$tools/cutis-convert" "$folder" -o "$file" >"$work/log" 2>&1 || { cat "$work/log" >&2; fail "$folder: was not converted"; }
  fi
else
  file=$1
  folder=$(dirname "$1")
fi

# Nothing leaves that is not sound: the file opens, and this machine computes what it says.
"$tools/cutis" selftest "$file" >"$work/log" 2>&1 || { cat "$work/log" >&2; fail "$file: the self-test failed"; }
"$tools/cutis" inspect "$file" --json >"$work/inspect.json"
said() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["provenance"][sys.argv[2]])' "$work/inspect.json" "$1"; }
[ -f "$folder/CARD.md" ] || fail "$folder: no CARD.md; a model goes nowhere without its card"
licence=$(said licence)
[ -n "$licence" ] || fail "$file: states no licence (licence in recipe.json)"
name=$(said name)

stage=$out/cutis-model-$name-$version
rm -rf "$stage"
mkdir -p "$stage"
cp "$file" "$stage/$name.cutis"
cp "$folder/CARD.md" "$stage"
find "$folder" -maxdepth 1 -name '*.png' -exec cp -t "$stage" {} +
if [ -f "$folder/LICENSE" ]; then cp "$folder/LICENSE" "$stage"; else printf '%s\n' "$licence" >"$stage/LICENSE"; fi
pack "$stage"
