#!/usr/bin/env python3
"""Every fault of the scripted registry, and the expected result."""

import concurrent.futures
import os
import typing


from common import EXIT_FAILED, EXIT_OK, EXIT_TEMPORARY
from common import Case, artifact_of, configuration_keys, digest, envelope, event, line, main
from common import settings
from support.minted import mint
from support.scenarios import BODIES, SCENARIOS, Played
from support.scripted_registry import ScriptedRegistry
from support.tls import CA

USER, PASSWORD, WRONG, AMAZON = "pusher", mint(), mint(), mint()
KNOWN = {"username": USER, "password": PASSWORD}
ECR = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
ECR_PUBLIC = "public.ecr.aws"

# The result of the event: success, or the class of its error
OK = "succeeded"
LATER = "attempts_exhausted"

# The probe, two sessions, two blobs and the manifest; the same with a token; and a second
# attempt from the start, after a look-up of the manifest.
COLD = 6
TOKEN = COLD + 1
TWICE = COLD + 6


class Row(typing.NamedTuple):
    """The expected result of scenarios: an end, or one of several, and how many requests it may
    take at most."""

    scenarios: str
    end: typing.Any
    most: int
    registration: dict = {}  # Further keys of the registration
    tls: bool = False
    host: str | None = None  # The host name that is used in requests
    padding: int = 0  # of the event
    answer_timeout: str = "5s"
    attempts: int = 3
    refresh: bool = False  # It has a refresh token instead of a password.
    other: bool = False  # Credentials may be sent to the other host.
    amazon: bool = False  # Credentials come from the API of ECR.
    single: str | None = None  # The result if blobs are sent with their POST, if it differs
    says: str = ""  # The message of the error, or a part of it

    @property
    def keys(self):
        """Those of the registration that are not in every version."""
        extra = {"lookup_chain"} if self.refresh or self.amazon else set()
        return {*self.registration, *extra} - {"username", "password"}


def bearer(scenarios, end=OK, most=TOKEN, registration=None, **more):
    return Row(f"auth-bearer {scenarios}".strip(), end, most, KNOWN | (registration or {}), **more)


def refreshing(scenarios, end, most):
    return bearer(scenarios, end, most, {"username": None, "password": None}, refresh=True)


