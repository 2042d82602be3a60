"""Figures about the shape of the code, and the bounds that they must keep.

    figures.py [CHECKOUT] [--build DIR]                  print the figures, a line each
    figures.py [CHECKOUT] --compare OLD [--old-build DIR]   before, after, difference
    figures.py [CHECKOUT] --check                        exit 1 if a bound is exceeded
    figures.py [CHECKOUT] --list FIGURE                  what stands behind a figure

CHECKOUT is the tree that holds this script unless another one is named. Figures
about symbols and calls are read from built objects: DIR is a build directory of the
checkout (any preset; by default its build/dev). Without one they are shown as "-".

"""

import argparse
import collections
import math
import pathlib
import re
import signal
import statistics
import subprocess
import sys

from check_cycles import find_cycles

OWN = pathlib.Path(__file__).resolve().parents[2]
BLOCK = 6  # The number of lines that make a duplicated block
# Functions for users other than the program: for a simulator, which turns the loop in
# virtual time and starts from a seed; and for future integrations, of which one that only
# the tests have uses these (tests/support/directory_integration.c).
OFFERED = {
    "loop_turn", "loop_next_deadline", "random_seed",
    "event_statement", "event_material_content", "access_allow_writing", "file_write_reason",
}  # fmt: skip
SHORT_FILE, LONG_FILE, LONG_HEADER = 60, 600, 200
LITERAL = re.compile(r'"(?:\\.|[^"\\\n])*"' r"|'(?:\\.|[^'\\\n])*'")
NUMBER = re.compile(r"\b\d\w*")
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.S)


