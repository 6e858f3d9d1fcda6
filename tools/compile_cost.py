#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""What compiling against vmem costs, compared with what was recorded in tools/compile_cost.json.

    compile_cost.py --clang PROGRAM             the last line is the sum of the checks
    compile_cost.py --clang PROGRAM --record    write the record; the change belongs in the changelog
    compile_cost.py --clang PROGRAM --seconds   on a quiet machine: the time is a check as well

Counts may grow by 3 %. They, and not seconds, show whether a change made things slower, because they are
the same on every machine. The seconds, for what the counts do not see, are printed beside their limit.
"""

import argparse
import json
import re
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RECORD = ROOT / "tools" / "compile_cost.json"
PROGRAM = ROOT / "test_package" / "main.cpp"
GROWTH = 1.03
#: Seconds of processor time that <vmem/vmem.hpp> should take beyond the standard headers it includes.
SECONDS = 0.6
FLAGS = ("-std=c++20", "-I", str(ROOT / "include"))


def run(*command):
    return subprocess.run([str(c) for c in command], check=True, text=True, capture_output=True).stdout


def preprocessed(source):
    """(lines of vmem's own headers, all lines), without blank ones."""
    own = total = 0
    inside = False
    for line in run("g++", *FLAGS, "-E", source).splitlines():
        marker = re.match(r'# \d+ "(.*?)"', line)
        if marker:
            inside = marker.group(1).startswith(f"{ROOT}/include/")
        elif line.strip():
            total += 1
            own += inside
    return own, total


def instantiations(clang, scratch):
    """(of vmem's templates, of all) that clang makes for a small program."""
    trace = scratch / "trace.o"
    run(clang, *FLAGS, "-c", "-ftime-trace", "-ftime-trace-granularity=0", PROGRAM, "-o", trace)
    events = json.loads(trace.with_suffix(".json").read_text(encoding="utf-8"))["traceEvents"]
    names = [event["args"]["detail"] for event in events
             if event["name"] in ("InstantiateClass", "InstantiateFunction")]
    return sum(name.startswith("vmem::") for name in names), len(names)


def seconds(source):
    """Processor time of g++ -O0, of several runs the least, because everything else only adds to it."""
    times = []
    for _ in range(7):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        run("g++", *FLAGS, "-O0", "-c", source, "-o", "/dev/null")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime - before.ru_utime)
    return min(times)


def standard_headers():
    """Those that vmem.hpp's headers include themselves."""
    reached = run("g++", *FLAGS, "-M", ROOT / "include/vmem/vmem.hpp")
    found = set()
    for path in re.findall(rf"{re.escape(str(ROOT))}/include/\S+", reached):
        text = Path(path).read_text(encoding="utf-8")
        # What stands in an #if is for other systems, or another standard.
        text = re.sub(r"(?ms)^#(else|elif).*?^#endif", "", text)
        found |= set(re.findall(r"^#include <(?!vmem/|boost/|tl/|expected)(\S+)>", text, re.MULTILINE))
    return sorted(found)


def measure(clang):
    """({what: count}, seconds, facts to print)"""
    with tempfile.TemporaryDirectory(prefix="vmem-cost-") as directory:
        scratch = Path(directory)
        umbrella, standard = scratch / "umbrella.cpp", scratch / "standard.cpp"
        umbrella.write_text("#include <vmem/vmem.hpp>\n", encoding="utf-8")
        standard.write_text("".join(f"#if __has_include(<{name}>)\n#include <{name}>\n#endif\n"
                                    for name in standard_headers()), encoding="utf-8")
        own, total = preprocessed(umbrella)
        vmem, all_ = instantiations(clang, scratch)
        whole, base = seconds(umbrella), seconds(standard)
    counts = {"preprocessed lines of vmem": own, "preprocessed lines in all": total,
              "instantiations of vmem's templates": vmem, "instantiations in all": all_}
    return counts, whole - base, f"{whole:.2f} s, of which the standard headers take {base:.2f} s"


def library_version():
    """What the numbers that include the standard library's depend on."""
    return [run("g++", "-dumpfullversion").strip(), run("g++", "-dumpmachine").strip()]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clang", required=True)
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--seconds", action="store_true")
    options = parser.parse_args()
    counts, extra, detail = measure(options.clang)
    if options.record:
        RECORD.write_text(json.dumps({"library": library_version(), "counts": counts}, indent=2) + "\n",
                          encoding="utf-8")
        print(f"{RECORD.relative_to(ROOT)}: {counts}")
        return 0

    record = json.loads(RECORD.read_text(encoding="utf-8"))
    comparable = record["library"] == library_version()
    passed = failed = 0
    for what, count in counts.items():
        recorded = record["counts"][what]
        if what.endswith("in all") and not comparable:
            print(f"    skip   {count:7} {what}: recorded with another standard library")
            continue
        good = count <= recorded * GROWTH
        print(f"    {'ok' if good else 'FAILED':6} {count:7} {what}, recorded {recorded}")
        passed, failed = passed + good, failed + (not good)
    within = extra <= SECONDS
    verdict = "time" if not options.seconds else "ok" if within else "FAILED"
    print(f"    {verdict:6} {extra:7.2f} s for <vmem/vmem.hpp> ({detail}), wanted {SECONDS}")
    if options.seconds:
        passed, failed = passed + within, failed + (not within)
    if failed:
        print("If it has to be so: ./run cost --record, and a line in CHANGELOG.md says why.")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
