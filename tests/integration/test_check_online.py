#!/usr/bin/env python3
"""`waybill check --online`: what it finds, what it prints, and that it leaves nothing
behind."""

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

    def attached(self, registry, *prefixes, credentials=None):
        """A configuration with one registration, and an attachment for each prefix"""
        config = {
            "registrations": [{"name": "r0", **(credentials or self.known(registry))}],
            "attachments": [
                {
                    "registration": "r0",
                    "name": f"a{place}",
                    "prefix": prefix,
                    "workflow": {"project": f"p{place}"},
                }
                for place, prefix in enumerate(prefixes)
            ],
        }
        return self.config(config)

    def attachments(self, path):
        done = self.waybill("--config", path, "check", "--online", "--json")
        self.assertNotIn(PASSWORD, done.out + done.err)
        rows = json.loads(done.out)["registrations"][0]["attachments"]
        return done, [(row["attachment"], row["destination"], row["result"]) for row in rows], rows

    def test_each_attachment_is_tried_where_its_artifacts_go(self):
        registry = self.registry("auth-bearer", "denied-path=/closed-")
        path = self.attached(registry, "open", "closed", "open", "closed")
        done, found, rows = self.attachments(path)
        self.assert_status(done, EXIT_FAILED)
        self.assertEqual(
            found,
            [
                ("a0", "a/open-*", "ok"),
                ("a1", "a/closed-*", "failed"),
                ("a2", "a/open-*", "ok"),
                ("a3", "a/closed-*", "failed"),
            ],
        )
        self.assertIn("403", rows[1]["detail"])
        self.assertEqual(registry.repositories(), [])
        posts = [entry for entry in registry.log() if entry["method"] == "POST"]
        self.assertEqual(len(posts), 2)  # one for each path
        table = self.waybill("--config", path, "check", "--online")
        self.assertIn("a1, to a/closed-*: ", table.out)

    def test_the_first_attachment_that_is_refused_says_nothing_of_the_others(self):
        registry = self.registry("denied-path=/closed-")
        done, found, _ = self.attachments(self.attached(registry, "closed", "open"))
        self.assert_status(done, EXIT_FAILED)
        self.assertEqual([row[2] for row in found], ["failed", "ok"])

    def test_a_wrong_password_is_not_shown_for_each_attachment(self):
        for scenario in ("auth-basic", "auth-bearer"):
            registry = self.registry(scenario)
            wrong = self.known(registry, password=mint())
            path = self.attached(registry, "b", "c", "d", credentials=wrong)
            done, found, _ = self.attachments(path)
            self.assert_status(done, EXIT_FAILED)
            self.assertEqual([row[2] for row in found], ["failed", "skipped", "skipped"])

    def test_a_registry_that_is_out_of_reach_is_asked_once(self):
        credentials = {"repository": "127.0.0.1:1/a"}
        done, found, _ = self.attachments(
            self.attached(None, "b", "c", credentials=credentials)
        )
        self.assert_status(done, EXIT_TEMPORARY)
        self.assertEqual([row[2] for row in found], ["failed", "skipped"])

    def test_no_more_than_a_hundred_paths_are_tried(self):
        registry = self.registry()
        prefixes = [f"p{place}" for place in range(103)]
        done, found, _ = self.attachments(self.attached(registry, *prefixes))
        self.assert_status(done, EXIT_OK)
        self.assertEqual([row[2] for row in found], ["ok"] * 100 + ["skipped"] * 3)

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
        self.assertEqual(steps["credentials"], ("skipped", "not requested"))

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
        self.assertIn("created", self.steps(done)["upload"][1])

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
