"""A receiver of webhooks that answers as it is told, and keeps what it was sent.

In a test: WebhookReceiver(500, 200) answers the first request with 500 and all others
with 200. An answer is a status, (status, headers) or (status, headers, body), CLOSE
(the connection is closed once the request has been read), HANG (nothing comes for as
long as the receiver lives) or a function that is given the Request and returns one of
these.
"""

import http.server
import socketserver
import ssl
import threading
import typing

CLOSE, HANG = "close", "hang"


class Request(typing.NamedTuple):
    method: str
    path: str
    headers: dict  # header names in lower case
    body: bytes
    connection: int  # the number of its connection


class WebhookReceiver:
    """From construction to close(). tls is a CertPair; host is a name of loopback."""

    def __init__(self, *answers, tls=None, host="127.0.0.1", port=0):
        self._answers = list(answers or (200,))
        self._lock = threading.Lock()
        self._requests, self._connections = [], 0
        self.closing = threading.Event()
        self._server = _Server(self, tls, port)
        self.port = self._server.server_address[1]
        self.address = f"{host}:{self.port}"
        self.url = f"{'https' if tls else 'http'}://{self.address}"
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        ).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()

    def requests(self):
        with self._lock:
            return list(self._requests)

    def answer(self, *answers):
        """Replaces the responses."""
        with self._lock:
            self._answers = list(answers)

    def connected(self):
        with self._lock:
            self._connections += 1
            return self._connections

    def take(self, request):
        """Stores the request, and returns the response to it."""
        with self._lock:
            self._requests.append(request)
            answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return answer(request) if callable(answer) else answer


class _Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    block_on_close = False
    # the maximum of simultaneous connections; otherwise some are reset
    request_queue_size = 128

    def __init__(self, receiver, tls, port):
        self.receiver = receiver
        self.context = None
        if tls:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(tls.cert, tls.key)
        super().__init__(("127.0.0.1", port), _Handler)

    def get_request(self):
        connection, address = super().get_request()
        if self.context:
            connection = self.context.wrap_socket(
                connection, server_side=True, do_handshake_on_connect=False
            )
        return connection, address

    def handle_error(self, request, client_address):
        pass  # clients may disconnect at any time


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self):
        super().setup()
        self._connection = self.server.receiver.connected()

    def log_message(self, format, *arguments):  # noqa: A002
        pass

    def _serve(self):
        receiver = self.server.receiver
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        names = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, self.path, names, body, self._connection)
        answer = receiver.take(request)
        if answer == HANG:
            receiver.closing.wait()
        if answer in (CLOSE, HANG):
            self.close_connection = True
            return
        status, headers, text = (*(answer if isinstance(answer, tuple) else (answer,)), {}, b"")[:3]
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if status != 204:
            self.wfile.write(text)

    do_POST = do_PUT = do_PATCH = do_GET = _serve