class Checkout:
    """The files of one tree, and the symbols that its objects define and refer to."""

    def __init__(self, root, build=None):
        self.root = pathlib.Path(root).resolve()
        self.build = pathlib.Path(build) if build else self.root / "build" / "dev"
        self.texts = {}
        self.consumer = self.files("consumer", "*.[ch]")
        self.sources = [path for path in self.consumer if path.suffix == ".c"]
        self.headers = [path for path in self.consumer if path.suffix == ".h"]
        self.headers += self.files("include", "*.h")
        self.tests = self.files("tests", "*.[ch]") + self.files("tests", "*.py")
        self.objects = self.test_objects = None
        if self.build.is_dir():
            self.objects = self.read_objects("consumer")
            self.test_objects = self.read_objects("tests")

    def files(self, folder, pattern):
        found = sorted((self.root / folder).rglob(pattern))
        return [path for path in found if "build" not in path.relative_to(self.root).parts]

    def text(self, path):
        if path not in self.texts:
            self.texts[path] = path.read_text(encoding="utf-8")
        return self.texts[path]

    def name(self, path):
        return str(path.relative_to(self.root))

    def read_objects(self, folder):
        """Returns source file -> Symbols, for the objects whose source still exists."""
        found = {}
        for path in sorted((self.build / folder).rglob("*.c.o")):
            parent, _, inside = str(path.relative_to(self.build)).partition("/CMakeFiles/")
            inside = inside.partition("/")[2].removesuffix(".o").replace("__/", "../")
            source = (self.root / parent / inside).resolve()
            if source.exists() and source.is_relative_to(self.root):
                found[str(path)] = source
        result = {source: Symbols() for source in found.values()}
        listing = subprocess.run(
            ["nm", "--extern-only", "--print-file-name", *found],
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        for line in listing.splitlines():
            path, _, rest = line.partition(":")
            result[found[path]].add(*rest.split()[-2:])
        return result


class Symbols:
    """Returns the external symbols that an object defines, and those that it refers to."""

    def __init__(self):
        self.functions, self.data, self.wanted = set(), set(), set()

    def add(self, kind, symbol):
        if symbol.startswith("__") or kind in "vw":
            return  # Functions of the compiler and its sanitizers
        names = self.wanted if kind == "U" else self.functions if kind in "TW" else self.data
        names.add(symbol)


# --- files and functions


def function_lengths(checkout):
    """Yields (lines of the whole definition, position) of each function of consumer/*.c."""
    for path in checkout.sources:
        start = name = None
        inside = False
        for number, line in enumerate(checkout.text(path).splitlines(), 1):
            if line == "{":
                inside = True
            elif line == "}" and inside:
                yield number - start + 1, f"{checkout.name(path)}:{start} {name}"
                start, inside = None, False
            elif not inside and re.match(r"\w.*\b\w+\(", line):
                start, name = number, re.search(r"(\w+)\(", line).group(1)


def function_rank(part):
    def figure(checkout):
        functions = sorted(function_lengths(checkout))
        lengths = [length for length, _ in functions]
        value = (
            math.floor(statistics.median(lengths))
            if part == 0.5
            else lengths[min(len(lengths) - 1, int(part * len(lengths)))]
        )
        return value, [f"{length} {where}" for length, where in reversed(functions)][:40]

    return figure


def files_by_length(which, least=0, most=None):
    def figure(checkout):
        found = []
        for path in which(checkout):
            lines = checkout.text(path).count("\n")
            if lines >= least and (most is None or lines <= most):
                found.append(f"{lines} {checkout.name(path)}")
        return len(found), sorted(found, key=lambda row: -int(row.split()[0]))

    return figure


def program(checkout):
    return checkout.sources + checkout.headers


# Comments


def comment_lines(text):
    """Returns (lines that contain only a comment, lines that are not blank)."""
    comments = filled = 0
    inside = False
    for line in LITERAL.sub('""', text).splitlines():
        line = line.strip()
        filled += bool(line)
        comments += bool(line) and (inside or line.startswith(("/*", "//")))
        if "/*" in line:
            inside = "*/" not in line[line.index("/*") :]
        elif "*/" in line:
            inside = False
    return comments, filled


def comment_share(which):
    def figure(checkout):
        counts = [(path, *comment_lines(checkout.text(path))) for path in which(checkout)]
        comments = sum(count for _, count, _ in counts)
        filled = sum(lines for _, _, lines in counts)
        rows = sorted((100 * count / (lines or 1), path) for path, count, lines in counts)
        return (
            round(100 * comments / filled, 1),
            [f"{share:.1f} {checkout.name(path)}" for share, path in rows],
        )

    return figure


# Modules


def read_modules(checkout):
    """Which module a public header belongs to, and which modules each may include: as
    consumer/modules.txt says it, or tests/lint/layers.txt, which there was before"""
    owner, allowed = {}, {}
    path = checkout.root / "consumer" / "modules.txt"
    if not path.exists():
        return read_layers(checkout)
    module = None
    for line in path.read_text().splitlines():
        words = line.split()
        if re.match(r"\w+:", line):
            module = words[0].rstrip(":")
            allowed[module] = set(words[1:])
        elif words[:1] == ["headers"]:
            owner.update({header: module for header in words[1:]})
    return owner, allowed


def read_layers(checkout):
    owner, allowed = {}, {}
    for line in (checkout.root / "tests" / "lint" / "layers.txt").read_text().splitlines():
        module, colon, rest = line.partition(":")
        if line.startswith(("#", "!", " ")) or not colon:
            continue
        headers, _, others = rest.partition(">")
        owner.update({header: module for header in headers.split()})
        allowed[module] = set(others.split())
    return owner, allowed


def linked_modules(checkout):
    """Returns the DEPS of each waybill_module() of consumer/CMakeLists.txt."""
    text = (checkout.root / "consumer" / "CMakeLists.txt").read_text()
    for name, body in re.findall(r"^waybill_module\((\w+)(.*?)\)", text, flags=re.M | re.S):
        for dependencies in re.findall(r"\bDEPS\b([\sa-z_]*)", body):
            yield name, set(dependencies.split())


def unused_dependencies(checkout):
    owner, allowed = read_modules(checkout)
    used = collections.defaultdict(set)
    for path in program(checkout):
        module = path.parent.name
        if path.parent.name == "waybill":
            module = owner.get(path.stem)
        for header in re.findall(r"#include \"waybill/(\w+)\.h\"", checkout.text(path)):
            used[module].add(owner.get(header))
    found = []
    for module, others in allowed.items():
        found += [f"may include: {module} > {other}" for other in sorted(others - used[module])]
    for module, others in linked_modules(checkout):
        found += [f"is linked: {module} > {other}" for other in sorted(others - used[module])]
    return len(found), found


# --- symbols and calls


def call_graph(checkout):
    home = {
        function: path
        for path, symbols in checkout.objects.items()
        for function in symbols.functions
    }
    return {
        path: {home[name] for name in symbols.wanted if home.get(name, path) != path}
        for path, symbols in checkout.objects.items()
    }


def include_graph(checkout):
    graph = {}
    for path in program(checkout):
        graph[path] = set()
        for name in re.findall(r"#include \"([^\"]+)\"", checkout.text(path)):
            for folder in ("include", "consumer"):
                other = checkout.root / folder / name
                if other.exists():
                    graph[path].add(other)
    return graph


def include_cycles(checkout):
    groups = find_cycles(include_graph(checkout))
    if checkout.objects is not None:
        groups += find_cycles(call_graph(checkout))
    elif not groups:
        return None, []
    return len(groups), [" ".join(sorted(map(checkout.name, group))) for group in groups]


def external_symbols(checkout):
    """Yields (position, symbol, whether its own file uses it, whether a test does) of each
    symbol that no other file of the program refers to."""
    wanted_by = collections.Counter(
        name for symbols in checkout.objects.values() for name in symbols.wanted
    )
    in_tests = set()
    for path, symbols in checkout.test_objects.items():
        if path not in checkout.objects:
            in_tests |= symbols.wanted
    for path, symbols in sorted(checkout.objects.items()):
        if not path.is_relative_to(checkout.root / "consumer"):
            continue
        code = COMMENT.sub("", LITERAL.sub('""', checkout.text(path)))
        for name in sorted(symbols.functions | symbols.data):
            if name not in {"main", *OFFERED} and not wanted_by[name]:
                here = len(re.findall(rf"\b{name}\b", code)) > 1
                yield f"{checkout.name(path)} {name}", here, name in in_tests


def needlessly_external(by_tests):
    def figure(checkout):
        if checkout.objects is None:
            return None, []
        rows = [
            f"{where}{'' if here else ' (not even by its own file)'}"
            for where, here, tests in external_symbols(checkout)
            if tests == by_tests
        ]
        return len(rows), rows

    return figure


# --- duplicated code


def significant_lines(text, python, shape):
    """Returns (number, line) of the lines with content, with white space folded; by shape: with
    strings and numbers replaced, and without the rows of tables."""
    skipped = r"#|import |from " if python else r"/\*|\*|//|#include"
    skipped = re.compile(skipped + (r"|[{.]" if shape else ""))
    word = re.compile(r"[A-Za-z_]{2}" if shape else r"\w")
    for number, line in enumerate(text.splitlines(), 1):
        line = " ".join(line.split())
        if not skipped.match(line):
            if shape:
                line = NUMBER.sub("0", LITERAL.sub("0", line))
            if word.search(line):
                yield number, line


def repeated_blocks(checkout, shape):
    """Yields runs of lines that are all repeated in the same order, further up or in an earlier
    file: (position, lines, position of the first occurrence)."""
    first = {}
    for path in checkout.tests:
        lines = list(significant_lines(checkout.text(path), path.suffix == ".py", shape))
        name = checkout.name(path)
        repeated = {}
        for start in range(len(lines) - BLOCK + 1):
            window = tuple(line for _, line in lines[start : start + BLOCK])
            before = first.setdefault(window, (path, start, f"{name}:{lines[start][0]}"))
            if before[0] != path or before[1] + BLOCK <= start:
                for i in range(start, start + BLOCK):
                    repeated.setdefault(i, before[2])
        run = []
        for i in [*sorted(repeated), None]:
            if run and (i is None or i != run[-1] + 1):
                origin = repeated[run[0]]
                yield f"{name}:{lines[run[0]][0]}", len(run), origin
                run = []
            run.append(i)


def duplicated(lines, shape=False):
    def figure(checkout):
        found = sorted(repeated_blocks(checkout, shape), key=lambda row: -row[1])
        rows = [f"{count} lines at {where}, as at {origin}" for where, count, origin in found]
        return (sum(row[1] for row in found) if lines else len(found)), rows

    return figure


def included_headers(private):
    """Of headers that stand beside the sources of a module, those of one of two sorts:
    *_internal.h are for the module alone; the others document a unit that tests may
    have by itself. What stands beside a test is neither."""

    def figure(checkout):
        found = []
        for path in checkout.tests:
            text = checkout.text(path)
            for name in re.findall(r"^#include \"(\w+/\w+\.h)\"", text, flags=re.M):
                there = (checkout.root / "consumer" / name).exists()
                if there and private == name.endswith("_internal.h"):
                    found.append((checkout.name(path), name))
        return len({path for path, _ in found}), [f"{path}: {name}" for path, name in found]

    return figure


FIGURES = {  # name: (unit, explanation, function)
    "function-median": ("lines", "of a function of consumer/*.c, from its name to its closing"
                        " brace: the median", function_rank(0.5)),
    "function-p90": ("lines", "... nine in ten are no longer than this", function_rank(0.9)),
    "function-max": ("lines", "... the longest", function_rank(1)),
    "short-files": ("files", f"of consumer/ and include/ with fewer than {SHORT_FILE} lines",
                    files_by_length(program, most=SHORT_FILE - 1)),
    "long-files": ("files", f"... with more than {LONG_FILE} lines",
                   files_by_length(program, least=LONG_FILE + 1)),
    "short-tests": ("files", f"of tests/ (C and Python) with fewer than {SHORT_FILE} lines",
                    files_by_length(lambda tree: tree.tests, most=SHORT_FILE - 1)),
    "long-tests": ("files", f"... with more than {LONG_FILE} lines",
                   files_by_length(lambda tree: tree.tests, least=LONG_FILE + 1)),
    "long-headers": ("files", f"headers, public or of a module, with more than {LONG_HEADER}"
                     " lines", files_by_length(lambda tree: tree.headers,
                                               least=LONG_HEADER + 1)),
    "comments": ("%", "lines with nothing but a comment among those of consumer/*.c that are"
                 " not blank (public headers, which are the manual, are counted apart)",
                 comment_share(lambda tree: tree.sources)),
    "header-comments": ("%", "... among those of include/ and of consumer/*.h",
                        comment_share(lambda tree: tree.headers)),
    "cycles": ("groups", "of files that reach each other: sources by calls (the linker's view:"
               " one file defines a function that the other refers to), or headers by"
               " #include; a group of any size counts once", include_cycles),
    "unused-dependencies": ("arrows", "between modules that are allowed (layers.txt or"
                            " modules.txt) or linked (DEPS) although no file of the one"
                            " includes a public header of the other", unused_dependencies),
    "external": ("symbols", "that are not static although no other file of consumer/ refers to"
                 " them, nor does a test", needlessly_external(False)),
    "external-for-tests": ("symbols", "... although only tests refer to them (but for what is"
                           " offered to a simulator and to integrations)",
                           needlessly_external(True)),
    "duplicated-blocks": ("blocks", f"of {BLOCK} or more lines of tests/ that stand before,"
                          " further up or in an earlier file, white space folded; blank lines,"
                          " comments, #include and lone punctuation do not count",
                          duplicated(lines=False)),
    "duplicated-lines": ("lines", "... that such blocks consist of", duplicated(lines=True)),
    "similar-blocks": ("blocks", "... that stand before with other strings and numbers",
                       duplicated(lines=False, shape=True)),
    "similar-lines": ("lines", "... that such blocks consist of",
                      duplicated(lines=True, shape=True)),
    "inside-tests": ("files", "of tests/ that include a header which is private to a module"
                     " (*_internal.h)", included_headers(private=True)),
    "unit-tests": ("files", "... that include another header of consumer/, which documents a"
                   " unit of its own", included_headers(private=False)),
}  # fmt: skip

# The bounds of --check: no figure may be greater. A bound states what has been reached;
# lower it whenever the figure falls.
BOUNDS = {
    "function-median": 13,
    "function-max": 50,
    "long-files": 0,
    "long-headers": 0,
    "cycles": 1,
    "unused-dependencies": 0,
    "external": 0,
    "external-for-tests": 1,
    "duplicated-blocks": 4,
    "similar-blocks": 20,
    "inside-tests": 3,
}


def show(value, unit):
    return "-" if value is None else f"{value} {unit}"


def difference(before, after):
    if before is None or after is None:
        return ""
    return f"{round(after - before, 1):+g}"


def compare(now, old):
    print(f"{'':22}{'before':>16}{'after':>16}{'difference':>12}")
    for name, (unit, _, figure) in FIGURES.items():
        before, after = figure(old)[0], figure(now)[0]
        cells = show(before, unit), show(after, unit), difference(before, after)
        print(f"{name:22}{cells[0]:>16}{cells[1]:>16}{cells[2]:>12}")


def check(now):
    faults = 0
    for name, bound in BOUNDS.items():
        value, rows = FIGURES[name][2](now)
        if value is not None and value > bound:
            faults += 1
            print(f"{name}: {value} {FIGURES[name][0]}, at most {bound} are allowed:")
            print("\n".join(f"    {row}" for row in rows[:20]))
    if now.objects is None:
        print(f"there is no build directory {now.build}")
        faults += 1
    print(f"{len(BOUNDS) - faults} of {len(BOUNDS)} figures keep their bounds")
    return 1 if faults else 0


def arguments():
    parser = argparse.ArgumentParser(
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=__doc__ + "figures:\n" + "\n".join(
            f"  {name:22}{unit}: {text}" for name, (unit, text, _) in FIGURES.items()
        ),
    )  # fmt: skip
    parser.add_argument("checkout", nargs="?", default=OWN, help="the tree (default: this one)")
    parser.add_argument("--build", help="a build directory of it")
    parser.add_argument("--compare", metavar="OLD", help="the tree as it was before")
    parser.add_argument("--old-build", help="a build directory of OLD")
    parser.add_argument("--check", action="store_true", help="exit 1 if a bound is exceeded")
    parser.add_argument("--list", choices=FIGURES, metavar="FIGURE",
                        help="show what stands behind a figure")  # fmt: skip
    return parser.parse_args()


def main():
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    chosen = arguments()
    now = Checkout(chosen.checkout, chosen.build)
    if chosen.check:
        return check(now)
    if chosen.compare:
        compare(now, Checkout(chosen.compare, chosen.old_build))
    elif chosen.list:
        print("\n".join(FIGURES[chosen.list][2](now)[1]))
    else:
        for name, (unit, _, figure) in FIGURES.items():
            print(f"{name:22}{show(figure(now)[0], unit)}")
    return 0


sys.exit(main())
