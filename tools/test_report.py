#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Adds up the results in a directory: PRESET.xml (JUnit, as ctest writes it) and PRESET.broken (the name
of a step that failed before any test could run). The last line is the sum.

A test that is a doctest program counts as many as it has test cases; every other test counts as one.
"""

import re
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

CASES = re.compile(r"\[doctest\] test cases: *\d+ \| *(\d+) passed \| *(\d+) failed")


def count(case):
    """(passed, failed) of one ctest test."""
    ok = case.get("status") == "run"
    summary = CASES.search(case.findtext("system-out") or "")
    if not summary:
        return (1, 0) if ok else (0, 1)
    passed, failed = int(summary.group(1)), int(summary.group(2))
    if not ok and failed == 0:
        failed = 1  # All cases passed and the program failed: a sanitizer, or a crash at its end.
    return passed, failed


def main():
    directory = Path(sys.argv[1])
    passed = failed = 0
    complaints = []
    for file in sorted(directory.glob("*.xml")):
        preset_passed = preset_failed = 0
        for case in ElementTree.parse(file).getroot().iter("testcase"):
            case_passed, case_failed = count(case)
            preset_passed += case_passed
            preset_failed += case_failed
            if case_failed:
                complaints.append(f"failed ({file.stem}): {case.get('name')}")
        print(f"{file.stem}: {preset_passed} ok, {preset_failed} not")
        passed += preset_passed
        failed += preset_failed
    for file in sorted(directory.glob("*.broken")):
        complaints.append("failed: " + file.read_text(encoding="utf-8").strip())
        failed += 1
    if passed + failed == 0:
        complaints.append("no test has that name")
    print("\n".join(complaints), end="\n" if complaints else "")
    print(f"{passed} passed, {failed} failed")
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
