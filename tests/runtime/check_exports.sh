#!/bin/sh
# The shared library exports the functions of cutis.h, each of them, and nothing else. Usage: check_exports.sh LIBRARY HEADER
set -eu
exported=$(nm -D --defined-only "$1" | awk '{print $3}' | sort)
declared=$(sed -n 's/^CUTIS_API .*\(cutis_[a-z0-9_]*\)(.*/\1/p' "$2" | sort)
test -n "$declared"
if [ "$exported" != "$declared" ]; then
  echo "exported:" $exported
  echo "declared:" $declared
  exit 1
fi
