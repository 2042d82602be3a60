"""Where the mutants come from: operators that change one line of C, in any state of the
code, and a table of named mutants that must be caught."""

import dataclasses
import hashlib
import pathlib
import re

from . import named

ROOT = pathlib.Path(__file__).resolve().parents[2]


class SOURCE:
    """The source of the code. A run reads its own copy, so that work on the code can continue
    meanwhile."""

    root = ROOT


# The code that is mutated, and its share of the mutants
SHARES = {
    "consumer/ledger": 20,
    "consumer/pipeline": 24,
    "consumer/kafka": 18,
    "consumer/oci": 20,
    "consumer/event": 20,
    "consumer/credentials": 12,
    "consumer/base/secret_set.c": 6,
}


@dataclasses.dataclass(frozen=True)
class Mutant:
    path: str  # relative to the root
    start: int  # the characters of the file that are replaced
    end: int
    text: str  # by these
    operator: str  # or the name, for a named one
    note: str = ""
    is_named: bool = False

    def source(self):
        return (SOURCE.root / self.path).read_text()

    def mutated(self):
        source = self.source()
        return source[: self.start] + self.text + source[self.end :]

    def line(self):
        return self.source().count("\n", 0, self.start) + 1

    def lines(self):
        """Returns the line or lines that it changes, before and after, without indentation."""
        source = self.source()
        begin = source.rfind("\n", 0, self.start) + 1
        finish = source.find("\n", self.end)
        before = source[begin:finish]
        after = source[begin : self.start] + self.text + source[self.end : finish]
        return " ".join(before.split()), " ".join(after.split())

    def function(self):
        """Returns the function that contains it; "-" outside of all functions."""
        found = "-"
        for match in FUNCTION.finditer(self.source(), 0, self.end):
            found = match.group(1) or "-"
        return found

    def key(self):
        """Returns a key that remains the same when lines are added elsewhere in the file."""
        return (self.path, self.function(), *self.lines())

    def entry(self):
        """Returns its entry for tests/mutate.equivalent."""
        before, after = self.lines()
        return f"file {self.path} {self.function()}\n- {before}\n+ {after}"

    def where(self):
        return f"{self.path}:{self.line()}"


# A function begins or ends: its name is the last word before the first parenthesis.
FUNCTION = re.compile(r"^(?:[a-z][\w \t*\n]*?(\w+)\([^;{]*\)\n\{|\})", re.M)

# --- the source, as far as it may be changed ----------------------------------------------

COMMENT_OR_TEXT = re.compile(
    r'/\*.*?\*/|"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'', re.S
)
# Log lines and points for tests are no behavior that is promised.
IGNORED_CALL = re.compile(r"^[ \t]*(?:log_\w+|fault_point)\(.*?\);$", re.M | re.S)
IGNORED_LINE = re.compile(
    r"^(?:#(?!\s*define\s+\w+\s).*|.*(?:fault_is_broken|_Static_assert).*)$", re.M
)


def _blank(match):
    return re.sub(r"[^\n]", "\x00", match.group())


def masked(source):
    """Returns the source with parts that are not mutated blanked out; every offset stays the
    same."""
    source = COMMENT_OR_TEXT.sub(_blank, source)
    source = IGNORED_CALL.sub(_blank, source)
    return IGNORED_LINE.sub(_blank, source)


# --- operators --------------------------------------------------------------------------

BETWEEN = r"(?<=[\w)\]\x00] ){}(?=\s)"  # a binary operator, as clang-format writes it

