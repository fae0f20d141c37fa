#!/usr/bin/env python3
"""Packs a folder as a .zip, the same bytes each time: sorted, with the time of SOURCE_DATE_EPOCH.

    targets/package/zip.py FOLDER FILE.zip
"""

import os
import pathlib
import sys
import time
import zipfile


def main(folder, archive):
    made = time.gmtime(max(int(os.environ["SOURCE_DATE_EPOCH"]), 315532800))[:6]  # 1980 is the first year that the format knows
    part = archive.with_name(archive.name + ".part")
    with zipfile.ZipFile(part, "w") as out:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(folder.parent).as_posix(), made)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            out.writestr(entry, path.read_bytes(), compresslevel=9)
    part.replace(archive)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*map(pathlib.Path, sys.argv[1:]))
