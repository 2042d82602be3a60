#!/usr/bin/env python3
"""A TLS server of one odd kind: HTTP/1.1, or HTTP/2 that it breaks as told.

It writes ca.crt and {client,other,stranger}.{crt,key} to DIR. What it answers says what it saw: {"connection", "protocol", "client", "path",
"length", "sha256"}. Without TLS it answers GET /_count.
"""

import argparse
import hashlib
import json
import os
import pathlib
import socket
import ssl
import sys
import threading
import warnings

MODULES = "/usr/bin/python3"  # the interpreter for which Debian's packages are built
H2_MODES = ("fine", "graceful", "reset", "goaway", "garbage", "http11")

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support.stand_in import Oddity  # noqa: E402
from support.tls import CA  # noqa: E402


class Server(Oddity):
    def __init__(self, options):
        super().__init__(backlog=256)
        self.options = options
        authority = CA(options.directory)
        pair = authority.issue(expired=options.expired)
        for name in ("client", "other"):
            self._keep(authority.issue(names=[name]), name)
        stranger = CA(f"{options.directory}/stranger", "a stranger")
        self._keep(stranger.issue(names=["stranger"]), "stranger")
        self.context = self._context(pair, authority)

    def _keep(self, pair, name):
        for path, end in ((pair.cert, "crt"), (pair.key, "key")):
            text = pathlib.Path(path).read_bytes()
            pathlib.Path(self.options.directory, f"{name}.{end}").write_bytes(text)

    def _context(self, pair, authority):
        options = self.options
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pair.cert, pair.key)
        if options.newest:
            context.set_ciphers("ALL:@SECLEVEL=0")
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = ssl.TLSVersion[f"TLSv{options.newest.replace('.', '_')}"]
        if options.client:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(authority.cert)
        context.set_alpn_protocols(["h2", "http/1.1"] if options.h2 else ["http/1.1"])
        return context

    def serve(self, connection):
        if connection.recv(1, socket.MSG_PEEK) != b"\x16":
            self._serve_count(connection)
            return
        with self._shake_hands(connection) as secure:
            number = self.note("connections")
            if secure.selected_alpn_protocol() == "h2":
                from support.odd_h2 import serve

                serve(self, secure, number)
            else:
                self._serve_http1(secure, number)

    def _shake_hands(self, connection):
        try:
            return self.context.wrap_socket(connection.dup(), server_side=True)
        except ssl.SSLError:
            # Closing a connection with unread data would overtake the alert.
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                pass
            raise

    def _serve_count(self, connection):
        connection.recv(65536)
        body = json.dumps(self.counts).encode()
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    def _serve_http1(self, secure, number):
        with secure.makefile("rb") as stream:
            while line := stream.readline():
                method, path, _ = line.decode().split(" ", 2)
                length = 0
                while (header := stream.readline()) not in (b"\r\n", b""):
                    name, _, value = header.decode().partition(":")
                    if name.lower() == "content-length":
                        length = int(value)
                digest = hashlib.sha256()
                left = length
                while left:
                    part = stream.read(min(left, 1 << 16))
                    digest.update(part)
                    left -= len(part)
                self.note("http1")
                body = self.said(secure, number, "http/1.1", path, length, digest)
                head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode()
                secure.sendall(head + (b"" if method == "HEAD" else body))

    def said(self, secure, number, protocol, path, length, digest):
        subject = (secure.getpeercert() or {}).get("subject", ((("commonName", ""),),))
        return json.dumps(
            {
                "connection": number,
                "protocol": protocol,
                "client": dict(pair[0] for pair in subject)["commonName"],
                "path": path,
                "length": length,
                "sha256": digest.hexdigest(),
            }
        ).encode()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--directory", required=True, metavar="DIR")
    parser.add_argument("--expired", action="store_true")
    parser.add_argument("--client", action="store_true", help="a client certificate is required")
    parser.add_argument("--newest", choices=("1.1", "1.2"), help="the newest TLS it speaks")
    parser.add_argument("--h2", choices=H2_MODES)
    options = parser.parse_args()
    if options.h2:
        try:
            import h2.connection  # noqa: F401
        except ImportError:
            if os.path.exists(MODULES) and "ODD_TLS" not in os.environ:
                os.environ["ODD_TLS"] = "again"
                os.execv(MODULES, [MODULES, *sys.argv])
            print("skipped: there is no python3-h2", flush=True)
            return
    server = Server(options)
    threading.Thread(target=server.run, daemon=True).start()
    sys.stdin.buffer.read()
    os._exit(0)  # Threads may still be running.


if __name__ == "__main__":
    main()