ROWS = (
    # The longest scenarios first, so that the others run at the same time
    Row("drip@post", LATER, 3, answer_timeout="1s", attempts=1),
    Row("hang", LATER, 6, answer_timeout="1s", attempts=2),
    # --- permissions, and which server decides
    Row("auth-basic", OK, COLD, KNOWN),
    Row("auth-basic", "auth", 3),
    # Each of the first two requests may send it once more.
    Row("auth-basic", "auth", 5, KNOWN | {"password": WRONG}),
    Row("auth-basic 401-on-put", OK, COLD + 1, KNOWN),
    bearer(""),
    Row("auth-bearer", "auth", 3),
    bearer("", "auth", 3, {"password": WRONG}),
    bearer("lockout=2"),
    bearer("lockout=2", "auth", 3, {"password": WRONG}),
    bearer("token-lifetime=2"),
    bearer("token-lifetime=1 slow-commit=1.2", OK, 2 * TOKEN + 2),
    bearer("token-access-token"),
    bearer("token-no-expiry"),
    bearer("token-says=soon"),
    bearer("token-says=-1"),
    bearer("token-says=1e300"),
    bearer("token-says=null"),
    bearer("token-no-post"),
    bearer("token-no-post=405"),
    bearer("token-no-post", OK, TOKEN + 1, {"token_exchange_method": "auto"}),
    bearer("token-only-post", OK, TOKEN, {"token_exchange_method": "oauth2"}),
    bearer("token-rotate"),
    Row("token-anonymous", OK, TOKEN),
    bearer("token-reduced", "auth", 9),
    bearer("token-reduced token-says-scope", "auth", 9),
    bearer("token-reduced token-jwt", "auth", 9, says="the token does not grant push on"),
    bearer("token-says-scope"),
    bearer("token-jwt"),
    # Only the registry knows what the claims mean.
    *(bearer(f"token-claims={one}") for one in ("pattern", "renamed", "push", "nothing")),
    bearer("token-201"),
    bearer("token-bom"),
    bearer("token-gzip"),
    bearer("token-bomb", LATER, 4),
    bearer("token-redirect", OK, TOKEN + 1),
    bearer("token-redirect=301", OK, TOKEN + 1),
    bearer("token-redirect=303", OK, TOKEN + 1),
    bearer("token-redirect-http", OK, TOKEN + 1, tls=True),
    bearer("token-redirect-foreign", LATER, 4, says="redirects to 'https://elsewhere.test'"),
    bearer("token-redirect-loop", LATER, 24, says="redirects more than"),
    bearer("realm-http", tls=True),
    bearer("token-other-host", other=True),
    bearer("another-scope", OK, 9),
    bearer("harbor-basic", OK, 9),
    bearer("realm-per-repository", OK, 10),
    bearer("401-closes"),
    bearer("two-challenges"),
    bearer("basic-then-bearer"),
    bearer("challenge-odd"),
    bearer("relative-realm"),
    bearer("realm-query"),
    bearer("realm-http-foreign", "auth", 3, tls=True),
    bearer("realm-metadata-ip", "auth", 3),
    bearer("401-on-put", OK, TOKEN + 3),
    # The second refusal affects either another request, or the same one once more.
    bearer("401-twice", (OK, "auth"), TWICE),
    bearer("401-twice@manifest", "auth", 9),
    bearer("401-twice*0", "auth", 9),
    bearer("401-mid-upload", OK, TOKEN + 3),
    bearer("400-expired", (OK, "auth"), TOKEN + 5),
    bearer("400-expired", OK, TOKEN + 5, {"plain_http": True}, host=ECR_PUBLIC),
    bearer("403-expired", "auth", 4),
    bearer("403-expired", OK, TOKEN + 5, {"plain_http": True}, host=ECR),
    Row("auth-basic 403-expired", "auth", 4, KNOWN | {"plain_http": True}, host=ECR),
    Row("auth-basic", OK, COLD + 1, {"plain_http": True}, host=ECR, amazon=True),
    bearer("403-denied", "auth", 8, {"plain_http": True}, host=ECR),
    bearer("token-403", "auth", 3),
    bearer("token-invalid-grant"),
    bearer("token-empty", LATER, 4),
    bearer("token-missing", LATER, 4),
    bearer("token-crlf", LATER, 4),
    bearer("token-huge", LATER, 4),
    bearer("token-html", LATER, 6),
    bearer("ingress@token", LATER, 6),
    bearer("login-page@token", LATER, 6),
    bearer("503=1@token", OK, TOKEN + 2),
    bearer("425@token", OK, TOKEN + 2),
    bearer("429-seconds=1@token", OK, TOKEN + 2),
    bearer("hang@token", LATER, 4, answer_timeout="1s", attempts=2),
    refreshing("", OK, TOKEN),
    refreshing("token-rotate", OK, TOKEN),
    refreshing("token-redirect", OK, TOKEN + 1),
    refreshing("token-rotate token-redirect=308", OK, TOKEN + 1),
    refreshing("token-only-post", OK, TOKEN),
    refreshing("token-invalid-grant", "auth", 4),
    refreshing("token-no-post", "auth", 4),
    # --- artifacts, and the names of their repositories
    Row("no-referrers", OK, COLD),
    Row("oci-subject-lies", OK, COLD),
    Row("fallback-not-an-index", OK, COLD),
    Row("index-race", OK, COLD),
    Row("gitlab-media-types", OK, COLD),
    Row("immutable-tags", OK, COLD),
    Row("lenient", OK, COLD),
    Row("repository-first", "not_found", 4),
    Row(
        "auth-basic repository-first",
        OK,
        COLD + 8,
        {"plain_http": True, "create_repository": True},
        host=ECR,
        amazon=True,
    ),
    # --- how blobs are accepted
    Row("202-on-single-post", OK, COLD),
    Row("202-reads-nothing", OK, TWICE),
    Row("404-on-single-post", OK, COLD + 2),
    Row("201-on-patch", OK, COLD),
    Row("201-on-patch", OK, 14, {"chunk_size": "64KiB"}, padding=150000),
    Row("chunk-min", OK, COLD),
    Row("chunk-min=131072", OK, 16, {"chunk_size": "64KiB"}, padding=400000),
    Row("416", OK, TWICE),
    Row("416@patch", OK, TWICE + 12, {"chunk_size": "64KiB"}, padding=150000),
    Row("413-over", OK, COLD),
    Row("413-over=70000", OK, 18, {"chunk_size": "64KiB"}, padding=150000),
    # The client finds out by itself that chunks are accepted.
    Row("413-over=70000", OK, 18, padding=150000),
    Row("413-over", OK, 18, padding=1000000),
    bearer("token-lifetime=1 slow=0.4@patch", OK, 40, {"chunk_size": "64KiB"}, padding=150000),
    # --- overload and rate limits
    Row("429", OK, TWICE),
    Row("429*0", LATER, 9),
    Row("429-seconds=1", OK, TWICE),
    Row("429-date=1", OK, TWICE),
    Row("429-rfc850=1", OK, TWICE),
    Row("429-asctime=1", OK, TWICE),
    Row("429-absurd", OK, TWICE),
    Row("429-body", OK, TWICE),
    Row("403-rate-limit", OK, TWICE),
    Row("403-rate-limit*0", LATER, 9),
    Row("425", OK, TWICE),
    Row("425@ping", OK, COLD + 1),
    Row("503=2", OK, TWICE + 2),
    Row("503=1@ping", OK, COLD + 1),
    Row("500-always", LATER, 9),
    Row("ingress", LATER, 15),
    Row("login-page", LATER, 12),
    Row("read-only", LATER, 6),
    Row("quota", LATER, 4),
    Row("denied-path=att", "auth", 4),
    Row("html-error", OK, TWICE),
    Row("html-error*0", LATER, 9),
    Row("huge-error-body", OK, TWICE),
    # Never
    Row("403-denied", "auth", 3),
    Row("404-name-unknown", "not_found", 3),
    Row("400-manifest-invalid", "rejected", COLD + 1),
    *(
        Row(f"400-body={form}", ("rejected", LATER), 3 * TWICE, says="the moon is full")
        for form in BODIES
    ),
    Row("413", "too_large", 8),
    Row("413@manifest", "too_large", COLD + 1),
    Row("413-early", "too_large", 8),
    Row("412-immutable", "rejected", COLD + 1),
    Row("405-unsupported", LATER, COLD + 1),
    Row("wrong-digest", "digest_mismatch", COLD),
    Row("no-digest", OK, COLD),
    Row("odd-digest", OK, COLD),
    Row("odd-digest=quoted", OK, COLD),
    Row("odd-digest=sha512", OK, COLD),
    Row("404-with-digest", OK, COLD),
    # --- restarts of an upload
    Row("404-upload-unknown", OK, TWICE),
    Row("404-upload-unknown*0", LATER, 18, single=OK),
    Row("404-blob-unknown", OK, TWICE),
    Row("404-blob-unknown*0", LATER, 20),
    Row("400-digest-invalid", OK, TWICE),
    Row("400-digest-invalid*0", LATER, 18, single=OK),
    # --- connections; curl itself repeats a request on a reused one
    Row("hang@ping", LATER, 2, answer_timeout="1s", attempts=2),
    Row("slow=0.2", OK, COLD),
    Row("slow-commit=1.5", OK, COLD),
    Row("slow-commit=2*1", OK, TWICE, answer_timeout="1s"),
    Row("close", OK, TWICE),
    Row("close*0", LATER, 18),
    Row("reset", OK, TWICE),
    Row("close-mid-upload", OK, TWICE),
    Row("close-after-headers", OK, TWICE),
    Row("close-mid-body", OK, TWICE),
    Row("drop-201", OK, TWICE + 1),
    Row("drop-201*0", LATER, 24, single=OK),
    Row("chunked-garbage", OK, TWICE),
    Row("huge-headers", LATER, 9),
    Row("set-cookie", OK, COLD),
    Row("warning", OK, COLD),
    # --- redirects and Locations
    Row("long-location", OK, COLD),
    bearer("location-relative"),
    bearer("location-relative-path"),
    bearer("location-absolute"),
    bearer("location-http", tls=True),
    bearer("location-other-port"),
    Row("auth-basic location-cross-host", OK, COLD, KNOWN),
    Row("location-userinfo", LATER, 12, single=OK),
    Row("location-metadata-ip", LATER, 4, single=OK),
    Row("location-file", LATER, 12, single=OK),
    Row("location-missing", LATER, 12, single=OK),
    bearer("redirect-307", OK, TOKEN + 5),
    Row("auth-basic redirect-cross-host", OK, COLD + 3, KNOWN),
    bearer("redirect-http", LATER, 42, tls=True),
    Row("redirect-loop", LATER, 39),
    Row("referrers-303", OK, COLD),
)


