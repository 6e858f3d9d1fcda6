#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Runs examples/word_count as a user does, and compares with counts of its own.

usage: word_count_test.py PROGRAM
"""

import itertools
import os
import pty
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest
from collections import Counter
from pathlib import Path

PROGRAM = ""
PAGE = 512
FRAMES = 8
LONGEST_WORD = 255
LICENSE = Path("/usr/share/common-licenses/GPL-3")


def count(*texts):
    """What the program should find in some bytes."""
    words = Counter()
    for text in texts:
        for word in re.findall(rb"[a-z]+(?:'[a-z]+)*", text.lower()):
            words[word[:LONGEST_WORD].decode()] += 1
    return words


def natural_text(words, vocabulary, seed=1):
    """Words by Zipf's law, the frequent ones short, in lines with punctuation."""
    chance = random.Random(seed)
    spellings = list(itertools.islice(
        ("".join(letters) for size in range(1, 9) for letters in itertools.product("etaoinshr", repeat=size)),
        vocabulary))
    weights = [1 / (rank + 1) for rank in range(vocabulary)]
    out = []
    for word in chance.choices(spellings, weights, k=words):
        word = chance.choice((word, word, word, word.capitalize(), word.upper()))
        out.append(word + chance.choice((" ", " ", " ", ", ", ".\n", "\r\n", " 42 ", "-", " '", "' ")))
    return "".join(out).encode()


def adversarial_texts():
    """name -> bytes: what a word counter gets wrong."""
    long = "".join(random.Random(2).choices("abcdefghijklmnopqrstuvwxyz", k=1000))
    texts = {
        "one letter": "a",
        "one word, no end of line": "word",
        "nine words": "i h g f e d c b a",
        "eleven words with equal counts": "k j i h g f e d c b a",
        "capitals": "The the THE tHe",
        "apostrophes": "don't 'tis dogs' rock''n''roll ' '' a'b'c a'1 a' 'b o'\nclock '",
        "apostrophe at the end of the file": "it's it'",
        "digits and signs": "a1b2c3_d-e+f\x00g\x7fh\tk",
        "words of many lengths": " ".join(long[:n] for n in range(1, 300)),
        "one word of a million letters": "x" * 1_000_000,
        "long words that differ after 255 letters": f"{long[:255]}a {long[:255]}b {long[:254]}a {long[:254]}",
        "an apostrophe in place 255": f"{long[:254]}'tail {long[:253]}'tail {long[:255]}'tail",
        "pairs with one FNV-1a hash": "costarring liquid declinate macallums altarage zinke altarages zinkes " * 3,
        "prefixes": "a aa aaa aaaa aaaaa aaaaaa aaaaaaa aaaa aaa aa a",
        "different words only": " ".join(
            "".join(letters) for letters in itertools.product("abcdefghijklmno", repeat=3)),
        "long words only": " ".join(f"{a}{b}" + "y" * 253 for a in "abcdefghijklmnop" for b in "abcdefghijklmnop"),
        "natural": natural_text(30_000, 2_000).decode(),
    }
    # The program reads 512 bytes at a time: words and apostrophes across that border.
    for gap in range(505, 514):
        texts[f"border after {gap} bytes"] = "." * gap + "isn't it"
    encoded = {name: text.encode("latin-1") for name, text in texts.items()}
    encoded["UTF-8"] = "na\u00efve don\u2019t \u201cquoted\u201d \u00e9t\u00e9".encode()
    encoded["binary"] = random.Random(3).randbytes(200_000)
    return encoded


