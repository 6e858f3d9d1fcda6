# SPDX-License-Identifier: BSL-1.0
"""Puts the third-party headers that the single header includes into it: then it needs nothing but the
standard library. Used by tools/amalgamate.

What is taken of Boost gets a namespace and macros of its own, so that it and a program's own Boost, of
another version, do not meet. tl::expected keeps its name and its guard: it is a part of vmem's interface,
and a program that has it too must get the same type.
"""

import os
import re
import shutil
import subprocess

DIRECTIVE = re.compile(r"\s*#\s*(\w+)\s*(.*)")
THIRD_PARTY = re.compile(r'[<"]((?:boost|tl)/[^>"]+)[>"]')
#: Macros that stand for a header: those that Boost.Config chooses one for each compiler, library, system.
CHOSEN = re.compile(r"BOOST_(COMPILER|STDLIB|PLATFORM)_CONFIG\b")
#: Of what it chooses from, those that vmem supports; without one, Boost assumes a current standard.
CHOICES = re.compile(r"boost/config/(compiler/(gcc|clang)|stdlib/(libstdcpp3|libcpp)|"
                     r"platform/(linux|macos|cygwin|bsd))\.hpp")
NEEDS_BOOST = re.compile(r"#if __has_include\(<boost/")
PREFIX = "vmem_bundled_"
#: In a file of the user's they are no system headers any more: what a compiler may say of them.
WARNINGS = ("-Wconversion", "-Wold-style-cast", "-Wshadow", "-Wsign-conversion", "-Wunused-parameter")
QUIET = ["#pragma GCC diagnostic push", *(f'#pragma GCC diagnostic ignored "{name}"' for name in WARNINGS),
         # GCC's alone: with -Os it takes the error of an `expected` that has none for read.
         "#ifndef __clang__", '#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"', "#endif"]
LOUD = ["#pragma GCC diagnostic pop"]


class Missing(Exception):
    """A header that is not installed."""


def find(name):
    """The path of an installed header, as the compiler sees it."""
    compiler = os.environ.get("CXX") or shutil.which("c++") or "g++"
    done = subprocess.run([*compiler.split(), "-x", "c++", "-std=c++20", "-H", "-fsyntax-only", "-"],
                          input=f"#include <{name}>\n", text=True, capture_output=True, check=False)
    match = re.search(rf"^\. (\S*{re.escape(name)})$", done.stderr, re.MULTILINE)
    if not match:
        raise Missing(f"<{name}> was not found by {compiler}")
    return match.group(1)


class Bundle:
    """Inlines third-party headers into the lines of a file, each once where that is possible."""

    def __init__(self):
        self.roots = {}
        self.contained = set()  # Those that are in the text outside of any condition.

    def path(self, name):
        library = name.split("/")[0]
        if library not in self.roots:
            entry = {"boost": "boost/version.hpp", "tl": "tl/expected.hpp"}[library]
            self.roots[library] = find(entry).removesuffix(entry)
        return self.roots[library] + name

    def lines_of(self, text):
        """The lines of the single header, with all that it includes of third parties."""
        out = []
        for line in text.splitlines():
            match = DIRECTIVE.match(line)
            included = match and match.group(1) == "include" and THIRD_PARTY.match(match.group(2))
            if included:
                inlined = self.inlined(included.group(1), conditional=False)
                out += [*QUIET, *inlined, *LOUD] if inlined else []
            elif NEEDS_BOOST.match(line):
                out.append("#if 1 // Boost.Intrusive is in this file.")
            else:
                out.append(own_names(line))
        return out

    def inlined(self, name, conditional):
        if name in self.contained:
            return []
        with open(self.path(name), encoding="utf-8") as stream:
            source = stream.read().splitlines()
        guard = guard_of(source)
        if guard and not conditional:
            self.contained.add(name)
        out = [f"// --- <{name}>"]
        depth = -1 if guard else 0
        heading = True  # The comments at the top name the authors and the licence.
        for line in without_include_checks(without_dead_parts(without_block_comments(source))):
            comment = line.lstrip().startswith("//")
            heading = heading and (comment or not line.strip())
            if (not line.strip() or (comment and not heading)) and not (out and out[-1].endswith("\\")):
                continue  # But what ends a macro of several lines must stay.
            match = DIRECTIVE.match(line)
            keyword, rest = match.groups() if match else ("", "")
            if keyword in ("if", "ifdef", "ifndef"):
                depth += 1
            elif keyword == "endif":
                depth -= 1
            if keyword == "include":
                out += self._include(rest, line, conditional or depth > 0)
            elif keyword == "define" and CHOSEN.match(rest):
                chosen = THIRD_PARTY.search(rest)
                if chosen and CHOICES.fullmatch(chosen.group(1)):
                    out += self.inlined(chosen.group(1), conditional=True)
            elif keyword == "define" and rest.startswith("BOOST_USER_CONFIG"):
                pass
            elif keyword == "pragma" and rest.startswith("once"):
                pass
            else:
                out.append(line if comment else own_names(line))
        return out

    def _include(self, what, line, conditional):
        match = THIRD_PARTY.match(what)
        if match:
            return self.inlined(match.group(1), conditional)
        if CHOSEN.match(what):
            return []  # It was inlined where it was chosen.
        if what.startswith("BOOST_"):
            return ['#error "a header of the user\'s own is not a part of this file"']
        return [line]


