#!/usr/bin/env python3
"""`waybill run` with systemd's protocol (sd_notify), on Apache Kafka. The manager is a socket
here, as in systemd, and requires the same of the service.

WAYBILL_TEST_KAFKA=host:port names a broker to share, as for test_kafka.py.
"""

import signal
import socket
import time

from common import main

# This skips the whole file if confluent_kafka is missing.
from test_kafka import KafkaCase, message_of

WATCHDOG = 0.4  # seconds


class Manager:
    """Returns the notifications, a dictionary for each datagram."""

    def __init__(self, path):
        self.path = str(path)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.path)
        self.heard = []

    def close(self):
        self._socket.close()

    def next(self, seconds):
        """Returns None if it was silent for that long."""
        self._socket.settimeout(seconds)
        try:
            text = self._socket.recv(4096).decode()
        except TimeoutError:
            return None
        message = dict(one.split("=", 1) for one in text.splitlines())
        self.heard.append((time.monotonic(), message))
        return message

    def await_message(self, name, seconds, words="1"):
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            message = self.next(left)
            if message and words in message.get(name, ""):
                return message[name]
        raise AssertionError(f"no {name} with '{words}' in {seconds} s: {self.heard[-5:]}")

    def forget(self):
        """Returns the notifications so far."""
        while self.next(0.001):
            pass
        self.heard.clear()


class Managed(KafkaCase):
    def managed(self, path):
        manager = Manager(self.directory / "notify")
        self.addCleanup(manager.close)
        more = {
            "NOTIFY_SOCKET": manager.path,
            "WATCHDOG_USEC": str(int(WATCHDOG * 1e6)),
        }
        return manager, self.serve(path, env=more)

    def test_systemd_hears_that_it_is_ready_alive_and_stopping(self):
        self.create(2)
        manager, service = self.managed(self.configure())
        first = manager.next(30)
        self.assertEqual(first, {"READY": "1"})
        manager.await_message("STATUS", 30, "partitions: 2, records in progress: 0")
        self.kafka.produce(self.source, [message_of("one")])
        self.read("outcomes", 1)
        manager.forget()
        for _ in range(4):
            manager.await_message("WATCHDOG", 10)
        service.signal(signal.SIGTERM)
        manager.await_message("STOPPING", 10)
        self.assertEqual(service.ended(30), 0)

    def test_what_is_frozen_is_no_longer_alive(self):
        self.create()
        manager, service = self.managed(self.configure())
        manager.await_message("WATCHDOG", 30)
        service.signal(signal.SIGSTOP)
        manager.forget()
        self.assertIsNone(manager.next(WATCHDOG * 3))
        service.signal(signal.SIGCONT)
        manager.await_message("WATCHDOG", 10)
        self.stop(service)

    def test_it_is_ready_without_a_broker_and_says_what_it_waits_for(self):
        """Otherwise systemd would end and start it for as long as the broker is unavailable."""
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            address = "127.0.0.1:%d" % nobody.getsockname()[1]
            manager, service = self.managed(self.configure(kafka={"brokers": address}))
            manager.await_message("READY", 30)
            manager.await_message("STATUS", 10, "no assignment")
            manager.await_message("WATCHDOG", 10)
            self.stop(service)

    def test_nothing_is_different_where_nobody_listens(self):
        self.create()
        gone = {"NOTIFY_SOCKET": str(self.directory / "gone"), "WATCHDOG_USEC": "1000"}
        service = self.serve(self.configure(), env=gone)
        self.kafka.produce(self.source, [message_of("one")])
        self.read("outcomes", 1)
        self.stop(service)


if __name__ == "__main__":
    main()
