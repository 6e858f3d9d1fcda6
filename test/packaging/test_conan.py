# SPDX-License-Identifier: BSL-1.0
"""`conan create .` without a network: what vmem needs is the system's, by platform_requires."""

import shutil
from pathlib import Path

from support import PROGRAM_SAYS, ROOT, Case, tool, version

PROFILE = """\
[settings]
os=Linux
arch={arch}
build_type=Release
compiler=gcc
compiler.version={gcc}
compiler.libcxx=libstdc++11
compiler.cppstd=20

[conf]
tools.cmake.cmake_layout:test_folder={scratch}/test_package
tools.cmake.cmaketoolchain:user_presets=
tools.cmake.cmaketoolchain:generator=Ninja
{conf}

[platform_requires]
boost/1.74.0
range-v3/0.12.0
doctest/2.4.9
{expected}
"""

# A package of the system's <tl/expected.hpp>, as Conan's own index has one.
EXPECTED = """\
from conan import ConanFile
from conan.tools.files import copy


class Expected(ConanFile):
    name = "tl-expected"
    version = "1.1.0"
    package_type = "header-library"

    def package(self):
        copy(self, "*", "{source}", self.package_folder + "/include/tl")

    def package_info(self):
        self.cpp_info.set_property("cmake_target_name", "tl::expected")
"""


class Conan(Case):
    def setUp(self):
        super().setUp()
        gcc = self.run_tool("g++", "-dumpversion").strip().split(".")[0]
        arch = {"aarch64": "armv8"}.get(machine := self.run_tool("uname", "-m").strip(), machine)
        self.values = {"gcc": gcc, "arch": arch, "scratch": self.scratch, "conf": "",
                       "expected": "tl-expected/1.0.0"}

    def conan(self, *arguments, succeeds=True):
        return self.run_tool(tool("conan"), *arguments, succeeds=succeeds, timeout=300,
                             CONAN_HOME=self.scratch / "home", PYTHONDONTWRITEBYTECODE=1,
                             CONAN_NON_INTERACTIVE=1)

    def create(self, *arguments, succeeds=True, **values):
        profile = self.scratch / "profile"
        profile.write_text(PROFILE.format(**{**self.values, **values}), encoding="utf-8")
        return self.conan("create", ROOT, "--profile:all", profile, "--no-remote", *arguments,
                          succeeds=succeeds)

    def expect_success(self, output):
        self.assertIn(f"vmem {version()}{PROGRAM_SAYS}", output)
        self.assertFalse((ROOT / "test_package" / "build").exists(),
                         "the test package was built in the source tree")

    def test_cpp20(self):
        self.expect_success(self.create())

    def test_no_exceptions_no_rtti(self):
        output = self.create(conf='tools.build:cxxflags=["-fno-exceptions", "-fno-rtti"]\n'
                                  "tools.compilation:verbosity=verbose")
        self.expect_success(output)
        self.assertIn("-fno-exceptions -fno-rtti", output)

    def test_every_option(self):
        self.expect_success(self.create("-o", "&:range_v3=True", "-o", "&:contract=True",
                                        "-o", "&:linked_list_allocator=False"))

    def test_package_of_expected(self):
        """What Conan itself provides reaches the program's compiler through vmem's target."""
        recipe = self.scratch / "expected"
        recipe.mkdir()
        header = Path(self.run_tool(
            "bash", "-c", "echo '#include <tl/expected.hpp>' | g++ -x c++ -M - | "
            "tr -d '\\\\' | tr ' ' '\\n' | grep tl/expected.hpp$").strip())
        (recipe / "conanfile.py").write_text(EXPECTED.format(source=header.parent), encoding="utf-8")
        self.create("--build=never", succeeds=False, expected="")  # Makes the profile.
        self.conan("create", recipe, "--profile:all", self.scratch / "profile", "--no-remote")
        self.expect_success(self.create(expected=""))
        found = "".join(path.read_text(encoding="utf-8") for path in
                        (self.scratch / "test_package").rglob("vmem-*-data.cmake"))
        self.assertIn("tl::expected", found)

    def test_refusals(self):
        for arguments, sentence in (
                (["-s", "compiler.cppstd=17"], "vmem needs C++20 for concepts"),
                (["-o", "&:expected=std"], "vmem needs C++23 for std::expected"),
                (["-s", "compiler.version=11"], "vmem needs gcc 12 or newer"),
        ):
            self.assertIn(sentence, self.create(*arguments, succeeds=False))

    def test_package_suits_every_machine(self):
        """One package id, whatever the settings and the options."""
        ids = set()
        for arguments in ([], ["-s", "build_type=Debug", "-o", "&:contract=True"]):
            output = self.create("--test-folder=", *arguments)
            ids.update(line.split(":")[-1].strip().split("'")[1] for line in output.splitlines()
                       if "Package '" in line and "created" in line)
        self.assertEqual(len(ids), 1, ids)

    def tearDown(self):
        shutil.rmtree(self.scratch / "home", ignore_errors=True)
