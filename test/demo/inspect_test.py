#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Runs tools/vmem-inspect on good, damaged and foreign images.

usage: inspect_test.py VMEM_INSPECT MAKE_IMAGES
"""

import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree
from pathlib import Path

INSPECT = ""
IMAGES = Path()
SOUND, DAMAGED, UNREADABLE = 0, 1, 2
HEAD = 128  # bytes of a superblock


def inspect(path, *options):
    """The program's exit status, and all that it says."""
    command = [INSPECT, *(["--checked", "512"] if Path(path).name.startswith("checked") else []),
               *map(str, options), str(path)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return run.returncode, run.stdout + run.stderr


def castagnoli(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


class Inspect(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="vmem-inspect-"))
        self.addCleanup(shutil.rmtree, self.folder)

    def copy_of(self, name):
        return Path(shutil.copy(IMAGES / name, self.folder / name))

    def changed(self, name, change):
        """A copy of an image whose bytes `change` has changed."""
        path = self.copy_of(name)
        data = bytearray(path.read_bytes())
        change(data)
        path.write_bytes(data)
        return path

    def with_field(self, name, offset, form, value):
        """A copy in both superblocks of which a field has another value, and the CRCs are right."""

        def change(data):
            second = struct.unpack_from("<Q", data, 48)[0]
            for at in (0, second):
                struct.pack_into(form, data, at + offset, value)
                struct.pack_into("<I", data, at + HEAD - 4, castagnoli(data[at:at + HEAD - 4]))

        return self.changed(name, change)

    def test_good_images(self):
        expected = {
            "linked_list": ["nonresident_linked_list_allocator", "5 blocks"],
            "small_pages": ["the first 64 reserved", "5 blocks"],
            "wide": ["addresses of 64 bits", "<std::uint64_t>", "5 blocks"],
            "buddy": ["nonresident_buddy_allocator<16>", "5 blocks", "first", "last"],
            "blocks": ["nonresident_block_allocator<64>", "5 blocks", "one size"],
            "unknown": ["0x4244000D, which this program does not know"],
            "objects": ["kept as objects", "5 blocks"],
            "persisted": ["kept as objects", "3 objects in", "to be brought home", "3 blocks"],
            "journaled": ["journaled", "nothing to bring home", "first", "5 blocks"],
            "interrupted": ["is to be brought home: 1 ranges", "was begun and not committed",
                            "5 blocks"],
            "committed": ["is to be brought home: 1 ranges", "5 blocks"],
            "no_steal": ["journaled_no_steal", "2 times 16384 bytes; commit",
                         "is to be brought home: 1 ranges", "5 blocks"],
            "sectors": ["journaled", "is to be brought home: 1 ranges", "5 blocks"],
            "checked": ["journaled", "first", "5 blocks"],
            "mapped": ["5 blocks"],
        }
        self.assertEqual(sorted(expected), sorted(os.listdir(IMAGES)))
        for name, texts in expected.items():
            with self.subTest(name):
                before = (IMAGES / name).read_bytes()
                status, output = inspect(IMAGES / name)
                self.assertEqual(status, SOUND, output)
                self.assertNotIn("DAMAGE", output)
                for text in texts:
                    self.assertIn(text, output)
                self.assertEqual((IMAGES / name).read_bytes(), before)

    def test_never_writes(self):
        path = self.copy_of("interrupted")
        path.chmod(0o444)
        before = path.stat()
        self.assertEqual(inspect(path)[0], SOUND)
        self.assertEqual(path.stat().st_mtime_ns, before.st_mtime_ns)
        status, output = inspect(path, "--svg", path)
        self.assertEqual(status, UNREADABLE)
        self.assertIn("is the image itself", output)
        self.assertEqual(path.read_bytes(), (IMAGES / "interrupted").read_bytes())

    def test_svg(self):
        for name in ("linked_list", "interrupted", "unknown", "checked"):
            with self.subTest(name):
                drawing = self.folder / f"{name}.svg"
                self.assertEqual(inspect(IMAGES / name, "--svg", drawing)[0], SOUND)
                root = ElementTree.parse(drawing).getroot()
                self.assertTrue(root.tag.endswith("svg"))
                squares = [each for each in root.iter() if each.tag.endswith("rect")]
                self.assertGreater(len(squares), 64 * 32)
        status, output = inspect(IMAGES / "buddy", "--svg", self.folder / "missing" / "x.svg")
        self.assertEqual(status, UNREADABLE)
        self.assertIn("cannot be written", output)

    def test_what_is_no_image(self):
        def file(name, data):
            path = self.folder / name
            path.write_bytes(data)
            return path

        cases = [
            (self.folder / "missing", UNREADABLE, "no such file"),
            (self.folder, UNREADABLE, "not a regular file"),
            (file("empty", b""), DAMAGED, "smaller"),
            (file("short", b"vmem"), UNREADABLE, "no vmem image"),
            (file("zeros", bytes(65536)), UNREADABLE, "no vmem image"),
            (file("text", b"To be, or not to be, that is the question.\n" * 100), UNREADABLE,
             "no vmem image"),
            (file("noise", random.Random(1).randbytes(65536)), UNREADABLE, "no vmem image"),
        ]
        for path, status, text in cases:
            with self.subTest(path.name):
                found, output = inspect(path)
                self.assertEqual(found, status, output)
                self.assertIn(text, output)
        for arguments in ([], ["--svg"], ["a", "b"], ["--checked", "x", "a"], ["--checked", "100", "a"],
                          ["--what", "a"]):
            run = subprocess.run([INSPECT, *arguments], capture_output=True, text=True, check=False)
            self.assertEqual(run.returncode, UNREADABLE)
            self.assertIn("usage", run.stderr)

    def test_versions(self):
        for name in ("linked_list", "journaled"):
            status, output = inspect(self.with_field(name, 8, "<I", 3))
            self.assertEqual(status, UNREADABLE, output)
            self.assertIn("newer", output)
            status, output = inspect(self.with_field(name, 8, "<I", 0))
            self.assertEqual(status, UNREADABLE, output)
            self.assertIn("older", output)

    def test_truncated(self):
        for name in ("linked_list", "journaled", "no_steal"):
            for size in (65535, 40000, 20000, 8192, 512, 200, 128):
                with self.subTest(f"{name} {size}"):
                    path = self.changed(name, lambda data, end=size: data.__delitem__(slice(end, None)))
                    status, output = inspect(path)
                    self.assertEqual(status, DAMAGED, output)
                    self.assertIn("DAMAGE", output)

    def test_strange_superblocks(self):
        """Checksums that are right, and numbers that cannot be."""
        for offset, form in ((12, "<I"), (16, "<Q"), (24, "<I"), (40, "<Q"), (48, "<Q"), (64, "<Q"),
                             (76, "<I"), (84, "<I"), (88, "<I")):
            for value in (0, 1, 7, 65536, 2**31, 2**32 - 1, 2**63, 2**64 - 1):
                if struct.calcsize(form) == 4 and value >= 2**32:
                    continue
                for name in ("interrupted", "no_steal"):
                    with self.subTest(f"{name} {offset}: {value}"):
                        status, output = inspect(self.with_field(name, offset, form, value))
                        self.assertIn(status, (SOUND, DAMAGED, UNREADABLE), output)

    def test_one_superblock_is_enough(self):
        for name, second in (("linked_list", 128), ("buddy", 256), ("journaled", 16384)):
            for at, number in ((0, 0), (second, 1)):
                with self.subTest(f"{name} {at}"):

                    def flip(data, where=at):
                        data[where + 40] ^= 0x10

                    status, output = inspect(self.changed(name, flip))
                    self.assertEqual(status, DAMAGED, output)
                    self.assertIn(f"superblock copy {number}", output)
                    self.assertIn("5 blocks", output)

    def test_a_superblock_that_was_being_written(self):
        """More than a flipped bit, and the next number: that is what a power cut leaves."""

        def tear(data):
            data[16384 + 64:16384 + 100] = b"\x5a" * 36

        status, output = inspect(self.changed("journaled", tear))
        self.assertEqual(status, SOUND, output)
        self.assertIn("number 3 was being written", output)

    def test_no_superblock_is_not(self):
        def flip(data):
            data[40] ^= 0x10
            data[16384 + 40] ^= 0x10

        status, output = inspect(self.changed("journaled", flip))
        self.assertEqual(status, DAMAGED, output)
        self.assertIn("image is damaged", output)

    def test_a_damaged_root(self):
        def flip(data):
            for at in (0, 256):
                data[at + HEAD + 3] ^= 1

        status, output = inspect(self.changed("buddy", flip))
        self.assertEqual(status, DAMAGED, output)

    def test_a_commit_that_is_not_whole(self):
        """The one before it counts, unless a later transaction has begun to use its place."""

        def flip(data):
            data[16384 + HEAD + 4 * 32 + 20] ^= 1

        status, output = inspect(self.changed("committed", flip))
        self.assertEqual(status, SOUND, output)
        self.assertIn("commit 3 is not whole", output)
        self.assertIn("commit 2 is to be brought home", output)
        status, output = inspect(self.changed("no_steal", flip))
        self.assertEqual(status, SOUND, output)
        self.assertIn("commit 3 is not whole", output)
        status, output = inspect(self.changed("interrupted", flip))
        self.assertEqual(status, DAMAGED, output)
        self.assertIn("no commit is whole", output)

    def test_a_damaged_persist(self):
        """That looks like one that was cut short; what was there before counts."""

        def flip(data):
            data[data.index(b"bjes\r\n\x1a\n") + 70] ^= 1

        status, output = inspect(self.changed("persisted", flip))
        self.assertEqual(status, SOUND, output)
        self.assertIn("another persist was cut short", output)
        self.assertNotIn("3 objects", output)

    def test_a_damaged_allocator(self):
        found = 0
        chance = random.Random(2)
        for name, begin, end in (("linked_list", 520, 3000), ("buddy", 1024, 2200), ("blocks", 512, 700)):
            for _ in range(20):
                at = chance.randrange(begin, end)
                flip = 1 << chance.randrange(8)

                def change(data, where=at, bit=flip):
                    data[where] ^= bit

                with self.subTest(f"{name} {at} {flip}"):
                    status, output = inspect(self.changed(name, change))
                    self.assertIn(status, (SOUND, DAMAGED), output)
                    self.assertEqual(status == DAMAGED, "DAMAGE" in output)
                    found += status == DAMAGED
        self.assertGreater(found, 5)

    def test_checked_finds_every_flipped_bit(self):
        chance = random.Random(3)
        size = (IMAGES / "checked").stat().st_size
        for _ in range(60):
            at = chance.randrange(size)

            def flip(data, where=at):
                data[where] ^= 1 << chance.randrange(8)

            with self.subTest(at):
                status, output = inspect(self.changed("checked", flip))
                self.assertEqual(status, DAMAGED, output)
                self.assertIn(f"block at {at // 516 * 512} does not agree", output)

    def test_random_damage(self):
        """Whatever it says, it says it; it does not crash."""
        chance = random.Random(4)
        for name in ("linked_list", "buddy", "blocks", "objects", "interrupted"):
            for _ in range(12):

                def damage(data):
                    for _ in range(chance.choice((1, 10, 1000))):
                        near = chance.choice((600, 4096, len(data)))
                        data[chance.randrange(near)] = chance.randrange(256)

                status, output = inspect(self.changed(name, damage))
                self.assertIn(status, (SOUND, DAMAGED, UNREADABLE), output)

    def test_in_use(self):
        import fcntl
        path = self.copy_of("buddy")
        with open(path, "rb") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            status, output = inspect(path)
        self.assertEqual(status, UNREADABLE)
        self.assertIn("in use", output)


if __name__ == "__main__":
    INSPECT = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory(prefix="vmem-images-") as made:
        IMAGES = Path(made)
        subprocess.run([sys.argv[2], made], check=True, timeout=120)
        unittest.main(argv=sys.argv[:1])
