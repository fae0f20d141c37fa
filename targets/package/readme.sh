#!/usr/bin/env bash
# The README of an archive: what README.md says to someone who has the programs, and the newest part of CHANGELOG.md.
#   targets/package/readme.sh FOLDER      the folder that is packed
set -euo pipefail
folder=$(realpath "$1")
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

section() {  # FILE HEADING: the part under it, up to the next heading of the same kind
  local text
  text=$(awk -v heading="## $2" 'index($0, heading) == 1 { on = 1; print; next } /^## / { on = 0 } on' "$1")
  [ -n "$text" ] || { echo "readme: $1 has no part \"$2\"" >&2; exit 1; }
  printf '%s\n\n' "$text"
}
intro=$(awk '/^## / { exit } { print }' README.md)
printf '%s\n\n' "$intro"
suffix='' libraries='`lib/libcutis.a` and, where the system has shared libraries, `lib/libcutis.so`'
if [ -e "$folder/bin/cutis.exe" ]; then
  suffix=.exe libraries='`bin/libcutis-0.dll` with its import library `lib/libcutis.dll.a`, `lib/libcutis.a`'
fi
program=bin/cutis$suffix linked='linked statically'
if [ -e "$folder/bin/cutis.js" ]; then
  program='node bin/cutis.js' linked='for Node.js 16 or later' libraries='`lib/libcutis.a`'
fi
cat <<TEXT
This archive: \`$program\`, $linked; $libraries, with headers,
pkg-config file and CMake package (\`-DCMAKE_PREFIX_PATH=\` this folder); \`sbom.spdx.json\`, what is linked or compiled in, with versions and licences.
\`sha256sum -c SHA256SUMS\` checks the files, \`$program selftest MODEL.cutis\` whether this machine computes what the model file says.

TEXT
# Without the paragraphs on what only a workstation does.
section README.md "Use it" | awk '/^\*\*/ { skip = /^\*\*(Convert|Put it|Build it)/ } !skip' | sed 's#build/cutis#'"$program"'#g; s#build/##g'
section README.md Limits
version=$(sed -nE 's/^## ([0-9][^,]*).*/\1/p' CHANGELOG.md | head -n 1)
echo "# Changelog"
echo
section CHANGELOG.md "$version"
section README.md Licence
