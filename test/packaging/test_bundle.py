# SPDX-License-Identifier: BSL-1.0
"""The single header with its dependencies in it: programs that are compiled with no other include path
than its own. The unit tests are run against it by the build (test/CMakeLists.txt)."""

import re
import shutil

from support import PROGRAM, PROGRAM_SAYS, ROOT, Case, artefacts, clang, version

STUBS = ROOT / "test" / "packaging" / "stubs"
FOREIGN = re.compile(r"/(boost|tl)/\S+\.hpp")


def unpacked(scratch):
    """An include path with the bundle of a release."""
    directory = scratch / "include"
    (directory / "vmem").mkdir(parents=True)
    shutil.copy(artefacts() / f"vmem-{version()}-bundle.hpp", directory / "vmem" / "vmem.hpp")
    return directory


class Bundle(Case):
    def setUp(self):
        super().setUp()
        self.bundle = unpacked(self.scratch)

    def compile(self, source, *arguments, compiler="g++"):
        """Compiles and links; every file that is read must be the bundle, a system header, or a part of
        the program."""
        program = self.scratch / "app"
        read = self.scratch / "read"
        self.run_tool(compiler, "-std=c++20", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror",
                      *arguments, "-I", self.bundle, "-MD", "-MF", read, source, "-o", program)
        files = read.read_text(encoding="utf-8").replace("\\\n", " ").split()
        self.assertIn(str(self.bundle / "vmem/vmem.hpp"), files)
        self.assertEqual([f for f in files if FOREIGN.search(f) or f.startswith(f"{ROOT}/include/")], [])
        return program

    def test_program(self):
        self.assertIn(PROGRAM_SAYS, self.run_tool(self.compile(PROGRAM)))

    def test_as_firmware_is_built(self):
        program = self.compile(PROGRAM, "-Os", "-fno-exceptions", "-fno-rtti", "-fno-threadsafe-statics")
        self.assertIn(PROGRAM_SAYS, self.run_tool(program))

    def test_std_expected(self):
        self.assertIn(PROGRAM_SAYS, self.run_tool(self.compile(PROGRAM, "-std=c++2b")))

    def test_clang(self):
        self.assertIn(PROGRAM_SAYS, self.run_tool(self.compile(PROGRAM, compiler=clang())))

    def test_word_count(self):
        program = self.compile(ROOT / "examples/word_count.cpp", "-O1")
        self.assertIn("has the same words and counts", self.run_tool(program, "--check", timeout=120))

    def test_beside_a_program_s_own_boost(self):
        """What the bundle has of Boost does not meet the Boost that is installed."""
        source = self.scratch / "both.cpp"
        source.write_text("#include <vmem/vmem.hpp>\n#include <boost/intrusive/slist.hpp>\n"
                          "struct x : boost::intrusive::slist_base_hook<> {};\n"
                          "boost::intrusive::slist<x> list;\nint main() { return list.empty() ? 0 : 1; }\n",
                          encoding="utf-8")
        program = self.scratch / "both"
        self.run_tool("g++", "-std=c++20", "-I", self.bundle, source, "-o", program)
        self.run_tool(program)


class ArduinoMacros(Case):
    """Macros named min, max, abs and so on, defined before the library is included."""

    def test_single_header(self):
        for tree in (ROOT / "single_include", unpacked(self.scratch)):
            source = self.scratch / "app.cpp"
            source.write_text('#include <Arduino.h>\n#include <vmem/vmem.hpp>\n'
                              'static_assert(max(1, 2) == 2 && bit(3) == 8, "they are still there");\n'
                              f'#include "{PROGRAM}"\n', encoding="utf-8")
            self.compile_and_run("-I", STUBS, "-I", tree, source)

    def test_every_header(self):
        """The standard library does not bear such macros itself: its headers come first."""
        names = sorted(path.relative_to(ROOT / "include").as_posix()
                       for path in (ROOT / "include").rglob("*.hpp"))
        standard = sorted({line for name in names for line in
                           re.findall(r"^#include <(?!vmem/|range/|arm_acle).*>$",
                                      (ROOT / "include" / name).read_text(encoding="utf-8"), re.MULTILINE)})
        standard = [f"#if __has_include({line.split()[1]})\n{line}\n#endif" for line in standard]
        source = self.scratch / "all.cpp"
        source.write_text("\n".join([*standard, "#include <Arduino.h>",
                                     *(f"#include <{name}>" for name in names
                                       if name != "vmem/range_v3.hpp"), ""]), encoding="utf-8")
        for compiler in ("g++", clang()):
            self.run_tool(compiler, "-std=c++20", "-fsyntax-only", "-I", STUBS, "-I", ROOT / "include",
                          source)
