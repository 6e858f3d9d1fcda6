#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Speaks to tools/vmem-serial-host over pseudo terminals and a socket, as docs/device/serial_frame.md says.

usage: serial_host_test.py VMEM_SERIAL_HOST
"""

import os
import pty
import select
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import time
import unittest
from pathlib import Path

HOST = ""
PATIENCE = 20  # seconds
HELLO, READ, WRITE, SYNC = 1, 2, 3, 4
REQUEST, DONE, OUT_OF_RANGE = 0, 1, 2
HEAD = struct.Struct("<BBBBHIH")  # the last two are one number of 48 bits


def castagnoli(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def frame(kind, number, place=0, length=0, data=b""):
    head = HEAD.pack(0xA7, kind, number, REQUEST, length or len(data), place & 0xFFFFFFFF, place >> 32)
    return head + data + struct.pack("<I", castagnoli(head + data))


class Line:
    """The device's end of a line: a file descriptor."""

    def __init__(self, line):
        self.line, self.number = line, 0

    def receive(self, count):
        data = b""
        while len(data) < count:
            if not select.select([self.line], [], [], PATIENCE)[0]:
                raise TimeoutError(f"{len(data)} bytes of {count}")
            data += os.read(self.line, count - len(data))
        return data

    def is_silent(self):
        return not select.select([self.line], [], [], 0.2)[0]

    def ask(self, kind, place=0, length=0, data=b""):
        """The answer's status, place and data; a good one has the request's kind and number."""
        self.number = (self.number + 1) % 256
        os.write(self.line, frame(kind, self.number, place, length, data))
        head = self.receive(HEAD.size)
        mark, kind_of, number, status, size, low, high = HEAD.unpack(head)
        found = self.receive(size if kind == READ and status == DONE else 0)
        crc, = struct.unpack("<I", self.receive(4))
        if (mark, kind_of, number, crc) != (0xA7, kind, self.number, castagnoli(head + found)):
            raise ValueError(f"{head!r} answers request {self.number}")
        return status, low | high << 32, found


