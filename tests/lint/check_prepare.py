#!/usr/bin/env python3
"""The tables of deploy/guide/preparing-kafka.md are those of the program.

    check_prepare.py BINARY [--write]

`waybill kafka prepare --json` lists the topics with their settings, and the permissions.
With --write the tables are replaced.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

GUIDE = pathlib.Path(__file__).resolve().parents[2] / "deploy" / "guide" / "preparing-kafka.md"
CONFIG = {
    "kafka": {"brokers": "kafka.example.com:9092", "group": "GROUP"},
    "registrations": [{"name": "own", "repository": "registry.example.com/attestations"}],
    "attachments": [{"registration": "own", "workflow": {"project": "shop"}}],
}


def read_plan(binary):
    with tempfile.TemporaryDirectory() as folder:
        config = pathlib.Path(folder, "config.yaml")
        config.write_text(json.dumps(CONFIG))
        clean = {key: text for key, text in os.environ.items() if not key.startswith("WAYBILL_")}
        done = subprocess.run(
            [binary, "--config", config, "kafka", "prepare", "--json"],
            stdout=subprocess.PIPE,
            env=clean,
            check=True,
            timeout=60,
        )
    return json.loads(done.stdout)


def topic_rows(plan):
    yield "| topic | purpose | partitions | setting | reason of the setting |"
    yield "|---|---|---|---|---|"
    for topic in plan["topics"]:
        head = f"`{topic['topic']}` | {topic['purpose']} | {topic['partitions']}"
        for row in topic["settings"]:
            yield f"| {head} | `{row['setting']}={row['value']}` | {row['reason']} |"
            head = "| |"


def permission_rows(plan):
    yield "| principal of | resource | operations | what it does with it |"
    yield "|---|---|---|---|"
    last = None
    for row in plan["permissions"]:
        user = f"`waybill {row['for']}`" if row["for"] != last else ""
        name = row["name"].replace("GROUP", "<kafka.group>")
        kind = row["resource"].replace("transactional-id", "transactional id")
        begin = "s that begin with" if row["pattern"] == "prefixed" else ""
        last = row["for"]
        operations = ", ".join(row["operations"])
        yield f"| {user} | {kind}{begin} `{name}` | {operations} | {row['reason']} |"


def replace(text, name, rows):
    begin, end = f"<!-- {name}: check_prepare.py --write -->", f"<!-- end of {name} -->"
    found = re.compile(re.escape(begin) + "\n.*?" + re.escape(end), re.DOTALL)
    if not found.search(text):
        sys.exit(f"{GUIDE}: '{begin}' is missing")
    table = "\n".join([begin, *rows, end])
    return found.sub(lambda _: table, text)


def main():
    plan = read_plan(sys.argv[1])
    before = GUIDE.read_text()
    after = replace(before, "topics", topic_rows(plan))
    after = replace(after, "permissions", permission_rows(plan))
    if "--write" in sys.argv:
        GUIDE.write_text(after)
    elif before != after:
        sys.exit(f"{GUIDE}: the tables differ from the program's: run check_prepare.py --write")
    print("the tables of topics and permissions are up to date")


if __name__ == "__main__":
    main()
