# SPDX-License-Identifier: BSL-1.0
"""GDB shows what virtual pointers point at, as far as it is in RAM.

    (gdb) source <vmem>/debug/vmem_gdb.py
    (gdb) print p
    $1 = 0x240 -> 42
    (gdb) print q
    $2 = 0x9c00 (not resident)

Nothing is loaded for it: looking at a program does not change what is in its RAM. What a shown object
itself points at is not followed further.
"""

import re

import gdb
import gdb.printing


# --- the memory of a program --------------------------------------------------------------------------


def members(type_):
    """The data members of a class and of those that it derives from, static ones included."""
    for field in type_.strip_typedefs().fields():
        if field.is_base_class:
            yield from members(field.type)
        elif field.name:
            yield field.name


def elements(array):
    """The elements of a std::array, as a value of the raw array's type."""
    return array["_M_elems"] if "_M_elems" in set(members(array.type)) else array["__elems_"]


def live_heap(heap_type):
    """The heap of a type that is alive, or None."""
    try:
        pointer = gdb.Value(0).cast(heap_type.pointer()).dereference()["current_"]
    except gdb.error:
        return None
    return pointer.dereference() if int(pointer) else None


class Pages:
    """The residency of a heap with pages."""

    def __init__(self, residency):
        table = residency["frames_"]
        self.end = int(residency["end_"])
        arguments = [table.type.strip_typedefs().template_argument(n) for n in (1, 2)]
        self.page_size, self.frames = int(arguments[0]), int(arguments[1])
        self.tags = elements(table["tags_"])
        self.pins = elements(table["pins_"])
        self.dirty = [elements(table["dirty_"][name]) for name in ("begin_", "last_")]
        self.data = int(elements(residency["bytes_"]).address)
        # The bits of a tag that is no page's: an empty frame, or a copy.
        tag_size = self.tags[0].type.sizeof
        wide = tag_size > table.type.strip_typedefs().template_argument(0).sizeof
        self.no_page = 1 << (8 * tag_size - 1) if wide else self.page_size // 2

    def pages(self):
        """(frame, address of its page) of the frames that hold one."""
        for frame in range(self.frames):
            tag = int(self.tags[frame])
            if not tag & self.no_page:
                yield frame, tag

    def read(self, address, count):
        """The bytes there, or None if not all of them are in RAM."""
        found = b""
        while len(found) < count:
            at = address + len(found)
            page = at - at % self.page_size
            frame = next((frame for frame, held in self.pages() if held == page), None)
            if page < self.page_size or frame is None:
                return None
            part = min(count - len(found), page + self.page_size - at)
            place = self.data + frame * self.page_size + at % self.page_size
            found += memory(place, part)
        return found

    def summary(self):
        held = [frame for frame, _ in self.pages()]
        dirty = sum(self.is_dirty(frame) for frame in held)
        pinned = sum(int(self.pins[frame]) != 0 for frame in held)
        return (f"{self.frames} frames of {self.page_size} bytes: {len(held)} hold a page, "
                f"{dirty} changed, {pinned} pinned")

    def is_dirty(self, frame):
        return int(self.dirty[0][frame]) <= int(self.dirty[1][frame])

    def parts(self):
        """(name, what is known of it) of what is in RAM."""
        for frame, address in sorted(self.pages(), key=lambda pair: pair[1]):
            pins = int(self.pins[frame])
            known = ["changed" if self.is_dirty(frame) else "unchanged"]
            if pins:
                known.append(f"pinned {pins} times" if pins > 1 else "pinned")
            yield f"[page {address // self.page_size}]", ", ".join(known)


class Objects:
    """The residency of a heap with whole objects."""

    COUNT = 0x0FFF

    def __init__(self, residency):
        ram = residency["ram_"]
        self.end = int(residency["end_"])
        slots = elements(ram["table"]["slots_"])
        self.slots = [slots[n] for n in range(slots.type.strip_typedefs().range()[1])]
        # Places are counted in units of the strictest alignment, which the arena has.
        self.data = int(elements(ram["arena"]["bytes_"]).address)
        self.size = elements(ram["arena"]["bytes_"]).type.sizeof
        self.unit = ram["arena"].type.alignof

    def objects(self):
        return [slot for slot in self.slots if int(slot["size"])]

    def read(self, address, count):
        for slot in self.objects():
            offset = address - int(slot["address"])
            if 0 <= offset and offset + count <= int(slot["size"]):
                return memory(self.data + int(slot["place"]) * self.unit + offset, count)
        return None

    def summary(self):
        held = self.objects()
        dirty = sum(int(slot["dirty"]) != 0 for slot in held)
        pinned = sum(int(slot["pins"]) & self.COUNT != 0 for slot in held)
        return (f"an arena of {self.size} bytes: {len(held)} objects in it, "
                f"{dirty} changed, {pinned} pinned")

    def parts(self):
        for slot in sorted(self.objects(), key=lambda slot: int(slot["address"])):
            known = [f"{int(slot['size'])} bytes", "changed" if int(slot["dirty"]) else "unchanged"]
            if int(slot["pins"]) & self.COUNT:
                known.append("pinned")
            yield f"[{int(slot['address']):#x}]", ", ".join(known)


