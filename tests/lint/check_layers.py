"""Checks the arrows of layers.txt against every #include of the program.

A folder of consumer/ is a module; a public header belongs to the module that
layers.txt names. Also: every public header belongs to a module, and compiles by
itself; a system library is seen by one folder only.
"""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
INCLUDE = re.compile(r'^\s*#\s*include\s+[<"]([^>"]+)[>"]', re.M)


def read_layers():
    owner, allowed, system = {}, {}, {}
    for line in (ROOT / "tests/lint/layers.txt").read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        if line.startswith("!"):
            prefix, module = line[1:].split()
            system[prefix] = module
            continue
        module, rest = line.split(":")
        headers, arrows = rest.split(">")
        owner.update({name: module for name in headers.split()})
        allowed[module] = set(arrows.split())
    return owner, allowed, system


def check_include(where, module, included, layers):
    owner, allowed, system = layers
    if included.startswith("waybill/"):
        name = included[len("waybill/") : -len(".h")]
        target = owner.get(name)
        if target is None:
            return f"{where}: {included} belongs to no module of layers.txt"
        if target != module and target not in allowed[module]:
            return f"{where}: {module} may not include {included} ({target})"
    for prefix, only in system.items():
        if included.startswith(prefix) and module != only:
            return f"{where}: only {only} may include {included}"
    return None


def sources(owner):
    for path in sorted((ROOT / "include/waybill").glob("*.h")):
        yield path, owner.get(path.stem, "?")
    for path in sorted((ROOT / "consumer").glob("*/*.[ch]")):
        yield path, path.parent.name


def compiles_alone(path):
    result = subprocess.run(
        ["cc", "-std=c17", "-D_GNU_SOURCE", "-fsyntax-only", "-x", "c"]
        + ["-I", str(ROOT / "include"), str(path)],
        capture_output=True, text=True, check=False,
    )
    return None if result.returncode == 0 else result.stderr


def main():
    layers = read_layers()
    owner, allowed, _ = layers
    faults = []
    checked = 0
    for path, module in sources(owner):
        where = path.relative_to(ROOT)
        if module not in allowed:
            faults.append(f"{where}: no module '{module}' in layers.txt")
            continue
        for included in INCLUDE.findall(path.read_text()):
            checked += 1
            faults.append(check_include(where, module, included, layers))
        if path.suffix == ".h" and path.parent.name == "waybill":
            faults.append(compiles_alone(path))
    for name in owner:
        if not (ROOT / f"include/waybill/{name}.h").exists():
            faults.append(f"layers.txt: there is no include/waybill/{name}.h")
    faults = [fault for fault in faults if fault]
    print("\n".join(faults) or f"{checked} includes follow the arrows")
    return 1 if faults or checked == 0 else 0


sys.exit(main())
