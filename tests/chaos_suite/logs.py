"""The input of the checker: the logs of a run, and their format on disk."""

import base64
import dataclasses
import json
import typing


class Stored(typing.NamedTuple):
    """A repository as it was found at the end of the run."""

    tags: list
    manifest: bytes | None  # The manifest with the tag `latest`
    blobs: dict  # Digest -> bytes (or None), for each blob that the manifest names


class Throttled(typing.NamedTuple):
    """A 429 with Retry-After: its time, the end of the pause, and the requests that arrived
    before that."""

    registry: str
    repository: str
    at: float
    until: float
    early: list  # A list of (time, kind of request)


@dataclasses.dataclass
class Logs:
    inputs: list  # Messages, as a read_committed reader finds them at the end
    outcomes: list  # likewise
    letters: list  # The same for dead letters
    # Outcomes and dead letters, in the order in which the concurrent reader received them
    live: list
    samples: list  # Samples of the committed offsets of the group
    registries: dict  # {name: {repository: Stored}}
    addresses: dict  # {name: how the program names it}
    # (Place, digest that was reported wrongly)
    lies: set = dataclasses.field(default_factory=set)
    throttles: list = dataclasses.field(default_factory=list)
    # {registry: number of requests}
    requests: dict = dataclasses.field(default_factory=dict)
    troubled: int = 0  # The number of requests that a fault affected
    exits: list = dataclasses.field(default_factory=list)
    usages: list = dataclasses.field(default_factory=list)
    idles: list = dataclasses.field(default_factory=list)
    complaints: list = dataclasses.field(default_factory=list)
    drained: float | None = 0.0  # Seconds since the last fault; None: never
    disturbances: list = dataclasses.field(default_factory=list)
    began: float = 0.0  # The wall clock time at which the clock of the run was 0
    outcome_topic: str = "outcomes"


def dump(logs, directory):
    """Human-readable: one JSON value on each line."""
    for field in dataclasses.fields(logs):
        value = getattr(logs, field.name)
        with open(directory / f"{field.name}.jsonl", "w", encoding="utf-8") as file:
            for row in _rows(value):
                file.write(json.dumps(row, default=_plain) + "\n")


def _rows(value):
    if isinstance(value, dict):
        return ([name, _row(one)] for name, one in value.items())
    if isinstance(value, (list, set)):
        return map(_row, value)
    return [value]


def _row(value):
    return value._asdict() if hasattr(value, "_asdict") else value


def _plain(value):
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return {"base64": base64.b64encode(value).decode()}
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    return str(value)
