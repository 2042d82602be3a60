"""Requests to the admin port, for the tests of it."""

import http.client
import json
import re
import ssl
import typing


class Answer(typing.NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: str

    @property
    def json(self):
        return json.loads(self.body)


def listening(service, seconds=20):
    """Returns the host:port that the log names."""

    def named():
        for line in service.log.read_text(errors="replace").splitlines():
            if '"msg":"listening"' in line:
                return json.loads(line)["address"]
        return None

    return service.wait_until(named, seconds)


def ask(address, path, method="GET", ca=None, **headers):
    host, _, port = address.rpartition(":")
    if ca:
        context = ssl.create_default_context(cafile=ca)
        connection = http.client.HTTPSConnection(host, int(port), timeout=20, context=context)
    else:
        connection = http.client.HTTPConnection(host, int(port), timeout=20)
    try:
        connection.request(method, path, headers=headers)
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read().decode())
    finally:
        connection.close()


SAMPLE = re.compile(r"^([a-z_]+)(?:\{(.*)\})? (\S+)$")
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')


def scrape(address):
    """{(name, frozenset of label pairs): value}"""
    found = {}
    for line in ask(address, "/metrics").body.splitlines():
        if not line.startswith("#"):
            name, labels, value = SAMPLE.match(line).groups()
            found[name, frozenset(LABEL.findall(labels or ""))] = float(value)
    return found


def sample(samples, name, **labels):
    """Returns the sum of all series with these labels, or None."""
    values = [
        value
        for (one, pairs), value in samples.items()
        if one == name and pairs >= frozenset(labels.items())
    ]
    return sum(values) if values else None
