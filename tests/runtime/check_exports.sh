#!/bin/sh
# The shared library exports the functions of the headers, each of them, and nothing else. Usage: check_exports.sh LIBRARY HEADER...
set -eu
library=$1
shift
case "$library" in
  *.dll) exported=$(llvm-readobj --coff-exports "$library" | sed -n 's/^ *Name: \(..*\)/\1/p' | sort) ;;
  *) exported=$(nm -D --defined-only "$library" | awk '{print $3}' | sort) ;;
esac
declared=$(sed -n 's/^CUTIS_API .*\(cutis_[a-z0-9_]*\)(.*/\1/p' "$@" | sort)
test -n "$declared"
if [ "$exported" != "$declared" ]; then
  echo "exported:" $exported
  echo "declared:" $declared
  exit 1
fi
