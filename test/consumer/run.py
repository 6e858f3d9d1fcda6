#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Builds and runs one of the small projects beside this file, the way a user of vmem would.

    run.py add_subdirectory   vmem as a part of the user's source tree
    run.py find_package       vmem installed, then moved elsewhere
    run.py contract           an installed vmem's contract suites, run on a module of the user's own
    run.py single_header      one file and a compiler
    run.py wrong_version      a version that is not there must be refused
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent


class Failure(Exception):
    pass


def run(*command, cwd=None):
    """Runs a command and returns what it printed; its failure is ours."""
    done = subprocess.run(
        [str(c) for c in command], cwd=cwd, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, check=False,
    )
    if done.returncode != 0:
        raise Failure(f"failed: {' '.join(map(str, command))}\n{done.stdout}")
    return done.stdout


class Consumer:
    def __init__(self, options, scratch):
        self.options = options
        self.scratch = scratch

    def configure(self, project, *definitions):
        options = self.options
        command = ["cmake", "-S", HERE / project, "-B", self.scratch / "build", "-G", "Ninja",
                   f"-DCMAKE_CXX_COMPILER={options.compiler}", "-DCMAKE_BUILD_TYPE=Debug"]
        if options.launcher:
            command.append(f"-DCMAKE_CXX_COMPILER_LAUNCHER={options.launcher}")
        return run(*command, *definitions)

    def build_and_run(self, program="app", expected="42"):
        run("cmake", "--build", self.scratch / "build")
        self.expect(run(self.scratch / "build" / program, cwd=self.scratch), expected)

    @staticmethod
    def expect(output, expected):
        if expected not in output:
            raise Failure(f"expected {expected!r} in the program's output:\n{output}")

    def install(self):
        """Installs vmem, and moves it, since a package may be unpacked anywhere."""
        first = self.scratch / "first"
        run("cmake", "--install", self.options.vmem_build, "--prefix", first)
        prefix = self.scratch / "prefix"
        first.rename(prefix)
        for file in prefix.rglob("*.cmake"):
            text = file.read_text(encoding="utf-8")
            if str(ROOT) in text or str(first) in text:
                raise Failure(f"{file.name} names a directory of the build machine")
        return f"-DCMAKE_PREFIX_PATH={prefix}"

    def add_subdirectory(self):
        self.configure("add_subdirectory", f"-DVMEM_DIRECTORY={ROOT}")
        self.build_and_run()
        self.build_and_run("suite", "Status: SUCCESS!")

    def find_package(self):
        prefix = self.install()
        self.configure("find_package", prefix, "-DWANTED=" + self.version())
        self.build_and_run()
        self.other_architecture()

    def other_architecture(self):
        """A package of headers, made on a 64-bit machine, must suit a 16-bit one."""
        script = self.scratch / "check.cmake"
        version = self.scratch / "prefix/share/cmake/vmem/vmemConfigVersion.cmake"
        script.write_text(
            "cmake_policy(VERSION 3.23)\n"
            "set(CMAKE_SIZEOF_VOID_P 2)\n"
            f'include("{version}")\n'
            "if(PACKAGE_VERSION_UNSUITABLE)\n"
            '  message(FATAL_ERROR "the package is bound to an architecture")\n'
            "endif()\n",
            encoding="utf-8",
        )
        run("cmake", "-P", script)

    def contract(self):
        self.configure("contract", self.install())
        self.build_and_run("suite", "Status: SUCCESS!")

    def single_header(self):
        include = self.scratch / "include/vmem"
        include.mkdir(parents=True)
        shutil.copy(ROOT / "single_include/vmem/vmem.hpp", include)
        program = self.scratch / "app"
        run(self.options.compiler, "-std=c++20", "-Wall", "-Wextra", "-Werror", "-I",
            include.parent, HERE / "main.cpp", "-o", program)
        self.expect(run(program, cwd=self.scratch), "42")

    def wrong_version(self):
        prefix = self.install()
        for version in ("0.0", "99.0"):
            try:
                self.configure("wrong_version", prefix, f"-DWANTED={version}")
            except Failure as failure:
                self.expect(" ".join(str(failure).split()),
                            f'compatible with requested version "{version}"')
            else:
                raise Failure(f"version {version} was accepted")
        run("cmake", "-E", "rm", "-rf", self.scratch / "build")
        self.configure("wrong_version", prefix, "-DWANTED=" + self.version())

    @staticmethod
    def version():
        text = (ROOT / "include/vmem/version.hpp").read_text(encoding="utf-8")
        words = text.split()
        return ".".join(words[words.index(f"VMEM_VERSION_{part}") + 1]
                        for part in ("MAJOR", "MINOR"))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("consumer", choices=["add_subdirectory", "find_package", "contract",
                                             "single_header", "wrong_version"])
    parser.add_argument("--vmem-build", type=Path, required=True)
    parser.add_argument("--compiler", required=True)
    parser.add_argument("--launcher", default="")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="vmem-consumer-") as scratch:
        try:
            getattr(Consumer(options, Path(scratch)), options.consumer)()
        except Failure as failure:
            print(failure)
            return 1
    print(f"{options.consumer}: built and run")
    return 0


if __name__ == "__main__":
    sys.exit(main())
