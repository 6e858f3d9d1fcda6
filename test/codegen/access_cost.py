#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""What an access costs, in instructions: compiles some of them, and looks at the result.

    access_cost.py --compiler PROGRAM [UNITTEST OPTION...]

Exit code 77 where there is no objdump, or it is of a machine that this does not know.
"""

import argparse
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
SKIPPED = 77
COMPILER = "g++"

POLICIES = """
#include <vmem/eviction/clock.hpp>
#include <vmem/eviction/fifo.hpp>
#include <vmem/eviction/lru.hpp>
#include <vmem/eviction/random.hpp>
#include <vmem/eviction/sieve.hpp>
extern "C" {
void use_sieve(vmem::sieve<64>& p, std::size_t slot) { p.on_access(slot); }
void use_clock(vmem::clock<64>& p, std::size_t slot) { p.on_access(slot); }
void use_fifo(vmem::fifo<64>& p, std::size_t slot) { p.on_access(slot); }
void use_random(vmem::random_eviction<64>& p, std::size_t slot) { p.on_access(slot); }
void use_lru(vmem::lru<64>& p, std::size_t slot) { p.on_access(slot); }
void use_large_lru(vmem::lru<4000>& p, std::size_t slot) { p.on_access(slot); }
}
"""

PAGES = """
#include <vmem/residency/paged.hpp>
#include <vmem/storage/ram_storage.hpp>
using plain = vmem::paged<512, 16>::bind<vmem::ram_storage<65536>, std::uint32_t, false>;
using ahead = vmem::paged<512, 16, vmem::clock, vmem::automatic_translation, vmem::sequential<8>>::bind<
    vmem::ram_storage<65536>, std::uint32_t, false>;
template <class Cache>
[[gnu::always_inline]] inline int load(Cache& cache, std::uint32_t at) {
    typename Cache::place where;
    return cache.template find<4, 4>(at, where) ? *reinterpret_cast<int*>(cache.use(where)) : -1;
}
extern "C" {
int load_plain(plain& cache, std::uint32_t at) { return load(cache, at); }
int load_ahead(ahead& cache, std::uint32_t at) { return load(cache, at); }
}
"""


def functions(source):
    """{name: [instruction]} of what g++ -O2 makes of it, without padding."""
    with tempfile.TemporaryDirectory(prefix="access_cost.") as folder:
        file = Path(folder) / "source.cpp"
        file.write_text(source, encoding="utf-8")
        built = file.with_suffix(".o")
        subprocess.run([COMPILER, "-std=c++20", "-O2", "-fno-exceptions", "-fcf-protection=none", "-I",
                        ROOT / "include", "-c", file, "-o", built] if platform.machine() == "x86_64" else
                       [COMPILER, "-std=c++20", "-O2", "-fno-exceptions", "-I", ROOT / "include", "-c", file, "-o",
                        built], check=True)
        text = subprocess.run(["objdump", "-d", "--no-show-raw-insn", built], check=True, capture_output=True,
                              text=True).stdout
    found, name = {}, None
    for line in text.splitlines():
        if start := re.fullmatch(r"[0-9a-f]+ <(\w+)>:", line):
            name = start[1]
            found[name] = []
        elif (one := re.match(r"\s*([0-9a-f]+):\s+(.+)", line)) and name:
            instruction = re.sub(r"\s+", " ", re.sub(r"[#<].*", "", one[2])).strip()
            if not re.match(r"(nop|xchg %ax,%ax|data16|cs nop)", instruction):
                found[name].append((int(one[1], 16), instruction))
    return found


def is_store(instruction):
    """x86-64: the last operand is in memory; AArch64: str..."""
    return bool(re.match(r"mov\w* .*,[^,]*\([^)]*\)$|st(r|p|ur)", instruction))


class AccessCost(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.policies = functions(POLICIES)

    def body(self, name):
        instructions = [text for _, text in self.policies[name]]
        self.assertRegex(instructions[-1], r"ret")
        return instructions[:-1]

    def test_one_store(self):
        for name in ("use_sieve", "use_clock"):
            with self.subTest(name):
                body = self.body(name)
                self.assertEqual(sum(map(is_store, body)), 1, body)
                # AArch64 may need the value and the address in registers first.
                self.assertLessEqual(len(body), 1 if platform.machine() == "x86_64" else 3, body)

    def test_nothing(self):
        for name in ("use_fifo", "use_random"):
            self.assertEqual(self.body(name), [])

    def test_lru_has_no_loop(self):
        for name in ("use_lru", "use_large_lru"):
            with self.subTest(name):
                instructions = self.policies[name]
                self.assertLessEqual(len(instructions), 40)
                self.assertEqual(sum(is_store(text) for _, text in instructions), 6)
                for at, text in instructions:
                    self.assertNotRegex(text, r"^(call|bl )")
                    if target := re.match(r"(?:j\w+|b\.?\w*|cbn?z \w+,|tbn?z .*,) ?([0-9a-f]+)$", text):
                        self.assertGreater(int(target[1], 16), at, f"a jump back: {text}")

    def test_read_ahead_costs_a_hit_nothing(self):
        found = functions(PAGES)
        plain, ahead = ([re.sub(r"\b[0-9a-f]+$", "TARGET", text) if text.startswith("j") else text
                         for _, text in found[name]] for name in ("load_plain", "load_ahead"))
        self.assertEqual(plain, ahead)
        self.assertLessEqual(len(plain), 24, plain)


def main():
    global COMPILER
    parser = argparse.ArgumentParser()
    parser.add_argument("--compiler", default=COMPILER)
    options, rest = parser.parse_known_args()
    COMPILER = options.compiler
    if not shutil.which("objdump") or platform.machine() not in ("x86_64", "aarch64"):
        print("skipped: needs objdump, and a machine whose instructions it knows")
        return SKIPPED
    unittest.main(argv=[sys.argv[0], *rest])
    return 0


if __name__ == "__main__":
    sys.exit(main())
