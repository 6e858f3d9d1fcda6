#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Prints the results of Google Benchmark (JSON files) as one table of ratios.

A benchmark is named area/what/variant. The variant `vmem` is measured against every other variant of
the same area/what, its yardsticks (`raw`, `memcpy`, ...); one that has none is printed without a ratio.
Arguments that Google Benchmark appends (/64, /frames:64, /real_time) belong to `what`; a yardstick
without arguments serves all of them. Times are per item, where both say how many items they
processed (SetItemsProcessed), else per iteration.

Counters of the `vmem` variant say what is allowed:
    target     the largest ratio to the yardstick
    target_ns  the most nanoseconds beyond the yardstick
With --strict, the exit code is 1 if one is over its target.

What is not a time is an aggregate with `value` and `unit`, and perhaps `least`; one that is less than
that comes with an error.
"""

import argparse
import json
import re
import sys
from collections import defaultdict

SUBJECT = "vmem"
NANOSECONDS = {"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9}
ARGUMENT = re.compile(r"\d+|[\w ]+:[\w.]+|real_time|process_time|manual_time")


class Measurement:
    """One benchmark: the fastest of its repetitions, in nanoseconds of processor time. What else
    runs on the machine only ever adds to it."""

    def __init__(self):
        self.iterations = []
        self.items = []
        self.counters = {}

    def add(self, run):
        self.iterations.append(run["cpu_time"] * NANOSECONDS[run["time_unit"]])
        if run.get("items_per_second"):
            self.items.append(1e9 / run["items_per_second"])
        for counter in ("target", "target_ns"):
            if counter in run:
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
    shown = [a for a in arguments if not a.endswith("_time") and not a.startswith("repeats:")]
    return parts[0], "/".join(parts[1:-1]), parts[-1], tuple(shown)


def load(files):
    found = {}
    errors = []
    figures = []
    for file in files:
        with open(file, encoding="utf-8") as stream:
            text = stream.read()
        for run in json.loads(text)["benchmarks"] if text.strip() else []:  # Empty: none was wanted.
            if run.get("run_type") == "aggregate":
                if "value" in run:
                    figures.append(figure(run))
                continue
            if run.get("error_occurred"):
                errors.append(f"{run['name']}: {run.get('error_message', 'failed')}")
                continue
            found.setdefault(split(run["run_name"]), Measurement()).add(run)
    return found, errors, figures


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
    if "target" in measured.counters:
        targets.append(f"<= {measured.counters['target']:.2f}x")
        over = over or ratio > measured.counters["target"]
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


def print_table(table):
    heading = ("area", "what", "time", "yardstick", "ratio", "target", "")
    widths = [max(len(row[i]) for row in (heading, *table)) for i in range(len(heading))]
    right = {2, 3, 4, 5}
    colours = {"ok": "\x1b[32m", "over": "\x1b[31m"} if sys.stdout.isatty() else {}
    for row in (heading, *table):
        cells = [cell.rjust(w) if i in right else cell.ljust(w)
                 for i, (cell, w) in enumerate(zip(row, widths))]
        line = "  ".join(cells).rstrip()
        verdict = row[-1]
        if verdict in colours:
            line = line[: len(line) - len(verdict)] + colours[verdict] + verdict + "\x1b[0m"
        print(line)
        if row is heading:
            print("-" * (sum(widths) + 2 * (len(widths) - 1)))


def main():
    parser = argparse.ArgumentParser(description="Prints benchmark results as one table of ratios.")
    parser.add_argument("files", nargs="+", help="JSON files that Google Benchmark wrote")
    parser.add_argument("--strict", action="store_true", help="exit 1 if one is over its target")
    options = parser.parse_args()
    found, errors, figures = load(options.files)
    table = [*rows(found), *figures]
    print_table(table)
    for error in errors:
        print(f"error: {error}")
    verdicts = [row[-1] for row in table]
    over = verdicts.count("over")
    print(f"{verdicts.count('ok')} within their target, {over} over")
    return 1 if errors or not table or (options.strict and over) else 0


if __name__ == "__main__":
    sys.exit(main())
