"""The documents are complete, and lead nowhere wrong.

    check_guide.py BINARY

README.md has at most 200 lines. CHANGELOG.md has the form of Keep a Changelog. Every link between documents, and the anchor in it,
exists. Every code block has a language. Every command is run by a test, or is excepted
with a reason (document_commands.txt), and its options, and those of each `waybill ...` in
the text, are those of the program. Every alert has the section in alerts.md to which its
runbook_url leads, every section is of an alert, and alerts in the chart and in the
manifests have the same links. The log messages that need attention are explained.
"""

import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from support import documents as docs  # noqa: E402

MAX_README_LINES = 200
ALERTS = "deploy/guide/alerts.md"
TROUBLESHOOTING = "deploy/guide/troubleshooting.md"
RULES = "deploy/prometheus/waybill.rules.yaml"
RENDERED = "deploy/kubernetes/monitoring.yaml"
CHANGES = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
# Code blocks without a language are not allowed, except in the page of the chart, which
# uses indented ones.
INDENTED = {"helm/waybill/README.md"}
# The parts of each section of alerts.md
PARTS = ("**Meaning.**", "**What to look at.**", "**What to do.**", "Severity: ")
LINK = re.compile(r"\[[^]]*\]\(([^)\s]+)\)")


def check_length():
    count = len(docs.lines_of("README.md"))
    if count > MAX_README_LINES:
        yield f"README.md has {count} lines, the limit is {MAX_README_LINES}"


# The changelog


def check_changelog():
    """Checks the form of Keep a Changelog 1.1.0."""
    heads = [line for _, line in docs.prose("CHANGELOG.md") if line.startswith("#")]
    if heads[:2] != ["# Changelog", "## [Unreleased]"]:
        yield "CHANGELOG.md: does not begin with '# Changelog', '## [Unreleased]'"
    seen = []
    for head in heads[1:]:
        if head.startswith("## "):
            seen = []
            released = re.fullmatch(r"## \[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", head)
            if head != "## [Unreleased]" and not released:
                yield f"CHANGELOG.md: '{head}' is no version with a date"
            continue
        if head.removeprefix("### ") not in CHANGES or head in seen:
            yield f"CHANGELOG.md: '{head}' is no kind of change, or stands there twice"
        seen.append(head)


# Links


def fault_of_link(name, target):
    path, _, fragment = target.partition("#")
    place = (ROOT / name).parent / path if path else ROOT / name
    if not place.exists():
        return f"there is no '{path}'"
    inside = os.path.relpath(place, ROOT)
    if fragment and inside.endswith(".md") and fragment not in docs.anchors(inside):
        return f"'{inside}' has no section '{fragment}'"
    return None


def check_links():
    count = 0
    for name in docs.documents():
        # A link may be split over two lines.
        text = "\n".join(line for _, line in docs.prose(name))
        for target in LINK.findall(re.sub(r"\s*\n\s*", " ", text)):
            if re.match(r"[a-z]+:", target):
                continue
            count += 1
            fault = fault_of_link(name, target)
            if fault:
                yield f"{name}: link {target}: {fault}"
    if count < 50:
        yield "hardly a link was found: has a format changed?"


# Commands


def check_blocks():
    for name in docs.documents():
        if name.startswith(docs.GENERATED):
            continue
        for block in docs.blocks(name):
            if block.language == "indented" and name in INDENTED:
                continue
            if block.language not in docs.LANGUAGES:
                word = block.language or "none"
                yield f"{name}:{block.line}: a code block of language {word}"


def fault_of_row(row):
    if row.how == "run" and not row.detail:
        return None
    if row.how == "never":
        return None if len(row.detail.split()) > 2 else "has no reason"
    if row.how != "test":
        return f"'{row.how}' is none of run, test, never"
    file, _, text = row.detail.partition(" ")
    path = ROOT / file
    if not path.is_file():
        return f"there is no '{file}'"
    if not text or text not in path.read_text():
        return f"'{file}' does not contain '{text}'"
    return None


def check_commands():
    table = docs.rows()
    used = set()
    for name in docs.documents():
        for command in docs.commands(name):
            row = docs.row_of(command, table)
            if row is None:
                place = f"{name}:{command.line}"
                yield f"{place}: no test runs '{command.text}' (document_commands.txt)"
            used.add(row)
    for row in table:
        if row not in used:
            yield f"document_commands.txt: no document has '{row.pattern}'"
        fault = fault_of_row(row)
        if fault:
            yield f"document_commands.txt: '{row.pattern}': {fault}"


class Help:
    """Returns the options of each command, from its help."""

    def __init__(self, binary):
        self._binary = binary
        self._known = {}
        text = self._text()
        self.commands = set(re.findall(r"^  ([a-z][a-z-]+) {2,}\S", text, re.M))

    def _text(self, *command):
        done = subprocess.run(
            [self._binary, *command, "--help"], capture_output=True, text=True, check=False
        )
        return done.stdout

    def options(self, command):
        if command not in self._known:
            self._known[command] = set(re.findall(r"--[a-z][a-z-]*", self._text(command)))
        return self._known[command]