def own_names(line):
    line = re.sub(r"\bBOOST_", f"{PREFIX.upper()}BOOST_", line)
    return re.sub(r"\bboost\b(?=\s*(::|\{|$))", f"{PREFIX}boost", line)


def guard_of(source):
    """The include guard's macro, if the header has one around all of it."""
    directives = [m.groups() for m in map(DIRECTIVE.match, source) if m]
    if len(directives) >= 3 and directives[0][0] == "ifndef" and directives[1][0] == "define":
        macro = directives[0][1].split()[0]
        if directives[1][1].split()[0] == macro and directives[-1][0] == "endif":
            return macro
    return None


def without_block_comments(source):
    """The lines, with /* */ comments turned into // comments where they fill lines, or dropped."""
    inside = False
    for line in source:
        stripped = line.strip()
        if inside:
            inside = "*/" not in line
            rest = line.split("*/", 1)[1] if not inside else ""
            yield "// " + stripped.split("*/", 1)[0].lstrip("* ")
            if rest.strip():
                yield rest
        elif stripped.startswith("/*") and "*/" not in stripped:
            inside = True
            yield "// " + stripped[2:].lstrip("* ")
        else:
            yield line


def without_dead_parts(lines):
    """Without what stands between #if 0 and its #endif, where there is no #else."""
    lines = list(lines)
    at = 0
    while at < len(lines):
        if re.match(r"\s*#\s*if\s+0\b", lines[at]):
            end, depth = at + 1, 1
            while depth and not (depth == 1 and re.match(r"\s*#\s*el", lines[end])):
                depth += bool(re.match(r"\s*#\s*if", lines[end]))
                depth -= bool(re.match(r"\s*#\s*endif", lines[end]))
                end += 1
            if not depth:
                at = end
                continue
        yield lines[at]
        at += 1


def without_include_checks(lines):
    """Without the check around an include of whether its header has been included already: the header
    has one of its own."""
    lines = list(lines)
    at = 0
    while at < len(lines):
        check = re.match(r"\s*#\s*ifndef\s+BOOST_\w+_HPP\s*$", lines[at])
        if check and at + 2 < len(lines) and re.match(r"\s*#\s*include\b", lines[at + 1]) and \
                re.match(r"\s*#\s*endif", lines[at + 2]):
            yield lines[at + 1]
            at += 3
        else:
            yield lines[at]
            at += 1


def bundled(text):
    """The text of the single header with everything that it needs."""
    bundle = Bundle()
    lines = bundle.lines_of(text)
    lines[4] = "// Generated by tools/amalgamate --bundle. It needs nothing but the standard library: what it uses\n" \
               "// of other libraries is in it, under their licences, which stand above their parts."
    return "\n".join(lines) + "\n"
