#!/usr/bin/env python3
"""The bill of materials of an archive, SPDX 2.3 in JSON, on the standard output.

    targets/package/sbom.py BUILD_FOLDER ARCHIVE_FOLDER NAME

Nothing is listed by hand: the headers that were compiled in are those that ninja's record of dependencies names, the archives that
are linked into cutis those that the linker names when it links once more. Whose they are and of which version, dpkg says. A part
whose licence is not in the table below is an error.
"""

import hashlib
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile
import time

# By Debian's source package. The licence of what is used here (headers, runtime libraries), not of all that the package holds.
LICENCES = {
    r"flatbuffers": "Apache-2.0",
    r"highway": "Apache-2.0",
    r"libstb": "MIT OR Unlicense",
    r"cli11": "BSD-3-Clause",
    r"nlohmann-json3": "MIT",
    r"libjpeg-turbo": "IJG AND BSD-3-Clause AND Zlib",
    r"gcc-\d+(-cross(-ports)?)?|gcc-mingw-w64": "GPL-3.0-or-later WITH GCC-exception-3.1",
    r"(cross-toolchain-base(-ports)?|glibc)": "LGPL-2.1-or-later",
    r"linux": "GPL-2.0-only WITH Linux-syscall-note",
    r"llvm-toolchain-\d+": "Apache-2.0 WITH LLVM-exception",
    r"mingw-w64": "ZPL-2.1",
    r"emscripten": "(MIT OR NCSA) AND MIT AND CC0-1.0 AND Apache-2.0 WITH LLVM-exception",  # musl, dlmalloc, LLVM's libraries
    r"xnnpack": "BSD-3-Clause",
    r"(pthreadpool|cpuinfo)": "BSD-2-Clause",
}
LINUX_HEADERS = re.compile(r"linux-libc-dev")  # those for other processors come from the source package of their glibc


def output_of(*command, **options):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, **options).stdout


def program_of(build):
    return next((name for name in ("cutis.exe", "cutis.js") if (build / name).exists()), "cutis")


def headers(build):
    """All files outside the tree that compilers have read for cutis, which holds the library whole."""
    inputs = set(output_of("ninja", "-C", str(build), "-t", "inputs", program_of(build)).splitlines())
    found, wanted, recorded = set(), False, set()
    for line in output_of("ninja", "-C", str(build), "-t", "deps").splitlines():
        if line and not line.startswith(" "):
            recorded.add(line.split(": #deps")[0])
            wanted = line.split(": #deps")[0] in inputs
        elif wanted and line.startswith("    /"):
            found.add(os.path.realpath(line.strip()))
    if unknown := {name for name in inputs if name.endswith((".o", ".obj"))} - recorded:
        sys.exit(f"sbom: ninja has no record of what {sorted(unknown)[0]} was made of; build {build} anew")
    return found


def linked_for_windows(command, build):
    """LLVM's linker knows no --trace there, but tells at length what it reads, and which members of archives it takes."""
    text = output_of(*command, "-Wl,--verbose", cwd=build, stderr=subprocess.STDOUT)
    taken = set(re.findall(r"Loaded (\S+)\(", text))
    return [path for path in re.findall(r"Reading (\S+)", text) if path.endswith(".o") or os.path.basename(path) in taken]


def linked(build):
    """The libraries outside the tree that are linked into cutis: the linker's own list, from its last command repeated."""
    program = program_of(build)
    command = shlex.split(output_of("ninja", "-C", str(build), "-t", "commands", program).splitlines()[-1])
    with tempfile.TemporaryDirectory() as folder:
        command[command.index("-o") + 1] = os.path.join(folder, program)
        files = linked_for_windows(command, build) if program.endswith(".exe") else output_of(*command, "-Wl,--trace", cwd=build).splitlines()
    names = {re.sub(r"^\((.*)\).*$|\(.*\)$", r"\1", name) for name in files}
    return {os.path.realpath(name) for name in names if name.startswith("/") and os.path.exists(name)}