# name, pattern, and the replacement: of group 1 if there is one, else of the whole match
OPERATORS = [
    ("relation", BETWEEN.format("<"), "<="),
    ("relation", BETWEEN.format("<="), "<"),
    ("relation", BETWEEN.format(">"), ">="),
    ("relation", BETWEEN.format(">="), ">"),
    ("relation", BETWEEN.format("=="), "!="),
    ("relation", BETWEEN.format("!="), "=="),
    ("logic", r"&&", "||"),
    ("logic", r"\|\|", "&&"),
    ("arithmetic", BETWEEN.format(r"\+"), "-"),
    ("arithmetic", BETWEEN.format("-"), "+"),
    ("arithmetic", BETWEEN.format(r"\+="), "-="),
    ("arithmetic", BETWEEN.format("-="), "+="),
    ("arithmetic", BETWEEN.format(r"\|="), "="),
    ("negation", r"\bif \((.+)\) \{$", lambda text: f"!({text})"),
    ("result", r"\breturn (0);", "-1"),
    ("result", r"\breturn (-1);", "0"),
    ("boolean", r"(?:\breturn|=) (true);", "false"),
    ("boolean", r"(?:\breturn|=) (false);", "true"),
    ("constant", r"(?<![\w.{])(\d{1,9})\b(?![.}:]|\](?:;| = \{))", lambda text: str(int(text) + 1)),
    ("removal", r"^[ ]+([a-z_]\w*\(.*\);)$", ";"),
    ("removal", r"^[ ]+([\w>.\-\[\]*]+ [-+|&]?= [^;]*;)$", ";"),
    ("removal", r"^[ ]+((?:break|continue);)$", ";"),
]
COMPILED = [(name, re.compile(pattern, re.M), text) for name, pattern, text in OPERATORS]


def _mutants_of(path):
    source = (SOURCE.root / path).read_text()
    code = masked(source)
    for name, pattern, text in COMPILED:
        for match in pattern.finditer(code):
            group = 1 if pattern.groups else 0
            start, end = match.span(group)
            if name == "constant" and "return" in code[code.rfind("\n", 0, start) : start]:
                continue
            new = text(source[start:end]) if callable(text) else text
            yield Mutant(path, start, end, new, name)


def _files(share):
    if share.endswith(".c"):
        return [share]
    root = SOURCE.root
    return sorted(str(path.relative_to(root)) for path in (root / share).glob("*.c"))


def _rank(seed, mutant, times):
    text = "\n".join((str(seed), mutant.operator, *mutant.key(), str(times)))
    return hashlib.sha256(text.encode()).digest()


def candidates(share, seed):
    """Returns every mutant of a share, in the order of a seeded draw, one for each line. The
    position of a line does not matter, so most of the draw survives a change of the
    code."""
    ranked, seen = [], {}
    for path in _files(share):
        for mutant in _mutants_of(path):
            key = (mutant.operator, *mutant.key())
            seen[key] = seen.get(key, 0) + 1
            ranked.append((_rank(seed, mutant, seen[key]), mutant))
    taken = set()
    for _, mutant in sorted(ranked, key=lambda pair: pair[0]):
        if mutant.where() not in taken:
            taken.add(mutant.where())
            yield mutant


def quotas(count):
    total = sum(SHARES.values())
    return {share: max(1, round(count * part / total)) for share, part in SHARES.items()}


# --- the named ones ---------------------------------------------------------------------


def named_mutants():
    """Returns (mutants, faults): a pattern that does not match exactly once is a fault."""
    found, faults = [], []
    for name, path, pattern, text, note in named.TABLE:
        file = SOURCE.root / path
        matches = list(re.finditer(pattern, file.read_text(), re.S)) if file.exists() else []
        if len(matches) != 1:
            faults.append(f"mutant '{name}': its pattern matches {len(matches)} times in {path}")
            continue
        group = 1 if matches[0].re.groups else 0
        start, end = matches[0].span(group)
        found.append(Mutant(path, start, end, text, name, note, True))
    return found, faults


# --- mutants that are known to change nothing ---------------------------------------------

EQUIVALENTS = ROOT / "tests/mutate.equivalent"


def equivalents():
    """Returns {(path, function, before, after): reason}."""
    known, place, before, after = {}, (), None, None
    for line in EQUIVALENTS.read_text().splitlines():
        mark, _, text = line.partition(" ")
        if mark == "file":
            place = tuple(text.split())
        elif mark == "-":
            before = text
        elif mark == "+":
            after = text
        elif mark == "=":
            known[(*place, before, after)] = text
        elif line.startswith("  ") and line.strip():
            known[(*place, before, after)] += " " + line.strip()
        elif line.strip() and mark != "#":
            raise SystemExit(f"{EQUIVALENTS}: what is '{line}'?")
    return known


def stale_equivalents():
    """Returns the entries whose line is not in their file any more."""
    for path, _, before, _ in equivalents():
        file = ROOT / path
        text = " ".join(file.read_text().split()) if file.exists() else ""
        if before not in text:
            yield f"{path}: {before}"
