# What the scripts of targets/ share; they source it in the root of the tree.
out=${CUTIS_OUT:-$PWD/build-targets}
mkdir -p "$out"
version=$(meson introspect --projectinfo meson.build | python3 -c 'import json, sys; print(json.load(sys.stdin)["version"])')
# Times in archives are that of the commit, so that building again gives the same bytes.
if [ -z "${SOURCE_DATE_EPOCH-}" ]; then
  SOURCE_DATE_EPOCH=$(git log -1 --format=%ct) || { echo "no git here: set SOURCE_DATE_EPOCH" >&2; exit 1; }
fi
export SOURCE_DATE_EPOCH LC_ALL=C TZ=UTC
umask 022

trim() { sed -E 's/^ +| +$//g' <<<"$1"; }
targets() { grep -v '^#' targets/targets.list; }

# run_quietly LOG COMMAND...: its output only if it fails.
run_quietly() {
  local log=$1
  shift
  "$@" >"$log" 2>&1 </dev/null || { tail -n 40 "$log" >&2; echo "failed: $* (all of it: $log)" >&2; exit 1; }
}

# pack FOLDER: checksums of its files, then the archive of it in $out; for Windows one that its Explorer opens too.
pack() {
  local folder=$1 name
  name=$(basename "$folder")
  (cd "$folder" && find . -type f ! -name SHA256SUMS -printf '%P\0' | sort -z | xargs -0 sha256sum >SHA256SUMS)
  tar -C "$(dirname "$folder")" --sort=name --format=gnu --owner=0 --group=0 --numeric-owner --mode=u+rw,go=rX,a+rX \
    --mtime="@$SOURCE_DATE_EPOCH" -cf - "$name" | xz -9e -T1 >"$out/$name.tar.xz.part"
  mv "$out/$name.tar.xz.part" "$out/$name.tar.xz"
  echo "$out/$name.tar.xz"
  if compgen -G "$folder/bin/*.exe" >/dev/null; then
    python3 targets/package/zip.py "$folder" "$out/$name.zip"
    echo "$out/$name.zip"
  fi
}
