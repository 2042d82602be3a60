#!/usr/bin/env python3
"""The admin port of a real `waybill run`, with clients that are slow, numerous, wrong or
hostile. No broker runs here: the port must work without one."""

import contextlib
import http.client
import json
import pathlib
import random
import shutil
import signal
import socket
import ssl
import tempfile
import time
import warnings

from admin import ask, listening, sample, scrape
from common import EXIT_CONFIG, EXIT_FAILED, EXIT_TEMPORARY, Case, main, settings
from support.tls import CA

# As in consumer/admin/server.c
CONNECTIONS_OF_ONE = 8
FIRST_REQUEST_S = 3


class PortCase(Case):
    def start(self, env=None, properties=None, **admin):
        path = self.config(
            settings(
                "127.0.0.1:1/acme/attestations",
                kafka={"brokers": "127.0.0.1:1", "properties": properties or {}},
                admin={"listen": "127.0.0.1:0", **admin},
            )
        )
        return self.serve(path, env)

    def stop(self, service):
        """The service stops in order, whatever clients have requested."""
        service.signal(signal.SIGTERM)
        self.assertEqual(service.ended(20), 0, service.tail())

    def connect(self, address, sent=b""):
        host, _, port = address.rpartition(":")
        client = socket.create_connection((host, int(port)), 20)
        self.addCleanup(client.close)
        client.sendall(sent)
        return client

    def talk(self, address, sent):
        """Returns everything that arrives until the server closes the connection or is silent."""
        client = self.connect(address, sent)
        client.settimeout(3)
        got = b""
        with contextlib.suppress(TimeoutError, ConnectionError):
            while data := client.recv(65536):
                got += data
        client.close()
        return got.decode("latin-1")

    def is_answered(self, address):
        """More connections than the port permits are reset, and so is this one until the
        service has noticed that others were closed."""
        try:
            return ask(address, "/livez").status == 200
        except ConnectionError:
            return False

    def assert_alive(self, service, address):
        self.assertEqual(ask(address, "/livez").status, 200, service.tail())


class Listening(PortCase):
    def test_the_log_names_the_port_that_was_free(self):
        service = self.start()
        address = listening(service)
        self.assertRegex(address, r"^127\.0\.0\.1:[1-9]\d*$")
        self.assert_alive(service, address)
        answer = ask(address, "/readyz")
        self.assertEqual(answer.status, 503)
        self.assertFalse(answer.json["ready"])
        self.assertEqual(len(answer.json["reasons"]), 2)
        self.stop(service)

    def test_it_listens_on_ipv6(self):
        service = self.start(listen="[::1]:0")
        host, _, port = listening(service).rpartition(":")
        self.assertEqual(host, "[::1]")
        self.assertEqual(ask(f"::1:{port}", "/livez").status, 200)

    def test_an_address_that_was_asked_for_must_be_free(self):
        with socket.create_server(("127.0.0.1", 0)) as other:
            address = f"127.0.0.1:{other.getsockname()[1]}"
            service = self.start(listen=address)
            self.assertEqual(service.ended(20), EXIT_CONFIG)
        self.assertTrue(service.says(f"cannot listen on {address}"), service.tail())

    def test_a_default_address_that_is_taken_is_no_reason_not_to_work(self):
        taken = None
        with contextlib.suppress(OSError):  # The owner does not matter; the permissions do.
            taken = socket.create_server(("127.0.0.1", 9464))
        path = self.config(
            settings("127.0.0.1:1/acme/attestations", kafka={"brokers": "127.0.0.1:1"})
        )
        service = self.serve(path)
        service.wait_until(lambda: service.says('"msg":"started"'), 20)
        self.assertTrue(service.says("no admin port"))
        self.stop(service)
        if taken:
            taken.close()

    def test_off_is_off(self):
        service = self.start(listen="off")
        service.wait_until(lambda: service.says('"msg":"started"'), 20)
        self.assertFalse(service.says("listening"))
        self.assertFalse(service.says("no admin port"))

    def test_it_says_so_when_anybody_may_read_it(self):
        service = self.start(listen="0.0.0.0:0")
        listening(service)
        self.assertTrue(service.says("admin.token is not set"))
        service = self.start(listen="0.0.0.0:0", token="s3cret")
        listening(service)
        self.assertFalse(service.says("admin.token is not set"))


