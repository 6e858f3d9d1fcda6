# SPDX-License-Identifier: BSL-1.0
"""Ways of getting vmem with CMake and pkg-config that need more than a compiler; the others are in
test/consumer/run.py, and so are the projects."""

import shutil
import tarfile
import unittest

from support import PROGRAM, ROOT, Case, installed, version

CONSUMERS = ROOT / "test" / "consumer"
SHIPPED = ("include", "cmake", "debug", "test/contract", "CMakeLists.txt", "LICENSE")

# For a machine whose pointers have half the size, and which shares no library with this one; the
# headers that vmem needs are independent of the machine.
TOOLCHAIN = """\
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR i686)
set(CMAKE_CXX_COMPILER i686-linux-gnu-g++)
set(CMAKE_EXE_LINKER_FLAGS_INIT -static)
set(CMAKE_CXX_FLAGS_INIT "-isystem {headers}")
"""


class CMake(Case):
    def test_fetch_content(self):
        archive = self.scratch / "vmem.tar.gz"
        with tarfile.open(archive, "w:gz") as tar:
            for name in SHIPPED:
                tar.add(ROOT / name, f"vmem/{name}")
        self.build_and_run(CONSUMERS / "fetch_content", f"-DVMEM_ARCHIVE={archive}",
                           f"-DPROGRAM={PROGRAM}")

    @unittest.skipUnless(shutil.which("i686-linux-gnu-g++"), "needs i686-linux-gnu-g++")
    def test_installed_here_used_for_another_architecture(self):
        toolchain = self.scratch / "i686.cmake"
        headers = self.scratch / "headers"
        headers.mkdir()
        for library in ("boost", "tl"):
            (headers / library).symlink_to(f"/usr/include/{library}")
        toolchain.write_text(TOOLCHAIN.format(headers=headers), encoding="utf-8")
        self.build_and_run(CONSUMERS / "program", f"-DCMAKE_TOOLCHAIN_FILE={toolchain}",
                           f"-DCMAKE_PREFIX_PATH={installed()}", f"-DPROGRAM={PROGRAM}")
        elf = (self.scratch / "build" / "app").read_bytes()
        self.assertEqual(elf[4], 1, "the program is not a 32-bit one")


class PkgConfig(Case):
    def ask(self, *arguments, succeeds=True):
        return self.run_tool("pkg-config", *arguments, succeeds=succeeds,
                             PKG_CONFIG_PATH=self.prefix / "share" / "pkgconfig")

    def setUp(self):
        super().setUp()
        self.prefix = self.scratch / "moved elsewhere"
        self.run_tool("cp", "-r", installed(), self.prefix)

    def test_compiles(self):
        flags = self.ask("--cflags", "vmem").strip().replace("\\ ", " ")
        self.assertTrue(flags.startswith("-I"), flags)
        self.compile_and_run(flags, PROGRAM)

    def test_version(self):
        self.assertEqual(self.ask("--modversion", "vmem").strip(), version())
        self.ask("--atleast-version", "99", "vmem", succeeds=False)

    def test_links_nothing(self):
        self.assertEqual(self.ask("--libs", "vmem").strip(), "")
