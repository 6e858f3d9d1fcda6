#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Runs the library on emulated microcontrollers.

  tools/firmware.py                 builds test/firmware for each board and runs it in QEMU
  tools/firmware.py FILTER...       only the tests whose "board test" contains one of these
  tools/firmware.py --size          compares sizes, stacks and instruction counts with docs/size.md
  tools/firmware.py --size --write  writes docs/size.md
  tools/firmware.py --cuts N        so many power cuts (default 320)

The last line says how many passed and failed. Needs qemu-system-arm, qemu-system-misc,
gcc-arm-none-eabi, libstdc++-arm-none-eabi-newlib, gcc-riscv64-unknown-elf,
picolibc-riscv64-unknown-elf, g++, libexpected-dev; clang for the second compiler.
"""
import argparse
import concurrent.futures
import functools
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
SOURCE = ROOT / "test" / "firmware"
BUILD = pathlib.Path(os.environ.get("VMEM_FIRMWARE_BUILD", ROOT / "build" / "firmware"))
JOBS = int(os.environ.get("VMEM_JOBS", os.cpu_count() or 1))

COMMON = ["-std=c++20", "-g", "-DNDEBUG", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror", "-Wno-psabi",
          # False alarms within tl::expected, which come and go with what is inlined.
          "-Wno-maybe-uninitialized",
          "-fno-exceptions", "-fno-rtti", "-fno-threadsafe-statics", "-ffreestanding", "-fno-unwind-tables",
          "-fno-asynchronous-unwind-tables", "-ffunction-sections", "-fdata-sections",
          *os.environ.get("VMEM_FIRMWARE_FLAGS", "").split()]
# The RISC-V package has no C++ headers of its own; those of the Arm package fit.
NEWLIB = "/usr/include/newlib/c++/12.2.1"
RISCV_HEADERS = ["-nostdinc++", "-isystem", NEWLIB, "-isystem", NEWLIB + "/arm-none-eabi/thumb/v7-m/nofp",
                 "-isystem", "/usr/lib/picolibc/riscv64-unknown-elf/include"]
PORTABLE = ["paged", "paged_again", "objects", "objects_again", "ram_allocators", "nonresident_allocators",
            "journal", "journal_again"]


class Board:
    def __init__(self, machine, flags, tests, arch="arm", expected=None, bundled=False):
        self.machine, self.flags, self.arch, self.tests = machine, flags, arch, tests
        self.expected = expected or {}
        self.bundled = bundled  # Against the single header that has its dependencies in it.


BOARDS = [
    Board("lm3s6965evb", ["-mcpu=cortex-m3", "-mthumb"],
          PORTABLE + ["sd", "no_card", "words", "commits", "power_fail", "serial"]),
    Board("mps2-an385", ["-mcpu=cortex-m3", "-mthumb"], PORTABLE + ["wild_access"], expected={"wild_access": 103}),
    Board("netduinoplus2", ["-mcpu=cortex-m4", "-mthumb", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard"],
          PORTABLE + ["wild_access"], expected={"wild_access": 103}, bundled=True),
    Board("microbit", ["-mcpu=cortex-m0", "-mthumb"], PORTABLE),
    Board("sifive_u", ["-march=rv32imac", "-mabi=ilp32", "-mcmodel=medany"], PORTABLE + ["sd", "no_card", "words"],
          arch="riscv"),
]
# How many power cuts there are if nobody says so; of that many, so many must be, and so many while a sector is written.
CUTS, LEAST_CUTS, LEAST_INSIDE = 320, 300, 100
# Files of tests that need a board's own devices.
SOURCES = {"no_card": ["sd"], "commits": ["commits", "watched_bus"]}


class Failed(Exception):
    pass


def run(command, **options):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=300, **options)
    if done.returncode != 0:
        said = [line for line in (done.stdout + done.stderr).splitlines() if "error" in line or "undefined" in line]
        raise Failed(" ".join(str(part) for part in command[-3:]) + "\n" + "\n".join(said[:5]))
    return done.stdout


def tool(board, name):
    return ("arm-none-eabi-" if board.arch == "arm" else "riscv64-unknown-elf-") + name


def bundle():
    """Makes an include tree in which every <vmem/...> leads to the single header without dependencies."""
    run([sys.executable, ROOT / "tools" / "amalgamate", "--bundle", "--tree", BUILD / "bundle"])


def includes(board):
    if board.bundled:
        return ["-I", BUILD / "bundle"]
    # The compiler's own directories must not be followed by those of this machine: only what is asked for.
    borrowed = BUILD / "include"
    borrowed.mkdir(parents=True, exist_ok=True)
    for name in ("tl", "boost"):
        if not (borrowed / name).exists():
            (borrowed / name).symlink_to(f"/usr/include/{name}")
    flags = ["-I", ROOT / "include", "-isystem", borrowed]
    return flags + (RISCV_HEADERS if board.arch == "riscv" else [])


def compile_files(board, sources, directory, flags):
    """Their objects, for all boards with the same processor."""
    directory = BUILD / directory / "-".join(board.flags).replace("/", "_")
    directory.mkdir(parents=True, exist_ok=True)
    cache = ["ccache"] if shutil.which("ccache") else []

    def compile_one(source):
        target = directory / (source.name + ".o")
        own = flags if source.suffix == ".cpp" else ["-march=rv32imac_zicsr"]
        run([*cache, tool(board, "g++"), *board.flags, *COMMON, *own, *includes(board), "-c", source, "-o", target])
        return target

    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        return list(pool.map(compile_one, sources))


def sources_of(test):
    names = SOURCES.get(test, [test.removesuffix("_again").removesuffix("_check")])
    return {SOURCE / (name if name == "watched_bus" else f"test_{name}") for name in names}


def build(board, optimise="-Os"):
    """One image with all tests of the board."""
    out = BUILD / board.machine
    out.mkdir(parents=True, exist_ok=True)
    sources = [SOURCE / "main.cpp", SOURCE / "runtime.cpp", SOURCE / f"start_{board.arch}.cpp"]
    if board.arch == "riscv":
        sources.append(SOURCE / "start_riscv.S")
    sources += sorted({path.with_suffix(".cpp") for test in board.tests for path in sources_of(test)})
    objects = compile_files(board, sources, "bundled" if board.bundled else "objects", [optimise])
    image = out / "suite.elf"
    link(board, objects, image)
    check_image(board, image)
    return image


def link(board, objects, image, script=None):
    libraries = []
    if board.arch == "riscv":
        libraries = ["-L/usr/lib/picolibc/riscv64-unknown-elf/lib/rv32imac/ilp32"]
    run([tool(board, "g++"), *board.flags, *objects, "-nostartfiles", "-nostdlib", "-L", SOURCE, "-T",
         script or SOURCE / f"{board.machine}.ld", "-Wl,--gc-sections", *libraries, "-lc", "-lgcc", "-o", image])


def check_image(board, image):
    """Whatever allocates, throws or asks for types has left its name."""
    for line in run([tool(board, "nm"), image]).splitlines():
        name = line.split()[-1]
        if name in ("malloc", "_malloc_r", "free", "_sbrk", "_Znwj", "_Znaj", "__cxa_throw") or \
                name.startswith(("_ZTI", "_Unwind")):
            raise Failed(f"{image.name} contains {name}")


def emulator(board, image, arguments, extra=()):
    program = "qemu-system-arm" if board.arch == "arm" else "qemu-system-riscv32"
    words = "".join(f",arg={word}" for word in ["fw", *arguments])
    bios = ["-bios", "none"] if board.arch == "riscv" else []
    return [program, "-M", board.machine, *bios, "-nographic", "-monitor", "none", "-chardev", "stdio,id=sh",
            "-semihosting-config", f"enable=on,target=native,chardev=sh{words}", "-kernel", str(image), *extra]


def emulate(board, image, arguments, extra=(), timeout=30):
    """The exit code and what was printed."""
    command = emulator(board, image, arguments, extra)
    if "-serial" not in extra:
        command += ["-serial", "none"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, cwd=image.parent,
                              stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        return -1, f"hung for {timeout} seconds"
    return done.returncode, done.stdout


class Report:
    def __init__(self):
        self.passed, self.failures = 0, 0

    def note(self, name, ok, detail=""):
        self.passed += ok
        self.failures += not ok
        print(f"{'ok    ' if ok else 'FAILED'} {name}" + (f": {detail}" if detail else ""), flush=True)


def blank_card(path, size):
    path.unlink(missing_ok=True)
    with open(path, "wb") as card:
        card.truncate(size)
    return ["-drive", f"if=sd,format=raw,file={path}"]


def plain_tests(board, image, report, wanted):
    for test in board.tests:
        if test in SPECIAL or not wanted(f"{board.machine} {test}"):
            continue
        variants = [([test], [], "")]
        if test == "sd":
            variants = [([test, str(size)], blank_card(image.parent / f"{name}.img", size), " " + name)
                        for name, size in (("SDSC", 64 << 20), ("SDHC", 4 << 30))]
        for arguments, extra, suffix in variants:
            code, said = emulate(board, image, arguments, extra)
            ok = code == board.expected.get(test, 0)
            report.note(f"{board.machine} {test}{suffix}", ok, "" if ok else f"exit {code}: {said.strip()}")


# --- the tests that need more than one run -------------------------------------------------------------


def plugin():
    """The emulator's plugin, see test/firmware/plugin.c."""
    target, source = BUILD / "plugin.so", SOURCE / "plugin.c"
    if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
        run(["gcc", "-O2", "-shared", "-fPIC", source, "-o", target])
    return target


