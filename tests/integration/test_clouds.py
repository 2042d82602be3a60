#!/usr/bin/env python3
"""Credentials of a cloud, used for a push to a registry: tests/support/cloud.py issues
them, and the registry accepts no others."""

from common import EXIT_FAILED, EXIT_OK, Case, event, line, main, settings
from support.cloud import ENV_KEY, REGION, Cloud
from support.scripted_registry import ScriptedRegistry

AWS = {"AWS_ACCESS_KEY_ID": ENV_KEY.id, "AWS_SECRET_ACCESS_KEY": ENV_KEY.secret}


class Clouds(Case):
    def setUp(self):
        super().setUp()
        self.cloud = self.enterContext(Cloud(self.directory))
        self.registry = self.enterContext(
            ScriptedRegistry(
                "auth-basic",
                users={
                    "AWS": self.cloud.ecr_password,
                    "oauth2accesstoken": self.cloud.google_access_token,
                },
            )
        )

    def enterContext(self, manager):  # Python 3.11 has it.
        entered = manager.__enter__()
        self.addCleanup(manager.__exit__, None, None, None)
        return entered

    def run_with(self, source, env=None, count=1):
        chain = {"lookup_chain": [source]}
        path = self.config(settings(f"{self.registry.address}/attestations", chain))
        events = b"".join(line(event(f"e{number}")) for number in range(count))
        done = self.push(path, stdin=events, env=env)
        for secret in (ENV_KEY.secret, self.cloud.ecr_password, self.cloud.google_access_token):
            self.assertNotIn(secret, done.out + done.err)
        return done

    def ecr(self):
        return {"source": "aws", "region": REGION, "endpoint": f"{self.cloud.url}/aws/ecr"}

    def test_one_password_of_ecr_serves_many_events(self):
        self.assert_status(self.run_with(self.ecr(), AWS, count=20), EXIT_OK)
        self.assertEqual(self.cloud.count("ecr"), 1)
        self.assertEqual(self.cloud.verify()["faults"], [])

    def test_a_google_service_account_pushes(self):
        source = {"source": "google", "path": str(self.directory / "service-account.json")}
        self.assert_status(self.run_with(source), EXIT_OK)
        self.assertEqual(self.cloud.count("google-token"), 1)

    def test_a_refusal_of_the_cloud_is_an_outcome_that_says_so(self):
        self.cloud.tell("ecr", "deny", 9)
        done = self.run_with(self.ecr(), AWS)
        self.assert_status(done, EXIT_FAILED)
        error = done.outcome["data"]["error"]
        self.assertEqual(error["class"], "auth")
        self.assertIn("ecr:GetAuthorizationToken", error["message"])

    def test_what_the_cloud_could_not_give_once_it_may_give_again(self):
        self.cloud.tell("ecr", "fail")
        self.assert_status(self.run_with(self.ecr(), AWS), EXIT_OK)
        self.assertEqual(self.cloud.count("ecr"), 2)


if __name__ == "__main__":
    main()
