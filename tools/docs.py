#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Makes the documentation site in build/docs, and checks what is in it. The last line is the sum.

    docs.py           build and check
    docs.py --write   write docs/guides/compile_errors.md from test/fail

In docs/guides and README.md, a ```cpp block with `int main` is a program: it is compiled, with warnings as
errors, and run; a ```text block right below it is what it prints. One without #include begins with the blocks
of its page that came before and have no main, which are checked too. Other ```cpp blocks are what is inside a
function, unless they begin with a declaration.

The ```cpp blocks of docs/device/spi_bus.md and i2c_bus.md are buses for a vendor's functions: the programs in
test/docs use them, with stand-ins for these functions. What the other pages show, indented, is compiled as
well, with what test/docs/given.hpp says of each page, and not run.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GUIDES = ROOT / "docs" / "guides"
COMPILE_ERRORS = GUIDES / "compile_errors.md"
FLAGS = ("-std=c++20", "-Wall", "-Wextra", "-Wno-unused", "-Werror", "-I", str(ROOT / "include"), "-I",
         str(ROOT / "test"))


def text_of(path):
    return path.read_text(encoding="utf-8")


def relative(path):
    return path.relative_to(ROOT).as_posix()


# --- the reference ------------------------------------------------------------------------------------

# Members whose meaning is that of a vocabulary: what a pointer, an iterator or a container has by this name
# in the standard library, and what the concepts say of those that are theirs. A comment on each would
# repeat that.
POINTERS = {"operator", "operator=", "operator*", "operator->", "operator[]", "operator++", "operator--",
            "operator+", "operator-", "operator+=", "operator-=", "operator==", "operator<=>", "operator&",
            "operator|=", "operator^=", "operator&=", "operator*=", "operator/=", "operator%=", "operator<<=",
            "operator>>=", "swap", "from_address"}
RANGES = {"value_type", "element_type", "pointer", "const_pointer", "reference", "difference_type", "iterator",
          "iterator_concept", "iterator_category", "begin", "end", "size", "empty", "data", "type", "value",
          "capacity", "full"}
STORAGE = {"read", "write", "sync", "erase", "geometry", "write_gathered", "read_size", "write_size",
           "erase_size", "atomic_write_size"}
EVICTION = {"on_insert", "on_access", "on_remove", "victim"}
ALLOCATORS = {"allocate", "allocate_at", "deallocate", "reallocate", "largest_free", "stats",
              "invariants_hold", "sort_free", "format", "open", "settle", "media_id", "max_address",
              "id", "worst_case_persist"}
COMPOSITION = {"storage_type", "allocator_type", "heap_type", "address_type", "residency_type", "slot_type",
               "table_type", "policy", "arena_type", "medium_type", "map_type", "storage", "residency"}
MUTEX_AND_LISTS = {"lock", "unlock", "front", "back", "push_front", "push_back", "pop_front", "pop_back"}
VOCABULARY = MUTEX_AND_LISTS | POINTERS | RANGES | STORAGE | EVICTION | ALLOCATORS | COMPOSITION

# Parts of the residencies that programs do not name: their users are `heap<>` and the tests.
INTERNAL = re.compile(r"vmem::(object_(images|access|store|cache|table|arena)|frame_table|page_(table|map))\b")

UNDOCUMENTED = re.compile(r"(Member|Compound) (.*?)(?: \(\w+\) of \w+ (.*?))? is not documented")
# Doxygen does not know what specialisations in namespace std are of.
BEYOND_DOXYGEN = re.compile(r"Internal inconsistency: scope for class|enable_view<|enable_borrowed_range<|"
                            r"Unsupported xml/html tag|unable to resolve reference|"
                            r"Compound (std|concepts|ranges)::")


def excused(warning):
    if BEYOND_DOXYGEN.search(warning):
        return True
    match = UNDOCUMENTED.search(warning)
    if not match:
        return False
    kind, entity, scope = match.group(1), match.group(2), match.group(3) or ""
    if kind == "Compound" or INTERNAL.search(scope):
        return bool(INTERNAL.search(entity + scope))
    if re.search(r"\(variable\) of struct", warning):
        return True  # A structure's comment is about what it holds; most names need no more.
    if scope.startswith(("std::", "concepts::", "ranges::")) or scope.endswith("_archetype"):
        return True  # What a specialisation or an archetype has, the concept it belongs to says.
    name = re.match(r"~?\w+", entity).group(0)
    constructs = scope.split("<")[0].split("::")[-1] == name
    return name in VOCABULARY or constructs or name.endswith("_")


