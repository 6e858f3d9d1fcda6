#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""What workloads cost, counted exactly and compared with what was recorded in tools/count_gate/counts.json.

    count_gate.py             the last line is the sum of the checks
    count_gate.py --record    write the record; the change belongs in the changelog

Page-ins, storage operations and bytes are the same everywhere, and may not grow at all. Instructions, which
callgrind counts where valgrind is installed, depend on the compiler: they may grow by 3 %, and are compared
only with those of the same compiler. Times are not looked at.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "tools" / "count_gate" / "counts.cpp"
RECORD = ROOT / "tools" / "count_gate" / "counts.json"
GROWTH = 1.03


def run(*command, **options):
    done = subprocess.run([str(c) for c in command], check=False, text=True, capture_output=True, **options)
    if done.returncode != 0:
        sys.exit(f"{done.stderr}\n{command[0]} failed (exit code {done.returncode})")
    return done.stdout


def compiler_name(compiler):
    """Such that another version has another one: "g++ 12.2"."""
    version = run(compiler, "-dumpfullversion", "-dumpversion").strip()
    return f"{Path(compiler).name} {'.'.join(version.split('.')[:2])}"


def counts(program):
    """{workload: {what: number}}"""
    found = {}
    for line in run(program).splitlines():
        name, *pairs = line.split()
        found[name] = {what: int(number) for what, number in (pair.split("=") for pair in pairs)}
    return found


def instructions(program, workload, scratch):
    """Inside `measured`."""
    output = scratch / f"callgrind.{workload}"
    run("valgrind", "--tool=callgrind", "--collect-atstart=no", "--toggle-collect=measured",
        f"--callgrind-out-file={output}", program, workload)
    return int(re.search(r"^(?:totals|summary): (\d+)", output.read_text(encoding="utf-8"), re.MULTILINE)[1])


def compare(found, record, compiler):
    """(line, whether it is good) for each check."""
    for workload, now in found.items():
        before = record["counts"].get(workload)
        if before is None:
            yield f"{workload}: is not in the record", False
            continue
        for what, number in now.items():
            if what == "instructions":
                old = record["instructions"].get(compiler, {}).get(workload)
                if old is None:
                    continue
                good = number <= old * GROWTH
            else:
                old = before[what]
                good = number <= old
            note = "" if number == old else f" ({number - old:+d}, {100 * (number - old) / max(old, 1):+.1f} %)"
            yield f"{workload}: {number} {what.replace('_', ' ')}{note}", good
    for workload in record["counts"].keys() - found.keys():
        yield f"{workload}: is in the record, and is no more", False


def main():
    parser = argparse.ArgumentParser(description="Compares what workloads cost with the record.")
    parser.add_argument("--record", action="store_true", help="write the record")
    parser.add_argument("--compiler", default="g++")
    options = parser.parse_args()

    compiler = compiler_name(options.compiler)
    with tempfile.TemporaryDirectory(prefix="count_gate.") as folder:
        scratch = Path(folder)
        program = scratch / "counts"
        run(options.compiler, "-std=c++20", "-O2", "-DNDEBUG", "-I", ROOT / "include", SOURCE, "-o", program)
        found = counts(program)
        if shutil.which("valgrind"):
            for workload, numbers in found.items():
                numbers["instructions"] = instructions(program, workload, scratch)
        else:
            print("no valgrind: instructions are not counted")

    record = (json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.exists()
              else {"counts": {}, "instructions": {}})
    if options.record:
        taken = {name: numbers.pop("instructions") for name, numbers in found.items() if "instructions" in numbers}
        record["counts"] = found
        if taken:
            record["instructions"][compiler] = taken
        RECORD.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        print(f"{len(found)} workloads recorded")
        return 0

    if compiler not in record["instructions"]:
        print(f"the record has no instructions of {compiler}")
    checks = list(compare(found, record, compiler))
    for line, good in checks:
        if not good or "+" in line or "-" in line:
            print(("" if good else "WORSE: ") + line)
    bad = sum(not good for _, good in checks)
    print(f"{len(checks) - bad} counts within the record, {bad} worse")
    return 1 if bad or not checks else 0


if __name__ == "__main__":
    sys.exit(main())
