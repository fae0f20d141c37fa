"""Adds up the results in meson's testlog.json files and prints "tests: N passed, N failed, N skipped".

An executable that holds many cases says how many itself (the summary lines of doctest, unittest and pytest); any other test counts as one.
A line or doctest message that starts with "skipped:" in the output of a doctest executable stands for one case that could not
run (it needs CUTIS_DATA, say). Exit code 1 if anything failed or nothing ran. `--self-test` checks the counting itself.
"""

import json
import re
import sys

DOCTEST = re.compile(r"\[doctest\] test cases:\s*(\d+) \|\s*(\d+) passed \|\s*(\d+) failed")
SKIPPED = re.compile(r"(?:^|MESSAGE: )skipped:", re.MULTILINE)
PYTEST = re.compile(r"^(?:=+ )?((?:\d+ \w+, )*\d+ \w+) in [\d.]+s", re.MULTILINE)
UNITTEST = re.compile(r"^Ran (\d+) tests? in .*\n\n(OK|FAILED)(?: \((.*)\))?$", re.MULTILINE)


def count(entry):
    """(passed, failed, skipped) of one line of testlog.json."""
    result = entry["result"]
    if result == "SKIP":
        return 0, 0, 1
    good = result in ("OK", "EXPECTEDFAIL")
    text = (entry.get("stdout") or "") + "\n" + (entry.get("stderr") or "")
    text = re.sub(r"\x1b\[[0-9;]*m", "", text)
    if found := list(DOCTEST.finditer(text)):
        passed = sum(int(match[2]) for match in found)
        failed = sum(int(match[3]) for match in found)
        skipped = min(passed, len(SKIPPED.findall(text)))
        passed -= skipped
    elif match := UNITTEST.search(text):
        numbers = {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", match[3] or "")}
        failed = numbers.get("failures", 0) + numbers.get("errors", 0)
        skipped = numbers.get("skipped", 0)
        passed = int(match[1]) - failed - skipped
    elif match := PYTEST.search(text):
        numbers = {key: int(value) for value, key in re.findall(r"(\d+) (\w+)", match[1])}
        passed, failed, skipped = numbers.get("passed", 0), numbers.get("failed", 0) + numbers.get("error", 0) + numbers.get("errors", 0), numbers.get("skipped", 0)
    else:
        return (1, 0, 0) if good else (0, 1, 0)
    # A sanitizer's report or a crash after the summary is a failure too.
    return (passed, failed, skipped) if good else (passed, max(failed, 1), skipped)


def self_test():
    doctest = "[doctest] test cases:  5 |  4 passed | 1 failed | 0 skipped\n"
    cases = [
        ({"result": "OK"}, (1, 0, 0)),
        ({"result": "TIMEOUT", "stdout": ""}, (0, 1, 0)),
        ({"result": "SKIP"}, (0, 0, 1)),
        ({"result": "FAIL", "stdout": doctest}, (4, 1, 0)),
        ({"result": "FAIL", "stdout": doctest.replace("1 failed", "0 failed")}, (4, 1, 0)),
        ({"result": "OK", "stdout": "skipped: no CUTIS_DATA\n\x1b[36m[doctest] \x1b[0mtest cases: 2 | 2 passed | 0 failed | 0 skipped"}, (1, 0, 1)),
        ({"result": "OK", "stdout": "a_test.cc:7: MESSAGE: skipped: no XNNPACK\n" + doctest.replace("1 failed", "0 failed")}, (3, 0, 1)),
        ({"result": "OK", "stderr": "Ran 7 tests in 1.2s\n\nOK (skipped=2)\n"}, (5, 0, 2)),
        ({"result": "FAIL", "stderr": "Ran 7 tests in 1.2s\n\nFAILED (failures=1, errors=1)\n"}, (5, 2, 0)),
        ({"result": "OK", "stdout": "....s [100%]\n12 passed, 1 skipped in 3.21s\n"}, (12, 0, 1)),
        ({"result": "FAIL", "stdout": "== short test summary info ==\n2 failed, 12 passed, 1 error in 63.21s (0:01:03)\n"}, (12, 3, 0)),
        ({"result": "FAIL", "stdout": "no tests ran in 0.01s\n"}, (0, 1, 0)),
        ({"result": "OK", "stderr": "Ran 1 test in 1.2s\n\nOK\n"}, (1, 0, 0)),
    ]
    for entry, expected in cases:
        if count(entry) != expected:
            sys.exit(f"{entry}: counted {count(entry)}, expected {expected}")


def main(paths):
    if paths == ["--self-test"]:
        self_test()
        return 0
    total = [0, 0, 0]
    for path in paths:
        with open(path, encoding="utf-8") as file:
            for line in file:
                total = [a + b for a, b in zip(total, count(json.loads(line)))]
    print(f"tests: {total[0]} passed, {total[1]} failed, {total[2]} skipped")
    return 1 if total[1] or not total[0] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
