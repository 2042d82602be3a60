"""Checks every #include of the program against consumer/modules.txt.

    check_layers.py [--write]

A module includes its own headers, the public headers of the modules that its row
names, and the headers of its own libraries. Its row names only modules above it, and
only those that it includes. Every public header belongs to one module and compiles by
itself. No header includes itself through others. The diagram in consumer/README.md
is the one that follows from modules.txt; --write writes it there. The files that
README.md names exist.
"""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODULES = ROOT / "consumer/modules.txt"
README = ROOT / "consumer/README.md"
INCLUDE = re.compile(r'^\s*#\s*include\s+[<"]([^>"]+)[>"]', re.M)
DIAGRAM = re.compile(r"(?<=<!-- modules: check_layers.py --write -->\n).*?"
                     r"(?=<!-- end of modules -->)", re.S)  # fmt: skip


class Modules:
    """The content of modules.txt."""

    def __init__(self):
        self.uses = {}  # module: the modules of its row, in the file's order
        self.owner = {}  # public header: module
        self.system = {}  # prefix of a system header: module
        self.faults = []
        module = None
        for line in MODULES.read_text().splitlines():
            words = line.partition("#")[0].split()
            if words and not line.startswith(" "):
                module = words[0].removesuffix(":")
                self.start(module, words[1:])
            elif words and words[0] == "headers":
                self.owner.update(dict.fromkeys(words[1:], module))
            elif words and words[0] in ("library", "system"):
                self.system[words[-1]] = module
            elif words:
                self.faults.append(f"modules.txt: '{line.strip()}' is no row")

    def start(self, module, uses):
        self.faults += [f"modules.txt: {module} names {name}, which is not above it"
                        for name in uses if name not in self.uses]  # fmt: skip
        self.uses[module] = uses

    def sources(self):
        """Yields every file of the program with its module."""
        for path in sorted((ROOT / "include/waybill").glob("*.h")):
            yield path, self.owner.get(path.stem)
        for path in sorted((ROOT / "consumer").glob("*/*.[ch]")):
            yield path, path.parent.name


def check_include(module, included, modules, seen):
    """Returns a fault or None, and adds the included module to `seen`."""
    if included.startswith("waybill/"):
        target = modules.owner.get(pathlib.Path(included).stem)
        seen.add((module, target))
        if target != module and target not in modules.uses[module]:
            return f"{module} may not include {included} ({target})"
    for prefix, only in modules.system.items():
        if included.startswith(prefix) and module != only:
            return f"only {only} may include {included}"
    return None


def check_alone(path):
    result = subprocess.run(
        ["cc", "-std=c17", "-D_GNU_SOURCE", "-fsyntax-only", "-Werror", "-x", "c"]
        + ["-I", str(ROOT / "include"), str(path)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return [] if result.returncode == 0 else [result.stderr]


def check_includes(modules, includes):
    faults, seen = [], set()
    for path, module in modules.sources():
        where = path.relative_to(ROOT)
        if module not in modules.uses:
            faults.append(f"{where} belongs to no module of modules.txt")
            continue
        for included in includes[path]:
            fault = check_include(module, included, modules, seen)
            if fault:
                faults.append(f"{where}: {fault}")
        if path.parent.name == "waybill":
            faults += check_alone(path)
    for module, uses in modules.uses.items():
        faults += [f"modules.txt: {module} includes no header of {used}"
                   for used in uses if (module, used) not in seen]  # fmt: skip
    return faults


def resolve(path, included):
    """Returns the file that an #include refers to, or None for one of the system."""
    for candidate in (path.parent / included, ROOT / "include" / included):
        if candidate.exists():
            return candidate
    return None


def check_include_cycles(includes):
    """Include guards hide that a header includes itself."""
    faults, done = [], set()

    def visit(path, above):
        if path in above:
            names = [str(at.relative_to(ROOT)) for at in above[above.index(path) :]]
            faults.append("include cycle: " + ", ".join(names))
        elif path not in done:
            for included in includes.get(path, ()):
                target = resolve(path, included)
                if target:
                    visit(target, above + [path])
            done.add(path)

    for path in includes:
        visit(path, [])
    return faults


def reachable(modules, name):
    found = set(modules.uses[name])
    for used in modules.uses[name]:
        found |= reachable(modules, used)
    return found


def diagram(modules):
    """Only arrows that do not follow from others, because more would be unreadable"""
    lines = ["```mermaid", "flowchart TD"]
    for module, uses in reversed(modules.uses.items()):
        implied = set().union(*(reachable(modules, used) for used in uses))
        direct = [used for used in uses if used not in implied]
        if direct:
            lines.append(f"    {module} --> {' & '.join(direct)}")
    return "\n".join(lines + ["```"]) + "\n"


def check_diagram(modules, write):
    text = README.read_text()
    wanted = DIAGRAM.sub(lambda _: diagram(modules), text)
    if not DIAGRAM.search(text):
        return ["consumer/README.md: the marks around the diagram are missing"]
    if write:
        README.write_text(wanted)
    elif wanted != text:
        return ["consumer/README.md: the diagram is not that of modules.txt "
                "(tests/lint/check_layers.py --write)"]  # fmt: skip
    return []


def check_paths(modules):
    """Yields the files that README.md names as module/{one,another}.c; a * stands for any text."""
    faults = []
    text = README.read_text()
    for module, names in re.findall(r"\b([a-z]+)/([\w{},*]+\.[a-z]+)\b", text):
        stem, _, rest = names.partition("{")
        inside, _, ending = rest.partition("}")
        for name in inside.split(","):
            pattern = f"{module}/{stem}{name}{ending}"
            if module in modules.uses and not any((ROOT / "consumer").glob(pattern)):
                faults.append(f"consumer/README.md: there is no {pattern}")
    return faults


def main():
    modules = Modules()
    includes = {path: INCLUDE.findall(path.read_text())
                for path, _ in modules.sources()}  # fmt: skip
    if modules.faults:
        print("\n".join(modules.faults))
        return 1
    faults = [f"modules.txt: there is no include/waybill/{name}.h"
              for name in modules.owner
              if not (ROOT / f"include/waybill/{name}.h").exists()]  # fmt: skip
    faults += check_includes(modules, includes)
    faults += check_include_cycles(includes)
    faults += check_paths(modules)
    faults += check_diagram(modules, "--write" in sys.argv[1:])
    checked = sum(len(names) for names in includes.values())
    print("\n".join(faults) or f"{checked} includes fit modules.txt")
    return 1 if faults or checked == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
