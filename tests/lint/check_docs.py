"""What is generated from the tables is committed, and must not be stale.

    check_docs.py BINARY [--write]

Also checks config.yaml, which is the manual: it passes `waybill check` as it is
and with every commented setting switched on, those settings are the defaults,
and no key is missing from it.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCUMENTS = {
    "reference": "deploy/reference/configuration.md",
    "schema": "deploy/reference/config.schema.json",
    "cli": "deploy/reference/command-line.md",
    "registries": "deploy/reference/registries.md",
    "metrics": "deploy/reference/metrics.md",
    "errors": "deploy/reference/errors.md",
    "man": "deploy/debian/waybill.1",
    "man-yaml": "deploy/debian/waybill.yaml.5",
    "completion bash": "deploy/completion/waybill.bash",
    "completion zsh": "deploy/completion/_waybill",
    "completion fish": "deploy/completion/waybill.fish",
}


def waybill(binary, *args):
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith("WAYBILL_")
    }
    return subprocess.run(
        [binary, *args], capture_output=True, text=True, check=False, env=environment
    )


def generate(binary, word):
    done = waybill(binary, "config", *word.split())
    if done.returncode != 0:
        sys.exit(f"waybill config {word}: {done.returncode}: {done.stderr}")
    text = done.stdout
    if word == "schema":
        text = json.dumps(json.loads(text), indent=2, ensure_ascii=False) + "\n"
    return text


def check_documents(binary, write):
    for word, name in DOCUMENTS.items():
        path = ROOT / name
        text = generate(binary, word)
        if write:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            yield f"{name} is stale: run tests/lint/check_docs.py BINARY --write"


def switched_on(text):
    """A line '#word' or '#  word' that holds a setting loses its '#'."""
    return re.sub(r"^#( *[a-z_]+:( .*)?)$", r"\1", text, flags=re.M)


def check_manual(binary):
    text = (ROOT / "config.yaml").read_text()
    for what, variant in (("as it is", text), ("all switched on", switched_on(text))):
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write(variant)
            file.flush()
            result = waybill(binary, "--config", file.name, "check")
        if result.returncode != 0:
            yield f"config.yaml {what}: {result.stderr.strip()}"


def check_needs(binary):
    """Which commands want the kafka section is said where it is described."""
    schema = json.loads((ROOT / DOCUMENTS["schema"]).read_text())
    manual = (ROOT / "config.yaml").read_text()
    places = {
        "the schema": schema["properties"]["kafka"]["description"],
        "config.yaml": " ".join(manual[: manual.index("\nkafka:")].split("\n\n")[-1].split()),
    }
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write("registrations: []\n")
        file.flush()
        for command, *arguments in (
            ["run"],
            ["publish", os.devnull],
            ["explain", "0/0"],
            ["replay", "list"],
            ["push", os.devnull],
            ["check"],
        ):
            result = waybill(binary, "--config", file.name, command, *arguments)
            needs = "kafka: is required" in result.stderr
            for place, text in places.items():
                if (re.search(rf"\b{command}\b", text) is not None) != needs:
                    word = "needs" if needs else "does not need"
                    yield f"{place}: `waybill {command}` {word} the section kafka"


def fields(schema, path=()):
    for key, field in schema.get("properties", {}).items():
        yield (*path, key), field
        yield from fields(field, (*path, key))
        # Of the kinds of integrations the first is shown in full; who adds another
        # need not change config.yaml.
        items = field.get("items", {})
        for item in (items.get("anyOf") or items.get("allOf") or [])[:1]:
            yield from fields(item.get("then", item), (*path, key))


def check_completeness(binary):
    text = (ROOT / "config.yaml").read_text()
    schema = json.loads(waybill(binary, "config", "schema").stdout)
    for path, field in fields(schema):
        key = path[-1]
        if not re.search(rf"[\s{{,#-]{key}:", text):
            yield f"config.yaml does not show {'.'.join(path)}"
        default = field.get("default")
        if isinstance(default, bool):
            default = str(default).lower()
        line = re.search(rf"^# +{key}: (.*)$", text, flags=re.M)
        setting = re.search(rf"^#  ?  ?{key}: (.*)$", text, flags=re.M)
        if default is not None and setting and line:
            if setting.group(1) != str(default):
                yield f"config.yaml shows {key}: {setting.group(1)}, the default is {default}"


def main():
    binary = sys.argv[1]
    write = "--write" in sys.argv
    faults = [*check_documents(binary, write), *check_manual(binary)]
    faults += check_needs(binary)
    faults += check_completeness(binary)
    print("\n".join(faults) or "documents and config.yaml are up to date")
    return 1 if faults else 0


sys.exit(main())
