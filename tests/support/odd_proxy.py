#!/usr/bin/env python3
"""A small HTTP proxy: CONNECT, and plain http. GET /_count returns the number of its
requests."""

import argparse
import base64
import json
import os
import pathlib
import select
import socket
import sys
import threading
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support.stand_in import Oddity  # noqa: E402


class Proxy(Oddity):
    def __init__(self, options):
        super().__init__(backlog=64)
        self.options = options

    def serve(self, connection):
        head = b""
        while b"\r\n\r\n" not in head:
            part = connection.recv(65536)
            if not part:
                return
            head += part
        line, *lines = head.partition(b"\r\n\r\n")[0].decode().split("\r\n")
        fields = (one.partition(":") for one in lines)
        headers = {name.lower(): value.strip() for name, _, value in fields}
        method, target, _ = line.split(" ")
        if target == "/_count":
            answer(connection, 200, json.dumps(self.counts))
            return
        self.note("connect" if method == "CONNECT" else "forward")
        # Headers for the server, which a proxy forwards unchanged
        self.note("authorization" if method == "CONNECT" and "authorization" in headers else "none")
        if self.options.hang:
            connection.recv(1)
        elif not self._is_known(headers):
            answer(connection, 407, "", "Proxy-Authenticate: Basic realm=proxy\r\n")
        elif self.options.answer:
            answer(connection, self.options.answer, "")
        else:
            self._forward(connection, method, target, head)

    def _is_known(self, headers):
        expected = "Basic " + base64.b64encode(self.options.user.encode()).decode()
        return not self.options.user or headers.get("proxy-authorization") == expected

    def _forward(self, connection, method, target, head):
        address = target if method == "CONNECT" else urllib.parse.urlsplit(target).netloc
        host, _, port = address.rpartition(":")
        # All servers of a test are on this machine, whatever their names are.
        with socket.create_connection(("127.0.0.1", int(port))) as there:
            self.note(host)
            if method == "CONNECT":
                connection.sendall(b"HTTP/1.1 200 Connection established\r\nX-Proxy: yes\r\n\r\n")
            else:
                path = target.partition("://")[2].partition("/")[2]
                there.sendall(head.replace(target.encode(), f"/{path}".encode(), 1))
            pump(connection, there)


def pump(one, other):
    while True:
        for ready in select.select([one, other], [], [])[0]:
            data = ready.recv(65536)
            if not data:
                return
            (other if ready is one else one).sendall(data)


def answer(connection, status, body, more=""):
    head = f"HTTP/1.1 {status} Whatever\r\nContent-Length: {len(body)}\r\n"
    connection.sendall(f"{head}Connection: close\r\n{more}\r\n{body}".encode())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--user", default="", metavar="NAME:PASSWORD", help="is asked for")
    parser.add_argument("--answer", type=int, help="the status of every answer")
    parser.add_argument("--hang", action="store_true", help="never answers")
    threading.Thread(target=Proxy(parser.parse_args()).run, daemon=True).start()
    sys.stdin.buffer.read()
    os._exit(0)  # Threads may still be running.


if __name__ == "__main__":
    main()
