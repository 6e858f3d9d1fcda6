#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Proves that the power-loss harness finds bugs: builds it once with each of the stored patches applied
to a copy of the headers, and fails if one of them is not found, or does not apply any more."""

import argparse
import pathlib
import re
import shutil
import subprocess
import sys


def apply(patch: str, root: pathlib.Path) -> None:
    """Applies a unified diff whose paths are relative to `root`; every hunk must fit exactly once."""
    path, text, hunks = None, "", []
    files = {}
    for line in patch.splitlines(keepends=True):
        if line.startswith("+++ "):
            path = root / line[4:].strip().removeprefix("b/")
            files.setdefault(path, [])
        elif line.startswith("@@") and path:
            files[path].append(["", ""])
        elif path and files[path] and line[:1] in (" ", "-", "+") and not line.startswith("--- "):
            before, after = files[path][-1]
            body = line[1:]
            files[path][-1] = [before + (body if line[0] != "+" else ""),
                               after + (body if line[0] != "-" else "")]
    if not files:
        raise ValueError("no hunks")
    for path, hunks in files.items():
        text = path.read_text()
        for before, after in hunks:
            if text.count(before) != 1:
                raise ValueError(f"does not fit {path.name}:\n{before}")
            text = text.replace(before, after)
        path.write_text(text)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--compiler", required=True)
    parser.add_argument("--source", required=True, type=pathlib.Path, help="the project")
    parser.add_argument("--only", help="one patch, by its stem")
    arguments = parser.parse_args()

    patches = sorted((arguments.source / "test/powerloss/sabotage").glob("*.patch"))
    if arguments.only:
        patches = [patch for patch in patches if patch.stem == arguments.only]
    if not patches:
        print("no patches")
        return 1
    work = pathlib.Path("sabotage").resolve()
    missed = 0
    for patch in [None, *patches]:
        name = patch.stem if patch else "without a bug"
        shutil.rmtree(work, ignore_errors=True)
        shutil.copytree(arguments.source / "include", work / "include")
        try:
            if patch:
                apply(patch.read_text(), work)
        except ValueError as error:
            print(f"{name}: {error}")
            return 1
        # Most bugs show on little; the first lines of the others name the program that finds them.
        told = re.search(r"^Found by: (\w+)$", patch.read_text(), re.MULTILINE) if patch else None
        program = work / "subject"
        command = [arguments.compiler, "-std=c++20", "-O1", f"-I{work / 'include'}",
                   f"-I{arguments.source / 'test'}",
                   str(arguments.source / "test/powerloss" / f"{told[1] if told else 'small'}.cpp"),
                   "-o", str(program)]
        subprocess.run(command, check=True)
        run = subprocess.run([program], capture_output=True, text=True, timeout=300)
        output = (run.stdout + run.stderr).strip().splitlines() or ["no output"]
        found = run.returncode != 0
        print(f"{name}: {output[0] if found else output[-1]}")
        missed += found != (patch is not None)
    shutil.rmtree(work, ignore_errors=True)
    print(f"{len(patches) - missed} of {len(patches)} bugs found" if missed == 0 else f"{missed} wrong")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
