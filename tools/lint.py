#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""The checks of ./run lint. Every check runs; the last line is their sum."""

import argparse
import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ("include", "test", "test_package", "examples", "bench", "tools")

# What a header for bare metal does not include.
HEAVY = {"algorithm", "any", "cassert", "cstdio", "cstdlib", "deque", "filesystem", "format", "fstream",
         "iostream", "list", "map", "memory", "ostream", "ranges", "regex", "set", "sstream",
         "string", "unordered_map", "vector"}


def shell(*command):
    """(succeeded, output) of a command run in the project's root."""
    done = subprocess.run([str(c) for c in command], cwd=ROOT, text=True, errors="replace",
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.returncode == 0, done.stdout


def files(folders, *suffixes):
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*")
                  if path.suffix in suffixes)


def check_format(options):
    succeeded, output = shell(options.clang_format, "--dry-run", "--Werror",
                              *files(SOURCES, ".hpp", ".cpp"))
    wrong = re.findall(r"^(\S+?):\d+:\d+: error: code should be clang-formatted", output, re.MULTILINE)
    summary = [f"{wrong.count(file)} places in {os.path.relpath(file, ROOT)}" for file in dict.fromkeys(wrong)]
    return succeeded, "\n".join(summary) or output


def check_headers(_):
    """First line, include guard, and nothing heavy."""
    problems = []
    for path in files(("include",), ".hpp"):
        name = path.relative_to(ROOT / "include").as_posix()
        text = path.read_text(encoding="utf-8")
        guard = "VMEM_" + re.sub(r"\W", "_", name.removeprefix("vmem/")).upper()
        opening = f"// SPDX-License-Identifier: BSL-1.0\n#ifndef {guard}\n#define {guard}\n"
        if not text.startswith(opening):
            problems.append(f"include/{name}: must start with the licence and the guard {guard}")
        for included in re.findall(r"^#include <(\w+)>", text, re.MULTILINE):
            if included in HEAVY:
                problems.append(f"include/{name}: <{included}> is too heavy for a core header")
    for path in files(SOURCES, ".hpp", ".cpp"):
        if not path.read_text(encoding="utf-8").startswith("// SPDX-License-Identifier: BSL-1.0\n"):
            problems.append(f"{path.relative_to(ROOT)}: must start with the licence")
    return not problems, "\n".join(problems)


def check_single_header(_):
    return shell(sys.executable, ROOT / "tools/amalgamate", "--check")


def check_tidy(options):
    """All headers in one translation unit, and the programs that use them."""
    with open(options.build / "compile_commands.json", encoding="utf-8") as stream:
        compiled = {entry["file"] for entry in json.load(stream)}
    wanted = [f for f in compiled if f.endswith("/all_headers.cpp")]
    wanted += [f for f in compiled if Path(f).parent == ROOT / "examples"]
    if not wanted:
        return False, "nothing to check is in the compilation database"

    def tidy(file):
        succeeded, output = shell(options.clang_tidy, "--quiet", "-p", options.build, file)
        noise = re.compile(r"^\d+ warnings? (generated|treated)|^Suppressed|^Use -header-filter|^$")
        lines = [line for line in output.splitlines() if not noise.match(line)]
        return succeeded, "\n".join(lines)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(tidy, sorted(wanted)))
    # Each program includes the same headers and finds the same faults in them.
    problems = "\n".join(dict.fromkeys(out for ok, out in results if not ok))
    return all(ok for ok, _ in results), problems


CHECKS = (
    ("sources are formatted (repair: clang-format -i FILE)", check_format),
    ("headers are in the house style", check_headers),
    ("the single header is up to date", check_single_header),
    ("clang-tidy has no complaint", check_tidy),
)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=Path, required=True, help="a build directory of clang's")
    parser.add_argument("--clang-format", required=True)
    parser.add_argument("--clang-tidy", required=True)
    options = parser.parse_args()
    failed = 0
    for name, check in CHECKS:
        print(f"==> {name} ...", flush=True)
        succeeded, output = check(options)
        if not succeeded:
            failed += 1
            print(output)
        print(f"    {'ok' if succeeded else 'FAILED'}", flush=True)
    print(f"{len(CHECKS) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
