#!/usr/bin/env python3
"""`waybill check --online`: what it finds, what it says, and what it leaves behind."""

import json

from common import EXIT_CONFIG, EXIT_FAILED, EXIT_OK, EXIT_TEMPORARY
from common import Case, main
from support.minted import mint
from support.scripted_registry import ScriptedRegistry

USER, PASSWORD = "robot", mint()
STEPS = ["host", "tls", "challenge", "credentials", "token", "upload", "layouts"]


class Online(Case):
    def registry(self, *scenarios):
        registry = ScriptedRegistry(*scenarios, users={USER: PASSWORD})
        self.addCleanup(registry.close)
        return registry

    def check(self, *registrations, env=None, arguments=("--json",)):
        named = [{"name": f"r{place}", **row} for place, row in enumerate(registrations)]
        path = self.config({"registrations": named, "attachments": []})
        done = self.waybill("--config", path, "check", "--online", *arguments, env=env)
        self.assertNotIn(PASSWORD, done.out + done.err)
        return done

    def steps(self, done, place=0):
        rows = json.loads(done.out)["registrations"][place]["steps"]
        self.assertEqual([row["step"] for row in rows], STEPS)
        return {row["step"]: (row["result"], row["detail"]) for row in rows}

    def known(self, registry, **more):
        return {
            **{"repository": f"{registry.address}/a", "username": USER, "password": PASSWORD},
            **more,
        }

    def test_a_registry_that_wants_nothing(self):
        registry = self.registry()
        done = self.check({"repository": f"{registry.address}/a"})
        self.assert_status(done, EXIT_OK)
        steps = self.steps(done)
        self.assertEqual(steps["upload"][0], "ok")
        self.assertEqual(steps["credentials"], ("skipped", "not asked for"))

    def test_nothing_is_stored_and_the_upload_is_cancelled(self):
        registry = self.registry("auth-bearer")
        self.assert_status(self.check(self.known(registry)), EXIT_OK)
        self.assertEqual(registry.repositories(), [])
        methods = [entry["method"] for entry in registry.log()]
        self.assertEqual(methods.count("POST"), 1)
        self.assertEqual(methods.count("DELETE"), 1)
        self.assertNotIn("PUT", methods)

    def test_where_the_credentials_come_from_is_said(self):
        registry = self.registry("auth-basic")
        chain = [
            {"source": "env", "name": "NOT_SET_HERE"},
            {"source": "env", "name": "REGISTRY_PASSWORD"},
            {"source": "static", "value": USER, "binding": "username"},
        ]
        done = self.check(
            {"repository": f"{registry.address}/a", "lookup_chain": chain},
            env={"REGISTRY_PASSWORD": PASSWORD},
        )
        self.assert_status(done, EXIT_OK)
        result, detail = self.steps(done)["credentials"]
        self.assertEqual(result, "ok")
        self.assertIn("env REGISTRY_PASSWORD", detail)
        self.assertIn(USER, detail)

    def test_a_wrong_password_is_found_at_the_token(self):
        registry = self.registry("auth-bearer")
        done = self.check(self.known(registry, password=mint()))
        self.assert_status(done, EXIT_FAILED)
        steps = self.steps(done)
        self.assertEqual(steps["token"][0], "failed")
        self.assertIn("check username and password", steps["token"][1])
        self.assertEqual(steps["upload"][0], "skipped")

    def test_a_wrong_password_is_found_at_the_upload(self):
        registry = self.registry("auth-basic")
        done = self.check(self.known(registry, password=mint()))
        self.assert_status(done, EXIT_FAILED)
        self.assertEqual(self.steps(done)["upload"][0], "failed")

    def test_no_credentials_where_some_are_wanted(self):
        registry = self.registry("auth-bearer")
        done = self.check({"repository": f"{registry.address}/a"})
        self.assert_status(done, EXIT_FAILED)
        steps = self.steps(done)
        self.assertEqual(steps["credentials"][0], "look")
        self.assertIn("set username and password", steps["token"][1])

    def test_a_registry_that_is_out_of_reach(self):
        done = self.check({"repository": "127.0.0.1:1/a"})
        self.assert_status(done, EXIT_TEMPORARY)
        self.assertEqual(self.steps(done)["host"][0], "failed")

    def test_what_a_person_must_mend_counts_more_than_what_may_pass(self):
        registry = self.registry("403-denied")
        done = self.check({"repository": "127.0.0.1:1/a"}, self.known(registry))
        self.assert_status(done, EXIT_FAILED)
        self.assertEqual(self.steps(done, 1)["upload"][0], "failed")

    def test_a_repository_that_must_be_made_first(self):
        registry = self.registry("404-name-unknown")
        done = self.check(self.known(registry))
        self.assert_status(done, EXIT_FAILED)
        self.assertIn("made", self.steps(done)["upload"][1])

    def test_no_registry_at_that_address(self):
        registry = self.registry("404-name-unknown@any")
        done = self.check({"repository": f"{registry.address}/a"})
        self.assert_status(done, EXIT_FAILED)
        self.assertIn("is there a registry", self.steps(done)["challenge"][1])

    def test_a_fault_of_the_file_comes_before_any_question(self):
        registry = self.registry()
        done = self.check({"repository": f"{registry.address}/a", "lookup_chain": [{"source": "x"}]})
        self.assert_status(done, EXIT_CONFIG)
        self.assertEqual(registry.log(), [])

    def test_the_table_names_each_registration_and_step(self):
        registry = self.registry()
        done = self.check({"repository": f"{registry.address}/a"}, arguments=())
        self.assert_status(done, EXIT_OK)
        lines = done.out.splitlines()
        self.assertEqual(lines[0].split(), ["REGISTRATION", "STEP", "RESULT", "DETAIL"])
        self.assertEqual(lines[1].split()[:3], ["r0", "host", "ok"])
        self.assertTrue(all(len(line) <= 100 for line in lines))


if __name__ == "__main__":
    main()