def owners(files, root):
    """The Debian packages of these files; those of this tree belong to none."""
    left = {name for name in files if not name.startswith(str(root) + "/")}
    # Where /lib is a link to /usr/lib, packages know some files by the one name and some by the other.
    names = {alias: name for name in left for alias in (name, name.removeprefix("/usr"))}
    text = subprocess.run(["dpkg", "-S", *sorted(names)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    found = set()
    for line in text.splitlines():
        packages, _, name = line.partition(": ")
        if name in names:
            left.discard(names[name])
            found.add(packages.split(", ")[0])
    if left:
        sys.exit(f"sbom: {sorted(left)[0]}: of no Debian package, so its version and licence are unknown")
    return found


def licence_of(package, source):
    if LINUX_HEADERS.match(package):
        return LICENCES["linux"]
    for pattern, licence in LICENCES.items():
        if re.fullmatch(pattern, source):
            return licence
    sys.exit(f"sbom: {package} (source {source}): its licence is not in the table of {os.path.basename(__file__)}")


def digests(path):
    data = path.read_bytes()
    return [{"algorithm": name, "checksumValue": hashlib.new(name.lower(), data).hexdigest()} for name in ("SHA1", "SHA256")]


def debian_part(package, holds):
    form = "${Package}\t${Version}\t${source:Package}\t${source:Version}\t${Architecture}"
    name, version, source, source_version, arch = output_of("dpkg-query", "-W", "-f", form, package).split("\t")
    licence = licence_of(name, source)
    return {
        "SPDXID": "SPDXRef-" + re.sub(r"[^A-Za-z0-9.]", "-", name),
        "name": name,
        "versionInfo": version,
        "supplier": "Organization: Debian",
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "licenseConcluded": licence,
        "licenseDeclared": licence,
        "copyrightText": "NOASSERTION",
        "sourceInfo": f"Debian source package {source} {source_version}; {holds}",
        "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl",
                          "referenceLocator": f"pkg:deb/debian/{name}@{version}?arch={arch}"}],
    }


def document(build, folder, name):
    root = pathlib.Path(__file__).resolve().parents[2]
    project = json.loads(output_of("meson", "introspect", "--projectinfo", str(root / "meson.build")))
    compiled, archives = owners(headers(build), root), owners(linked(build), root)
    parts, relations = [], [("SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-cutis")]
    for package in sorted(compiled | archives):
        holds = "linked into cutis" if package in archives else "headers compiled in"
        part = debian_part(package, holds)
        parts.append(part)
        relations.append(("SPDXRef-cutis", "STATIC_LINK" if package in archives else "CONTAINS", part["SPDXID"]))
    files = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()):
        inside = path.relative_to(folder).as_posix()
        if path.name in ("sbom.spdx.json", "SHA256SUMS"):
            continue
        ident = "SPDXRef-File-" + re.sub(r"[^A-Za-z0-9.]", "-", inside)
        files.append({"SPDXID": ident, "fileName": "./" + inside, "checksums": digests(path), "licenseConcluded": "NOASSERTION",
                      "licenseInfoInFiles": ["NOASSERTION"], "copyrightText": "NOASSERTION"})
        relations.append(("SPDXRef-cutis", "CONTAINS", ident))
    shas = "".join(sorted(file["checksums"][0]["checksumValue"] for file in files))
    own = {
        "SPDXID": "SPDXRef-cutis",
        "name": "cutis",
        "versionInfo": project["version"],
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": True,
        "packageVerificationCode": {"packageVerificationCodeValue": hashlib.sha1(shas.encode()).hexdigest(),
                                    "packageVerificationCodeExcludedFiles": ["./SHA256SUMS", "./sbom.spdx.json"]},
        "licenseConcluded": "Apache-2.0",
        "licenseDeclared": "Apache-2.0",
        "licenseInfoFromFiles": ["NOASSERTION"],
        "copyrightText": "NOASSERTION",
    }
    made = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(os.environ["SOURCE_DATE_EPOCH"])))
    return {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": name,
        "documentNamespace": f"https://spdx.org/spdxdocs/{name}-{hashlib.sha256((shas + json.dumps(parts)).encode()).hexdigest()[:32]}",
        "creationInfo": {"created": made, "creators": [f"Tool: cutis-sbom-{project['version']}"]},
        "packages": [own] + parts,
        "files": files,
        "relationships": [{"spdxElementId": a, "relationshipType": kind, "relatedSpdxElement": b} for a, kind, b in relations],
    }


def main(build, folder, name):
    json.dump(document(pathlib.Path(build), pathlib.Path(folder), name), sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
