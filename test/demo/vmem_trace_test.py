#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Tests of the program vmem-trace: vmem_trace_test.py PROGRAM [UNITTEST OPTION...]"""

import functools
import os
import random
import re
import struct
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree
from pathlib import Path

POLICIES = ("fifo lru clock clock_bits sieve random priority s3_fifo two_queue arc lirs tiny_lfu").split()


def optimum(pages, frames):
    """The fewest misses, by trying every page that could leave."""
    @functools.cache
    def misses(at, resident):
        while at < len(pages) and pages[at] in resident:
            at += 1
        if at == len(pages):
            return 0
        come = resident | {pages[at]}
        if len(come) <= frames:
            return 1 + misses(at + 1, come)
        return 1 + min(misses(at + 1, come - {page}) for page in resident)
    return misses(0, frozenset())


def lru(requests, frames):
    """(misses, write-backs)"""
    order, dirty, misses, written = [], set(), 0, 0
    for page, write in requests:
        if page in order:
            order.remove(page)
        else:
            misses += 1
            if len(order) == frames:
                left = order.pop(0)
                written += left in dirty
                dirty.discard(left)
        order.append(page)
        if write:
            dirty.add(page)
    return misses, written + len(dirty)


class VmemTrace(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="vmem_trace_test.")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def write(self, name, data):
        path = self.folder / name
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        return path

    def run_program(self, *arguments):
        return subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True, timeout=300,
                              check=False)

    def tables(self, *arguments):
        """{heading: {policy: {frames: value}}} of a run that must succeed; the last page size wins."""
        done = self.run_program(*arguments)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        found, heading, frames = {}, "", []
        for line in done.stdout.splitlines():
            words = line.split()
            if words[:1] == ["frames"]:
                frames = list(map(int, words[1:]))
                found[heading] = {}
            elif len(words) == len(frames) + 1 and re.fullmatch(r"[\d.]+", words[-1]):
                found[heading][words[0]] = dict(zip(frames, map(float, words[1:])))
            else:
                heading = line
        return found

    def misses(self, *arguments):
        return self.tables(*arguments)["misses per request"]

    def refuse(self, *arguments, reason):
        done = self.run_program(*arguments)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertRegex(done.stderr, r"\Avmem-trace: [^\n]+\n\Z")
        self.assertRegex(done.stderr, reason)

    # --- Miss ratios ---

    def test_zipf(self):
        policies = ("sieve", "s3_fifo", "lirs", "arc", "lru")
        found = self.misses("--synthetic", "zipf:1024", "--policies", ",".join(policies))
        self.assertEqual(set(found), {"optimum", *policies})
        for policy, limits in {"sieve": (.585, .390, .205), "s3_fifo": (.58, .405, .222), "lirs": (.60, .415, .23),
                               "arc": (.61, .42, .24)}.items():
            for frames, limit in zip((16, 64, 256), limits):
                with self.subTest(policy, frames=frames):
                    self.assertLessEqual(found[policy][frames], limit)
        for policy in policies:
            for frames in (16, 64, 256):
                self.assertGreater(found[policy][frames], found["optimum"][frames])
        self.assertAlmostEqual(found["optimum"][64], .305, delta=.001)

    def test_loop(self):
        found = self.misses("--synthetic", "loop:200", "--frames", 128)
        self.assertLessEqual(found["lirs"][128], .37)
        self.assertAlmostEqual(found["random"][128], .62, delta=.01)
        self.assertAlmostEqual(found["optimum"][128], .362, delta=.002)
        for policy in ("fifo", "lru", "clock", "sieve"):
            self.assertEqual(found[policy][128], 1)

    def test_other_patterns(self):
        for kind in ("scan:100", "mixed:1024", "sequential:64", "zipf"):
            with self.subTest(kind):
                found = self.misses("--synthetic", kind, "--requests", 20000, "--frames", "1,2,4096")
                self.assertEqual(set(found), {"optimum", *POLICIES})
                for policy in POLICIES:
                    self.assertGreaterEqual(found[policy][1], found["optimum"][1])
                    self.assertEqual(found[policy][4096], found["optimum"][4096] if kind != "mixed:1024"
                                     else found[policy][4096])
        found = self.misses("--synthetic", "sequential:64", "--requests", 8000, "--frames", 16)
        self.assertEqual({found[policy][16] for policy in ("fifo", "lru", "clock", "sieve")}, {1 / 8})

    def test_optimum_is_the_least_there_is(self):
        generator = random.Random(1)
        for trial in range(40):
            pages = [generator.randrange(6) for _ in range(14)]
            path = self.write("trace", "".join(f"{page}\n" for page in pages))
            found = self.misses(path, "--frames", "1,2,4", "--policies", "lru")
            for frames in (1, 2, 4):
                with self.subTest(trial=trial, frames=frames, pages=pages):
                    self.assertAlmostEqual(found["optimum"][frames], optimum(pages, frames) / 14, delta=.0001)

    def test_lru_and_what_it_writes(self):
        generator = random.Random(2)
        requests = [(min(generator.randrange(40), generator.randrange(40)) * 10**15, generator.random() < .3)
                    for _ in range(1000)]
        path = self.write("trace", "# pages\n\n" + "".join(
            f"  {page}\t{'w' if write else generator.choice(['', 'r'])}\r\n" for page, write in requests))
        found = self.tables(path, "--frames", "1,8,64", "--policies", "lru", "--page-size", 4096)
        for frames in (1, 8, 64):
            with self.subTest(frames=frames):
                misses, written = lru(requests, frames)
                self.assertEqual(found["misses per request"]["lru"][frames], misses / 1000)
                # 4 bytes of command, 10 us each with its answer, and the page.
                self.assertAlmostEqual(found["seconds on serial line, 1 Mbaud"]["lru"][frames],
                                       (misses + written) * (120 + 40960) / 1e6, delta=.05)

    def test_binary(self):
        pages = [1, 2**40, 3, 1, 2**40, 3, 2**63 + 5]
        path = self.write("trace", b"".join(struct.pack("<IQIq", i, page, 512, -1) for i, page in enumerate(pages)))
        found = self.misses("--binary", path, "--frames", "2,4", "--policies", "lru")
        self.assertEqual(found["lru"], {2: 1.0, 4: round(4 / 7, 4)})

    def test_page_sizes(self):
        path = self.write("trace", "0\n1\n2\n3\n0\n")
        arguments = (path, "--unit", 256, "--frames", 1, "--policies", "lru", "--page-size")
        self.assertEqual(self.misses(*arguments, 256)["lru"][1], 1)
        self.assertEqual(self.misses(*arguments, 512)["lru"][1], .6)
        self.assertEqual(self.misses(*arguments, "256,1024")["lru"][1], .2)

    def test_plot(self):
        plot = self.folder / "plot.svg"
        self.misses("--synthetic", "zipf:64", "--requests", 1000, "--svg", plot, "--page-size", "512,1024",
                    "--policies", "lru,clock")
        root = xml.etree.ElementTree.parse(plot).getroot()
        lines = root.findall("{http://www.w3.org/2000/svg}polyline")
        self.assertEqual(len(lines), 6)
        for line in lines:
            points = [tuple(map(float, point.split(","))) for point in line.get("points").split()]
            self.assertEqual(len(points), 3)
            self.assertEqual(points, sorted(points))
            self.assertTrue(all(60 <= x <= 560 and 40 <= y <= 360 for x, y in points), points)

    # --- Bad input ---

    def test_malformed_text(self):
        for text, line, reason in (("1\n2\nx\n4\n", 3, "'x' is not a whole number"), ("1 r\n-2\n", 2, "whole"),
                                   ("1\n\n# c\n1.5\n", 4, "whole"), ("7 x\n", 1, "neither r nor w"),
                                   ("7 rw", 1, "neither"), ("1\n7 w 3\n", 2, "more than"),
                                   ("99999999999999999999999\n", 1, "whole"), ("1\n\x00\n", 2, "whole"),
                                   ("1\n0x10", 2, "whole")):
            with self.subTest(text):
                self.refuse(self.write("trace", text), reason=rf"/trace:{line}: .*{reason}")

    def test_malformed_binary(self):
        for size in (1, 23, 25, 49):
            with self.subTest(size):
                self.refuse("--binary", self.write("trace", bytes(size)),
                            reason=rf"/trace: record {size // 24 + 1} has {size % 24} of 24 bytes")

    def test_no_trace(self):
        self.refuse(reason="which trace")
        self.refuse(self.write("a", "1"), "--synthetic", "zipf", reason="which trace")
        self.refuse(self.write("a", "1"), self.write("b", "1"), reason="one trace")
        self.refuse(self.folder / "missing", reason="missing: cannot be read")
        self.refuse(self.folder, reason="cannot be read|no request")
        self.refuse(self.write("empty", ""), reason="holds no request")
        self.refuse("--binary", self.write("empty", ""), reason="holds no request")
        self.refuse(self.write("comment", "# 1\n"), reason="holds no request")

    def test_bad_options(self):
        for arguments, reason in ((("--frames", "3"), "power of two"), (("--frames", "0"), "power of two"),
                                  (("--frames", "8192"), "power of two"), (("--frames", "1,,2"), "whole number"),
                                  (("--frames",), "missing"), (("--page-size", "0"), "multiple"),
                                  (("--unit", "512", "--page-size", "256"), "multiple"),
                                  (("--unit", "512", "--page-size", "768"), "multiple"),
                                  (("--policies", "lru,mru"), "no policy 'mru'"), (("--requests", "0"), "takes 1"),
                                  (("--requests", "x"), "whole"), (("--nonsense",), "no such option"),
                                  (("--svg", "/missing/plot.svg", "--requests", "10"), None)):
            with self.subTest(arguments):
                if reason:
                    self.refuse("--synthetic", "zipf:10", *arguments, reason=reason)
                else:
                    self.assertEqual(self.run_program("--synthetic", "zipf:10", *arguments).returncode, 1)
        for kind in ("nonsense:5", "zipf:0", "zipf:x", "zipf:99999999", ":5"):
            with self.subTest(kind):
                self.refuse("--synthetic", kind, reason="takes 1|whole number|none of")

    def test_help(self):
        done = self.run_program("--help")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("--synthetic", done.stdout)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    unittest.main()
