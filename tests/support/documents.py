"""The documents of the repository: their headings, links, and the commands in them."""

import fnmatch
import functools
import pathlib
import re
import typing

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMMANDS = ROOT / "tests" / "lint" / "document_commands.txt"
# Directories without documents: builds, and files of other tools
SKIPPED = {"build", ".git", "node_modules", "corpus"}
# Their blocks show help texts; only documents that are written by hand are checked.
GENERATED = "deploy/reference/"
LANGUAGES = {"sh", "console", "text", "yaml", "json", "mermaid"}
FENCE = re.compile(r"^( *)(`{3,}|~{3,})\s*(\S*)")


class Block(typing.NamedTuple):
    language: str  # "" without one, "indented" for a block by indentation
    line: int
    text: str


class Command(typing.NamedTuple):
    document: str
    line: int
    text: str  # as it is written, joined to one line at backslashes


class Row(typing.NamedTuple):
    pattern: str
    how: str  # "run", "test" or "never"
    detail: str  # the test's file, or the reason


def documents():
    """Returns the paths of all Markdown files, relative to the root."""
    found = []
    for path in ROOT.rglob("*.md"):
        relative = path.relative_to(ROOT)
        if not SKIPPED & set(relative.parts):
            found.append(str(relative))
    return sorted(found)


@functools.cache
def lines_of(name):
    return (ROOT / name).read_text().splitlines()


def _fenced(lines, start, indent, fence):
    end = start
    while end < len(lines) and not lines[end].strip().startswith(fence):
        end += 1
    return end, "\n".join(line.removeprefix(indent) for line in lines[start:end])


def _indented(lines, start):
    end = start
    while end < len(lines) and (lines[end].startswith("    ") or not lines[end].strip()):
        end += 1
    return end, "\n".join(line[4:] for line in lines[start:end]).rstrip()


def blocks(name):
    """Yields every code block, in order."""
    lines = lines_of(name)
    number = 0
    in_list = False
    while number < len(lines):
        line = lines[number]
        fence = FENCE.match(line)
        blank_before = number == 0 or not lines[number - 1].strip()
        if fence:
            indent, mark, language = fence.groups()
            end, text = _fenced(lines, number + 1, indent, mark)
            yield Block(language, number + 1, text)
            number = end
        elif line.startswith("    ") and blank_before and not in_list:
            end, text = _indented(lines, number)
            yield Block("indented", number + 1, text)
            number = end - 1
        elif line.strip() and not line.startswith(" "):
            in_list = re.match(r"([-*+]|\d+\.) ", line) is not None
        number += 1


def prose(name):
    """Yields the lines outside of code blocks, each with its number."""
    lines = lines_of(name)
    skip = set()
    for block in blocks(name):
        # The fences themselves are no prose either.
        skip.update(range(block.line - 1, block.line + block.text.count("\n") + 2))
    return [(index + 1, line) for index, line in enumerate(lines) if index not in skip]


def _statements(text):
    """Yields shell statements: a line, with those that continue it."""
    statement, end = "", None
    for line in text.splitlines():
        if end:
            statement += f"\n{line}"
            if line.strip() == end:
                yield statement
                statement, end = "", None
            continue
        statement = f"{statement} {line.strip()}".strip()
        here = re.search(r"<<-?'?(\w+)'?$", line)
        if here:
            end = here.group(1)
        elif statement.endswith("\\"):
            statement = statement[:-1].rstrip()
        elif not re.search(r"(\||&&|\|\|)$", statement):
            if statement and not statement.startswith("#"):
                yield statement
            statement = ""
    if statement and not statement.startswith("#"):
        yield statement


def _is_shell(block):
    """An indented block has no language; one that begins with a key is YAML."""
    first = block.text.lstrip().split(maxsplit=1)[:1]
    shell = block.language == "indented" and first and not re.search(r"[:}]$", first[0])
    return block.language == "sh" or shell


def commands(name):
    """Yields every command in a block: all of `sh`, and of `console` those after a prompt."""
    if name.startswith(GENERATED):
        return []
    found = []
    for block in blocks(name):
        text = block.text
        if block.language == "console":
            text = "\n".join(line[2:] for line in text.splitlines() if line.startswith("$ "))
        elif not _is_shell(block):
            continue
        found += [Command(name, block.line, one) for one in _statements(text)]
    return found


def anchor(heading):
    """Returns the anchor that forges give a heading."""
    text = re.sub(r"`|\*|\[([^]]*)\]\([^)]*\)", r"\1", heading.strip().lower())
    return re.sub(r"\s", "-", re.sub(r"[^\w\s-]", "", text))


@functools.cache
def anchors(name):
    found = set()
    for _, line in prose(name):
        heading = re.match(r"#{1,6} (.*)", line)
        if heading:
            first = anchor(heading.group(1))
            number = 0
            while (f"{first}-{number}" if number else first) in found:
                number += 1
            found.add(f"{first}-{number}" if number else first)
        found.update(re.findall(r'<a (?:id|name)="([^"]+)"', line))
    return found


def rows():
    """Parses document_commands.txt: what runs each command."""
    found = []
    for line in COMMANDS.read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            pattern, _, rest = line.partition(" => ")
            how, _, detail = rest.strip().partition(" ")
            found.append(Row(pattern.strip(), how, detail.strip()))
    return found


def row_of(command, table):
    """Returns the first row whose pattern matches the command."""
    text = re.sub(r"\s+", " ", command.text)
    return next((row for row in table if fnmatch.fnmatchcase(text, row.pattern)), None)
