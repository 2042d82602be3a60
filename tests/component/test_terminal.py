#!/usr/bin/env python3
"""No sequence that a terminal interprets is printed, whatever the source of a name is."""

import json
import pathlib
import sys
import unittest

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "integration")]

from common import Case, event, line, main, settings  # noqa: E402
from support.scripted_registry import ScriptedRegistry  # noqa: E402

# A CSI of one and of two characters, an override of the writing direction, an isolate, a
# mark, and characters without width
NASTY = "a\x1b[2J\x9b31m\u202eb\u2066\u061c\u200bc\x7f"
OBEYED = "\x1b\x9b\u202e\u2066\u061c\u200b\x7f"


class Terminal(Case):
    def assert_harmless(self, done):
        for wrong in OBEYED:
            self.assertNotIn(wrong, done.out)
            self.assertNotIn(wrong, done.err)

    def test_a_name_of_a_file(self):
        path = self.config(settings("localhost:9/att"))
        done = self.waybill("--config", path, "push", f"none-{NASTY}")
        self.assert_harmless(done)
        self.assertIn("\\u202e", done.err)
        self.assert_harmless(self.waybill("--config", f"none-{NASTY}", "check"))
        self.assert_harmless(self.waybill("push", f"--{NASTY}"))

    def test_names_of_an_event(self):
        attachments = [{"registration": "local", "workflow": {"project": "*", "name": "*"}}]
        with ScriptedRegistry() as registry:
            path = self.config(settings(f"{registry.address}/att", None, attachments))
            source = self.write("event.json", line(event("a", project=NASTY, flow=NASTY)))
            done = self.push(path, source)
        self.assert_harmless(done)
        # Escaped JSON has the same value when it is parsed.
        self.assertIn(json.dumps(NASTY), json.dumps(json.loads(done.out)))


if __name__ == "__main__":
    main()