def symbols(board, image):
    found = {}
    for line in run([tool(board, "nm"), image]).splitlines():
        words = line.split()
        if len(words) == 3:
            found[words[2]] = int(words[0], 16) & ~1
    return found


def words_test(board, image, report, options):
    text = (ROOT / "docs" / "design.md").read_bytes() * 3
    expected, word = {}, bytearray()
    for byte in text + b" ":
        lower = byte | 0x20
        if ord("a") <= lower <= ord("z"):
            if len(word) < 19:
                word.append(lower)
        elif word:
            expected[bytes(word)] = expected.get(bytes(word), 0) + 1
            word.clear()
    wanted = f"words {sum(expected.values())} different {len(expected)} longest {max(map(len, expected))}"
    card = image.parent / "words.img"
    extra = blank_card(card, 8 << 20)
    with open(card, "r+b") as image_file:
        image_file.write(text)
    for test in ("words", "words_again"):
        code, said = emulate(board, image, [test, str(len(text))], extra)
        ok = code == 0 and wanted in said
        report.note(f"{board.machine} {test}", ok, wanted if ok else f"exit {code}: {said.strip()}, not {wanted}")
    # The heap begins where the text may end at the latest, see test_words.cpp.
    part = image.parent / "words_heap.img"
    part.write_bytes(card.read_bytes()[1 << 20:])
    note_inspection(board, "words", inspect(part), report)


