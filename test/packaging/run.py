#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Runs the tests of this folder whose names match; the last line is their sum.

    run.py --scratch DIR --tools DIR --clang PROGRAM [FILTER]

DIR of --scratch takes what the tests make, and is emptied first; that of --tools has the ecosystems'
own tools (a Python environment's folder for programs). The classes run at the same time.
"""

import argparse
import os
import re
import sys
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parent.parent / "tools"))

import support  # noqa: E402 (found by the line above)


class Report(unittest.TestResult):
    """One line for each test, and what went wrong below it."""

    def __init__(self):
        super().__init__()
        self.passed = 0
        self.started = 0.0

    def startTest(self, test):
        super().startTest(test)
        self.started = time.monotonic()

    def _say(self, test, outcome, detail=""):
        name = re.sub(r"^test_", "", test.id()).replace(".test_", ".")
        seconds = time.monotonic() - self.started
        print(f"    {outcome:6} {name} ({seconds:.1f} s)\n{detail}", end="", flush=True)

    def addSuccess(self, test):
        super().addSuccess(test)
        self.passed += 1
        self._say(test, "ok")

    def addFailure(self, test, err):
        super().addFailure(test, err)
        # What a tool said is the message; where the test noticed it is of no use to the reader.
        self._say(test, "FAILED", f"{err[1]}\n")

    def addError(self, test, err):
        super().addError(test, err)
        self.started = self.started or time.monotonic()
        self._say(test, "FAILED", self.errors[-1][1])

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self._say(test, "skip", f"           {reason}\n")


def classes_of(suite, filter_):
    """{test class: [tests]} of those whose names match."""
    found = {}
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            for cls, tests in classes_of(test, filter_).items():
                found.setdefault(cls, []).extend(tests)
        elif re.search(filter_, test.id()):
            found.setdefault(type(test), []).append(test)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scratch", type=Path, required=True)
    parser.add_argument("--tools", type=Path, required=True)
    parser.add_argument("--clang", required=True, help="clang++")
    parser.add_argument("filter", nargs="?", default="")
    options = parser.parse_args()
    support.start(options.scratch, options.tools, options.clang)

    suite = unittest.defaultTestLoader.discover(str(HERE), "test_*.py")
    jobs = classes_of(suite, options.filter)

    def run(tests):
        report = Report()
        unittest.TestSuite(tests).run(report)
        return report.passed, len(report.failures) + len(report.errors)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(run, jobs.values()))
    passed, failed = (sum(column) for column in zip((0, 0), *results))
    if passed + failed == 0:
        print("no test has that name")
    print(f"{passed} passed, {failed} failed")
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
