"""What is generated from the tables is committed, and must not be stale.

    check_docs.py BINARY [--write]

Also checks config.yaml, which is the manual: it passes `waybill check` as it is,
with all commented settings uncommented, with each of them alone, and with each
example. The settings are the defaults, and no key is missing.
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


SETTING = re.compile(r"^( *)#([a-z_]+:( .*)?)$")
EXAMPLE = re.compile(r"^( *)# (.*)$")


def settings(lines):
    """Returns the lines that are a setting after their '#', as the first paragraph of the file
    says."""
    return [number for number, line in enumerate(lines) if SETTING.match(line)]


def examples(lines):
    """Returns the examples: a key after '# ', and the lines indented under it."""
    found, current = [], None
    for number, line in enumerate(lines):
        match = EXAMPLE.match(line)
        text = match[2] if match else ""
        if match and current and text.startswith("  "):
            current.append(number)
        elif match and re.match(r"(- )?[a-z_]+:( \S+| \{.*\})?$", text):
            current = [number]
            found.append(current)
        else:
            current = None
    # The names of both files belong together, and so do both keys of TLS.
    return [[n for part in found for n in part if lines[n].startswith("  # tls_")]] + [
        part for part in found if not lines[part[0]].startswith("  # tls_")
    ]


def uncomment(lines, numbers):
    changed = list(lines)
    for number in numbers:
        match = SETTING.match(lines[number]) or EXAMPLE.match(lines[number])
        changed[number] = match[1] + match[2]
    return "\n".join(changed) + "\n"


VALUES = {
    "GHCR_TOKEN": "a",
    "HOOK_URL": "https://hook.example.com/",
    "SLACK_WEBHOOK": "https://hooks.slack.com/services/a/b/c",
    "DISCORD_WEBHOOK": "https://discord.com/api/webhooks/1/a",
    "HOOK_SECRET": "whsec_" + "QUFB" * 8,
    "HOOK_TOKEN": "a",
}


def check_text(binary, text, folder):
    """Runs `waybill check`, with the files that the examples name."""
    for name in set(re.findall(r"/(?:etc/waybill|run/secrets)/[\w./-]+", text)):
        path = pathlib.Path(folder + name)
        if not path.suffix == ".d":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("a\n")
        text = text.replace(name, str(path))
    path = pathlib.Path(folder) / "config.yaml"
    path.write_text(text)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("WAYBILL_")}
    done = subprocess.run(
        [binary, "--config", str(path), "check"],
        capture_output=True,
        text=True,
        check=False,
        env={**environment, **VALUES},
    )
    return done.stderr.strip() if done.returncode != 0 else ""


def variants(lines):
    """Follows all instructions of the first paragraph of config.yaml."""
    yield "as it is", "\n".join(lines) + "\n"
    yield "with all settings uncommented", uncomment(lines, settings(lines))
    for number in settings(lines):
        yield f"with {lines[number].strip()} uncommented", uncomment(lines, [number])
    registrations = [part for part in examples(lines) if "- name" in lines[part[0]]]
    for part in examples(lines):
        needed = registrations if "- registration" in lines[part[0]] else []
        numbers = part + [number for other in needed for number in other]
        yield f"with the example {lines[part[0]].strip()}", uncomment(lines, numbers)


def check_manual(binary):
    lines = (ROOT / "config.yaml").read_text().splitlines()
    if len(settings(lines)) < 25 or len(examples(lines)) < 10:
        yield "config.yaml: its settings and examples are not recognized"
    for what, text in variants(lines):
        with tempfile.TemporaryDirectory() as folder:
            fault = check_text(binary, text, folder)
        if fault:
            yield f"config.yaml {what}: {fault}"


def check_needs(binary):
    """The commands that require the kafka section are listed where it is described."""
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
        # The first kind of integration is shown in full; a new integration need not change
        # config.yaml.
        items = field.get("items", {})
        for item in (items.get("anyOf") or items.get("allOf") or [])[:1]:
            yield from fields(item.get("then", item), (*path, key))


LISTS = ("registrations", "attachments")


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
        setting = re.search(rf"^ *#{key}: (.*)$", text, flags=re.M)
        if default is not None and setting and setting.group(1) != str(default):
            yield f"config.yaml shows {key}: {setting.group(1)}, the default is {default}"
        if default is not None and len(path) < 4 and path[0] not in LISTS and not setting:
            yield f"config.yaml does not show the default of {'.'.join(path)}"


def main():
    binary = sys.argv[1]
    write = "--write" in sys.argv
    faults = [*check_documents(binary, write), *check_manual(binary)]
    faults += check_needs(binary)
    faults += check_completeness(binary)
    print("\n".join(faults) or "documents and config.yaml are up to date")
    return 1 if faults else 0


sys.exit(main())
