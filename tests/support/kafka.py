"""A real Apache Kafka for tests, and requests to it."""

import os
import pathlib
import shutil
import signal
import socket
import struct
import tempfile
import time
import typing

import confluent_kafka
import confluent_kafka.admin

from .process import PARTS, Process, parts
from .stand_in import Closing, started


class Message(typing.NamedTuple):
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: list  # of (name, bytes)
    timestamp: int  # milliseconds


class Committed(typing.NamedTuple):
    offset: int
    metadata: str


class Kafka(Closing):
    """Returns the broker that WAYBILL_TEST_KAFKA=host:port names, or else a new one; a broker
    with properties is always new."""

    def __init__(self, properties=None):
        self._process = None
        self._directory = None
        self._properties = [f"{name}={value}" for name, value in (properties or {}).items()]
        self.address = None if properties else os.environ.get("WAYBILL_TEST_KAFKA")
        if not self.address:
            parts("parts_kafka_jars")
            self._temporary = tempfile.TemporaryDirectory(
                prefix="waybill-kafka-", ignore_cleanup_errors=True
            )
            self._directory = pathlib.Path(self._temporary.name)
            started(self)

    def close(self):
        if self._process:
            self._process.kill()
        if self._directory:
            self._temporary.cleanup()

    # Only for a broker of our own.

    def start(self):
        """Also after stop() or kill(): the address and the data remain the same."""
        log = self._directory / "kafka.log"
        before = log.stat().st_size if log.exists() else 0
        command = ["bash", "-euc", '. "$0"; parts_kafka_run "$@"', PARTS, self._directory]
        command += self._properties
        for attempt in range(3):
            self._process = Process(command, log)
            try:
                self._process.wait_until(
                    lambda: b"Kafka Server started" in log.read_bytes()[before:], 60
                )
            except RuntimeError:
                # Another process took the port since it was found free.
                if "BindException" not in self._process.tail() or before or attempt == 2:
                    raise
                shutil.rmtree(self._directory)
                self._directory.mkdir()
                continue
            break
        self.address = (self._directory / "kafka.listen").read_text().strip()

    def stop(self):
        self._process.stop(15)

    def kill(self):
        """Kills the broker, as a power failure would."""
        self._process.kill()

    def freeze(self):
        """Freezes the broker: it stays connected and does not respond."""
        self._process.signal(signal.SIGSTOP)

    def thaw(self):
        self._process.signal(signal.SIGCONT)

    # Topics and messages.

    def create_topic(self, name, partitions=1, config=None, replication=1):
        admin = confluent_kafka.admin.AdminClient(self._client())
        topic = confluent_kafka.admin.NewTopic(
            name, partitions, replication, config=config or {}
        )
        try:
            admin.create_topics([topic], operation_timeout=30)[name].result(30)
        except confluent_kafka.KafkaException as exc:
            # librdkafka repeats a request whose response was lost or late, and each test
            # chooses unique names of topics.
            if exc.args[0].code() != confluent_kafka.KafkaError.TOPIC_ALREADY_EXISTS:
                raise
        self._await_leaders(admin, name, partitions)

    def delete_topic(self, name):
        """Waits until the topic is deleted."""
        admin = confluent_kafka.admin.AdminClient(self._client())
        admin.delete_topics([name], operation_timeout=30)[name].result(30)
        deadline = time.monotonic() + 10
        while name in admin.list_topics(timeout=10).topics:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{name} is still there")
            time.sleep(0.02)

    def add_partitions(self, name, total):
        admin = confluent_kafka.admin.AdminClient(self._client())
        wanted = confluent_kafka.admin.NewPartitions(name, total)
        admin.create_partitions([wanted], operation_timeout=30)[name].result(30)
        self._await_leaders(admin, name, total)

    def configure_topic(self, name, config):
        """Settings that are not named get their default again."""
        admin = confluent_kafka.admin.AdminClient(self._client())
        wanted = confluent_kafka.admin.ConfigResource("topic", name, set_config=config)
        admin.alter_configs([wanted])[wanted].result(30)

    @staticmethod
    def _await_leaders(admin, name, partitions):
        # The broker confirms the creation a moment before it knows the leaders.
        deadline = time.monotonic() + 10
        while True:
            known = admin.list_topics(name, timeout=10).topics[name]
            if len(known.partitions) == partitions and all(
                one.leader >= 0 for one in known.partitions.values()
            ):
                return
            if time.monotonic() > deadline:
                raise TimeoutError(f"no leader for {name}")
            time.sleep(0.02)

    def produce(self, topic, messages, partition=None, timestamp=None):
        """Writes (key, value, headers) or shorter tuples, and waits for the broker. The timestamp
        is in milliseconds."""
        failures = []

        def delivered(error, _):
            if error:
                failures.append(error)

        producer = confluent_kafka.Producer(
            self._client(**{"linger.ms": 5, "acks": "all", "enable.idempotence": True})
        )
        where = {} if partition is None else {"partition": partition}
        if timestamp is not None:
            where["timestamp"] = timestamp
        for key, value, headers in (tuple(m) + (None,) * (3 - len(m)) for m in messages):
            while True:
                try:
                    producer.produce(
                        topic, value, key, headers=headers, on_delivery=delivered, **where
                    )
                    break
                except BufferError:
                    producer.poll(0.1)
            producer.poll(0)
        if producer.flush(60):
            raise TimeoutError(f"the broker did not take all messages for {topic}")
        if failures:
            raise confluent_kafka.KafkaException(failures[0])

    def read_committed(self, topic, expected=0, timeout=30):
        """Returns all messages that a read_committed reader receives, once there are as many as
        expected. It reads up to the end, so that an additional message is detected, too."""
        return self._read(self._consumer(), topic, expected, timeout)

    def read_all(self, topic, timeout=30):
        """Also those of transactions that were aborted or are still open"""
        return self._read(self._consumer("read_uncommitted"), topic, 0, timeout)

    def _read(self, consumer, topic, expected, timeout):
        try:
            where = self._assign(consumer, topic)
            at_end, found = set(), []
            deadline = time.monotonic() + timeout
            while len(found) < expected or len(at_end) < len(where):
                left = deadline - time.monotonic()
                if left <= 0:
                    raise TimeoutError(f"{topic} holds {len(found)} of {expected} messages")
                message = consumer.poll(min(left, 0.5))
                if message is None:
                    continue
                error = message.error()
                if not error:
                    at_end.discard(message.partition())
                    found.append(
                        Message(
                            message.partition(),
                            message.offset(),
                            message.key(),
                            message.value(),
                            message.headers() or [],
                            message.timestamp()[1],
                        )
                    )
                elif error.code() == confluent_kafka.KafkaError._PARTITION_EOF:
                    at_end.add(message.partition())
                elif not error.retriable():
                    raise confluent_kafka.KafkaException(error)
            return found
        finally:
            consumer.close()

    def end_offsets(self, topic):
        """Returns {partition: offset after the last message}."""
        consumer = self._consumer("read_uncommitted")
        try:
            return {
                one.partition: self._end_offset(consumer, one)
                for one in self._partitions(consumer, topic)
            }
        finally:
            consumer.close()

    @staticmethod
    def _end_offset(consumer, partition, seconds=10):
        """A partition that was just created may not have its leader yet."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                return consumer.get_watermark_offsets(partition, timeout=seconds)[1]
            except confluent_kafka.KafkaException as error:
                if not error.args[0].retriable() or time.monotonic() > deadline:
                    raise
            time.sleep(0.1)

    def committed(self, group, topic):
        """Returns {partition: Committed(offset, metadata)}, only for partitions with a commit."""
        return _fetch_offsets(self._coordinator(group), group).get(topic, {})

    def commit(self, group, topic, partition, offset, metadata=""):
        """Commits as a tool would, for a group without members; waits until the last member has
        left."""
        # OffsetCommit, version 2: no generation, no member, the default retention.
        body = _text(group) + struct.pack(">i", -1) + _text("") + struct.pack(">q", -1)
        body += struct.pack(">i", 1) + _text(topic)
        body += struct.pack(">iiq", 1, partition, offset) + _text(metadata)
        deadline = time.monotonic() + 30
        while True:
            answer = _ask(self._coordinator(group), 8, 2, body)
            answer.take("i")  # topics
            answer.text()
            answer.take("i"), answer.take("i")  # the partitions, and their number
            error = answer.take("h")
            if not error:
                return
            # The coordinator moves or loads, or the group has a member.
            if error not in (14, 15, 16, 22, 25, 27) or time.monotonic() > deadline:
                raise RuntimeError(f"cannot commit for {group}: error {error}")
            time.sleep(0.1)

    def delete_group(self, group):
        """Deletes the group with its offsets; its members have left, or are about to."""
        deadline = time.monotonic() + 30
        while True:
            # DeleteGroups, version 0
            body = struct.pack(">i", 1) + _text(group)
            answer = _ask(self._coordinator(group), 42, 0, body)
            answer.take("i"), answer.take("i")  # throttle time, groups
            answer.text()
            error = answer.take("h")
            if not error:
                return
            # As for commit(), and NON_EMPTY_GROUP
            if error not in (14, 15, 16, 68) or time.monotonic() > deadline:
                raise RuntimeError(f"cannot delete {group}: error {error}")
            time.sleep(0.1)

    def producer(self, **settings):
        return confluent_kafka.Producer(self._client(**settings))

    def member(self, group, topic, client, strategy="cooperative-sticky"):
        """A consumer of another application"""
        consumer = confluent_kafka.Consumer(
            self._client(
                **{
                    "group.id": group,
                    "client.id": client,
                    "partition.assignment.strategy": strategy,
                    "session.timeout.ms": 60000,
                }
            )
        )
        consumer.subscribe([topic])
        return consumer

    def join_newer(self, group, topic, member):
        """A member by the newer protocol (KIP-848), which is silent from then on; the
        coordinator removes it after 45 s. `member` is its id, a base64 UUID."""
        # ConsumerGroupHeartbeat, version 0; 1 and the length precede a nullable value, and
        # a byte 0 ends a list of tagged fields.
        body = b"\0" + _short_text(group) + _short_text(member)
        body += struct.pack(">i", 0) + b"\0\0" + struct.pack(">i", 45000)
        body += b"\2" + _short_text(topic) + b"\0" + b"\1" + b"\0"
        deadline = time.monotonic() + 15
        while True:
            answer = _ask(self._coordinator(group), 68, 0, body)
            answer.take("b"), answer.take("i")  # tagged fields, throttle time
            error = answer.take("h")
            if not error:
                return
            # As for commit()
            if error not in (14, 15, 16) or time.monotonic() > deadline:
                raise RuntimeError(f"cannot join {group}: error {error}")
            time.sleep(0.1)

    def abort(self, topic, messages, partition):
        """Writes the messages in a transaction that is aborted."""
        producer = confluent_kafka.Producer(self._client(**{"transactional.id": f"{topic}.abort"}))
        producer.init_transactions(30)
        producer.begin_transaction()
        for message in messages:
            producer.produce(topic, message, partition=partition)
        producer.flush(30)
        producer.abort_transaction(30)

    def delete_records(self, topic, partition, before):
        """Deletes records as retention does."""
        # DeleteRecords, version 1
        body = struct.pack(">i", 1) + _text(topic) + struct.pack(">i", 1)
        answer = _ask(self.address, 21, 1, body + struct.pack(">iqi", partition, before, 10000))
        answer.take("i"), answer.take("i")  # throttle time, topics
        answer.text()
        answer.take("i"), answer.take("i")  # the partitions, and their number
        low, error = answer.take("q"), answer.take("h")
        if error or low != before:
            raise RuntimeError(f"cannot delete of {topic}: error {error}")

    def lag(self, group, topic=None):
        """Returns how many offsets the group has still to commit: in one topic, or in all topics in
        which it has committed."""
        offsets = _fetch_offsets(self._coordinator(group), group)
        total = 0
        for name in [topic] if topic else offsets:
            done = offsets.get(name, {})
            for partition, end in self.end_offsets(name).items():
                total += end - (done[partition].offset if partition in done else 0)
        return total

    def _client(self, **settings):
        return {"bootstrap.servers": self.address, "log_level": 0, **settings}

    def _consumer(self, isolation="read_committed"):
        return confluent_kafka.Consumer(
            self._client(
                **{
                    "group.id": "waybill-test",  # Required by the library, but not used
                    "enable.auto.commit": False,
                    "enable.partition.eof": True,
                    "isolation.level": isolation,
                    "fetch.wait.max.ms": 50,
                }
            )
        )

    @staticmethod
    def _partitions(consumer, topic):
        known = consumer.list_topics(topic, timeout=10).topics[topic]
        if known.error:
            raise confluent_kafka.KafkaException(known.error)
        return [confluent_kafka.TopicPartition(topic, number) for number in known.partitions]

    def _assign(self, consumer, topic):
        where = self._partitions(consumer, topic)
        for one in where:
            one.offset = confluent_kafka.OFFSET_BEGINNING
        consumer.assign(where)
        return where

    def _coordinator(self, group):
        # FindCoordinator, version 1: a group's key has type 0.
        deadline = time.monotonic() + 15
        while True:
            answer = _ask(self.address, 10, 1, _text(group) + b"\0")
            answer.take("i")  # throttle time
            error = answer.take("h")
            answer.text()  # error message
            answer.take("i")  # node
            host, port = answer.text(), answer.take("i")
            if not error:
                return f"{host}:{port}"
            if error != 15 or time.monotonic() > deadline:  # COORDINATOR_NOT_AVAILABLE
                raise RuntimeError(f"no coordinator for {group}: error {error}")
            time.sleep(0.1)


# confluent_kafka 1.7 exposes neither the metadata of a commit nor the topics in which a
# group has committed. One request each returns them.


class _Answer:
    def __init__(self, body):
        self._body = body
        self._at = 0

    def take(self, kind):
        (value,) = struct.unpack_from(f">{kind}", self._body, self._at)
        self._at += struct.calcsize(f">{kind}")
        return value

    def text(self):
        length = max(self.take("h"), 0)
        self._at += length
        return self._body[self._at - length : self._at].decode()


def _text(value):
    return struct.pack(">h", len(value)) + value.encode()


def _short_text(value):
    """Encodes a string of less than 127 bytes for the flexible versions of requests."""
    return bytes([len(value) + 1]) + value.encode()


def _ask(addresses, request, version, body):
    """If there are several brokers, the first one that responds is asked."""
    *others, last = addresses.split(",")
    for address in others:
        try:
            return _ask_one(address, request, version, body)
        except (OSError, struct.error):
            pass  # stopped, frozen, or about to stop
    return _ask_one(last, request, version, body)


def _ask_one(address, request, version, body):
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port)), 10) as connection:
        with connection.makefile("rb") as stream:
            if address in _credentials:
                _authenticate(connection, stream, *_credentials[address])
            return _exchange(connection, stream, request, version, body)


def _exchange(connection, stream, request, version, body):
    message = struct.pack(">hhi", request, version, 1) + _text("waybill-test") + body
    connection.sendall(struct.pack(">i", len(message)) + message)
    (length,) = struct.unpack(">i", stream.read(4))
    answer = _Answer(stream.read(length))
    answer.take("i")  # correlation id
    return answer


# {address: (user, password)} of the brokers that require SASL/PLAIN
_credentials = {}


def _authenticate(connection, stream, user, password):
    # SaslHandshake, version 1, and SaslAuthenticate, version 0
    _exchange(connection, stream, 17, 1, _text("PLAIN"))
    token = f"\0{user}\0{password}".encode()
    body = struct.pack(">i", len(token)) + token
    if _exchange(connection, stream, 36, 0, body).take("h"):
        raise RuntimeError(f"the broker rejects {user}")


def _fetch_offsets(address, group):
    # OffsetFetch, version 5: no list of topics means all.
    deadline = time.monotonic() + 15
    while True:
        answer = _ask(address, 9, 5, _text(group) + struct.pack(">i", -1))
        answer.take("i")  # throttle time
        topics = {}
        for _ in range(answer.take("i")):
            partitions = topics.setdefault(answer.text(), {})
            for _ in range(answer.take("i")):
                partition, offset = answer.take("i"), answer.take("q")
                answer.take("i")  # leader epoch
                metadata = answer.text()
                answer.take("h")  # an error, or the one below
                if offset >= 0:
                    partitions[partition] = Committed(offset, metadata)
        error = answer.take("h")
        if not error:
            return topics
        # COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR:
        # temporary, as for the very first group of a broker
        if error not in (14, 15, 16) or time.monotonic() > deadline:
            raise RuntimeError(f"cannot fetch the offsets of {group}: error {error}")
        time.sleep(0.1)
