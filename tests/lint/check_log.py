"""Compares deploy/reference/log.md with the fields that the program writes. Each name in a
LOG_...() of consumer/ has a row, and each row a name there. The rows marked for the line of
an outcome are those of pipeline/audit.c, in its order.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
FIELD = re.compile(r'\bLOG_(?:TEXT|NUMBER)\(\s*"(\w+)"|\bLOG_\w+_IF\([^"]*"(\w+)"')
ROW = re.compile(r"^\| `(\w+)` \| (yes|) ?\|", re.M)
ALWAYS = ["ts", "level", "msg", "module"]


def fields_of(path):
    return [one or other for one, other in FIELD.findall(path.read_text())]


def main():
    document = (ROOT / "deploy/reference/log.md").read_text()
    rows = ROW.findall(document)
    named = {name for name, _ in rows}
    written = set(ALWAYS)
    for path in sorted((ROOT / "consumer").rglob("*.c")):
        written.update(fields_of(path))
    faults = [f"log.md has no row for the field '{name}'" for name in sorted(written - named)]
    faults += [f"log.md: nobody writes the field '{name}'" for name in sorted(named - written)]
    outcome = [name for name, where in rows if where]
    wanted = ALWAYS + fields_of(ROOT / "consumer/pipeline/audit.c")
    if outcome != wanted:
        faults.append(f"log.md: the line of an outcome is {outcome}, not {wanted}")
    print("\n".join(faults) or f"{len(rows)} fields, {len(outcome)} of an outcome")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
