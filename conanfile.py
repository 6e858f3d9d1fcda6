# SPDX-License-Identifier: BSL-1.0
"""The Conan package: `conan create .`, or `vmem/0.1.0` in the requirements of a project."""

import os
import re

from conan import ConanFile
from conan.errors import ConanException, ConanInvalidConfiguration
from conan.tools.build import valid_min_cppstd
from conan.tools.files import copy, load
from conan.tools.scm import Version

# The oldest compilers that the library is known to compile with.
OLDEST_COMPILERS = {"gcc": "12", "clang": "16", "apple-clang": "16"}


class VmemConan(ConanFile):
    name = "vmem"
    description = "Memory beyond RAM for small devices: typed pointers into a file, a flash chip or any other storage"
    license = "BSL-1.0"
    topics = ("memory", "embedded", "paging", "allocator", "header-only")
    package_type = "header-library"
    settings = "os", "arch", "compiler", "build_type"

    # Each says whether a part of the interface is there. They change what the package requires, not
    # what it contains, so that one package serves them all.
    options = {
        "expected": ["tl", "std"],           # what vmem::result<T> is
        "linked_list_allocator": [True, False],  # needs Boost.Intrusive
        "range_v3": [True, False],           # <vmem/range_v3.hpp>
        "contract": [True, False],           # the contract suites, for modules of your own: vmem::contract
    }
    default_options = {
        "expected": "tl",
        "linked_list_allocator": True,
        "range_v3": False,
        "contract": False,
    }

    exports = "include/vmem/version.hpp"
    exports_sources = "include/*", "test/contract/*", "LICENSE"
    no_copy_source = True

    def set_version(self):
        text = load(self, os.path.join(self.recipe_folder, "include", "vmem", "version.hpp"))
        parts = [re.search(rf"#define VMEM_VERSION_{part} (\d+)", text)
                 for part in ("MAJOR", "MINOR", "PATCH")]
        if not all(parts):
            raise ConanException("include/vmem/version.hpp does not state the version")
        self.version = ".".join(part.group(1) for part in parts)

    def requirements(self):
        # Their headers are included by vmem's, so that a user compiles against them too.
        if self.options.expected == "tl":
            self.requires("tl-expected/[>=1.0 <2]", transitive_headers=True)
        if self.options.linked_list_allocator:
            self.requires("boost/[>=1.74 <2]", transitive_headers=True, options={"header_only": True})
        if self.options.range_v3:
            self.requires("range-v3/[>=0.12 <1]", transitive_headers=True)
        if self.options.contract:
            self.requires("doctest/[>=2.4 <3]", transitive_headers=True)

    def validate(self):
        wanted = "23" if self.options.expected == "std" else "20"
        if self.settings.get_safe("compiler.cppstd") and not valid_min_cppstd(self, wanted):
            reason = ("std::expected, which the option expected=std chooses" if wanted == "23"
                      else "concepts")
            raise ConanInvalidConfiguration(
                f"vmem needs C++{wanted} for {reason}; this profile compiles as "
                f"C++{self.settings.compiler.cppstd}: add -s compiler.cppstd={wanted}")
        compiler = self.settings.get_safe("compiler")
        if compiler == "msvc":
            raise ConanInvalidConfiguration(
                "vmem does not compile with Visual C++: it needs attributes and builtins of GCC and "
                "Clang; use a profile with clang")
        oldest = OLDEST_COMPILERS.get(str(compiler))
        if oldest and Version(self.settings.compiler.version) < oldest:
            raise ConanInvalidConfiguration(
                f"vmem needs {compiler} {oldest} or newer; this profile has "
                f"{compiler} {self.settings.compiler.version}")

    def package_id(self):
        self.info.clear()

    def package(self):
        include = os.path.join(self.package_folder, "include")
        copy(self, "LICENSE", self.source_folder, os.path.join(self.package_folder, "licenses"))
        copy(self, "*.hpp", os.path.join(self.source_folder, "include"), include)
        copy(self, "*.hpp", os.path.join(self.source_folder, "test", "contract"),
             os.path.join(include, "vmem", "contract"))

    def package_info(self):
        # The names are those of the CMake package: find_package(vmem), vmem::vmem, vmem::contract.
        self.cpp_info.set_property("cmake_file_name", "vmem")
        self.cpp_info.ignored_requires = self._from_the_system()
        core = self.cpp_info.components["vmem"]
        core.set_property("cmake_target_name", "vmem::vmem")
        core.set_property("pkg_config_name", "vmem")
        core.requires = self._required_components("vmem")
        self._headers_only(core)
        contract = self.cpp_info.components["contract"]
        contract.set_property("cmake_target_name", "vmem::contract")
        contract.requires = ["vmem", *self._required_components("contract")]
        self._headers_only(contract)

    def _required_components(self, component):
        """What a component of the package needs of other Conan packages, with these options."""
        candidates = {
            "vmem": (("tl-expected::tl-expected", self.options.expected == "tl"),
                     ("boost::headers", self.options.linked_list_allocator),
                     ("range-v3::range-v3", self.options.range_v3)),
            "contract": (("doctest::doctest", self.options.contract),),
        }
        absent = self._from_the_system()
        return [name for name, wanted in candidates[component]
                if wanted and name.split("::")[0] not in absent]

    def _from_the_system(self):
        """What a profile's platform_requires provide is on the compiler's path already."""
        return [str(require.ref.name) for require in self.requires.values()
                if str(require.ref.name) not in self.dependencies]

    @staticmethod
    def _headers_only(component):
        component.bindirs = []
        component.libdirs = []