class SerialHost(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="vmem-serial-"))
        self.addCleanup(shutil.rmtree, self.folder)

    def start(self, *options):
        host = subprocess.Popen([HOST, *map(str, options)], stdout=subprocess.PIPE, text=True)
        self.addCleanup(host.stdout.close)
        self.addCleanup(host.wait)
        self.addCleanup(host.kill)
        return host

    def open_line(self, name):
        line = os.open(name, os.O_RDWR | os.O_NOCTTY)
        self.addCleanup(os.close, line)
        return Line(line)

    def start_on_tty(self, *options):
        """The host as it is with a serial port, whose other end is here."""
        here, there = pty.openpty()
        host = self.start("--tty", os.ttyname(there), *options)
        give_up = time.monotonic() + PATIENCE
        # At first it echoes what it is given.
        while termios.tcgetattr(there)[3] & termios.ECHO:
            self.assertLess(time.monotonic(), give_up)
            time.sleep(0.01)
        return host, Line(here), there

    def end(self, host, line, there):
        """The cable is pulled out. What the host says until it ends."""
        os.close(line.line)
        os.close(there)
        said, _ = host.communicate(timeout=PATIENCE)
        self.assertEqual(host.returncode, 0)
        return said.splitlines()

    def check_memory(self, line, size):
        self.assertEqual(line.ask(HELLO), (DONE, size, b""))
        every_byte = bytes(range(256)) * 2
        self.assertEqual(line.ask(WRITE, 1000, data=every_byte)[0], DONE)
        self.assertEqual(line.ask(SYNC)[0], DONE)
        self.assertEqual(line.ask(READ, 998, 520)[2], bytes(2) + every_byte + bytes(6))
        self.assertEqual(line.ask(READ, size - 3, 4)[0], OUT_OF_RANGE)
        self.assertEqual(line.ask(READ, 1 << 40, 4)[0], OUT_OF_RANGE)
        self.assertEqual(line.ask(WRITE, size - 3, data=b"four")[0], OUT_OF_RANGE)

    def test_pty(self):
        host = self.start("--pty", "--size", 65536)
        name = host.stdout.readline().strip()
        self.check_memory(self.open_line(name), 65536)
        # The line outlives whoever uses it.
        again = self.open_line(name)
        self.assertEqual(again.ask(READ, 1255, 3)[2], bytes([255, 0, 1]))
        self.assertIsNone(host.poll())

    def test_tty(self):
        for baud, speed in ((9600, termios.B9600), (921600, termios.B921600)):
            with self.subTest(baud):
                host, line, there = self.start_on_tty("--size", 4096, "--baud", baud)
                self.assertEqual(termios.tcgetattr(there)[4:6], [speed, speed])
                self.check_memory(line, 4096)
                self.assertEqual(self.end(host, line, there),
                                 ["7 requests, 528 bytes read, 516 written, 0 bytes of noise"])

    def test_unix_serves_one_after_the_other(self):
        path = self.folder / "line"
        host = self.start("--unix", path, "--size", 4096)
        self.assertEqual(host.stdout.readline().strip(), str(path))
        for data in (b"first", b"second"):
            with socket.socket(socket.AF_UNIX) as device:
                device.connect(str(path))
                line = Line(device.fileno())
                self.assertEqual(line.ask(WRITE, 7, data=data)[0], DONE)
                self.assertEqual(line.ask(READ, 7, len(data))[2], data)

    def test_a_file_outlives_the_host(self):
        path = self.folder / "image.vmem"
        for expected, written in ((bytes(5), b"hello"), (b"hello", b"world"), (b"world", b"!")):
            host, line, there = self.start_on_tty("--file", path, "--size", 8192)
            self.assertEqual(line.ask(HELLO)[1], 8192)
            self.assertEqual(line.ask(READ, 5000, 5)[2], expected)
            self.assertEqual(line.ask(WRITE, 5000, data=written)[0], DONE)
            self.assertEqual(line.ask(SYNC)[0], DONE)
            if written == b"world":
                # It need not have been told to end.
                host.kill()
                host.wait(PATIENCE)
                os.close(line.line)
                os.close(there)
            else:
                self.end(host, line, there)
            self.assertEqual(path.stat().st_size, 8192)
        self.assertEqual(path.read_bytes(), bytes(5000) + b"!orld" + bytes(8192 - 5005))

    def test_shows_requests(self):
        host, line, there = self.start_on_tty("--size", 8192, "--show")
        line.ask(HELLO)
        line.ask(WRITE, 4096, data=b"1234567")
        line.ask(READ, 8000, 100)
        line.ask(SYNC)
        self.assertEqual(self.end(host, line, there), [
            "  1 hello 0 at 0",
            "  2 write 7 at 4096",
            "  3 read  100 at 8000",
            "  4 sync  0 at 0",
            "4 requests, 100 bytes read, 7 written, 0 bytes of noise",
        ])

    def test_noise_is_not_answered(self):
        host, line, there = self.start_on_tty("--size", 8192)
        noise = bytes(range(0x20, 0x60))
        os.write(line.line, noise)
        damaged = bytearray(frame(WRITE, 1, 0, data=b"never"))
        damaged[14] ^= 4
        os.write(line.line, damaged)
        self.assertTrue(line.is_silent())
        self.assertEqual(line.ask(READ, 0, 5)[2], bytes(5))
        self.assertEqual(self.end(host, line, there), [
            f"1 requests, 5 bytes read, 0 written, {len(noise) + len(damaged)} bytes of noise"])

    def test_a_bad_line(self):
        """Bytes are lost and changed on the way; what is asked again until it is answered is right."""
        host, line, there = self.start_on_tty("--size", 8192, "--drop", 60, "--flip", 60, "--seed", 3)
        answered = asked = 0
        while answered < 10:
            asked += 1
            os.write(line.line, frame(READ, 9, 4000, 4))
            answer = b""
            while select.select([line.line], [], [], 0.1)[0]:
                answer += os.read(line.line, 100)
            answered += len(answer) == 20 and castagnoli(answer[:16]) == struct.unpack("<I", answer[16:])[0]
        self.assertGreater(asked, answered)
        self.end(host, line, there)

    def test_what_it_refuses(self):
        cases = [
            ([], 2, "usage"),
            (["--show"], 2, "usage"),
            (["--pty", "--unix", "x"], 2, "usage"),
            (["--pty", "--size"], 2, "usage"),
            (["--pty", "--what", "1"], 2, "usage"),
            (["--pty", "--size", "12k"], 2, "not a number: 12k"),
            (["--tty", os.devnull, "--baud", "115200"], 1, "tcgetattr"),
            (["--tty", self.folder / "none"], 1, "No such file"),
            (["--unix", "x" * 200], 1, "File name too long"),
            (["--pty", "--file", self.folder / "none" / "image"], 1, "image: "),
        ]
        for options, status, text in cases:
            with self.subTest(options):
                done = subprocess.run([HOST, *map(str, options)], capture_output=True, text=True,
                                      timeout=PATIENCE, check=False)
                self.assertEqual(done.returncode, status)
                self.assertIn(text, done.stderr)
                self.assertEqual(done.stdout, "")
        _, there = pty.openpty()
        done = subprocess.run([HOST, "--tty", os.ttyname(there), "--baud", "1234"], capture_output=True,
                              text=True, timeout=PATIENCE, check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("no such baud rate", done.stderr)


if __name__ == "__main__":
    HOST = os.path.abspath(sys.argv[1])
    unittest.main(argv=sys.argv[:1])
