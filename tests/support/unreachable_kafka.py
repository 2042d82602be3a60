"""A Kafka broker that responds at its bootstrap address and advertises another address. This
is what a client sees of a cluster behind a tunnel, a load balancer or the port of a
container, whose advertised.listeners are meant for other clients.
"""

import contextlib
import socket
import socketserver
import struct
import threading

METADATA, FIND_COORDINATOR, HANDSHAKE, API_VERSIONS, CREATE_TOPICS = 3, 10, 17, 18, 19
AUTHENTICATE = 36
UNKNOWN_TOPIC, TOPIC_DENIED, GROUP_DENIED, SASL_FAILED = 3, 29, 30, 58
# The highest version of each request that the broker claims to know
VERSIONS = {
    0: 7,
    1: 11,
    2: 1,
    METADATA: 4,
    8: 7,
    9: 5,
    FIND_COORDINATOR: 1,
    11: 5,
    12: 3,
    13: 1,
    14: 3,
    HANDSHAKE: 1,
    API_VERSIONS: 3,
    CREATE_TOPICS: 4,
    21: 1,
    22: 1,
    24: 1,
    25: 1,
    26: 1,
    28: 2,
    32: 1,
    AUTHENTICATE: 0,
}


def text(value):
    return struct.pack(">h", len(value)) + value.encode()


class UnreachableKafka:
    """Advertises HOST:PORT, or else itself, for its only broker, which leads all.

    missing     topics that do not exist, and may not be created
    denied      no operation is permitted
    sasl_error  what it says to any credentials
    """

    def __init__(self, host=None, port=None, missing=(), denied=False, sasl_error=None):
        self._host, self._port, self._partitions = host, port, 12
        self._missing, self._denied, self._sasl_error = missing, denied, sasl_error
        self._server = socketserver.ThreadingTCPServer(
            ("127.0.0.1", 0), self._handler(), bind_and_activate=True
        )
        self._server.daemon_threads = True
        self.address = f"127.0.0.1:{self._server.server_address[1]}"
        if host is None:
            self._host, self._port = self._server.server_address
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    def _handler(self):
        broker = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                with contextlib.suppress(OSError, struct.error, EOFError):
                    while True:
                        broker._serve(self.request)

        return Handler

    def _serve(self, connection):
        (length,) = struct.unpack(">i", receive(connection, 4))
        frame = receive(connection, length)
        api, version, correlation, client = struct.unpack_from(">hhih", frame)
        body = frame[10 + max(client, 0) :]
        answer = None
        if api == API_VERSIONS:
            answer = self._api_versions()
        elif api == METADATA:
            answer = self._metadata(body)
        elif api == FIND_COORDINATOR:
            error = GROUP_DENIED if self._denied else 0
            answer = struct.pack(">ihh", 0, error, -1) + self._broker()
        elif api == CREATE_TOPICS:
            answer = self._create(body)
        elif api == HANDSHAKE:
            answer = struct.pack(">hi", 0, 1) + text("PLAIN")
        elif api == AUTHENTICATE:
            answer = struct.pack(">h", SASL_FAILED) + text(self._sasl_error or "") + bytes(4)
        if answer is not None:  # all other requests are for the broker as advertised
            answer = struct.pack(">i", correlation) + answer
            connection.sendall(struct.pack(">i", len(answer)) + answer)

    def _broker(self):
        return struct.pack(">i", 1) + text(self._host) + struct.pack(">i", self._port)

    @staticmethod
    def _api_versions():
        rows = b"".join(struct.pack(">hhhb", api, 0, most, 0) for api, most in VERSIONS.items())
        return struct.pack(">hb", 0, len(VERSIONS) + 1) + rows + struct.pack(">ib", 0, 0)

    def _metadata(self, body):
        (count,) = struct.unpack_from(">i", body)
        topics, at = [], 4
        for _ in range(max(count, 0)):
            (size,) = struct.unpack_from(">h", body, at)
            topics.append(body[at + 2 : at + 2 + size].decode())
            at += 2 + size
        answer = struct.pack(">ii", 0, 1) + self._broker() + struct.pack(">h", -1)
        answer += struct.pack(">hii", -1, 1, len(topics))
        for topic in topics:
            error = UNKNOWN_TOPIC if topic in self._missing else 0
            error = TOPIC_DENIED if self._denied else error
            count = 0 if error else self._partitions
            answer += struct.pack(">h", error) + text(topic) + struct.pack(">bi", 0, count)
            for partition in range(count):
                answer += struct.pack(">hiiiiii", 0, partition, 1, 1, 1, 1, 1)
        return answer

    @staticmethod
    def _create(body):
        """Refuses to create anything."""
        (_, size) = struct.unpack_from(">ih", body)
        topic = body[6 : 6 + size].decode()
        return struct.pack(">ii", 0, 1) + text(topic) + struct.pack(">hh", TOPIC_DENIED, -1)


def receive(connection, length):
    data = b""
    while len(data) < length:
        part = connection.recv(length - len(data))
        if not part:
            raise EOFError
        data += part
    return data


class BlackHole:
    """An address that completes no connection, or (silent) responds to nothing on it."""

    def __init__(self, silent=False):
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self._socket.listen(64 if silent else 0)
        self.port = self._socket.getsockname()[1]
        self._others = []
        # Nothing is ever accepted. When its queue is full, Linux drops the packets
        # that would open a further connection.
        for _ in range(0 if silent else 4):
            other = socket.socket()
            other.setblocking(False)
            other.connect_ex(("127.0.0.1", self.port))
            self._others.append(other)

    def close(self):
        for one in [*self._others, self._socket]:
            one.close()


def closed_port():
    """A port that refuses connections"""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
