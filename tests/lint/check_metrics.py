"""Checks that the alerts and the dashboard in deploy/ use metrics that exist.

    check_metrics.py              each metric and label that they name is one of
                                  deploy/reference/metrics.md, and each alert has a test;
                                  so is what waybill.service says of them
    check_metrics.py --promtool   Prometheus' own tool accepts their queries, and the
                                  tests of the alerts pass; skipped if it is not available
"""

import json
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from support.process import parts  # noqa: E402

REFERENCE = "deploy/reference/metrics.md"
RULES = "deploy/prometheus/waybill.rules.yaml"
TESTS = "deploy/prometheus/waybill.rules.test.yaml"
DASHBOARD = "deploy/grafana/waybill.json"
SERVICE = "deploy/systemd/waybill.service"
SKIPPED = 77

# Metrics of Prometheus itself, and the labels that it adds to those of each target
OF_PROMETHEUS = {"up": set(), "ALERTS": {"alertname", "alertstate", "severity"}}
OF_TARGETS = {"job", "instance"}
OURS = re.compile(r"\b(?:waybill|process)_\w+")
# A name before { or [, so that a misspelt prefix is found, too
SELECTOR = re.compile(r"\b([a-zA-Z_]\w*)(?:\{([^}]*)\}|(?=\[))")
# All names with this prefix: process_*
FAMILY = re.compile(r"\b([a-z]+_\w*)\*")
LABEL = re.compile(r"(\w+)\s*[=!]~?")
# Labels outside of a selector: by (a, b), {{ $labels.a }}, a legend's {{a}}
APART = re.compile(r"\b(?:by|on) \(([\w, ]*)\)|\$labels\.(\w+)|\{\{(\w+)\}\}")


def reference():
    """Returns every name that a scrape contains, with its labels."""
    known = dict(OF_PROMETHEUS)
    text = (ROOT / REFERENCE).read_text()
    for name, kind, labels in re.findall(r"^\| `(\w+)` \| (\w+) \| ([^|]*) \|", text, re.M):
        labels = set(re.findall(r"\w+", labels))
        if kind == "histogram":
            known.update({name + "_sum": labels, name + "_count": labels})
            known[name + "_bucket"] = labels | {"le"}
        else:
            known[name] = labels
    return known


def read_rules():
    """Returns the text without its comments. (A YAML parser is not needed for names.)"""
    return re.sub(r"^\s*#.*\n", "", (ROOT / RULES).read_text(), flags=re.M)


def queries_of(node):
    """Yields all PromQL of a dashboard; some variables contain it in a function."""
    if isinstance(node, list):
        for item in node:
            yield from queries_of(item)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key in ("expr", "definition"):
                yield value
            yield from queries_of(value)


def read_queries():
    return list(queries_of(json.loads((ROOT / DASHBOARD).read_text())))


def faults_of(where, text, known):
    for name in sorted(set(OURS.findall(text)) - set(known)):
        yield f"{where}: no metric '{name}' in {REFERENCE}"
    for name, labels in sorted(set(SELECTOR.findall(text))):
        if name not in known:
            if not OURS.match(name):
                yield f"{where}: no metric '{name}' in {REFERENCE}"
            continue
        for label in LABEL.findall(labels):
            if label not in known[name] | OF_TARGETS:
                yield f"{where}: '{name}' has no label '{label}'"


def faults_apart(where, text, known):
    labels = set().union(OF_TARGETS, *known.values())
    words = {word for match in APART.findall(text) for word in re.findall(r"\w+", " ".join(match))}
    for word in sorted(words - labels):
        yield f"{where}: no metric has a label '{word}'"


def families_of(where, text, known):
    for prefix in FAMILY.findall(text):
        if not any(name.startswith(prefix) for name in known):
            yield f"{where}: no metric begins with '{prefix}' in {REFERENCE}"


def untested():
    """Reports alerts that no test expects to fire."""
    tests = (ROOT / TESTS).read_text()
    for name in re.findall(r"^ *- alert: (\w+)$", read_rules(), re.M):
        if f'alertname="{name}",alertstate="firing"' not in tests:
            yield f"{RULES}: {TESTS} never sees '{name}' fire"


def check_names():
    known, rules, queries = reference(), read_rules(), read_queries()
    if len(known) < 20 or "expr:" not in rules or len(queries) < 20:
        yield "nothing was found to compare: has a format changed?"
    yield from faults_of(RULES, rules, known)
    for query in queries:
        yield from faults_of(DASHBOARD, query, known)
    yield from faults_apart(RULES, rules, known)
    yield from faults_apart(DASHBOARD, (ROOT / DASHBOARD).read_text(), known)
    yield from families_of(SERVICE, (ROOT / SERVICE).read_text(), known)
    yield from untested()


def promtool(program, *arguments):
    done = subprocess.run(
        [program, *map(str, arguments)], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        said = re.sub(r"\n\s*\n", "\n", done.stdout + done.stderr).rstrip()
        yield f"promtool {' '.join(map(str, arguments))}:\n{said}"


def check_queries(program):
    """promtool does not support dashboards, so their queries are passed to it as rules."""
    rules = [
        {"record": f"query:{number}", "expr": query.replace("$__rate_interval", "5m")}
        for number, query in enumerate(read_queries())
        if not query.startswith("label_values(")
    ]
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        json.dump({"groups": [{"name": DASHBOARD, "rules": rules}]}, file)
        file.flush()
        yield from promtool(program, "check", "rules", file.name)


def check_with_promtool():
    try:
        program = parts("parts_promtool")
    except subprocess.CalledProcessError:
        print("SKIPPED: no promtool (Debian's prometheus)")
        sys.exit(SKIPPED)
    yield from promtool(program, "check", "rules", ROOT / RULES)
    yield from promtool(program, "test", "rules", ROOT / TESTS)
    yield from check_queries(program)


def main():
    faults = list(check_with_promtool() if "--promtool" in sys.argv else check_names())
    print("\n".join(faults) or "alerts and dashboard are in order")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
