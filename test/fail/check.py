#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Passes if a source file is refused by the compiler with the words that the file asks for.

Each `// EXPECT: text` line is a text that the compiler's output must contain. A file with the line
`// EXPECT-NOTHING` is the control: it must compile.
"""

import argparse
import re
import subprocess
import sys
from pathlib import Path


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("source", type=Path)
    parser.add_argument("--compiler", required=True)
    parser.add_argument("--flags", type=Path, required=True, help="a file, one flag a line")
    options = parser.parse_args()

    text = options.source.read_text(encoding="utf-8")
    expected = re.findall(r"^// EXPECT: *(.+?) *$", text, re.MULTILINE)
    control = re.search(r"^// EXPECT-NOTHING$", text, re.MULTILINE) is not None
    if control == bool(expected):
        print(f"{options.source}: needs '// EXPECT: text' lines, or '// EXPECT-NOTHING'")
        return 1

    flags = [line for line in options.flags.read_text(encoding="utf-8").splitlines() if line]
    command = [options.compiler, *flags, "-fsyntax-only", str(options.source)]
    run = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    output = run.stdout + run.stderr

    problems = []
    if control and run.returncode != 0:
        problems.append("does not compile, so the other tests of this kind prove nothing")
    if not control and run.returncode == 0:
        problems.append("compiles, and must not")
    if re.search(r"fatal error: .*(No such file|not found)", output):
        problems.append("includes a file that is not there")
    # Compilers quote as they like, and break no lines inside a message.
    plain = re.sub("[‘’`\"]", "'", output)
    for words in expected:
        if re.sub("[‘’`\"]", "'", words) not in plain:
            problems.append(f"the compiler does not say: {words}")
    if problems:
        print(f"{options.source}:")
        print("\n".join("  " + problem for problem in problems))
        print(output)
        return 1
    print(f"{'compiles' if control else 'is refused, as expected'}: {options.source.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
