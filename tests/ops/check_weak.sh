#!/bin/sh
# Libraries whose code is compiled for one instruction set must define nothing that the linker may take for other files too: a weak
# or unique symbol (an inline function, a template) could bring an AVX-512 instruction into code that runs everywhere.
# Usage: check_weak.sh NM LIBRARY...
nm=$1
shift
status=0
checked=0
for library in "$@"; do
  symbols=$("$nm" --defined-only "$library" 2>/dev/null) || { echo "$library: $nm cannot read it"; exit 1; }
  # Nothing at all would mean that nothing was checked.
  echo "$symbols" | grep -q ' [A-Za-z] ' || { echo "$library: defines no symbol"; status=1; }
  weak=$(echo "$symbols" | grep -E ' [WwVvu] ')
  if [ -n "$weak" ]; then
    echo "$library defines weak symbols:"
    echo "$weak"
    status=1
  fi
  checked=$((checked + 1))
done
[ "$checked" -gt 0 ] || { echo "no library given"; exit 1; }
[ "$status" -eq 0 ] && echo "$checked libraries define no weak symbol"
exit $status