def commits_test(board, image, report, options):
    """Power cuts at exact instructions, every other one while a sector is being written, and some by killing
    the emulator; each run takes up what the one before it left."""
    at = symbols(board, image)
    where = f"begin={at['sd_write_begins']:#x},end={at['sd_write_ends']:#x}"
    card = image.parent / "commits.img"
    extra = blank_card(card, 8 << 20)
    code, said = emulate(board, image, ["commits", "5"], extra)
    if code != 0:
        report.note(f"{board.machine} commits", False, f"exit {code}: {said.strip()}")
        return
    count = image.parent / "count.txt"
    code, said = emulate(board, image, ["commits", "12"],
                         [*extra, "-plugin", f"{plugin()},{where},out={count}"])
    _, total, inside, _ = count.read_text().split()[-4:]
    total, inside = int(total), int(inside)
    durable, lost, bad = last_number(said, "durable"), [], []
    random.seed(1)
    cuts = inside_cuts = killed = 0
    while cuts < options.cuts and not bad:
        kind = ("die", "dieinside", "kill")[cuts % 8 // 3 if cuts % 8 < 6 else (2 if cuts % 8 == 7 else 1)]
        if kind == "kill":
            command = emulator(board, image, ["commits", "100000"], [*extra, "-serial", "none"])
            code, said = kill_after(command, random.uniform(0.05, 0.25), image.parent)
            killed += 1
        else:
            number = random.randrange(total if kind == "die" else inside)
            count.unlink(missing_ok=True)
            code, said = emulate(board, image, ["commits", "100000"],
                                 [*extra, "-plugin", f"{plugin()},{where},out={count},{kind}={number}"])
            inside_cuts += count.read_text().split()[-1] == "1"
        cuts += 1
        if "FAILED" in said or code not in (137, -signal.SIGKILL):
            bad.append(f"{kind}, cut {cuts}: exit {code}: {said.strip()[-200:]}")
        found = last_number(said, "found")
        if found is not None:
            # The one that was being committed may or may not have made it.
            if found not in (durable, durable + 1):
                lost.append(f"cut {cuts - 1}: found {found} after {durable}")
            durable = found
        durable = last_number(said, "durable") or durable
    # Two more, after which both halves of the journal are whole again.
    code, said = emulate(board, image, ["commits", "2"], extra)
    if code != 0 or last_number(said, "found") not in (durable, durable + 1):
        bad.append(f"the last image: exit {code}: {said.strip()}")
    if options.cuts >= CUTS and (cuts < LEAST_CUTS or inside_cuts < LEAST_INSIDE):
        bad.append(f"too few: at least {LEAST_CUTS}, {LEAST_INSIDE} of them inside SD writes")
    detail = f"{cuts} power cuts ({inside_cuts} inside SD writes, {killed} by kill), {durable} commits, {len(lost)} lost"
    report.note(f"{board.machine} commits", not lost and not bad, "; ".join([detail, *lost[:3], *bad[:3]]))
    note_inspection(board, "commits", inspect(card), report)


def kill_after(command, seconds, directory):
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
                               text=True, cwd=directory)
    try:
        said, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        said, _ = process.communicate()
    return process.returncode, said