class Guarded(PortCase):
    def test_the_token_opens_what_is_guarded(self):
        service = self.start(token="${env:ADMIN_TOKEN}", env={"ADMIN_TOKEN": "s3cret-token"})
        address = listening(service)
        answer = ask(address, "/status")
        self.assertEqual(answer.status, 401)
        self.assertIn("Bearer", answer.headers["WWW-Authenticate"])
        self.assertEqual(ask(address, "/metrics", Authorization="Bearer wrong").status, 401)
        for path in ("/status", "/metrics"):
            answer = ask(address, path, Authorization="Bearer s3cret-token")
            self.assertEqual(answer.status, 200)
            self.assertNotIn("s3cret-token", answer.body)
        for path in ("/livez", "/"):
            self.assertEqual(ask(address, path).status, 200)
        self.assertEqual(ask(address, "/readyz").status, 503)
        self.stop(service)
        self.assertFalse(service.says("s3cret-token"))

    def test_it_speaks_tls_and_nothing_else(self):
        with tempfile.TemporaryDirectory() as folder:
            pair = CA(folder).issue(["localhost", "127.0.0.1"])
            service = self.start(tls_certificate=str(pair.cert), tls_key=str(pair.key))
            address = listening(service)
            self.assertEqual(ask(address, "/livez", ca=pair.ca).status, 200)
            self.assertNotIn("200", self.talk(address, b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n"))
            old = ssl.create_default_context(cafile=pair.ca)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                old.minimum_version = ssl.TLSVersion.TLSv1
                old.maximum_version = ssl.TLSVersion.TLSv1_1
            with self.assertRaises((ssl.SSLError, ConnectionError)):
                old.wrap_socket(self.connect(address), server_hostname="localhost")
            # Some clients disconnect in the middle of a handshake or of a response.
            for _ in range(20):
                self.connect(address, b"\x16\x03\x01\x02\x00\x01").close()
                whole = ssl.create_default_context(cafile=pair.ca).wrap_socket(
                    self.connect(address), server_hostname="localhost"
                )
                whole.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
                whole.close()
            self.assertEqual(ask(address, "/livez", ca=pair.ca).status, 200)
            self.stop(service)

    def test_a_renewed_certificate_is_shown_and_a_bad_one_is_not(self):
        """The certificate is replaced as cert-manager renews it and Kubernetes mounts it: about 10
        s."""
        mount = pathlib.Path(self.directory) / "tls"
        mount.mkdir()
        pairs = [CA(mount / f"..{n}").issue(["127.0.0.1"]) for n in range(2)]

        def put(version, cert, key):
            folder = mount / f"..data-{version}"
            folder.mkdir()
            shutil.copy(cert, folder / "tls.crt")
            shutil.copy(key, folder / "tls.key")
            (mount / "..new").symlink_to(folder.name)
            (mount / "..new").rename(mount / "..data")

        put(0, pairs[0].cert, pairs[0].key)
        for name in ("tls.crt", "tls.key"):
            (mount / name).symlink_to(f"..data/{name}")
        service = self.start(
            tls_certificate=str(mount / "tls.crt"), tls_key=str(mount / "tls.key")
        )
        address = listening(service)
        self.assertEqual(ask(address, "/livez", ca=pairs[0].ca).status, 200)
        put(1, pairs[1].cert, pairs[0].key)
        refused = "certificate of the admin port refused, the previous one stays in use"
        service.wait_until(lambda: service.says(refused), 20)
        self.assertEqual(ask(address, "/livez", ca=pairs[0].ca).status, 200)
        put(2, pairs[1].cert, pairs[1].key)
        renewed = "certificate of the admin port renewed"
        service.wait_until(lambda: service.says(renewed), 20)
        self.assertEqual(ask(address, "/livez", ca=pairs[1].ca).status, 200)
        with self.assertRaises(ssl.SSLError):
            ask(address, "/livez", ca=pairs[0].ca)
        self.stop(service)

    def test_a_renewed_certificate_of_kafka_asks_for_a_restart(self):
        """The client is created once. About 5 s."""
        ca = self.write("ca.pem", pathlib.Path(CA(self.directory / "one").cert).read_bytes())
        properties = {"security.protocol": "ssl", "ssl.ca.location": ca}
        service = self.start(properties=properties)
        address = listening(service)
        pending = "waybill_config_restart_pending"
        self.assertEqual(sample(scrape(address), pending), 0)
        renewed = self.directory / "renewed.pem"
        renewed.write_bytes(pathlib.Path(CA(self.directory / "two").cert).read_bytes())
        renewed.rename(ca)
        service.wait_until(lambda: service.says("restart to apply it"), 20)
        self.assertTrue(service.says('"keys":"kafka.properties"'), service.tail())
        self.assertEqual(sample(scrape(address), pending), 1)

    def test_a_key_that_is_none_is_a_fault_of_the_configuration(self):
        path = self.write("none.pem", "none")
        service = self.start(tls_certificate=path, tls_key=path)
        self.assertEqual(service.ended(20), EXIT_CONFIG)
        self.assertTrue(service.says("not a certificate and its key"), service.tail())


class Status(PortCase):
    """Runs `waybill status` with the file that the service was started with."""

    def status(self, address, *options, env=None):
        env = {"WAYBILL_ADMIN_LISTEN": address, **(env or {})}
        path = str(self.directory / "config.yaml")
        return self.waybill("--config", path, "status", *options, env=env)

    def assert_not_ready(self, done):
        self.assert_status(done, EXIT_FAILED)
        self.assertRegex(done.out, r"^not ready {6}\w")
        self.assertIn("group          waybill, reads attestations from 127.0.0.1:1\n", done.out)
        self.assertRegex(done.out, r"\nregistrations  \w+: flowing, 0 succeeded")
        self.assertLess(len(done.out.splitlines()), 16)

    def test_it_tells_why_the_service_is_not_ready(self):
        service = self.start(listen="0.0.0.0:0")
        address = listening(service)
        self.assert_not_ready(self.status(address))
        done = self.status(address, "--json")
        self.assert_status(done, EXIT_FAILED)
        self.assertFalse(json.loads(done.out)["ready"])
        # A configuration that was refused does not end the service, nor this command.
        path = pathlib.Path(self.directory) / "config.yaml"
        path.write_text(path.read_text().replace('"repository"', '"repositry"'))
        service.wait_until(lambda: service.says("configuration refused"), 20)
        done = self.status(address)
        self.assert_not_ready(done)
        self.assertIn("rejected:", done.out)
        self.stop(service)
        done = self.status(address)
        self.assert_status(done, EXIT_TEMPORARY)
        self.assertIn("the service does not respond", done.err)
        self.assertEqual(done.out, "")

    def test_there_has_to_be_somebody_to_ask(self):
        self.start()
        for address, why in (("off", "no admin port"), ("127.0.0.1:0", "leaves the port")):
            done = self.status(address)
            self.assert_status(done, EXIT_CONFIG)
            self.assertIn(why, done.err)

    def test_it_shows_the_token(self):
        env = {"ADMIN_TOKEN": "s3cret-token\n"}
        service = self.start(token="${env:ADMIN_TOKEN}", env=env)
        address = listening(service)
        self.assert_not_ready(self.status(address, env=env))
        done = self.status(address, env={"ADMIN_TOKEN": "another"})
        self.assert_status(done, EXIT_FAILED)
        self.assertRegex(done.out, r"^not ready {6}\w")
        self.assertIn("More is shown with the admin.token", done.out)

    def test_it_trusts_the_certificate_of_the_configuration_and_no_other(self):
        with tempfile.TemporaryDirectory() as folder:
            pairs = [CA(f"{folder}/{n}").issue(["waybill.example"]) for n in range(2)]
            names = {"tls_certificate": pairs[0].cert, "tls_key": pairs[0].key}
            service = self.start(**{name: str(path) for name, path in names.items()})
            address = listening(service)
            self.assert_not_ready(self.status(address))
            other = {"WAYBILL_ADMIN_TLS_CERTIFICATE": str(pairs[1].cert)}
            done = self.status(address, env=other)
            self.assert_status(done, EXIT_TEMPORARY)
            self.assertEqual(done.out, "")


class Hostile(PortCase):
    def test_wrong_requests_are_refused_and_cost_nothing(self):
        service = self.start()
        address = listening(service)
        host = b"Host: 127.0.0.1\r\n"
        cases = [
            (b"POST /status HTTP/1.1\r\n" + host + b"Content-Length: 2\r\n\r\n{}", " 405 "),
            (b"DELETE / HTTP/1.1\r\n" + host + b"\r\n", " 405 "),
            (b"BREW /status HTTP/1.1\r\n" + host + b"\r\n", " 405 "),
            (b"GET /status HTTP/1.1\r\n" + host + b"Content-Length: 9\r\n\r\n", " 413 "),
            (b"GET / HTTP/1.1\r\n" + host + b"Transfer-Encoding: chunked\r\n\r\nffff", " 413 "),
            (b"GET /../../etc/passwd HTTP/1.1\r\n" + host + b"\r\n", " 404 "),
            (b"GET /%2e%2e/%00 HTTP/1.1\r\n" + host + b"\r\n", " 404 "),
            (b"GET /status HTTP/1.1\r\nHost: evil.example\r\n\r\n", " 403 "),
            (b"GET / HTTP/1.1\r\n" + host + b"X: " + b"a" * 100000 + b"\r\n\r\n", "HTTP/1.1 4"),
            (b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\n" + host + b"\r\n", "HTTP/1.1 4"),
        ]
        for sent, expected in cases:
            first = self.talk(address, sent).partition("\r\n")[0] + " "
            self.assertIn(expected, first, sent[:60])
            self.assert_alive(service, address)
        noise = random.Random(7)
        for _ in range(50):
            self.connect(address, noise.randbytes(noise.randrange(1, 4000))).close()
        service.wait_until(lambda: self.is_answered(address), 20)
        self.assert_alive(service, address)
        self.stop(service)

    def test_an_answer_carries_what_a_browser_needs_to_be_safe(self):
        service = self.start()
        address = listening(service)
        for path in ("/", "/status", "/none"):
            headers = ask(address, path).headers
            self.assertIn("default-src 'none'", headers["Content-Security-Policy"])
            self.assertEqual(headers["X-Content-Type-Options"], "nosniff")
            self.assertEqual(headers["Cache-Control"], "no-store")
        head = ask(address, "/status", method="HEAD")
        self.assertEqual((head.status, head.body), (200, ""))

    def test_several_requests_come_over_one_connection(self):
        service = self.start()
        address = listening(service)
        request = b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        self.assertEqual(self.talk(address, request * 5).count('{"alive":true}'), 5)

    def test_those_who_trickle_are_let_go_and_hold_up_nobody(self):
        """A byte every half second would keep a connection open for hours."""
        service = self.start()
        address = listening(service)
        slow = [self.connect(address, b"GET / HT") for _ in range(CONNECTIONS_OF_ONE - 2)]
        began = time.monotonic()
        while slow and time.monotonic() - began < 5 * FIRST_REQUEST_S:
            self.assert_alive(service, address)
            slow = [client for client in slow if self._trickle(client)]
            time.sleep(0.5)
        self.assertEqual(slow, [])
        self.assertGreater(time.monotonic() - began, FIRST_REQUEST_S / 2)
        self.stop(service)

    @staticmethod
    def _is_open(client):
        client.setblocking(False)
        try:
            return client.recv(1000) != b""
        except BlockingIOError:
            return True
        except OSError:
            return False

    @staticmethod
    def _trickle(client):
        """Returns False if the server has closed the connection."""
        client.setblocking(False)
        try:
            client.send(b"a")
            return client.recv(1000) != b""
        except BlockingIOError:
            return True
        except OSError:
            return False

    def test_those_who_come_in_masses_and_say_nothing_are_let_go(self):
        service = self.start()
        address = listening(service)
        idle = [self.connect(address) for _ in range(100)]
        # The port accepts connections a few at a time, so on a busy machine a request may
        # succeed while others still wait to be accepted and closed.
        deadline = time.monotonic() + 20 * FIRST_REQUEST_S
        while idle and time.monotonic() < deadline:
            idle = [client for client in idle if self._is_open(client)]
            time.sleep(0.1)
        self.assertEqual(idle, [])
        self.assert_alive(service, address)
        self.stop(service)

    def test_two_addresses_that_hold_all_they_may_keep_no_probe_out(self):
        """Requests come as from the kubelet, from an address of its own: about 4 s."""
        service = self.start()
        address = listening(service)
        port = int(address.rpartition(":")[2])
        began = time.monotonic()
        held = []
        while time.monotonic() - began < FIRST_REQUEST_S + 1:
            for source in ("127.0.0.1", "127.0.0.2"):
                while sum(one == source for one, _ in held) < 4 * CONNECTIONS_OF_ONE:
                    held.append((source, self._hold(port, source)))
            probe = http.client.HTTPConnection(
                "127.0.0.1", port, timeout=2, source_address=("127.0.0.3", 0)
            )
            probe.request("GET", "/livez")
            self.assertEqual(probe.getresponse().status, 200)
            probe.close()
            held = [(source, client) for source, client in held if self._trickle(client)]
            time.sleep(0.1)
        self.stop(service)

    def _hold(self, port, source):
        client = socket.create_connection(("127.0.0.1", port), 2, source_address=(source, 0))
        self.addCleanup(client.close)
        return client

    def test_those_who_ask_and_do_not_read_are_let_go(self):
        service = self.start()
        address = listening(service)
        request = b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        clients = []
        for _ in range(CONNECTIONS_OF_ONE - 1):
            client = self.connect(address)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.settimeout(0.2)
            with contextlib.suppress(OSError):
                client.sendall(request * 2000)
            clients.append(client)
        self.assert_alive(service, address)
        self.stop(service)


if __name__ == "__main__":
    main()