def check_reference(_):
    """Doxygen has no complaint, and every public entity has a comment or is of a known vocabulary."""
    out = ROOT / "build" / "docs"
    out.mkdir(parents=True, exist_ok=True)
    version = ".".join(re.search(rf"#define VMEM_VERSION_{part} (\d+)",
                                 text_of(ROOT / "include/vmem/version.hpp")).group(1)
                       for part in ("MAJOR", "MINOR", "PATCH"))
    done = subprocess.run(["doxygen", "-"], cwd=ROOT, text=True, errors="replace", check=False,
                          input=f"{text_of(ROOT / 'docs/site/Doxyfile')}\nPROJECT_NUMBER={version}\n",
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    lines = [line.replace(f"{ROOT}/", "") for line in done.stdout.splitlines() if line.strip()]
    wrong = list(dict.fromkeys(line for line in lines if not excused(line)))
    if done.returncode:
        wrong.append(f"doxygen ended with {done.returncode}")
    return wrong


# --- the guides ---------------------------------------------------------------------------------------

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
DECLARATION = re.compile(r"\s*(//[^\n]*\n)*(#include|using|template|struct|class|namespace|enum|constexpr|static|"
                         r"TEST_CASE|\w[\w:<>, ]* \w+\(.*\) (noexcept )?\{)")


def has_main(source):
    return "int main(" in source or "DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN" in source


class Program:
    def __init__(self, name, source, output=None):
        self.name, self.source, self.output = name, source, output
        self.runs = has_main(source)


def programs(page):
    """What of a page is to be compiled."""
    text = text_of(page)
    found, before = [], []
    blocks = list(BLOCK.finditer(text))
    for block, following in zip(blocks, [*blocks[1:], None]):
        if block.group(1) != "cpp":
            continue
        source = block.group(2)
        name = f"{relative(page)}:{text[:block.start()].count(chr(10)) + 1}"
        output = None
        if following and following.group(1) == "text" and text[block.end():following.start()].strip() in ("", "It prints:"):
            output = following.group(2)
        if has_main(source):
            alone = "#include <vmem/vmem.hpp>" in source
            found.append(Program(name, source if alone else "".join(before) + source, output))
        elif DECLARATION.match(source):
            before.append(source)
            found.append(Program(name, "".join(before)))
        else:
            found.append(Program(name, f"{''.join(before)}\nvoid fragment() {{\n{source}\n}}\n"))
    return found


def check_program(program, scratch):
    directory = scratch / re.sub(r"\W+", "_", program.name)
    directory.mkdir()
    source, binary = directory / "program.cpp", directory / "program"
    text = program.source
    if "#include <vmem/" not in text:
        text = "#include <vmem/vmem.hpp>\n" + text
    source.write_text(text, encoding="utf-8")
    launcher = ["ccache"] if shutil.which("ccache") else []
    compiler = [*launcher, "g++", *FLAGS, "-I", scratch / "include", *([] if program.runs else ["-fsyntax-only"])]
    command = [*compiler, "-c", source, "-o", binary.with_suffix(".o")] if program.runs else [*compiler, source]
    for step in [command, ["g++", binary.with_suffix(".o"), "-o", binary]] if program.runs else [command]:
        done = subprocess.run([str(c) for c in step], text=True, check=False, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        if done.returncode:
            return f"{program.name}: does not compile\n{done.stdout[:3000]}"
    if not program.runs:
        return ""
    done = subprocess.run([str(binary)], cwd=directory, text=True, check=False, timeout=60,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        return f"{program.name}: ended with {done.returncode}\n{done.stdout}"
    if program.output is not None and done.stdout != program.output:
        return f"{program.name}: prints\n{done.stdout}and not\n{program.output}"
    return ""


def check_guides(options):
    """The programs in the guides compile, and do what the guides say."""
    found = [program for page in (ROOT / "README.md", *sorted(GUIDES.glob("*.md"))) if page != COMPILE_ERRORS
             for program in programs(page)]
    with tempfile.TemporaryDirectory(prefix="vmem-docs-") as scratch, ThreadPoolExecutor(2) as pool:
        # The contract suites, where an installed vmem has them.
        (Path(scratch) / "include/vmem").mkdir(parents=True)
        (Path(scratch) / "include/vmem/contract").symlink_to(ROOT / "test/contract")
        problems = list(pool.map(lambda program: check_program(program, Path(scratch)), found))
    options.counted += len(found) - 1
    print(f"    {len(found)} blocks, {sum(program.runs for program in found)} of them programs")
    return [problem for problem in problems if problem]


# --- what the pages of the modules show ---------------------------------------------------------------

GIVEN = ROOT / "test" / "docs" / "given.hpp"
AT_FILE_SCOPE = re.compile(r"(template|struct|class|using|enum|namespace|extern|inline|static_assert|TEST_CASE)\b|"
                           r"(?!if|for|while|switch|return|else)[\w:<>,&* ]+ [\w:]+\([^;]*\)[\w ]*\{")
ELISION = re.compile(r"<\.\.\.|\.\.\.[,>]")


def indented_code(text):
    """(number of the first line, lines) of what is indented and is C++."""
    lines = re.sub(r"^```.*?^```$", lambda fenced: "\n" * fenced.group(0).count("\n"), text,
                   flags=re.MULTILINE | re.DOTALL).splitlines()
    number = 0
    while number < len(lines):
        first = number
        while number < len(lines) and (lines[number].startswith("    ") or
                                       (number > first and not lines[number].strip())):
            number += 1
        code = [line[4:] for line in lines[first:number]]
        after_blank = first == 0 or not lines[first - 1].strip()
        if after_blank and re.search(r"[;{}]\s*(//.*)?$", "\n".join(code), re.MULTILINE):
            yield first + 1, code
        number = max(number, first + 1)


def statements(first, lines):
    """(number of its first line, text) of each statement and declaration, but those that leave something
    out, `heap<..., locking<...>>`."""
    found, depth = [], 0
    for number, line in enumerate(lines):
        code = re.sub(r'"(\\.|[^"\\])*"|\'(\\.|[^\'\\])+\'|//.*', "", line)
        if not found and code.strip() in ("", "..."):
            continue
        found.append((first + number, line))
        depth += sum(map(code.count, "({[")) - sum(map(code.count, ")}]"))
        following = next((line for line in lines[number + 1:] if line.strip()), "")
        ends = depth <= 0 and (code.rstrip().endswith((";", "}")) or line.startswith("#"))
        if ends and not re.match(r"else\b", following) or number + 1 == len(lines):
            text = "\n".join(text for _, text in found)
            if not ELISION.search(text):
                yield found[0][0], text
            found, depth = [], 0


def page_as_namespace(number, name, text, given, includes):
    """Lines of C++: what a page declares, and a function for each of its blocks with what is left."""
    before, _, after = given.partition("// then\n")
    declared, functions = [before], []
    for block, (first, lines) in enumerate(indented_code(text)):
        inside = []
        for line, code in statements(first, lines):
            place = f'#line {line} "docs/{name}"'
            if code.startswith("#include"):
                includes.add(code.split("//")[0].strip())
            elif code.startswith("template <>"):  # Of a template of vmem's: outside of any namespace.
                special = re.sub(r"<(\w+)>", rf"<page_{number}::\1>", code)
                declared += ["}", place, special, f"namespace page_{number} {{"]
            elif AT_FILE_SCOPE.match(code):
                declared += [place, code]
            else:
                inside += [place, code]
        if inside:
            functions += [f"inline void block_{block}() {{", *inside, "}"]
    if re.search(r"^using memory =", "\n".join(declared), re.MULTILINE):
        declared.append("extern memory heap;")
    return [f"namespace page_{number} {{", *declared, after, *functions, "}"]


def check_pages(options):
    """What the pages of the modules show compiles, with what test/docs/given.hpp gives them."""
    common, *sections = re.split(r"^// page (\S+)$", text_of(GIVEN), flags=re.MULTILINE)
    given = dict(zip(sections[::2], sections[1::2]))
    includes, code, blocks = set(), [], 0
    for number, page in enumerate(sorted((ROOT / "docs").rglob("*.md"))):
        text = text_of(page)
        if page.parent == GUIDES or not (found := len(list(indented_code(text)))):
            continue
        name = page.relative_to(ROOT / "docs").as_posix()
        own = given.pop(name, "")
        includes.update(re.findall(r"^#include .*$", own, re.MULTILINE))
        own = re.sub(r"^#include .*$", "", own, flags=re.MULTILINE)
        code += page_as_namespace(number, name, text, own, includes)
        blocks += found
    with tempfile.TemporaryDirectory(prefix="vmem-docs-") as scratch:
        source = Path(scratch) / "pages.cpp"
        (Path(scratch) / "vmem").mkdir()
        (Path(scratch) / "vmem" / "contract").symlink_to(ROOT / "test/contract")
        source.write_text("\n".join([common, *sorted(includes), *code, ""]), encoding="utf-8")
        done = subprocess.run(["g++", *FLAGS, "-fsyntax-only", "-I", scratch, str(source)], text=True,
                              check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    print(f"    {blocks} blocks")
    problems = [f"{GIVEN.name}: {name} shows no code" for name in given]
    if done.returncode:
        wrong = [line for line in done.stdout.splitlines() if ": error: " in line]
        problems += wrong or [done.stdout[:3000]]
    headers = {header for page in (ROOT / "docs").rglob("*.md") for header in
               re.findall(r"#include <(vmem/[\w/.]+)>", text_of(page))}
    problems += [f"docs: there is no <{header}>" for header in sorted(headers)
                 if not (ROOT / "include" / header).exists() and not header.startswith("vmem/contract/")]
    return problems


# --- the buses in docs/device ---------------------------------------------------------------------------

# The heading above a bus, and the folder of test/docs with the stand-ins for what it includes.
VENDORS = {"Arduino": "arduino", "STM32 HAL": "stm32", "ESP-IDF": "esp_idf", "Zephyr": "zephyr"}


def check_vendor(heading, scratch):
    name = VENDORS[heading]
    directory = scratch / name
    directory.mkdir()
    for page in ("spi_bus", "i2c_bus"):
        text = text_of(ROOT / "docs" / "device" / f"{page}.md")
        section = re.search(rf"^## {heading}$(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
        block = BLOCK.search(section.group(1)) if section else None
        if not block:
            return f"docs/device/{page}.md: has no program for {heading}"
        (directory / f"{page}.hpp").write_text(f"#pragma once\n{block.group(2)}", encoding="utf-8")
    binary = directory / "program"
    launcher = ["ccache"] if shutil.which("ccache") else []
    common = [*FLAGS, "-I", str(directory), "-I", str(ROOT / "test" / "docs" / name)]
    for step in ([*launcher, "g++", *common, "-DDOCTEST_CONFIG_IMPLEMENT_WITH_MAIN", "-c",
                  str(ROOT / "test" / "docs" / f"{name}.cpp"), "-o", f"{binary}.o"],
                 ["g++", f"{binary}.o", "-o", str(binary)], [str(binary)]):
        done = subprocess.run(step, text=True, check=False, timeout=300, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        if done.returncode:
            return f"the buses for {heading}:\n{done.stdout[:3000]}"
    return ""


def check_buses(options):
    """The buses in docs/device compile, and move bytes to and from models of chips."""
    with tempfile.TemporaryDirectory(prefix="vmem-docs-") as scratch, ThreadPoolExecutor(2) as pool:
        problems = list(pool.map(lambda heading: check_vendor(heading, Path(scratch)), VENDORS))
    options.counted += len(VENDORS) - 1
    return [problem for problem in problems if problem]


# --- pages that follow from the code ------------------------------------------------------------------

AREAS = {
    "storage": "Storages", "residency": "Residencies", "paged": "Pages", "page_table": "Pages",
    "eviction policy": "Eviction policies", "nonresident allocator": "Allocators",
    "RAM allocator": "Allocators", "heap": "Heaps",
}


def compile_errors():
    """The text of compile_errors.md: each message, and a program that gets it."""
    areas = {}
    for path in sorted((ROOT / "test/fail").glob("*.cpp")):
        text = text_of(path)
        # A sentence may go on in the next line of the comment.
        messages = [" ".join(part.strip() for part in message.split("\n//")) for message in
                    re.findall(r"^// EXPECT: *(.+(?:\n// (?!EXPECT).+)*)", text, re.MULTILINE)]
        if not messages:
            continue
        lines = text.splitlines()
        code = [line for line in lines[1:] if not line.startswith("#include")]
        while code and (code[0].startswith("//") or not code[0].strip()):
            code.pop(0)
        area = messages[0].split(":")[0] if ":" in messages[0] else ""
        areas.setdefault(AREAS.get(area, area.replace("_", " ").capitalize() if re.fullmatch(r"[\w ]+", area) and area
                                   else "Everything else"), []).append((messages, squeezed(code), path.stem))
    out = [
        "# What the compiler says",
        "",
        "Every message of vmem's own, with the shortest program that gets it; the message says what is to be",
        "done. Compilers print it behind `static assertion failed` or `constraints not satisfied`. This page is",
        "made by `./run docs --write` from the tests in `test/fail`, which hold g++ and clang++ to these words.",
        "For errors at run time see [troubleshooting](troubleshooting.md).",
        "",
    ]
    for area in sorted(areas, key=lambda name: (name == "Everything else", name)):
        out += [f"## {area}", ""]
        for messages, code, stem in areas[area]:
            # A test may ask for two halves of one sentence.
            quoted = "\n".join(messages)
            quoted = re.sub(r"\n(?![\w ]+: )", " ", quoted)
            out += [f"> {message}  " for message in quoted.splitlines()]
            out += ["", f"<!-- test/fail/{stem}.cpp -->", "", *(f"    {line}".rstrip() for line in code), ""]
    return "\n".join(out).rstrip() + "\n"


def squeezed(lines):
    while lines and not lines[-1].strip():
        lines = lines[:-1]
    return lines


def check_compile_errors(_):
    """The page of compile errors is what the tests give."""
    if not COMPILE_ERRORS.exists() or text_of(COMPILE_ERRORS) != compile_errors():
        return [f"{relative(COMPILE_ERRORS)} is not what test/fail gives; run ./run docs --write"]
    return []


def check_errors_covered(_):
    """The troubleshooting guide has every error that a function can return, with its message."""
    header = text_of(ROOT / "include/vmem/result.hpp")
    page = text_of(GUIDES / "troubleshooting.md")
    messages = dict(re.findall(r'case errc::(\w+):\s*return "(.*?)";', header))
    problems = [f"{relative(GUIDES / 'troubleshooting.md')}: lacks `{code}`, {message}"
                for code, message in messages.items() if f"| `{code}` | {message} |" not in page]
    listed = re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)
    problems += [f"{code}: there is no such error" for code in listed if code not in messages]
    return problems + [f"{code}: is there twice" for code in sorted(set(listed)) if listed.count(code) > 1]


def check_links(_):
    """Links between the pages lead somewhere."""
    problems = []
    pages = [*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md")]
    for page in sorted(pages):
        for target in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"```.*?```", "", text_of(page), flags=re.DOTALL)):
            file = target.split("#")[0]
            if file and "://" not in target and not (page.parent / file).exists():
                problems.append(f"{relative(page)}: leads to {target}, which is not there")
    return problems


CHECKS = (
    ("every public entity is documented (build/docs/html)", check_reference),
    ("the programs in the guides do what they say", check_guides),
    ("what the pages of the modules show compiles", check_pages),
    ("the buses in docs/device reach the chips", check_buses),
    ("compile_errors.md is up to date", check_compile_errors),
    ("every error has its remedy", check_errors_covered),
    ("links lead somewhere", check_links),
)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="write the page that follows from test/fail")
    options = parser.parse_args()
    if options.write:
        COMPILE_ERRORS.write_text(compile_errors(), encoding="utf-8")
        print(f"{relative(COMPILE_ERRORS)} is written")
        return 0
    options.counted = 0
    failed = 0
    for name, check in CHECKS:
        print(f"==> {name} ...", flush=True)
        problems = check(options)
        failed += len(problems)
        print("\n".join([*problems, f"    {'FAILED' if problems else 'ok'}"]), flush=True)
    print(f"{max(len(CHECKS) + options.counted - failed, 0)} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
