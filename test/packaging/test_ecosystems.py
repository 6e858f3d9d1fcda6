# SPDX-License-Identifier: BSL-1.0
"""The packages for PlatformIO, Arduino, ESP-IDF and Zephyr: validated by the ecosystem's own tool where
there is one to be had, and built and run with as much of a build system as a package sees of it."""

import json
import re
import tarfile
import zipfile

from support import PROGRAM, ROOT, Case, artefacts, tool, version

HERE = ROOT / "test" / "packaging"


class Package(Case):
    def unpack(self, suffix):
        archive = artefacts() / f"vmem-{version()}-{suffix}"
        directory = self.scratch / "package"
        opened = zipfile.ZipFile(archive) if suffix.endswith("zip") else tarfile.open(archive)
        with opened:
            opened.extractall(directory)
        return directory


class PlatformIO(Package):
    def test_pio_packs_it(self):
        package = self.unpack("platformio.tar.gz")
        packed = self.scratch / "packed.tar.gz"
        self.run_tool(tool("python"), HERE / "pio_pack.py", package, "-o", packed,
                      PLATFORMIO_CORE_DIR=self.scratch / "core", PLATFORMIO_SETTING_ENABLE_TELEMETRY="no")
        with tarfile.open(packed) as archive:
            self.assertIn("include/vmem/vmem.hpp", archive.getnames())

    def test_refused_with_a_bad_version(self):
        """pio's check is one that can fail."""
        package = self.unpack("platformio.tar.gz")
        manifest = json.loads((package / "library.json").read_text(encoding="utf-8"))
        (package / "library.json").write_text(json.dumps({**manifest, "version": "one"}),
                                              encoding="utf-8")
        output = self.run_tool(tool("python"), HERE / "pio_pack.py", package, "-o",
                               self.scratch / "packed.tar.gz", succeeds=False,
                               PLATFORMIO_CORE_DIR=self.scratch / "core")
        self.assertIn("version", output)

    def test_built_and_run(self):
        package = self.unpack("platformio.tar.gz")
        manifest = json.loads((package / "library.json").read_text(encoding="utf-8"))
        self.assertTrue((package / manifest["build"]["includeDir"] / manifest["headers"]).is_file())
        self.compile_and_run(manifest["build"]["flags"], "-I",
                             package / manifest["build"]["includeDir"], PROGRAM)


class Arduino(Package):
    CATEGORIES = {"Display", "Communication", "Signal Input/Output", "Sensors", "Device Control", "Timing",
                  "Data Storage", "Data Processing", "Other"}

    def setUp(self):
        super().setUp()
        self.library = self.unpack("arduino.zip") / "vmem"

    def test_properties(self):
        """As the specification of Arduino libraries wants them."""
        text = (self.library / "library.properties").read_text(encoding="utf-8")
        properties = dict(line.split("=", 1) for line in text.splitlines())
        for name in ("name", "version", "author", "maintainer", "sentence", "paragraph", "category", "url",
                     "architectures", "includes"):
            self.assertIn(name, properties)
        self.assertRegex(properties["name"], r"^[A-Za-z0-9][\w .-]{0,62}$")
        self.assertRegex(properties["version"], r"^\d+\.\d+\.\d+$")
        self.assertIn(properties["category"], self.CATEGORIES)
        self.assertFalse(properties["sentence"].lower().startswith("arduino"))
        for header in properties["includes"].split(","):
            self.assertTrue((self.library / "src" / header).is_file(), header)

    def test_layout(self):
        sketches = list((self.library / "examples").rglob("*.ino"))
        self.assertTrue(sketches)
        for sketch in sketches:
            self.assertEqual(sketch.stem, sketch.parent.name, "a sketch's folder must have its name")
        self.assertFalse((self.library / "include").exists())

    def test_sketches_are_built_and_run(self):
        for sketch in (self.library / "examples").rglob("*.ino"):
            source = self.scratch / "sketch.cpp"  # As Arduino makes it of a sketch.
            source.write_text(f'#include <Arduino.h>\n#include "{sketch}"\n'
                              "int main() { setup(); loop(); }\n", encoding="utf-8")
            self.compile_and_run("-I", HERE / "stubs", "-I", self.library / "src", source,
                                 says="249001")


