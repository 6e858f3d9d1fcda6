#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Passes if no object of a target was compiled with a header of Boost or tl::expected, or of vmem's own
include tree.

    check_dependencies.py NINJA BUILD_DIRECTORY TARGET
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
FOREIGN_INCLUDE = re.compile(r"^#include <(boost|tl)/", re.MULTILINE)
FOREIGN = re.compile(r"/(boost|tl)/\S+\.hpp$")


def main():
    ninja, build, target = sys.argv[1:]
    listed = subprocess.run([ninja, "-C", build, "-t", "deps"], check=True, text=True,
                            capture_output=True).stdout
    objects = 0
    problems = set()
    for block in listed.split("\n\n"):
        output, *headers = block.strip().splitlines() or [""]
        if f"/{target}.dir/" not in output:
            continue
        source = ROOT / "test" / output.split(".dir/")[1].split(".o:")[0]
        if FOREIGN_INCLUDE.search(source.read_text(encoding="utf-8")):
            continue  # A test that has a use of its own for one of them.
        objects += 1
        for header in map(str.strip, headers):
            if FOREIGN.search(header) or header.startswith(f"{ROOT}/include/"):
                problems.add(f"{output.split(':')[0]}: {header}")
    print("\n".join(sorted(problems)[:20]))
    print(f"{objects} objects of {target}, {len(problems)} foreign headers")
    return 0 if objects and not problems else 1


if __name__ == "__main__":
    sys.exit(main())
