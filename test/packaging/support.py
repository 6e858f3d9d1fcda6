# SPDX-License-Identifier: BSL-1.0
"""What the tests of this folder share: running programs, and an installed vmem."""

import functools
import os
import re
import shutil
import subprocess
import sys
import threading
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PROGRAM = ROOT / "test_package" / "main.cpp"
#: What PROGRAM prints behind the version when all is well.
PROGRAM_SAYS = ": 5559680"

_places = {}
_making = threading.Lock()


def start(scratch, tools, clang):
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    _places.update(scratch=scratch.resolve(), tools=tools.absolute(), clang=clang)


def version():
    text = (ROOT / "include/vmem/version.hpp").read_text(encoding="utf-8")
    return ".".join(re.search(rf"#define VMEM_VERSION_{part} (\d+)", text).group(1)
                    for part in ("MAJOR", "MINOR", "PATCH"))


def tool(name):
    """The path of a program of the Python environment."""
    return _places["tools"] / name


def clang():
    return _places["clang"]


class Case(unittest.TestCase):
    """A test with a directory of its own, `self.scratch`, and the programs that it runs."""

    maxDiff = None

    def setUp(self):
        self.scratch = _places["scratch"] / re.sub(r"\W+", ".", self.id().removeprefix("test_"))
        self.scratch.mkdir(parents=True)

    def run_tool(self, *command, cwd=None, succeeds=True, timeout=300, **environment):
        """Runs a program and returns what it said; fails the test if it does not end as it should."""
        done = subprocess.run(
            [str(c) for c in command], cwd=cwd or self.scratch, text=True, errors="replace",
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, check=False,
            timeout=timeout, env={**os.environ, **{k: str(v) for k, v in environment.items()}})
        if (done.returncode == 0) != succeeds:
            self.fail(f"{'failed' if succeeds else 'succeeded'}: {' '.join(map(str, command))}\n"
                      f"{done.stdout}")
        return done.stdout

    def build_and_run(self, source_directory, *definitions, program="app", says=PROGRAM_SAYS):
        """Builds a CMake project as a user would, from a clean directory, and runs its program."""
        build = self.scratch / "build"
        self.configure(source_directory, build, *definitions)
        self.run_tool("cmake", "--build", build)
        self.assertIn(says, self.run_tool(build / program))

    def configure(self, source_directory, build, *definitions, succeeds=True):
        launcher = ["-DCMAKE_CXX_COMPILER_LAUNCHER=ccache"] if shutil.which("ccache") else []
        return self.run_tool("cmake", "-S", source_directory, "-B", build, "-G", "Ninja",
                             "-DCMAKE_BUILD_TYPE=Debug", *launcher, *definitions, succeeds=succeeds)

    def compile_and_run(self, *arguments, compiler="g++", says=PROGRAM_SAYS):
        program = self.scratch / "app"
        self.run_tool(compiler, "-std=c++20", "-Wall", "-Wextra", "-Werror", *arguments, "-o",
                      program)
        self.assertIn(says, self.run_tool(program))


@functools.cache
def _install():
    build = _places["scratch"] / "install-build"
    prefix = _places["scratch"] / "installed"
    for command in (
            ["cmake", "-S", ROOT, "-B", build, "-G", "Ninja", "-DVMEM_BUILD_TESTS=OFF",
             "-DVMEM_BUILD_EXAMPLES=OFF"],
            ["cmake", "--install", build, "--prefix", prefix]):
        subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return prefix


@functools.cache
def _release():
    directory = _places["scratch"] / "artefacts"
    done = subprocess.run([sys.executable, ROOT / "tools/release", directory], check=False, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        raise AssertionError(done.stdout)
    return directory


def artefacts():
    """What a release consists of, in a directory that no test changes."""
    with _making:
        return _release()


def installed():
    """The prefix of an installed vmem, which no test changes."""
    with _making:
        return _install()