class WordCount(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="word_count_test.")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.temporary = self.folder / "temporary"
        self.temporary.mkdir()

    def write(self, name, data):
        path = self.folder / name
        path.write_bytes(data)
        return path

    def run_program(self, *arguments, **options):
        environment = {**os.environ, "TMPDIR": str(self.temporary), "LC_ALL": "C"}
        done = subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, timeout=300, check=False,
                              env=environment, **options)
        self.assertEqual(list(self.temporary.iterdir()), [], "a temporary file is left behind")
        return done

    def succeed(self, *arguments, **options):
        """The standard output of a run that must succeed without a word on stderr."""
        done = self.run_program(*arguments, **options)
        self.assertEqual((done.returncode, done.stderr.decode()), (0, ""))
        return done.stdout.decode()

    def refuse(self, *arguments, reason):
        """A run must fail with one line, which matches `reason`."""
        done = self.run_program(*arguments)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stdout, b"")
        self.assertRegex(done.stderr.decode(), r"\Aword_count: [^\n]+\n\Z")
        self.assertRegex(done.stderr.decode(), reason)

    def assert_counts(self, output, words):
        """Totals and the ten most frequent words, and the comparison if one was asked for."""
        total = re.search(r"^Words +(\d+) +(\d+) of them different$", output, re.MULTILINE)
        self.assertIsNotNone(total, output)
        self.assertEqual((int(total[1]), int(total[2])), (words.total(), len(words)))
        listed = re.findall(r"^ +(\d+)  (\S+)$", output, re.MULTILINE)
        expected = sorted(words.items(), key=lambda item: (-item[1], item[0]))[:10]
        self.assertEqual([(word, int(times)) for times, word in listed], expected)

    def assert_checked(self, output):
        self.assertIn("Check: std::unordered_map has the same words and counts\n", output)

    # --- Counting ---

    def test_default_text(self):
        output = self.succeed("--check")
        self.assert_checked(output)
        self.assertIn("Virtual memory     262144 bytes", output)
        if LICENSE.exists():
            self.assertIn(f"Most frequent in {LICENSE}\n", output)
            self.assert_counts(output, count(LICENSE.read_bytes()))
            page_ins = float(re.search(r"page-ins, (\S+) a word", output)[1])
            self.assertLess(page_ins, 0.8, "the layout of the map has become worse")

    def test_without_check(self):
        self.assertNotIn("Check", self.succeed())

    def test_adversarial_texts(self):
        for name, text in adversarial_texts().items():
            with self.subTest(name):
                output = self.succeed("--check", self.write("text", text))
                self.assert_checked(output)
                self.assert_counts(output, count(text))

    def test_large_text(self):
        text = natural_text(150_000, 12_000)
        output = self.succeed("--check", self.write("text", text))
        self.assert_checked(output)
        self.assert_counts(output, count(text))

    def test_several_texts(self):
        texts = [b"a b c", b"b c d", b"end"]
        files = [self.write(f"text{i}", text) for i, text in enumerate(texts)]
        self.assert_counts(self.succeed("--check", *files, files[0]), count(*texts, texts[0]))

    def test_pipe(self):
        text = natural_text(2_000, 300)
        output = self.succeed("--check", "/dev/stdin", input=text)
        self.assert_checked(output)
        self.assert_counts(output, count(text))

    def test_name_that_looks_like_an_option(self):
        self.write("--check", b"words words")
        self.assert_counts(self.succeed("--", "--check", cwd=self.folder), count(b"words words"))

    # --- What it says of paging ---

    def test_figures_agree(self):
        output = self.succeed(self.write("text", natural_text(20_000, 1_500)))
        ram, frames, page = map(int, re.search(r"RAM +(\d+) bytes +(\d+) pages of (\d+),", output).groups())
        self.assertEqual((frames, page), (FRAMES, PAGE))
        self.assertTrue(frames * page < ram <= frames * (page + 24) + 400, ram)
        read, page_ins = map(int, re.search(r"Read +(\d+) bytes +(\d+) page-ins", output).groups())
        self.assertEqual(read, page_ins * PAGE)
        written, write_backs = map(int, re.search(r"Written +(\d+) bytes +(\d+) write-backs", output).groups())
        self.assertLessEqual(written, write_backs * PAGE)
        self.assertLessEqual(write_backs, page_ins + FRAMES)
        rate, look_ups = re.search(r"Hit rate +(\S+) % +of (\d+) look-ups", output).groups()
        self.assertAlmostEqual(float(rate), 100 - 100 * page_ins / int(look_ups), places=2)

    def page_map(self, output):
        """(signs, pages, pages per sign)"""
        head = re.search(r"^(\d+) pages of 512 bytes(?:, (\d+) to a sign)?:.*\n((?:  [.oRDP]+\n)+)", output,
                         re.MULTILINE)
        self.assertIsNotNone(head, output)
        return "".join(head[3].split()), int(head[1]), int(head[2] or 1)

    def test_page_map(self):
        output = self.succeed()
        signs, pages, to_a_sign = self.page_map(output)
        self.assertEqual((len(signs), pages, to_a_sign), (512, 512, 1))
        self.assertEqual(signs.count("P"), 1)
        self.assertLessEqual(sum(map(signs.count, "PDR")), FRAMES)
        self.assertGreater(signs.count("D"), 0)
        # In use are the first pages, the superblock's too; in RAM there may be more.
        end = signs.rindex("o") + 1
        self.assertNotIn(".", signs[:end])
        in_use = int(re.search(r"(\d+) of them in use", output)[1])
        self.assertTrue(in_use // PAGE <= end <= in_use // PAGE + 1 + FRAMES, (in_use, end))

    def test_page_map_of_a_large_memory(self):
        for memory, to_a_sign in ((512 * 1024, 1), (512 * 1024 + PAGE, 2), (8 << 20, 16)):
            with self.subTest(memory=memory):
                signs, pages, found = self.page_map(self.succeed("--memory", memory))
                self.assertEqual((pages, found), (memory // PAGE, to_a_sign))
                self.assertEqual(len(signs), -(-pages // to_a_sign))

    # --- Bad input ---

    def test_bad_texts(self):
        good = self.write("good", b"some words")
        self.refuse(self.folder / "missing", reason="missing: No such file or directory")
        self.refuse(good, self.folder / "missing", reason="missing: No such file or directory")
        self.refuse(good / "inside", reason="inside: Not a directory")
        self.refuse(self.folder, reason=f"{self.folder.name}: Is a directory")
        self.refuse("/", good, reason="/: Is a directory")
        self.refuse(self.write("empty", b""), reason="empty: is empty")
        self.refuse(good, self.write("empty", b""), reason="empty: is empty")
        self.refuse("/dev/null", reason="/dev/null: is empty")
        self.refuse("", reason="No such file")
        self.refuse(self.write("no words", bytes(5000)), reason="has no words")
        self.refuse(self.write("no words", b"1 2 ' 3"), reason="has no words")

    def test_text_without_permission(self):
        text = self.write("secret", b"words")
        text.chmod(0)
        program = shutil.copy(PROGRAM, self.folder)
        self.folder.chmod(0o755)
        # Root may read everything, so root's run is done by nobody.
        nobody = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
        done = subprocess.run([program, text], capture_output=True, timeout=300, check=False, **nobody)
        self.assertEqual((done.returncode, done.stdout), (1, b""))
        self.assertRegex(done.stderr.decode(), r"\Aword_count: [^\n]*secret: Permission denied\n\Z")

    def test_bad_options(self):
        for memory in ("0", "-1", "", "4k", "1e6", "x", "99999999999999999999999"):
            with self.subTest(memory=memory):
                self.refuse("--memory", memory, reason="not a number of bytes")
        self.refuse("--memory", reason="--memory: ")
        self.refuse("--store", reason="--store: ")
        self.refuse("--nonsense", reason="--nonsense: ")
        self.refuse("-", reason="-: ")

    def test_help(self):
        self.assertIn("--memory BYTES", self.succeed("--help"))

    # --- Memory and storage ---

    def test_too_small_memory(self):
        for memory in (1, 511, 512, 1023):
            with self.subTest(memory=memory):
                self.refuse("--memory", memory, reason=f"{memory} bytes of virtual memory: ")
        text = self.write("text", natural_text(5_000, 2_000))
        self.refuse("--memory", 8192, text, reason="no free block is large enough; see --memory")

    def test_memory_that_is_just_large_enough(self):
        text = natural_text(1_000, 200)
        file = self.write("text", text)
        outcomes = set()
        for memory in range(1024, 32 * 1024, 1111):
            done = self.run_program("--check", "--memory", memory, file)
            outcomes.add(done.returncode)
            with self.subTest(memory=memory):
                if done.returncode == 0:
                    self.assert_counts(done.stdout.decode(), count(text))
                    self.assert_checked(done.stdout.decode())
                else:
                    self.refuse("--check", "--memory", memory, file, reason="no free block|wrong size")
        self.assertEqual(outcomes, {0, 1})

    def test_memory_beyond_32_bits(self):
        store = self.folder / "store"
        with open(store, "wb") as sparse:
            sparse.truncate(5 << 30)
        self.refuse("--memory", 5 << 30, "--store", store, reason="larger than this composition can address")

    def test_store(self):
        store = self.folder / "store"
        text = self.write("text", b"extraordinary words")
        for _ in range(2):
            self.succeed("--check", "--store", store, text)
            self.assertEqual(store.stat().st_size, 262144)
            self.assertIn(b"extraordinary", store.read_bytes())
        self.refuse("--store", store, "--memory", 131072, reason="store: storage has the wrong size")
        self.refuse("--store", self.folder, reason=": not a regular file")
        self.refuse("--store", self.folder / "missing" / "store", reason="store: no such file or directory")

    def test_missing_text_leaves_the_store_alone(self):
        store = self.write("store", bytes(262144))
        self.refuse("--store", store, self.folder / "missing", reason="missing: ")
        self.assertEqual(store.read_bytes(), bytes(262144))

    def test_store_that_fails_under_way(self):
        store = self.folder / "store"
        text = natural_text(60_000, 8_000)  # half of it is more than a pipe holds, so that counting has begun
        half = len(text) // 2
        with subprocess.Popen([PROGRAM, "--store", store, "/dev/stdin"], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, restore_signals=False,
                              preexec_fn=lambda: signal.signal(signal.SIGXFSZ, signal.SIG_IGN)) as program:
            program.stdin.write(text[:half])
            resource.prlimit(program.pid, resource.RLIMIT_FSIZE, (0, 0))
            output, errors = program.communicate(text[half:], timeout=300)
        self.assertEqual((program.returncode, output), (1, b""))
        self.assertRegex(errors.decode(),
                         r"\Aword_count: virtual memory[^\n]*: no space left [^\n]+\n\Z")

    def test_missing_folder_for_temporary_files(self):
        done = subprocess.run([PROGRAM], capture_output=True, timeout=300, check=False,
                              env={**os.environ, "TMPDIR": str(self.folder / "missing")})
        self.assertEqual((done.returncode, done.stdout), (1, b""))
        self.assertRegex(done.stderr.decode(), r"\Aword_count: folder for temporary files: [^\n]+\n\Z")

    # --- Terminals ---

    def run_on_terminal(self, *arguments, stream):
        """What the program writes to stdout or stderr if that one is a terminal."""
        master, slave = pty.openpty()
        streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, stream: slave}
        with subprocess.Popen([PROGRAM, *map(str, arguments)], **streams) as program:
            os.close(slave)
            output = b""
            while True:
                try:
                    piece = os.read(master, 65536)
                except OSError:  # Linux reports the end of a terminal as an error.
                    break
                if not piece:
                    break
                output += piece
            program.wait(timeout=300)
        os.close(master)
        return output.decode()

    def test_colours_on_a_terminal_only(self):
        self.assertIn("\x1b[31mP\x1b[m", self.run_on_terminal(stream="stdout"))
        self.assertNotIn("\x1b", self.succeed())

    def test_progress_on_a_terminal_only(self):
        text = self.write("text", natural_text(10_000, 500))
        shown = self.run_on_terminal(text, stream="stderr")
        self.assertIn("\r8192 words", shown)
        self.assertTrue(shown.endswith("\r\x1b[K"), repr(shown))
        shown = self.run_on_terminal(text, self.write("empty", b""), stream="stderr")
        self.assertRegex(shown, r"\r\x1b\[Kword_count: \S+/empty: is empty\r\n\Z")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    unittest.main()
