"""Checks that the C files of the program call each other in one direction.

check_cycles.py BUILD/consumer

A file that calls another, or uses its data, depends on it. Files that depend on each other
in a circle can only be understood together. Each such circle is listed in
consumer/README.md with its reason, and each that is listed exists. The dependencies are
read from the objects of a build.
"""

import collections
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIST = re.compile(r"<!-- cycles: check_cycles.py -->\n(.*?)<!-- end of cycles -->", re.S)
ITEM = re.compile(r"^- `(\w+)/\{([\w,]+)\}\.c`: \w", re.M)
# libwaybill_oci.a:push.c.o:0000000000000000 T oci_push_start
SYMBOL = re.compile(r":(\w+\.c)\.o:[0-9a-f]* +([A-Za-z]) (\S+)$", re.M)


def read_symbols(build):
    """Returns {symbol: the file that defines it} and {file: the symbols that it uses}."""
    defined, used = {}, collections.defaultdict(set)
    for folder in sorted((ROOT / "consumer").iterdir()):
        if not folder.is_dir():
            continue
        listing = subprocess.run(
            ["nm", "--print-file-name", build / f"libwaybill_{folder.name}.a"],
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        for name, kind, symbol in SYMBOL.findall(listing):
            file = f"{folder.name}/{name}"
            if kind == "U":
                used[file].add(symbol)
            elif kind in "TDBRW":
                defined[symbol] = file
    return defined, used


def read_graph(build):
    """Returns {file: {file that it depends on: the symbols}}."""
    defined, used = read_symbols(build)
    graph = {}
    for file, symbols in used.items():
        graph[file] = collections.defaultdict(list)
        for symbol in sorted(symbols):
            other = defined.get(symbol, file)
            if other != file:
                graph[file][other].append(symbol)
    return graph


def find_cycles(graph):
    """Returns the strongly connected components of more than one file (Tarjan)."""
    index, low, stack, found = {}, {}, [], []

    def visit(file):
        index[file] = low[file] = len(index)
        stack.append(file)
        for other in graph.get(file, ()):
            if other not in index:
                visit(other)
            if other in stack:
                low[file] = min(low[file], low[other])
        if low[file] == index[file]:
            component = stack[stack.index(file) :]
            del stack[stack.index(file) :]
            if len(component) > 1:
                found.append(frozenset(component))

    for file in sorted(graph):
        if file not in index:
            visit(file)
    return found


def read_justified():
    match = LIST.search((ROOT / "consumer/README.md").read_text())
    if not match:
        sys.exit("consumer/README.md: the marks around the list of cycles are missing")
    return {frozenset(f"{folder}/{name}.c" for name in names.split(","))
            for folder, names in ITEM.findall(match[1])}  # fmt: skip


def describe(cycle, graph):
    lines = [f"a cycle that consumer/README.md does not justify: {name_of(cycle)}"]
    for file in sorted(cycle):
        for other, symbols in sorted(graph[file].items()):
            if other in cycle:
                lines.append(f"    {file} -> {other}: {', '.join(symbols)}")
    return "\n".join(lines)


def name_of(cycle):
    return ", ".join(sorted(cycle))


def main():
    graph = read_graph(pathlib.Path(sys.argv[1]))
    cycles, justified = find_cycles(graph), read_justified()
    faults = [describe(cycle, graph) for cycle in cycles if cycle not in justified]
    faults += [f"consumer/README.md justifies a cycle that is not there: {name_of(cycle)}"
               for cycle in justified if cycle not in cycles]  # fmt: skip
    print("\n".join(faults) or f"{len(graph)} files, {len(cycles)} cycles, all justified")
    return 1 if faults or not graph else 0


if __name__ == "__main__":
    sys.exit(main())
