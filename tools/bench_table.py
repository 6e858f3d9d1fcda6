#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Prints the results of Google Benchmark (JSON files) as tables of ratios, one for each area.

With --write FOLDER it also writes FOLDER/performance.md and FOLDER/plots/*.svg.

A benchmark is named area/what/variant. The variant `vmem` is measured against every other variant of
the same area/what, its yardsticks (`raw`, `memcpy`, ...); one that has none is printed without a ratio.
Arguments that Google Benchmark appends (/64, /frames:64, /real_time) belong to `what`; a yardstick
without arguments serves all of them. Times are per item, where both say how many items they
processed (SetItemsProcessed), else per iteration. They are of the processor, or what the benchmark has
measured itself (UseManualTime).

Counters of the `vmem` variant say what is allowed:
    target     the largest ratio to the yardstick
    target_X   the largest ratio to yardstick X
    target_ns  the most nanoseconds beyond the yardstick
A yardstick that a target names and nobody has measured is noted: its package is not installed. So is one
that comes with an error, and what a program says in its context as `note`. With --strict, the exit code is
1 if one is over its target.

What is not a time is an aggregate with `value` and `unit`, and perhaps `least`; one that is less than
that comes with an error.
"""

import argparse
import json
import re
import sys
from collections import defaultdict
from pathlib import Path

SUBJECT = "vmem"
NANOSECONDS = {"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9}
ARGUMENT = re.compile(r"\d+|[\w ]+:[\w.]+|real_time|process_time|manual_time")


class Measurement:
    """One benchmark: the fastest of its repetitions, in nanoseconds. What else runs on the machine only
    ever adds to it."""

    def __init__(self):
        self.place = ()
        self.iterations = []
        self.items = []
        self.counters = {}

    def add(self, run):
        time = run["real_time" if run["run_name"].endswith("/manual_time") else "cpu_time"]
        self.iterations.append(time * NANOSECONDS[run["time_unit"]])
        if run.get("items_per_second"):
            self.items.append(1e9 / run["items_per_second"])
        for counter in run:
            if counter == "target" or counter.startswith("target_"):
                self.counters[counter] = run[counter]

    def time(self, per_item=True):
        return min(self.items if per_item and self.items else self.iterations)


def split(name):
    """area, what, variant, arguments"""
    parts = name.split("/")
    arguments = []
    while len(parts) > 3 and ARGUMENT.fullmatch(parts[-1]):
        arguments.insert(0, parts.pop())
    if len(parts) < 3:
        parts = ["", *parts] if len(parts) == 2 else ["", "", *parts]
    shown = [a for a in arguments if not a.endswith("_time") and not a.startswith(("repeats:", "iterations:"))]
    return parts[0], "/".join(parts[1:-1]), parts[-1], tuple(shown)


def load(files):
    found = {}
    errors = []
    notes = []
    figures = []
    for number, file in enumerate(files):
        with open(file, encoding="utf-8") as stream:
            text = stream.read()
        results = json.loads(text) if text.strip() else {"benchmarks": []}  # Empty: none was wanted.
        if "note" in results.get("context", {}):
            notes.append(results["context"]["note"])
        for run in results["benchmarks"]:
            if run.get("run_type") == "aggregate":
                if "value" in run:
                    figures.append(figure(run))
                continue
            if run.get("error_occurred"):
                subject = split(run["run_name"])[2] == SUBJECT
                (errors if subject else notes).append(f"{run['name']}: {run.get('error_message', 'failed')}")
                continue
            measured = found.setdefault(split(run["run_name"]), Measurement())
            measured.add(run)
            # In the order of the source: the program may have run them in any.
            measured.place = (number, run.get("family_index", 0), run.get("per_family_instance_index", 0))
    return dict(sorted(found.items(), key=lambda item: item[1].place)), errors, notes, figures


def figure(run):
    """The row of what is not a time."""
    area, what, _, arguments = split(run["run_name"])
    value = f"{run['value']:.1f}".removesuffix(".0") + f" {run.get('unit', '')}"
    least = f">= {run['least']:g}" if "least" in run else ""
    verdict = ("ok" if run["value"] >= run["least"] else "over") if least else ""
    return (area, shown(what, arguments), value.strip(), "", "", least, verdict)


def rows(found):
    """(area, what, time, yardstick, ratio, target, verdict) for each pair, texts."""
    variants = defaultdict(list)
    for area, what, variant, arguments in found:
        variants[area, what].append((variant, arguments))
    for (area, what, variant, arguments), measured in found.items():
        if variant != SUBJECT:
            if not any(v == SUBJECT for v, _ in variants[area, what]):
                yield (area, shown(what, arguments, variant), nanoseconds(measured.time()), "", "", "", "")
            continue
        names = sorted({v for v, _ in variants[area, what] if v != SUBJECT})
        if not names:
            yield (area, shown(what, arguments), nanoseconds(measured.time()), "", "", "", "")
        for name in names:
            yardstick = found.get((area, what, name, arguments)) or found.get((area, what, name, ()))
            if yardstick:
                yield compare(area, shown(what, arguments), measured, name, yardstick)


def compare(area, what, measured, name, yardstick):
    per_item = bool(measured.items and yardstick.items)
    time, usual = measured.time(per_item), yardstick.time(per_item)
    ratio = time / usual if usual else float("inf")
    extra = time - usual
    targets = []
    over = False
    limit = measured.counters.get(f"target_{name}", measured.counters.get("target"))
    if limit is not None:
        targets.append(f"<= {limit:.2f}x")
        over = over or ratio > limit
    if "target_ns" in measured.counters:
        targets.append(f"<= +{measured.counters['target_ns']:.0f} ns")
        over = over or extra > measured.counters["target_ns"]
    reached = f"{ratio:.2f}x"
    if "target_ns" in measured.counters:
        reached += f" {extra:+.1f} ns"
    verdict = ("over" if over else "ok") if targets else ""
    return (area, what, nanoseconds(time), f"{nanoseconds(usual)} {name}", reached, ", ".join(targets),
            verdict)


def shown(what, arguments, variant=""):
    return " ".join((what.replace("_", " "), *arguments, *([f"({variant})"] if variant else [])))


def nanoseconds(time):
    if time < 1e4:
        return f"{time:.{3 if time < 1 else 2 if time < 100 else 0}f} ns"
    return f"{time / 1e3:.1f} us" if time < 1e7 else f"{time / 1e6:.1f} ms"


def by_area(table):
    """{area: rows without it}, in the order of their first row."""
    areas = defaultdict(list)
    for area, *row in table:
        areas[area].append(row)
    return areas


HEADING = ("what", "time", "yardstick", "ratio", "target", "")


def print_table(table):
    colours = {"ok": "\x1b[32m", "over": "\x1b[31m"} if sys.stdout.isatty() else {}
    bold, plain = ("\x1b[1m", "\x1b[m") if colours else ("", "")
    for number, (area, area_rows) in enumerate(by_area(table).items()):
        widths = [max(len(row[i]) for row in (HEADING, *area_rows)) for i in range(len(HEADING))]
        print(("\n" if number else "") + bold + (area or "other") + plain)
        for row in (HEADING, *area_rows):
            cells = [cell.rjust(w) if 1 <= i <= 4 else cell.ljust(w)
                     for i, (cell, w) in enumerate(zip(row, widths))]
            line = "  ".join(cells).rstrip()
            print(colours.get(row[-1], "") + line + (plain if row[-1] in colours else ""))
            if row is HEADING:
                print("-" * (sum(widths) + 2 * (len(widths) - 1)))


def missing_yardsticks(found):
    """Those that a target names, of which there is no measurement in the area."""
    wanted = {(area, counter.removeprefix("target_")) for (area, _, _, _), m in found.items()
              for counter in m.counters if counter.startswith("target_") and counter != "target_ns"}
    there = {(area, variant) for area, _, variant, _ in found}
    return sorted(wanted - there)


# --- docs/performance.md ------------------------------------------------------------------------------

PREAMBLE = """# Performance

Written by `./run bench`; do not edit. Each figure is the least of several repetitions, in processor time per
item (an element, a byte, an operation), and the ratio is to the yardstick that was measured in the same run.
Ratios carry over to other machines better than times do. Exact counts, of page-ins, storage operations,
bytes and instructions, are in [counts.json](../tools/count_gate/counts.json), and may not get worse; times may.
"""

# What a table does not say by itself.
ABOUT = {
    "sort": """\
`vmem::sort` takes no more RAM than the frames of its heap, 4 MiB; next to it are STXXL with as much, and `std::sort`
over a mapped file with all the memory there is. What the system keeps of their files in RAM is not counted.

In the rows that say *limited* it is, by a control group: Linux keeps everything below 4.25 MiB there, of which 0.25 MiB
are for a process that does nothing; everything is what is mapped, the page cache under what is read and written, and
the process's own memory. `vmem::sort` has 3 MiB in frames, and what is left is page cache. `std::sort` over a mapped
file has all of it, and Linux is told not to read ahead (`MADV_RANDOM`), because it would read more than it may keep.
Each is a single run in a process of its own: its processor time, and the time that passes ("elapsed"), which includes
waiting for the disk. These rows need root and control groups of version 1; elsewhere they are left out.
""",
}


def markdown(table, context, plots):
    yield PREAMBLE
    yield f"Measured with {context}.\n"
    for area, area_rows in by_area(table).items():
        yield f"## {(area or 'other').capitalize() if area.islower() else area}\n"
        if area in ABOUT:
            yield ABOUT[area]
        if area in plots:
            yield f"![{area}: time as a ratio to the yardstick](plots/{plots[area]})\n"
        yield "| what | time | yardstick | ratio | target | |"
        yield "|---|--:|--:|--:|--:|---|"
        for row in area_rows:
            yield "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"
        yield ""


def plot(area, area_rows):
    """An SVG of the ratios in an area: a bar each, and a mark where the target is. None if there are none."""
    bars = []
    for what, _, yardstick, ratio, target, verdict in area_rows:
        if found := re.match(r"([\d.]+)x", ratio):
            limit = re.match(r"<= ([\d.]+)x", target)
            bars.append((f"{what} / {yardstick.split(' ', 2)[-1]}", float(found[1]),
                         float(limit[1]) if limit else None, verdict))
    if not bars:
        return None
    # Ratios beyond the end are cut off; the figure says what they are.
    end = min(max(max(limit or 1, min(ratio, 5)) for _, ratio, limit, _ in bars) * 1.1, 8)
    left, width, height = 330, 380, 40 + 22 * len(bars)

    def x(ratio):
        return left + width * min(ratio, end) / end
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 790 {height}" font-family="sans-serif" '
             f'font-size="12">', f'<rect width="790" height="{height}" fill="#fff"/>',
             f'<path d="M{x(1):.1f} 8V{height - 26}" stroke="#888" stroke-dasharray="3 3"/>',
             f'<text x="{x(1):.1f}" y="{height - 10}" text-anchor="middle">as the yardstick</text>']
    for i, (what, ratio, limit, verdict) in enumerate(bars):
        y = 12 + 22 * i
        colour = {"ok": "#2a9d4a", "over": "#d1383d"}.get(verdict, "#7a8aa0")
        text = what.replace("&", "&amp;").replace("<", "&lt;")
        parts.append(f'<text x="{left - 8}" y="{y + 12}" text-anchor="end">{text}</text>'
                     f'<rect x="{left}" y="{y}" width="{x(ratio) - left:.1f}" height="15" fill="{colour}"/>'
                     f'<text x="{x(ratio) + 6:.1f}" y="{y + 12}">{ratio:.2f}</text>')
        if limit is not None:
            parts.append(f'<path d="M{x(limit):.1f} {y - 2}v19" stroke="#000" stroke-width="2"/>')
    return "\n".join([*parts, "</svg>", ""])


def write_docs(folder, table, files):
    plots = {}
    (folder / "plots").mkdir(parents=True, exist_ok=True)
    for area, area_rows in by_area(table).items():
        if drawn := plot(area, area_rows):
            plots[area] = re.sub(r"\W+", "_", area or "other") + ".svg"
            (folder / "plots" / plots[area]).write_text(drawn, encoding="utf-8")
    context = next((json.loads(text)["context"] for file in files
                    if (text := Path(file).read_text(encoding="utf-8")).strip()), {})
    machine = f"{context.get('num_cpus', '?')} processors of {context.get('mhz_per_cpu', '?')} MHz"
    (folder / "performance.md").write_text("\n".join(markdown(table, machine, plots)), encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description="Prints benchmark results as one table of ratios.")
    parser.add_argument("files", nargs="+", help="JSON files that Google Benchmark wrote")
    parser.add_argument("--strict", action="store_true", help="exit 1 if one is over its target")
    parser.add_argument("--write", type=Path, metavar="FOLDER", help="also write performance.md and plots there")
    options = parser.parse_args()
    found, errors, notes, figures = load(options.files)
    table = [*rows(found), *figures]
    print_table(table)
    print()
    notes += [f"{area}: {name} is not there; not compared with it" for area, name in missing_yardsticks(found)]
    for note in notes:
        print(f"note: {note}")
    if options.write:
        write_docs(options.write, table, options.files)
    for error in errors:
        print(f"error: {error}")
    verdicts = [row[-1] for row in table]
    over = verdicts.count("over")
    print(f"{verdicts.count('ok')} within their target, {over} over")
    return 1 if errors or not table or (options.strict and over) else 0


if __name__ == "__main__":
    sys.exit(main())
