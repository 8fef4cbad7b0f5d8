# SPDX-License-Identifier: MIT
"""How GDB prints the kernel's types. `print/r` shows them raw."""
import gdb
import gdb.printing

from . import read, text as words
from .read import text

LIST_SHOWN = 100


class Printer:
    def __init__(self, value):
        self.value = value


class Page(Printer):
    def to_string(self):
        pfn = read.pages().pfn_of(read.where(self.value)) if self.value.address else None
        return "no descriptor of mem_map" if pfn is None else f"page {pfn:#x}: {words.page_phrase(pfn)}{words.file_phrase(pfn)}"


class Gfp(Printer):
    def to_string(self):
        return f"{int(self.value):#x} {words.gfp_names(self.value)}"


class Zone(Printer):
    def to_string(self):
        zone = self.value
        return (f"zone {text(zone['name'])}: {int(zone['nr_free'])} of {int(zone['managed'])} pages free, pfn "
                f"{int(zone['start_pfn']):#x} to {int(zone['end_pfn']):#x}" + (", slow mode" if int(zone["slow"]) else ""))


class Cache(Printer):
    def to_string(self):
        cache = self.value
        return (f"cache {text(cache['name'])}: {int(cache['nr_in_use'])} of {int(cache['nr_objects'])} objects of "
                f"{int(cache['object_size'])} bytes in use")


class Thread(Printer):
    def to_string(self):
        thread = self.value
        states = words.names_of("state_names", "core/thread.c")
        state = int(thread["state"])
        return (f"thread {int(thread['id'])} {text(thread['name'])}, "
                f"{states[state] if state < len(states) else 'corrupt'}, stack 0x{int(thread['stack']):08x}")


class ListHead(Printer):
    def nodes(self):
        found = []
        try:
            for node in read.links(self.value, LIST_SHOWN):
                found.append(node)
        except read.Loop as loop:
            return found, str(loop)
        return found, ""

    def to_string(self):
        if self.value.address is None:
            return "list"
        found, wrong = self.nodes()
        if wrong == "it never ends":
            return f"list of more than {LIST_SHOWN}"
        return f"list of {len(found)}" + (f", corrupt: {wrong}" if wrong else "")

    def children(self):
        if self.value.address is not None:
            for i, node in enumerate(self.nodes()[0]):
                yield f"[{i}]", gdb.Value(node).cast(self.value.type.unqualified().pointer())


class GfpLookup(gdb.printing.PrettyPrinter):
    """gfp_t is a typedef: known by its name before it is stripped."""

    def __init__(self):
        super().__init__("gfp_t")

    def __call__(self, value):
        return Gfp(value) if value.type.unqualified().name == "gfp_t" else None


def register():
    printers = gdb.printing.RegexpCollectionPrettyPrinter("ashlar")
    for name, kind in (("page", Page), ("zone", Zone), ("kmem_cache", Cache), ("thread", Thread),
                       ("list_head", ListHead)):
        printers.add_printer(name, f"^{name}$", kind)
    gdb.printing.register_pretty_printer(None, printers, replace=True)
    gdb.printing.register_pretty_printer(None, GfpLookup(), replace=True)


register()
