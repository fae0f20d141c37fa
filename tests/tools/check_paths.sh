#!/usr/bin/env bash
# No file of the project may name a path of one developer's machine. Usage: check_paths.sh ROOT
set -uo pipefail
cd "$1" || exit 1
# Written in pieces, so that this file does not match itself.
pattern='(^|[^A-Za-z0-9_.])(/wor''k/|/roo''t/|/hom''e/[a-z])|\.\./share''d'
# A copy of the tree inside a clone (tools/test.sh --all makes one) is not what git lists there.
if [ "$(git rev-parse --show-toplevel 2>/dev/null)" = "$PWD" ]; then
  list=(git ls-files -z --cached --others --exclude-standard)
else
  list=(find . -type f -not -path './build*' -not -path './.git/*' -not -path './.venv/*' -print0)
fi
hits=$("${list[@]}" | xargs -0 grep -nIE -- "$pattern" 2>/dev/null | head -n 20)
# Something must have been searched, or the check means nothing.
files=$("${list[@]}" | tr -cd '\0' | wc -c)
[ "$files" -gt 20 ] || { echo "only $files files found"; exit 1; }
[ -z "$hits" ] || { echo "$hits"; exit 1; }
