"""Asking the admin port, for the tests of it."""

import http.client
import json
import re
import shutil
import ssl
import subprocess
import typing


class Answer(typing.NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: str

    @property
    def json(self):
        return json.loads(self.body)


def listening(service, seconds=20):
    """The host:port that its log names."""

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
    """The sum of all series with these labels, or None"""
    values = [
        value
        for (one, pairs), value in samples.items()
        if one == name and pairs >= frozenset(labels.items())
    ]
    return sum(values) if values else None


def chromium(arguments, seconds=60):
    """What it prints, or None where there is none."""
    binary = shutil.which("chromium") or shutil.which("chromium-browser")
    if not binary:
        return None
    done = subprocess.run(
        [
            binary,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--disable-component-update",
            "--no-first-run",
            *arguments,
        ],
        capture_output=True,
        timeout=seconds,
        check=False,
    )
    return done.stdout.decode()
