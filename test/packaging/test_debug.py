# SPDX-License-Identifier: BSL-1.0
"""What debuggers show: GDB is run, and the natvis file is compared with the classes it names."""

import re
import shutil
import unittest
import xml.etree.ElementTree as ElementTree

from support import ROOT, Case

HERE = ROOT / "test" / "packaging"


@unittest.skipUnless(shutil.which("gdb"), "needs gdb")
class Gdb(Case):
    def show(self, program, *stops):
        """What is printed for the expressions at each stop: one {expression: text} a stop."""
        built = self.scratch / "program"
        self.run_tool("g++", "-std=c++20", "-g", "-O0", "-Wall", "-Wextra", "-I", ROOT / "include",
                      HERE / "gdb" / program, "-o", built)
        commands = [f"source {ROOT}/debug/vmem_gdb.py", "set width 0", "break stop_here", "run"]
        for number, expressions in enumerate(stops):
            commands += ["continue"] * (number > 0) + ["up"]
            for expression in expressions:
                commands += [f"echo <{number}:{expression}>", f"output {expression}", r"echo \n"]
        script = self.scratch / "commands"
        script.write_text("\n".join([*commands, "continue", ""]), encoding="utf-8")
        output = self.run_tool("gdb", "-q", "-batch", "-nx", "-x", script, built, timeout=120,
                               DEBUGINFOD_URLS="")
        self.assertIn("exited normally", output)
        return [dict(re.findall(rf"^<{number}:(.*?)>(.*)$", output, re.MULTILINE))
                for number in range(len(stops))]

    def test_pages(self):
        closed, opened, narrow = self.show(
            "program.cpp", ["homeless", "early", "heap"],
            ["null", "untyped", "numbers", "last", "tail", "list", "reference", "empty", "held", "heap"],
            ["narrow_number", "small"])
        self.assertEqual(closed, {"homeless": "0x200 (no heap of its type is alive)",
                                  "early": "0x200 (the heap is not open)",
                                  "heap": "vmem::heap, not open"})
        address = "0x[0-9a-f]+"
        for name, pattern in {
                "null": "null",
                "untyped": "0x200",
                "numbers": rf"{address} \(not resident\)",
                "last": f"{address} -> 65025",
                "tail": f"{address} -> {{value = 7, next = null}}",
                "list": f"{address} -> {{value = 8, next = {address}}}",
                "reference": f"{address} -> 65025",
                "empty": "holds nothing",
                "held": f"3 elements at {address} = {{64009, 64516, 65025}}",
                "heap": r"vmem::heap of 4096 bytes, 4 frames of 128 bytes: 4 hold a page, \d changed, "
                        r"1 pinned = {\[page \d+\] = .*changed, pinned.*}",
        }.items():
            self.assertRegex(opened[name], f"^{pattern}$", name)
        self.assertRegex(narrow["narrow_number"], f"^{address} -> 99$")
        self.assertRegex(narrow["small"], "^vmem::heap of 4096 bytes, 4 frames .* 3 hold a page")

    @unittest.skipUnless((ROOT / "include/vmem/unique_vptr.hpp").exists(), "there is no unique_vptr")
    def test_objects(self):
        shown, = self.show("objects.cpp", ["nothing", "object", "numbers", "first", "third", "heap"])
        address = "0x[0-9a-f]+"
        for name, pattern in {
                "nothing": "owns nothing",
                "object": f"{address} -> {{value = 3, weight = 4}}",
                "numbers": f"{address} -> {{.*}}|{address} \\(not resident\\)",
                "first": rf"{address} \(not resident\)",
                "heap": r"vmem::heap of 4096 bytes, an arena of 256 bytes: \d objects in it, .*",
        }.items():
            self.assertRegex(shown[name], f"^({pattern})$", name)


class Natvis(Case):
    def test_names_classes_and_members_that_exist(self):
        tree = ElementTree.parse(ROOT / "debug/vmem.natvis").getroot()
        space = "{http://schemas.microsoft.com/vstudio/debugger/natvis/2010}"
        self.assertEqual(tree.tag, f"{space}AutoVisualizer")
        sources = {path.stem: path.read_text(encoding="utf-8")
                   for path in (ROOT / "include/vmem").rglob("*.hpp")}
        everything = "".join(sources.values())
        types = tree.findall(f"{space}Type")
        self.assertGreaterEqual(len(types), 4)
        for type_ in types:
            name = re.match(r"vmem::(\w+)<[*,]+>$", type_.get("Name")).group(1)
            if name not in sources:
                continue  # A class that is not there yet, or no longer.
            self.assertRegex(sources[name], rf"class (\[\[nodiscard\]\] )?{name}\b")
            own = sources[name] if name != "heap" else everything
            for element in type_.iter():
                for text in (element.text or "", element.get("Condition", "")):
                    for member in re.findall(r"\b[a-z_]+_\b", text):
                        self.assertRegex(own, rf"\b{member}\b", f"{name}::{member}")