def last_number(said, word):
    numbers = [line.split()[1] for line in said.splitlines() if line.startswith(word + " ") and len(line.split()) > 1]
    return int(numbers[-1]) if numbers else None


@functools.cache
def host_program(name):
    """A program of tools/, built for this machine."""
    program, source = BUILD / name, ROOT / "tools" / f"{name}.cpp"
    cache = ["ccache"] if shutil.which("ccache") else []
    run([*cache, "g++", "-std=c++20", "-O1", "-I", ROOT / "include", "-I", ROOT / "tools", "-c", source, "-o",
         f"{program}.o"])
    run(["g++", f"{program}.o", "-o", program])
    return program


def inspect(image, expected=""):
    """What a program on the host finds wrong with an image; nothing if it is in order, and what is expected is said."""
    done = subprocess.run([host_program("vmem-inspect"), image], capture_output=True, text=True)
    if done.returncode == 0 and expected in done.stdout:
        return ""
    return f"exit {done.returncode}: {(done.stdout + done.stderr).strip()[-300:]}"


def note_inspection(board, test, complaints, report):
    report.note(f"{board.machine} {test}: vmem-inspect on the host", not complaints, complaints)


def power_fail_test(board, image, report, options):
    card = image.parent / "power_fail.img"
    random.seed(2)
    inside, bad, complaints, runs = 0, [], [], 60
    for index in range(runs):
        extra = blank_card(card, 1 << 20)
        ticks = random.randrange(20_000, 4_000_000)
        code, said = emulate(board, image, ["power_fail", str(ticks), str(index + 1)],
                             [*extra, "-icount", "shift=6,sleep=off"])
        lines = said.splitlines()
        where = [line.split()[1] for line in lines if line.startswith("at ")]
        warned = [line.split() for line in lines if line.startswith(("inside ", "outside "))]
        if code != 55 or len(warned) != 1:
            bad.append(f"{ticks} ticks: exit {code}: {said.strip()[-150:]}")
            continue
        inside += warned[0][0] == "inside"
        if found := inspect(card, "to be brought home"):
            complaints.append(f"{ticks} ticks: {found}")
        code, said = emulate(board, image, ["power_fail_check", warned[0][1], *where], extra)
        if code != 0:
            bad.append(f"{ticks} ticks, {' '.join(warned[0])}: exit {code}: {said.strip()[-150:]}")
    report.note(f"{board.machine} power_fail", not bad,
                "; ".join([f"{runs} warnings ({inside} inside an SD transfer), {len(bad)} bad", *bad[:3]]))
    note_inspection(board, "power_fail", "; ".join(complaints[:3]), report)