def uses_of_waybill(name):
    """Yields each `waybill COMMAND ...` in a code block or between backticks."""
    if name.startswith(docs.GENERATED) or name == "CHANGELOG.md":
        return
    found = [command.text for command in docs.commands(name)]
    text = "\n".join(line for _, line in docs.prose(name))
    found += re.findall(r"`([^`]+)`", re.sub(r"\s*\n\s*", " ", text))
    for one in found:
        for part in re.split(r"[|;&]", one):
            use = re.match(r"\s*(?:\S*/)?waybill ([a-z][a-z-]*)(.*)", part)
            if use:
                yield use.groups()


def check_options(binary):
    program = Help(binary)
    if len(program.commands) < 8:
        yield "waybill --help: hardly a command was found: has a format changed?"
    for name in docs.documents():
        for command, rest in uses_of_waybill(name):
            if command not in program.commands:
                yield f"{name}: there is no 'waybill {command}'"
                continue
            for option in re.findall(r"(?<!\S)--[a-z][a-z-]*", rest):
                if option not in program.options(command):
                    yield f"{name}: 'waybill {command}' has no option {option}"


# Alerts


def links_of_alerts(name):
    """Returns the alerts of a file, each with its runbook_url."""
    found = {}
    alert = None
    for line in (ROOT / name).read_text().splitlines():
        match = re.match(r"\s*(?:- )?(alert|runbook_url): (\S+)$", line)
        if match and match.group(1) == "alert":
            alert = match.group(2)
            found.setdefault(alert, None)
        elif match:
            # Helm sorts the keys, so the link may precede the name.
            found[alert_of_link(match.group(2)) or alert] = match.group(2)
    return found


def alert_of_link(link):
    wanted = link.partition("#")[2]
    return next((name for name in alert_names() if docs.anchor(name) == wanted), None)


def alert_names():
    return re.findall(r"^\s*- alert: (\w+)$", (ROOT / RULES).read_text(), re.M)


def sections_of_alerts():
    text = "\n" + (ROOT / ALERTS).read_text()
    parts = re.split(r"\n## (.*)\n", text)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def check_sections(links):
    sections = sections_of_alerts()
    for name in links:
        if name not in sections:
            yield f"{ALERTS}: no section for the alert {name}"
    for name, text in sections.items():
        if name not in links:
            yield f"{ALERTS}: section {name}: there is no such alert"
        for part in PARTS:
            if part not in text:
                yield f"{ALERTS}: section {name}: '{part}' is missing"


def check_severities():
    sections = sections_of_alerts()
    rules = (ROOT / RULES).read_text()
    for name, rule in re.findall(r"- alert: (\w+)\n((?:(?!- alert:).)*)", rules, re.S):
        severity = re.search(r"severity: (\w+)", rule).group(1)
        if f"Severity: {severity}." not in sections.get(name, ""):
            yield f"{ALERTS}: section {name}: the severity is {severity}"


def check_alerts():
    links = links_of_alerts(RULES)
    if len(links) < 10:
        yield "hardly an alert was found: has a format changed?"
    yield from check_sections(links)
    yield from check_severities()
    for file in (RULES, RENDERED):
        for name, link in links_of_alerts(file).items():
            wanted = f"{ALERTS}#{docs.anchor(name)}"
            if link != wanted:
                yield f"{file}: {name}: runbook_url is {link}, not {wanted}"


# Log messages


def log_messages():
    """Returns the constant messages of the levels error and warn in the code."""
    for path in sorted((ROOT / "consumer").rglob("*.c")):
        calls = re.findall(
            r'log_write\(\s*LOG_(?:ERROR|WARN),\s*"\w+",\s*((?:"(?:[^"\\]|\\.)*"\s*)+)',
            path.read_text(),
        )
        for call in calls:
            yield "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', call))


def check_messages():
    text = "\n".join(line for _, line in docs.prose(TROUBLESHOOTING))
    shown = [one.split(" ...")[0] for one in re.findall(r"^\| `([^`]+)`", text, re.M)]
    messages = sorted(set(log_messages()))
    if len(messages) < 10:
        yield "hardly a log message was found: has a format changed?"
    for message in messages:
        if not any(message.startswith(one) or one.startswith(message) for one in shown):
            yield f"{TROUBLESHOOTING}: does not explain the message '{message}'"


def main():
    binary = sys.argv[1]
    faults = [*check_length(), *check_changelog(), *check_links(), *check_blocks(), *check_commands()]
    faults += [*check_options(binary), *check_alerts(), *check_messages()]
    print("\n".join(faults) or "the documents are in order")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
