#!/usr/bin/env bash
# Makes a Debian package of what is installed in a folder, or of a model.
#   targets/package/deb.sh cutis FOLDER ARCHITECTURE   FOLDER: bin/, lib/, include/, share/ (an unpacked archive of targets/build.sh, say)
#   targets/package/deb.sh model FOLDER                FOLDER: an unpacked archive of targets/package/model.sh
# writes build-targets/NAME_VERSION_ARCHITECTURE.deb; needs dpkg-dev. Depends comes from dpkg-shlibdeps.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. targets/package/common.sh
usage() { sed -n 's/^#   /  /p' "${BASH_SOURCE[0]}" >&2; exit 2; }
[ $# -ge 2 ] && [ -d "$2" ] || usage
kind=$1
folder=$(realpath "$2")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/tree
mkdir -p "$tree/DEBIAN" "$work/debian"

case $kind in
  cutis)
    [ $# -eq 3 ] || usage
    package=cutis architecture=$3 section=science
    mkdir -p "$tree/usr"
    for part in bin lib include share; do
      if [ -d "$folder/$part" ]; then cp -a "$folder/$part" "$tree/usr"; fi
    done
    [ -d "$tree/usr/bin" ] && [ -d "$tree/usr/lib" ] || { echo "deb: $2: no bin/ and lib/ in it" >&2; exit 1; }
    gzip -9n "$tree"/usr/share/man/man1/*.1
    # dpkg-shlibdeps reads debian/control and looks at all programs and shared libraries.
    printf 'Source: cutis\n\nPackage: cutis\nArchitecture: %s\n' "$architecture" >"$work/debian/control"
    mapfile -d '' -t binaries < <(find "$tree/usr/bin" "$tree/usr/lib" -type f \( -perm -u+x -o -name '*.so*' \) -print0 | sort -z)
    # Libraries of another architecture lie where its cross compiler has them.
    libraries=/usr/$(dpkg-architecture -a "$architecture" -q DEB_HOST_GNU_TYPE 2>/dev/null)/lib
    shlibs=$(cd "$work" && DEB_HOST_ARCH=$architecture dpkg-shlibdeps "-l$libraries" --ignore-missing-info -O "${binaries[@]}" 2>"$work/log") ||
      { cat "$work/log" >&2; exit 1; }
    depends=$(sed -n "s/:$architecture//g; s/^shlibs:Depends=//p" <<<"$shlibs")
    [ -n "$depends" ] || { echo "deb: $2: dpkg-shlibdeps found no dependency of a shared library" >&2; exit 1; }
    # No -dev package of its own: what compiles against the library brings its C library's headers.
    summary='runtime for telling basal cell carcinoma in dermoscopic images'
    text=' Library, headers and command line of an inference runtime for int8 networks.
 For research. Not a medical device.'
    # The library is found by the loader without more ado in /usr/lib once its cache is renewed.
    printf 'activate-noawait ldconfig\n' >"$tree/DEBIAN/triggers"
    ;;
  model)
    [ $# -eq 2 ] || usage
    name=$(basename "$folder"/*.cutis .cutis)
    package=cutis-model-$(tr '_' '-' <<<"$name") architecture=all section=science depends=''
    mkdir -p "$tree/usr/share/cutis/models" "$tree/usr/share/doc/$package"
    cp "$folder/$name.cutis" "$tree/usr/share/cutis/models"
    find "$folder" -maxdepth 1 -type f ! -name '*.cutis' ! -name LICENSE ! -name SHA256SUMS -exec cp -t "$tree/usr/share/doc/$package" {} +
    summary="model $name for cutis"
    text=' A network, quantised, with its card (see CARD.md for what it may be used for).
 For research. Not a medical device.'
    ;;
  *) usage ;;
esac

mkdir -p "$tree/usr/share/doc/$package"
cp "$folder/LICENSE" "$tree/usr/share/doc/$package/copyright"
for file in README.md sbom.spdx.json; do
  if [ "$kind" = cutis ] && [ -f "$folder/$file" ]; then cp "$folder/$file" "$tree/usr/share/doc/$package"; fi
done
{
  printf 'Package: %s\nVersion: %s\nArchitecture: %s\nSection: %s\nPriority: optional\n' "$package" "$version" "$architecture" "$section"
  printf 'Maintainer: %s\n' "${MAINTAINER:-Cutis contributors <cutis@localhost>}"
  if [ -n "$depends" ]; then printf 'Depends: %s\n' "$depends"; fi
  printf 'Installed-Size: %s\n' "$(du -k -s --apparent-size "$tree/usr" | cut -f 1)"
  printf 'Description: %s\n%s\n' "$summary" "$text"
} >"$tree/DEBIAN/control"
(cd "$tree" && find usr -type f -print0 | sort -z | xargs -0 md5sum >DEBIAN/md5sums)
chmod -R u+rw,go=rX "$tree"
dpkg-deb --root-owner-group -Zxz --build "$tree" "$out/${package}_${version}_$architecture.deb" >/dev/null
echo "$out/${package}_${version}_$architecture.deb"
