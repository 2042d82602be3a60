"""The chart, and the tools to test it."""

import functools
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from support.process import parts  # noqa: E402

CHART = ROOT / "helm" / "waybill"
SCENARIOS = sorted((CHART / "ci").glob("*-values.yaml"))
# The kinds that a cluster has only after other software was installed
CRDS = ROOT / "tests" / "helm" / "crds"
BINARY = os.environ.get("WAYBILL_TEST_BINARY", str(ROOT / "build/dev/consumer/waybill"))


@functools.cache
def found_tool(function, *arguments):
    """None: it was tried once and is not available"""
    try:
        return parts(function, *arguments)
    except subprocess.CalledProcessError:
        return None


def tool(function, *arguments):
    """Returns a tool that deploy/parts.sh downloads or builds; without it the test is skipped."""
    found = found_tool(function, *arguments)
    if found is None:
        raise unittest.SkipTest(f"{function} {' '.join(arguments)} is not available here")
    return found


def run(*command, **variables):
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith("WAYBILL_")
    }
    environment.update(variables)
    return subprocess.run(
        list(map(str, command)),
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        timeout=120,
    )


def helm(command, *arguments, major="3"):
    return run(tool("parts_helm", major), command, *arguments)


def template(*arguments, major="3"):
    """Renders the release `waybill` in the namespace `shop`."""
    return helm("template", "waybill", CHART, "--namespace", "shop", *arguments, major=major)


def template_values(values, *arguments):
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump(values, file)
        file.flush()
        return template("--values", file.name, *arguments)


def documents(text):
    return [document for document in yaml.safe_load_all(text) if document]


def one(found, kind, name=None):
    """Returns the only object of a kind (and name)."""
    (document,) = [
        each
        for each in found
        if each["kind"] == kind and name in (None, each["metadata"]["name"])
    ]
    return document


def workload(found):
    return next(each for each in found if each["kind"] in ("Deployment", "StatefulSet"))


def check_configuration(folder, data, variables=None):
    """Runs `waybill check` with the data of a ConfigMap, as in the pod, below another root."""
    for name, text in data.items():
        for top in ("/run/secrets/", "/etc/waybill/"):
            text = text.replace(top, f"{folder}{top}")
        (folder / name).write_text(text)
    for path in re.findall(rf"{folder}(/[\w./-]+)", (folder / "config.yaml").read_text()):
        file = folder / path.removeprefix("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            provide(file)
    return run(BINARY, "--config", folder / "config.yaml", "check", **(variables or {}))


def provide(file):
    """Creates a Secret as `kubectl create secret --from-file` does with a file of an editor."""
    if "ca" in file.stem:
        # `check` creates the clients, which read their certificates.
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
            "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=ca",
            "-keyout", "/dev/null", "-out", file)  # fmt: skip
    else:
        file.write_text("word\n")


class ChartTest(unittest.TestCase):
    """Without both versions of Helm the whole file is skipped, not each of its tests."""

    def setUp(self):
        for major in ("3", "4"):
            tool("parts_helm", major)