class Table(Case):
    def test_has_all(self):
        known = {Played(text).scenario.name for row in ROWS for text in row.scenarios.split()}
        self.assertEqual(known, set(SCENARIOS))

    def test_rows(self):
        """Blobs are uploaded by POST and PUT."""
        self.play_all(" 202-on-single-post", lambda row: row.end)

    def test_rows_with_single_posts(self):
        self.play_all("", lambda row: row.single or row.end)

    def play_all(self, more, end_of):
        pair = CA(self.directory / "ca").issue()
        rows = [row for row in ROWS if row.keys <= configuration_keys()]
        with concurrent.futures.ThreadPoolExecutor(2 * os.cpu_count()) as threads:
            # Each row has a directory of its own, because its name is no valid file name.
            jobs = [
                threads.submit(self.play, row, row.scenarios + more, number, pair)
                for number, row in enumerate(rows)
            ]
            for row, job in zip(rows, jobs):
                with self.subTest(row.scenarios, **row._asdict()):
                    self.check(row, end_of(row), *job.result())
        for row in ROWS:
            if row not in rows:
                missing = ", ".join(sorted(row.keys - configuration_keys()))
                print(f"left out for want of {missing}: {row.scenarios}")

    def play(self, row, scenarios, number, pair):
        (self.directory / str(number)).mkdir()
        with ScriptedRegistry(
            *scenarios.split(),
            users={USER: PASSWORD, "AWS": AMAZON},
            tls=pair if row.tls else None,
        ) as registry:
            path = self.config(
                settings(
                    f"{row.host or registry.address}/att",
                    self.registration(row, registry),
                    delivery={
                        "max_attempts": row.attempts,
                        "backoff_initial": "10ms",
                        "backoff_max": "50ms",
                        "answer_timeout": row.answer_timeout,
                    },
                    log={"level": "debug"},
                ),
                f"{number}/config.yaml",
            )
            env = {"http_proxy": registry.url} if row.host else {}
            if row.amazon:
                env.update(AWS_ACCESS_KEY_ID="AKIDEXAMPLE", AWS_SECRET_ACCESS_KEY=AMAZON)
            done = self.push(path, stdin=line(event("a", padding=row.padding)), env=env)
            return done, registry

    @staticmethod
    def registration(row, registry):
        found = {key: value for key, value in row.registration.items() if value is not None}
        if row.tls:
            found["ca_file"] = registry.tls.ca
        if row.refresh:
            token = registry.refresh_token(USER)
            chain = {"source": "static", "value": token, "binding": "identitytoken"}
            found["lookup_chain"] = [chain]
        if row.amazon:
            found["lookup_chain"] = [{"source": "aws", "endpoint": registry.url}]
        return found

    def check(self, row, wanted, done, registry):
        count = registry.count()
        said = f"{done.err}\n{count}"
        data = self.assert_cloud_event(done.outcome)
        end = data.get("error", {}).get("class", OK)
        self.assertIn(end, [wanted] if isinstance(wanted, str) else wanted, said)
        self.assertIn(row.says, data.get("error", {}).get("message", ""), said)
        status = {OK: EXIT_OK, LATER: EXIT_TEMPORARY}.get(end, EXIT_FAILED)
        self.assert_status(done, status)
        self.assertLessEqual(count["requests"], row.most, said)
        self.assertEqual(count["complaints"], [], said)
        self.assertLessEqual(count["wrong_passwords"], 1 if "bearer" in row.scenarios else 4)
        if not row.other:
            self.assertEqual(count["authorization_at_other"], 0)
        if end == OK:
            self.assert_held(registry, artifact_of(envelope("a", row.padding)))

    def assert_held(self, registry, wanted):
        (name,) = registry.repositories()
        self.assertEqual(name, f"att/chainloop-{wanted.layer_digest[7:]}")
        self.assertEqual(registry.get_manifest(name, "latest")[0], wanted.manifest)
        self.assertEqual(registry.get_blob(name, wanted.layer_digest), wanted.layer)
        self.assertEqual(registry.get_blob(name, digest(wanted.config)), wanted.config)