def memory(address, count):
    return bytes(gdb.selected_inferior().read_memory(address, count))


def residency_of(heap):
    """The residency of a heap, or None if it is one that this file does not know."""
    residency = heap["residency_"]
    names = set(members(residency.type))
    if "frames_" in names:
        return Pages(residency)
    return Objects(residency) if "ram_" in names else None


# --- the printers -------------------------------------------------------------------------------------


class Pointed:
    """Shows an address, and what is there."""

    #: Whether a printer is at work: what a shown object points at is not followed.
    nested = False
    ABSENT = "(not resident)"

    def __init__(self, value, element, heap_type, count=1):
        self.at = int(value["at_"])
        self.element = element.unqualified()
        self.heap_type = heap_type
        self.count = count

    def text(self, nothing="null"):
        if self.at == 0:
            return nothing
        if self.element.strip_typedefs().code == gdb.TYPE_CODE_VOID or Pointed.nested:
            return f"{self.at:#x}"
        heap = live_heap(self.heap_type)
        if heap is None:
            return f"{self.at:#x} (no heap of its type is alive)"
        residency = residency_of(heap)
        if residency is None:
            return f"{self.at:#x}"
        if residency.end == 0:
            return f"{self.at:#x} (the heap is not open)"
        values = [self._value(residency, n) for n in range(min(self.count, 8))]
        if all(value == self.ABSENT for value in values):
            return f"{self.at:#x} {self.ABSENT}"
        if self.count == 1:
            return f"{self.at:#x} -> {values[0]}"
        return f"{self.at:#x} -> {{{', '.join(values)}{', ...' if self.count > 8 else ''}}}"

    def _value(self, residency, index):
        found = residency.read(self.at + index * self.element.sizeof, self.element.sizeof)
        if found is None:
            return self.ABSENT
        Pointed.nested = True
        try:
            return gdb.Value(found, self.element).format_string()
        finally:
            Pointed.nested = False


class VptrPrinter:
    """vptr and vref."""

    def __init__(self, value):
        type_ = value.type.strip_typedefs()
        self.pointed = Pointed(value, type_.template_argument(0), type_.template_argument(1))

    def to_string(self):
        return self.pointed.text()


class UniquePrinter:
    def __init__(self, value):
        type_ = value.type.strip_typedefs()
        element = type_.template_argument(0).strip_typedefs()
        count = 1
        if element.code == gdb.TYPE_CODE_ARRAY:
            element = element.target()
            count = int(value["count_"]["value"])
        self.pointed = Pointed(value, element, type_.template_argument(1), count)

    def to_string(self):
        return self.pointed.text(nothing="owns nothing")


class PinPrinter:
    def __init__(self, value):
        self.value = value
        self.size = int(value["size_"]) if int(value["data_"]) else 0

    def to_string(self):
        if not self.size:
            return "holds nothing"
        return f"{self.size} element{'s' if self.size > 1 else ''} at {int(self.value['data_']):#x}"

    def children(self):
        for index in range(self.size):
            yield f"[{index}]", self.value["data_"][index]

    @staticmethod
    def display_hint():
        return "array"


class HeapPrinter:
    def __init__(self, value):
        self.residency = residency_of(value)

    def to_string(self):
        if self.residency is None:
            return "vmem::heap"
        if not self.residency.end:
            return "vmem::heap, not open"
        return f"vmem::heap of {self.residency.end} bytes, {self.residency.summary()}"

    def children(self):
        if self.residency is not None and self.residency.end:
            yield from self.residency.parts()


def printers():
    collection = gdb.printing.RegexpCollectionPrettyPrinter("vmem")
    for name, printer in (("vptr", VptrPrinter), ("vref", VptrPrinter), ("unique_vptr", UniquePrinter),
                          ("pin", PinPrinter), ("heap", HeapPrinter)):
        collection.add_printer(name, rf"^vmem::{name}<.*>$", printer)
    return collection


gdb.printing.register_pretty_printer(None, printers(), replace=True)