class EspIdf(Package):
    def test_compote_packs_it(self):
        package = self.unpack("esp-idf.tgz")
        self.run_tool(tool("compote"), "component", "pack", "--name", "vmem", "--project-dir", package,
                      "--dest-dir", self.scratch / "dist", IDF_COMPONENT_CHECK_NEW_VERSION=0,
                      IDF_TOOLS_PATH=self.scratch / "tools")
        with tarfile.open(self.scratch / f"dist/vmem_{version()}.tgz") as archive:
            self.assertTrue(any(name.endswith("include/vmem/vmem.hpp") for name in archive.getnames()))

    def test_component_is_built_and_run(self):
        project = self.scratch / "project"
        project.mkdir()
        (project / "CMakeLists.txt").write_text(
            "cmake_minimum_required(VERSION 3.23)\nproject(app LANGUAGES CXX)\n"
            "set(CMAKE_CXX_STANDARD 23)\nset(ESP_PLATFORM 1)\nset(COMPONENT_LIB __idf_vmem)\n"
            "function(idf_component_register)\n"
            '  cmake_parse_arguments(PARSE_ARGV 0 arg "" "" "SRCS;INCLUDE_DIRS")\n'
            "  add_library(${COMPONENT_LIB} INTERFACE)\n"
            "  target_include_directories(${COMPONENT_LIB} INTERFACE ${arg_INCLUDE_DIRS})\n"
            "endfunction()\n"
            f'add_subdirectory("{self.unpack("esp-idf.tgz")}" vmem)\n'
            f'add_executable(app "{PROGRAM}")\ntarget_link_libraries(app PRIVATE __idf_vmem)\n',
            encoding="utf-8")
        self.build_and_run(project)


class Zephyr(Case):
    def test_module(self):
        text = (ROOT / "zephyr/module.yml").read_text(encoding="utf-8")
        values = dict(re.findall(r"^\s*(\w+): (\S+)$", text, re.MULTILINE))
        self.assertEqual(values["name"], "vmem")
        self.assertTrue((ROOT / values["cmake"] / "CMakeLists.txt").is_file())
        self.assertTrue((ROOT / values["kconfig"]).is_file())

    def test_kconfig(self):
        """Read by the library that Zephyr itself reads it with, below the symbols that Zephyr has."""
        outer = self.scratch / "Kconfig"
        outer.write_text("config CPP\n\tbool\n\tdefault y\nconfig REQUIRES_FULL_LIBCPP\n\tbool\n"
                         "config FULL_LIBCPP_SUPPORTED\n\tbool\n\tdefault y\n"
                         f'source "{ROOT}/zephyr/Kconfig"\n', encoding="utf-8")
        output = self.run_tool(
            tool("python"), "-c",
            "import kconfiglib, sys; k = kconfiglib.Kconfig(sys.argv[1], warn_to_stderr=True); "
            "k.syms['VMEM'].set_value('y'); "
            "print(k.syms['VMEM'].str_value, k.syms['REQUIRES_FULL_LIBCPP'].str_value, k.warnings)", outer)
        self.assertEqual(output.strip(), "y y []")

    def test_built_and_run(self):
        project = self.scratch / "project"
        project.mkdir()
        (project / "CMakeLists.txt").write_text(
            "cmake_minimum_required(VERSION 3.23)\nproject(app LANGUAGES CXX)\n"
            "set(CMAKE_CXX_STANDARD 20)\nset(CONFIG_VMEM y)\nadd_library(zephyr_interface INTERFACE)\n"
            "function(zephyr_include_directories)\n"
            "  foreach(directory IN LISTS ARGN)\n"
            "    cmake_path(ABSOLUTE_PATH directory NORMALIZE)\n"
            "    target_include_directories(zephyr_interface INTERFACE ${directory})\n"
            "  endforeach()\nendfunction()\n"
            f'add_subdirectory("{ROOT}/zephyr" vmem)\n'
            f'add_executable(app "{PROGRAM}")\ntarget_link_libraries(app PRIVATE zephyr_interface)\n',
            encoding="utf-8")
        self.build_and_run(project)
