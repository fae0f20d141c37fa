"""What the tests of the programs `cutis` and `cutis-convert` share (cutis_test.py, convert_test.py).

Needs in the environment: CUTIS and CUTIS_CONVERT (the programs), CUTIS_SOURCE (a folder like models/bcc_lite0_dense),
CUTIS_MODEL (that one converted), CUTIS_ROOT (the source tree), CUTIS_SMALL (a folder with the small models that tests/runtime/write_models makes). CUTIS_SLOW_BUILD=1 (sanitizers)
leaves out most of the combinations whose hashes are compared; CUTIS_FULL=1 (tools/test.sh --all) leaves out none of the others.
"""

import os
import pathlib
import shutil
import struct
import subprocess
import tempfile
import unittest
import zlib

CUTIS = os.environ["CUTIS"]
CONVERT = os.environ["CUTIS_CONVERT"]
MODEL = os.environ["CUTIS_MODEL"]
ROOT = pathlib.Path(os.environ["CUTIS_ROOT"])
SMALL = pathlib.Path(os.environ["CUTIS_SMALL"])
SAMPLES = sorted(str(path) for path in (ROOT / "tools/samples").glob("*.jpg"))
SOURCE = pathlib.Path(os.environ["CUTIS_SOURCE"])
SLOW = os.environ.get("CUTIS_SLOW_BUILD") == "1"
FULL = os.environ.get("CUTIS_FULL") == "1" and not SLOW
ISAS = "scalar sse4 avx2 avxvnni avx512vnni amx neon dotprod i8mm simd128".split()


def run(*command, env=None, **options):
    """Runs a program without a terminal; CUTIS_ISA and the cache of the caller stay out of it."""
    environment = {key: value for key, value in os.environ.items() if key != "CUTIS_ISA"} | {"XDG_CACHE_HOME": "/nonexistent"} | (env or {})
    return subprocess.run([str(part) for part in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, timeout=900, env=environment, check=False, **options)


def png(width, height, pixels=b""):
    """A PNG of RGB pixels; with other dimensions than its data if asked for."""
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b""))


def is_float32(value):
    """Whether a number read from JSON is what a float32 prints as with the fewest digits."""
    if value == 0:
        return True
    single = struct.unpack("f", struct.pack("f", value))[0]
    shortest = next(text for text in (f"{single:.{digits}g}" for digits in range(1, 10))
                    if struct.unpack("f", struct.pack("f", float(text)))[0] == single)
    return len(repr(value).replace(".", "")) <= len(repr(float(shortest)).replace(".", ""))


class CliTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="cutis-cli-"))
        self.addCleanup(shutil.rmtree, self.folder)

    def path(self, name, content=b""):
        path = self.folder / name
        path.write_bytes(content)
        return path

    def assert_error(self, result, code, *fragments, program="cutis"):
        """Exit code, and exactly one line on stderr that names what and where."""
        self.assertEqual(result.returncode, code, result.stderr + (result.stdout or ""))
        lines = result.stderr.splitlines()
        self.assertEqual(len(lines), 1, result.stderr)
        self.assertTrue(lines[0].startswith(f"{program}: "), lines[0])
        for fragment in fragments:
            self.assertIn(str(fragment), lines[0])

    def good(self, *command, **options):
        """What a command prints that succeeds. Nothing on stderr but a note where the machine has fewer CPUs than a test has threads."""
        result = run(*command, **options)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertRegex(result.stderr, r"\A(cutis(-convert)?: note: \d+ threads, .*\n)?\Z")
        return result.stdout
