#!/usr/bin/env python3
"""A configuration that changes while the service works, on Apache Kafka: a hundred
times, in every way that files change, a fifth of them broken. About 60 s.

WAYBILL_TEST_KAFKA=host:port names a broker to share, as for test_kafka.py.
"""

import collections
import itertools
import json
import random
import signal
import threading
import time

from admin import ask, listening, sample, scrape
from common import artifact_of, envelope, main

# This skips the whole file if confluent_kafka is missing.
from test_kafka import KafkaCase, message_of

from support.minted import mint
from support.scripted_registry import ScriptedRegistry

RELOADS = 100
BROKEN = 20
# These tests wait until the service has polled its files twice; the others send a SIGHUP.
UNTOLD = ("overwrite", "rename", "swap", "rotate")
UNTOLD_EACH = 3
EVENTS_PER_S = 40


class Mount:
    """A directory as Kubernetes mounts a secret: every name is a link into ..data, which is a
    link to the directory with the files and is replaced to change all of them at once."""

    def __init__(self, folder):
        self.folder = folder
        self.folder.mkdir()
        self._numbers = itertools.count()
        self._files = {}

    @property
    def config(self):
        return self.folder / "config.yaml"

    def swap(self, **files):
        self._files.update(files)
        version = self.folder / f"..version-{next(self._numbers)}"
        version.mkdir()
        for name, content in self._files.items():
            (version / self._name(name)).write_text(content)
        self._link(version.name, "..data")
        for name in self._files:
            self._link(f"..data/{self._name(name)}", self._name(name))

    def rename(self, content):
        """Writes the file as an editor does, which replaces the link."""
        temporary = self.folder / ".config.yaml.new"
        temporary.write_text(content)
        temporary.rename(self.config)

    def overwrite(self, content):
        """Writes the file in two halves, which a poll may see."""
        with self.config.open("w") as file:
            file.write(content[: len(content) // 2])
            file.flush()
            time.sleep(0.1)  # The incomplete file must exist for a while.
            file.write(content[len(content) // 2 :])

    def _link(self, target, name):
        temporary = self.folder / "..new"
        temporary.symlink_to(target)
        temporary.rename(self.folder / name)

    @staticmethod
    def _name(name):
        return "config.yaml" if name == "config" else name


class Load(threading.Thread):
    """Publishes events continuously."""

    def __init__(self, kafka, topic):
        super().__init__(daemon=True)
        self._kafka = kafka
        self._topic = topic
        self._enough = threading.Event()
        self.count = 0
        self.failed = None
        self.start()

    def run(self):
        try:
            while not self._enough.wait(0.25):
                numbers = range(self.count, self.count + EVENTS_PER_S // 4)
                self._kafka.produce(self._topic, [message_of(f"event-{n}") for n in numbers])
                self.count = numbers.stop
        except Exception as problem:  # pylint: disable=broad-except
            self.failed = problem

    def end(self):
        self._enough.set()
        self.join()
        if self.failed:
            raise self.failed


class ReloadCase(KafkaCase):
    def setUp(self):
        super().setUp()
        self.mount = Mount(self.directory / "mount")

    def good(self, other, number=0, **sections):
        """Returns a different configuration each time, which leads to the same outcomes."""
        registrations = [
            {"name": "local", "repository": f"{self.registry.address}/{self.repository}"},
            {
                "name": "other",
                "repository": f"{other.address}/{self.repository}",
                "username": "robot",
                "password": "${file:password}",
            },
        ]
        attachments = [
            {"registration": "local", "workflow": {"project": "shop"}, "name": "one"},
            {"registration": "other", "workflow": {"project": "shop"}, "name": "two"},
        ]
        if number % 3 == 1:
            nobodys = {"registration": "other", "workflow": {"id": "nobody"}, "name": f"n{number}"}
            attachments.insert(number % 2, nobodys)
        if number % 2:
            registrations.reverse()
        kafka = {"brokers": self.kafka.address, "group": self.group, "topics": self.topics}
        return json.dumps(
            {
                "kafka": {**kafka, **sections.pop("kafka", {})},
                "registrations": registrations,
                "attachments": attachments,
                "delivery": {
                    "concurrency": 4 + number % 7,
                    "max_records": 100 + number % 50,
                    "backoff_initial": "50ms",
                    "backoff_max": "500ms",
                    # Nothing that is held here would be tried again by itself.
                    "hold_retry": "1h",
                },
                "admin": {"listen": "127.0.0.1:0"},
                **sections,
            },
            indent=1,
        )

    def broken(self, good, number):
        settings = json.loads(good)
        registration = settings["registrations"][number % 2]
        ways = (
            lambda: good[: len(good) // 2],
            lambda: "",
            lambda: good.replace('"concurrency"', '"concurency"'),
            lambda: good.replace("${file:password}", "${file:passwort}"),
            lambda: good.replace(registration["repository"], "no repository at all"),
            lambda: good.replace('"registration": "other"', '"registration": "nobody"'),
            lambda: good + "\nkafka: {}\n",
        )
        return ways[number % len(ways)]()

    def await_reloads(self, service, address, **expected):
        """Waits for that many reloads; the metric counts them."""

        def there():
            samples = scrape(address)
            return all(
                sample(samples, "waybill_config_reloads_total", result=result) >= count
                for result, count in expected.items()
            )

        self.until(there, 30, f"reloads {expected}", service)

    def entries(self, service, message):
        return [entry for entry in service.entries() if entry.get("msg") == message]


class Hundred(ReloadCase):
    def test_a_hundred_reloads_under_load_lose_nothing_and_repeat_nothing(self):
        chance = random.Random(6)
        untold = [way for way in UNTOLD for _ in range(UNTOLD_EACH)]
        ways = untold + ["told"] * (RELOADS - len(untold))
        chance.shuffle(ways)
        may_break = [number for number, way in enumerate(ways) if way != "rotate"]
        broken = set(chance.sample(may_break, BROKEN))
        done = collections.Counter()
        waits = collections.defaultdict(list)
        password = mint()
        with ScriptedRegistry("auth-basic", users={"robot": password}) as other:
            self.create(3)
            self.mount.swap(config=self.good(other), password=password)
            service = self.serve(str(self.mount.config))
            address = listening(service)
            load = Load(self.kafka, self.source)
            self.until(lambda: self.delivered(address) > 0, 60, "first delivery", service)
            before = 0
            for number, way in enumerate(ways):
                good = self.good(other, number + 1)
                text = self.broken(good, number) if number in broken else good
                if way == "rotate":
                    password = mint()
                    # From now on the old password is refused.
                    other.users = {"robot": password}
                self.change(way, text, password, chance)
                start = time.monotonic()
                if way == "told":
                    service.signal(signal.SIGHUP)
                done["refused" if number in broken else "applied"] += 1
                self.await_reloads(service, address, **done)
                waits[way].append(time.monotonic() - start)
                after = self.delivered(address)
                self.assertGreaterEqual(after, before, "a counter has gone backwards")
                before = after
            load.end()
            # The configuration that is right at the end applies: all deliveries end.
            self.mount.swap(config=self.good(other), password=password)
            service.signal(signal.SIGHUP)
            self.until_done(service, 60)
            self.check(service, address, load.count, other)
            samples = scrape(address)
            self.assertEqual(sample(samples, "waybill_config_restart_pending"), 0)
            resident = sample(samples, "process_resident_memory_bytes")
            self.stop(service)
        self.assertEqual(done, {"applied": RELOADS - BROKEN, "refused": BROKEN})
        told = sorted(waits.pop("told"))
        rest = sorted(sum(waits.values(), []))
        print(
            f"\n{RELOADS} reloads, {BROKEN} of them broken and refused, while {load.count} events "
            f"led to {2 * load.count} deliveries: 0 lost, 0 duplicates; "
            f"{len(other.log())} requests to the second registry; applied or refused within "
            f"{told[len(told) // 2] * 1000:.0f} ms of SIGHUP (median; most {told[-1] * 1000:.0f}), "
            f"within {rest[len(rest) // 2]:.1f} s of a change of files (most {rest[-1]:.1f}); "
            f"{resident / 2**20:.0f} MiB resident"
        )

    def delivered(self, address):
        return sample(scrape(address), "waybill_deliveries_total")

    def change(self, way, text, password, chance):
        if way == "told":
            way = chance.choice(UNTOLD[:3])
        if way == "overwrite":
            self.mount.overwrite(text)
        elif way == "rename":
            self.mount.rename(text)
        else:
            self.mount.swap(config=text, password=password)

    def check(self, service, address, count, other):
        messages = self.read("outcomes", 2 * count, 60)
        found = collections.Counter()
        for message in messages:
            attributes, data = self.parse(message)
            self.assertEqual(data["status"], "succeeded", data)
            found[data["run"]["id"], data["attachment"]] += 1
        wanted = {
            (f"run-event-{number}", name): 1 for number in range(count) for name in ("one", "two")
        }
        self.assertEqual(len(wanted.keys() - found.keys()), 0, "lost")
        self.assertEqual([one for one, times in found.items() if times > 1], [], "duplicates")
        self.assertEqual(found, wanted)
        self.assertEqual(self.read("dead_letters"), [])
        self.assertEqual(self.delivered(address), 2 * count)
        for number in range(count):
            artifact = artifact_of(envelope(f"event-{number}"))
            digest = artifact.layer_digest.partition(":")[2]
            stored = other.get_manifest(f"{self.repository}/chainloop-{digest}", "latest")
            self.assertIsNotNone(stored, f"event-{number} is not in the second registry")
            self.assertEqual(stored[0], artifact.manifest)
            if number % 10 == 0:
                self.assert_stored(self.registry, self.repository, artifact)


class Words(ReloadCase):
    """What an operator sees of a reload"""

    def test_a_refused_configuration_says_what_is_wrong_and_changes_nothing(self):
        with ScriptedRegistry("auth-basic", users={"robot": "pw"}) as other:
            self.create(1)
            self.mount.swap(config=self.good(other), password="pw")
            service = self.serve(str(self.mount.config))
            address = listening(service)
            revision = ask(address, "/status").json["configuration"]
            self.mount.rename(
                self.good(other).replace('"concurrency"', '"concurency"').replace("1h", "soon")
            )
            self.await_reloads(service, address, refused=1)
            status = ask(address, "/status").json
            self.assertEqual(status["configuration"], revision)
            reload = status["reload"]
            self.assertEqual((reload["applied"], reload["refused"], reload["faults"]), (0, 1, 2))
            self.assertIn("config.yaml:", reload["fault"])
            self.assertIn("did you mean 'concurrency' (since", reload["fault"])
            self.assertEqual(sample(scrape(address), "waybill_config_last_reload_successful"), 0)
            faults = self.entries(service, "fault in the configuration")
            self.assertEqual(len(faults), 2)
            (refused,) = self.entries(service, "configuration refused, the previous one stays in use")
            self.assertEqual((refused["level"], refused["faults"]), ("error", 2))
            self.assertEqual(refused["err"], reload["fault"])
            self.kafka.produce(self.source, [message_of("a")])
            self.read("outcomes", 2)

            self.mount.rename(self.good(other, 1))
            self.await_reloads(service, address, applied=1)
            reload = ask(address, "/status").json["reload"]
            self.assertEqual((reload["faults"], "fault" in reload), (0, False))
            self.assertEqual(sample(scrape(address), "waybill_config_last_reload_successful"), 1)
            self.stop(service)

    def test_what_takes_a_restart_says_so_and_the_rest_is_applied(self):
        with ScriptedRegistry("auth-basic", users={"robot": "pw"}) as other:
            self.create(1)
            self.mount.swap(config=self.good(other), password="pw")
            service = self.serve(str(self.mount.config))
            address = listening(service)
            text = self.good(other, 1, kafka={"group": "another"}, log={"level": "debug"})
            self.mount.rename(text)
            self.await_reloads(service, address, applied=1)
            status = ask(address, "/status").json
            self.assertEqual(status["reload"]["restart"], "kafka.group")
            self.assertEqual(status["kafka"]["group"], self.group)
            self.assertEqual(sample(scrape(address), "waybill_config_restart_pending"), 1)
            service.signal(signal.SIGHUP)
            self.await_reloads(service, address, applied=2)
            said = [
                entry["keys"]
                for entry in service.entries()
                if "restart to apply" in entry.get("msg", "")
            ]
            self.assertEqual(said, ["kafka.group"])
            self.kafka.produce(self.source, [message_of("a")])
            self.read("outcomes", 2)
            self.assertTrue(service.says('"level":"debug"'))

            self.mount.rename(self.good(other))
            self.await_reloads(service, address, applied=3)
            self.assertEqual(sample(scrape(address), "waybill_config_restart_pending"), 0)
            self.stop(service)

    def test_a_rotated_password_ends_a_hold_at_once(self):
        old, new = mint(), mint()
        with ScriptedRegistry("auth-basic", users={"robot": new}) as other:
            self.create(1)
            self.mount.swap(config=self.good(other), password=old)
            service = self.serve(str(self.mount.config))
            address = listening(service)
            self.produce_events(6)
            self.until(
                lambda: sample(scrape(address), "waybill_registration_held", registration="other"),
                30,
                "hold",
                service,
            )
            self.mount.swap(password=new)
            self.assertEqual(len(self.read("outcomes", 12)), 12)
            self.until_done(service)
            self.assertEqual(
                sample(scrape(address), "waybill_registration_held", registration="other"), 0
            )
            self.assertEqual(len(self.entries(service, "configuration applied")), 1)
            self.stop(service)


if __name__ == "__main__":
    main()