def serial_test(board, image, report, options):
    """With the host's program at the other end of the line, which is a good one at first and then a bad one."""
    host = host_program("vmem-serial-host")
    line = image.parent / "line"
    for disturbance in ([], ["--drop", "3000", "--flip", "3000"]):
        server = subprocess.Popen([str(host), "--unix", str(line), "--once", "--size", "65536", *disturbance],
                                  stdout=subprocess.PIPE, text=True)
        server.stdout.readline()
        code, said = emulate(board, image, ["serial", "100"], ["-serial", f"unix:{line}"])
        try:
            counts = server.communicate(timeout=10)[0].strip()
        except subprocess.TimeoutExpired:
            server.kill()
            counts = "the host did not end"
        repeated = last_number(said, "repeated")
        ok = code == 0 and server.returncode == 0 and (repeated != 0 if disturbance else repeated == 0)
        report.note(f"{board.machine} serial" + (", bytes lost and changed" if disturbance else ""), ok,
                    f"{counts}, {repeated} sent again" if ok else f"exit {code}: {said.strip()} {counts}")


SPECIAL = {"serial": serial_test, "words": words_test, "commits": commits_test, "power_fail": power_fail_test}

# --- other compilers, and the example ------------------------------------------------------------------


def clang_checks(report, wanted):
    """All programs of the Arm boards, compiled by clang; and for AVR the drivers and a paged heap."""
    suite = sorted(set(SOURCE.glob("*.cpp")) - {SOURCE / "start_riscv.cpp"})
    few = [SOURCE / "device_headers.cpp", SOURCE / "heaps.cpp"]
    compiler = next(filter(shutil.which, ("clang++-14", "clang++-19", "clang++")), None)
    for name, target, multilib, sources in (
            ("Cortex-M3", ["--target=thumbv7m-none-eabi", "-mcpu=cortex-m3"], "v7-m", suite),
            ("Cortex-M0", ["--target=thumbv6m-none-eabi", "-mcpu=cortex-m0"], "v6-m", suite),
            ("AVR", ["--target=avr", "-mmcu=atmega2560", "-Wno-conversion"], "v6-m", few)):
        title = f"clang for {name}: {len(sources)} files"
        if not wanted(title):
            continue
        if not compiler:
            report.note(title, False, "there is no clang")
            continue
        headers = ["-nostdinc++", "-isystem", NEWLIB, "-isystem", f"{NEWLIB}/arm-none-eabi/thumb/{multilib}/nofp",
                   "-isystem", "/usr/include/newlib"]
        failed = clang_failures(compiler, [*target, *headers], sources)
        report.note(title, not failed, "; ".join(failed[:3]))


def clang_failures(compiler, flags, sources):
    """Warnings are as GCC's with these flags, without those on attributes that only GCC has."""
    cache = ["ccache"] if shutil.which("ccache") else []
    out = BUILD / "clang"
    out.mkdir(exist_ok=True)
    as_gcc = ["-Wno-unknown-warning-option", "-Wno-unknown-attributes", "-Wno-sign-conversion"]

    def failure_of(source):
        try:
            run([*cache, compiler, *COMMON, *as_gcc, *flags, "-Os", *includes(BOARDS[0]), "-c", source,
                 "-o", out / f"{source.stem}.o"])
        except Failed as failure:
            return str(failure)
        return ""

    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        return list(filter(None, pool.map(failure_of, sources)))


def example(report, wanted):
    if not wanted("examples/firmware"):
        return
    done = subprocess.run(["make", "-C", str(ROOT / "examples" / "firmware"), f"BUILD={BUILD / 'example'}", "run"],
                          capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL)
    said = [line for line in done.stdout.splitlines() if line.startswith("samples")]
    told = [line.strip() for line in (ROOT / "examples" / "firmware" / "README.md").read_text().splitlines()
            if line.startswith("    samples")]
    report.note("examples/firmware prints what its README says", done.returncode == 0 and said == told,
                "" if said == told else f"{said} {done.stderr[-300:]}")