class Counts(Case):
    """Counts the requests of each push, one after the other, once everything is learned."""

    def requests(self, scenarios, names, registration=None):
        """Counts the requests of each event after the first ones."""
        with ScriptedRegistry(*scenarios.split(), users={USER: PASSWORD}) as registry:
            path = self.config(
                settings(f"{registry.address}/att", registration, delivery={"concurrency": 1})
            )
            done = self.push(path, stdin=b"".join(line(event(name)) for name in names))
            self.assert_status(done, EXIT_OK)
            self.assertEqual(registry.count()["complaints"], [])
            stages = [entry["stage"] for entry in registry.log()]
        ends = [place for place, stage in enumerate(stages) if stage == "manifest"]
        self.assertEqual(len(ends), len(names))
        return [end - before for before, end in zip(ends, ends[1:])]

    def test_warm(self):
        for scenarios, registration in (("", {}), ("auth-basic", KNOWN)):
            with self.subTest(scenarios):
                found = self.requests(f"{scenarios} 202-on-single-post", "abc", registration)
                self.assertEqual(found, [5, 5])

    def test_token_that_covers_it(self):
        found = self.requests("auth-bearer 202-on-single-post", "aaa", KNOWN)
        self.assertEqual(found, [5, 5])

    def test_token_for_each_repository(self):
        found = self.requests("auth-bearer 202-on-single-post", "abc", KNOWN)
        self.assertEqual(found, [6, 6])

    def test_single_posts(self):
        self.assertEqual(self.requests("", "abc"), [3, 3])
        self.assertEqual(self.requests("auth-basic", "abc", KNOWN), [3, 3])
        self.assertEqual(self.requests("auth-bearer", "aaa", KNOWN), [3, 3])
        self.assertEqual(self.requests("auth-bearer", "abc", KNOWN), [4, 4])

    def test_single_posts_that_break_the_connection(self):
        """The fallback is tried once, and not again. The first event is repeated at the end, and
        looks for its manifest."""
        found = self.requests("202-reads-nothing", "abcd")
        self.assertEqual(found, [5, 5, 6])


class Lockout(Case):
    def test_a_wrong_password_is_shown_a_few_times(self):
        """The number of requests does not exceed the number of pushes that start at once."""
        with ScriptedRegistry("lockout=3", users={USER: PASSWORD}) as registry:
            wrong = {"username": USER, "password": WRONG}
            path = self.config(settings(f"{registry.address}/att", wrong))
            names = map(str, range(200))
            done = self.push(path, stdin=b"".join(line(event(name)) for name in names))
            self.assert_status(done, EXIT_FAILED)
            classes = {outcome["data"]["error"]["class"] for outcome in done.outcomes}
            self.assertEqual(classes, {"auth"})
            self.assertLessEqual(registry.count()["wrong_passwords"], 8)


if __name__ == "__main__":
    main()