# --- sizes and counts ---------------------------------------------------------------------------------

# What is measured, and how much of its RAM is for the copies of what is outside.
COMPOSITIONS = {
    "paged_sram": ("paged heap on SPI SRAM", 8 * 256),
    "paged_fram": ("paged heap on SPI FRAM, opened again", 8 * 256),
    "objects_fram": ("object heap with persist on SPI FRAM", 1024),
    "journal_no_steal_sd": ("journaled paged heap on SD, no-steal", 16 * 512),
    "journal_sd": ("journaled paged heap on SD", 8 * 512),
}
# Those that have another program, whose operations are counted as well (see size_misses.hpp).
WITH_MISSES = {"paged_fram", "journal_no_steal_sd", "journal_sd"}
# What a figure of docs/size.md must not exceed, whatever it was before. RAM: 12 bytes for each frame, those of the map, 96,
# and 32 for each root.
LIMITS = {
    "paged heap on SPI SRAM / Cortex-M3 / -Os: text": 4096,
    "paged heap on SPI SRAM / Cortex-M3 / -Os: RAM beyond frames": 8 * 12 + 512 + 96,
    "paged heap on SPI FRAM, opened again / Cortex-M3 / -Os: RAM beyond frames": 8 * 12 + 32 + 96,
    "journaled paged heap on SD, no-steal / Cortex-M3 / -Os: text": 9216,
    "journaled paged heap on SD, no-steal / Cortex-M3 / -Os: RAM beyond frames": 16 * 12 + 32 + 96 + 32,
    "paged heap on SPI SRAM / resident read of a word / -Os: Cortex-M3": 14,
    "object heap with persist on SPI FRAM / Cortex-M3 / -Os: text": 6656,
    "object heap with persist on SPI FRAM / resident read, pin and release / -Os: Cortex-M3": 40,
}
# The boards that are measured, by their processor.
CORES = {"lm3s6965evb": "Cortex-M3", "netduinoplus2": "Cortex-M4F", "microbit": "Cortex-M0", "sifive_u": "RV32IMAC"}
TABLE = ROOT / "docs" / "size.md"


@functools.cache
def size_objects(board, source, optimise, extra):
    """Compiled once, for all programs that have it."""
    return compile_files(board, [SOURCE / source], f"size/{optimise}{''.join(extra)}",
                         [optimise, "-DFIRMWARE_QUIET", *extra])


def size_image(board, name, optimise, extra=()):
    out = BUILD / "size" / board.machine / (optimise + "".join(extra))
    out.mkdir(parents=True, exist_ok=True)
    sources = ["size_common.cpp", f"start_{board.arch}.cpp", f"size_{name}.cpp"]
    if board.arch == "riscv":
        sources.append("start_riscv.S")
    objects = [each for source in sources for each in size_objects(board, source, optimise, extra)]
    link(board, objects, out / f"{name}.elf")
    check_image(board, out / f"{name}.elf")
    return out / f"{name}.elf"


def sections(board, image):
    """Bytes of text (with constants), data and bss."""
    return [int(word) for word in run([tool(board, "size"), image]).splitlines()[1].split()[:3]]


def room_of(board, image):
    for line in run([tool(board, "nm"), "-S", image]).splitlines():
        words = line.split()
        if len(words) == 4 and "4room" in words[3]:
            return int(words[1], 16)
    raise Failed(f"{image.name} has no heap")


def counts_of(board, name, optimise):
    """Instructions per operation by name, and the deepest stack, both without those of the bus."""
    spent, stack = counts_of_program(board, name, optimise, ("-DCOUNTS",))
    if name in WITH_MISSES:
        of_misses, deepest = counts_of_program(board, name, optimise, ("-DCOUNTS", "-DMISSES"))
        spent, stack = {**spent, **of_misses}, max(stack, deepest)
    return spent, -(-stack // 8) * 8  # The stack pointer is a multiple of it.


def counts_of_program(board, name, optimise, flags):
    image = size_image(board, name, optimise, flags)
    at = symbols(board, image)
    bus = next(each for each in at if each.startswith("_ZN8chip_bus") and "8transfer" in each)
    places = {"begin": bus, "end": "_Z8bus_endsv", "mark": "mark", "stack": "_estack", "bottom": "_ebss"}
    chip, out = image.parent / "chip.img", image.parent / f"{name}.txt"
    options = [str(plugin()), f"out={out}", *(f"{option}={at[place]:#x}" for option, place in places.items())]

    def told(*cut):
        code, said = emulate(board, image, ["x"], ["-plugin", ",".join([*options, *cut])])
        if code != (137 if cut else 0):
            raise Failed(f"{board.machine} {name} ends with {code}: {said.strip()}")
        lines = [line.split() for line in out.read_text().splitlines()]
        marks = [(int(words[1]), int(words[2])) for words in lines if words[0] == "mark"]
        return said, list(zip(marks[::2], marks[1::2])), last_number(out.read_text(), "stack")

    chip.unlink(missing_ok=True)
    said, operations, stack = told()
    _, again, deepest = told()
    stack = max(stack, deepest)
    # Power cuts, unless the program takes no notice of what is there.
    for (begin, _), (end, _) in operations if again != operations else []:
        chip.unlink()
        told(f"die={(begin + end) // 2}")
        stack = max(stack, told()[-1])
    names = [line.removeprefix("count ") for line in said.splitlines() if line.startswith("count ")]
    spent = {each: (end[0] - end[1]) - (begin[0] - begin[1]) for each, (begin, end) in zip(names, operations)}
    nothing = spent.pop("nothing")
    spent = {each: count - nothing for each, count in spent.items()}
    if "all five" in spent:
        # Without the four additions.
        further = spent.pop("all five") - spent.pop("one of five") - 4
        spent = dict(list(spent.items())[:2] + [("resident read of a word, one of several", -(-further // 4))]
                     + list(spent.items())[2:])
    return spent, stack


def measure_all():
    """Rows of the first table; and instructions by composition and operation, by level, by processor."""
    sizes, counts = [], {}
    for board in BOARDS:
        core = CORES.get(board.machine)
        for optimise in ("-Os", "-O2") if core else ():
            start = sections(board, size_image(board, "empty", optimise))
            for name, (title, frames) in COMPOSITIONS.items():
                image = size_image(board, name, optimise)
                text, data, bss = (here - empty for here, empty in zip(sections(board, image), start))
                spent, stack = counts_of(board, name, optimise)
                sizes.append([title, core, optimise, text, data, bss, room_of(board, image) - frames, stack])
                for operation, count in spent.items():
                    counts.setdefault((title, operation), {}).setdefault(optimise, {})[core] = count
    return sizes, counts


def size_document(sizes, counts):
    cores = list(CORES.values())
    order = [title for title, _ in COMPOSITIONS.values()]
    lines = [SIZE_HEAD, "| composition | processor | | text | data | bss | RAM beyond frames | stack |",
             "|---|---|---|--:|--:|--:|--:|--:|"]
    lines += [table_row(row) for row in sorted(sizes, key=lambda row: order.index(row[0]))]
    lines += ["", SIZE_MIDDLE, "| composition | operation | | " + " | ".join(cores) + " |",
              "|---|---|---|" + "--:|" * len(cores)]
    lines += [table_row([*operation, optimise, *(row[core] for core in cores)])
              for operation, levels in counts.items() for optimise, row in levels.items()]
    return "\n".join(lines) + "\n"


def table_row(cells):
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def figures(document):
    """Each number of a table, by its row's words and its column."""
    found, head = {}, []
    for line in document.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else []
        if not cells:
            head = []
        elif not head:
            head = cells
        else:
            key = " / ".join(cell for cell in cells if cell and not cell.isdigit() and cell != "-")
            for name, cell in zip(head, cells):
                if cell.isdigit():
                    found[f"{key}: {name}"] = int(cell)
    return found


def size_check(write):
    document = size_document(*measure_all())
    if write:
        TABLE.write_text(document)
        print(f"wrote {TABLE.relative_to(ROOT)}")
        return 0
    before, now = figures(TABLE.read_text() if TABLE.exists() else ""), figures(document)
    grown = [f"{name}: {now[name]}, was {before.get(name, 'not there')}"
             for name in now if name not in before or now[name] > before[name] * 1.02]
    for line in grown:
        print("FAILED", line)
    if grown:
        print("If that is meant to be: ./run firmware --size --write")
    beyond = [f"{name}: {now.get(name, 'not there')}, at most {limit}" for name, limit in LIMITS.items()
              if now.get(name, limit + 1) > limit]
    beyond += [f"{name}: .data is not empty" for name, size in now.items() if name.endswith(": data") and size != 0]
    for line in beyond:
        print("FAILED", line)
    failures = len(grown) + len(beyond)
    print(f"{len(now) + len(LIMITS) - failures} passed, {failures} failed")
    return 1 if failures else 0


SIZE_HEAD = """# Sizes and instruction counts

Written by `./run firmware --size --write`; `./run firmware --size` fails when a figure grows by more than 2 %, and when
on a Cortex-M3 with `-Os` the heap on SPI SRAM exceeds 4 KiB of text, that of objects 6.5 or the no-steal one on SD 9, a
paged one 12 bytes of RAM for each frame, its map, 96 and 32 for each root, a resident word 14 instructions, or an object
40. What `journaled` has more than `journaled_no_steal` is for transactions that are larger than RAM.

Whole programs without start-up code: everything that is in the image but not in one whose `main` does nothing, the
driver, the bus and `memcpy` included. The programs are `test/firmware/size_*.cpp`; each starts its chip, opens the heap
or formats it (that on SPI SRAM is `durability<scratch>`, that of objects is only formatted), and makes, reads, writes,
saves and frees an object. Bytes; GCC 12.2, `-fno-exceptions -fno-rtti -ffunction-sections -Wl,--gc-sections`, no
link-time optimisation. "RAM beyond frames" is the size of the heap object without the page frames (8 of 256 bytes;
with SD of 512, 16 of them with no-steal) or the object arena (1 KiB, 16 slots). "Stack" is the deepest that anything
but the bus wrote to, when a program is run with a blank chip, with what that left, and with what a power cut in the
middle of each operation left; what the transfer function of the bus needs comes on top, and interrupts.
"""
SIZE_MIDDLE = """## Instructions per operation

Counted one by one in the emulator, so that they are the same each time; without those of the bus itself, which depend
on the controller. For that the programs run with a chip in software on the bus, the same on each board, whose bytes are
in a file of the machine that emulates the board; the card is never busy. A miss is that of a word while all frames are
taken; "clean" means that nothing had to be written back first. Those of SPI FRAM and SD are of a second program, so
that the first one is what a product would be.
"""


def special_tests(board, image, report, wanted, options):
    for test in board.tests:
        if test in SPECIAL and wanted(f"{board.machine} {test}"):
            try:
                SPECIAL[test](board, image, report, options)
            except Failed as failure:
                report.note(f"{board.machine} {test}", False, str(failure))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("filter", nargs="*")
    parser.add_argument("--size", action="store_true")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--cuts", type=int, default=CUTS)
    options = parser.parse_args()
    BUILD.mkdir(parents=True, exist_ok=True)
    bundle()
    if options.size:
        return size_check(options.write)
    report = Report()

    def wanted(name):
        return not options.filter or any(each in name for each in options.filter)

    for board in BOARDS:
        if not any(wanted(f"{board.machine} {test}") for test in board.tests):
            continue
        try:
            image = build(board)
            what = "the single header without dependencies" if board.bundled else "the headers"
            report.note(f"{board.machine} links {what} without malloc, _sbrk, exceptions and RTTI", True)
        except Failed as failure:
            report.note(f"{board.machine} builds", False, str(failure))
            continue
        plain_tests(board, image, report, wanted)
        special_tests(board, image, report, wanted, options)
    clang_checks(report, wanted)
    example(report, wanted)
    print(f"{report.passed} passed, {report.failures} failed")
    return 1 if report.failures else 0


if __name__ == "__main__":
    sys.exit(main())
