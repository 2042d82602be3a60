"""What the checker reads: the logs of a run, and how they are kept on disk."""

import base64
import dataclasses
import json
import typing


class Stored(typing.NamedTuple):
    """A repository as it is found in the end."""

    tags: list
    manifest: bytes | None  # under the tag `latest`
    blobs: dict  # digest: bytes or None, of what the manifest names


class Throttled(typing.NamedTuple):
    """A 429 with Retry-After: when, until when, and what came before that."""

    registry: str
    repository: str
    at: float
    until: float
    early: list  # of (time, kind of request)


@dataclasses.dataclass
class Logs:
    inputs: list  # Message, as a read_committed reader finds them in the end
    outcomes: list  # likewise
    letters: list  # likewise, the dead letters
    live: list  # outcomes and dead letters, as they came to the concurrent reader
    samples: list  # Sample: the group's committed offsets over time
    registries: dict  # {name: {repository: Stored}}
    addresses: dict  # {name: what the program calls it}
    lies: set = dataclasses.field(default_factory=set)  # Place, digest given wrongly
    throttles: list = dataclasses.field(default_factory=list)
    requests: dict = dataclasses.field(default_factory=dict)  # {registry: how many}
    troubled: int = 0  # requests that a fault struck
    exits: list = dataclasses.field(default_factory=list)
    usages: list = dataclasses.field(default_factory=list)
    idles: list = dataclasses.field(default_factory=list)
    complaints: list = dataclasses.field(default_factory=list)
    drained: float | None = 0.0  # seconds after the last fault; None: never
    disturbances: list = dataclasses.field(default_factory=list)
    began: float = 0.0  # the wall clock when the run's clock was 0
    outcome_topic: str = "outcomes"


def dump(logs, directory):
    """Readable, one JSON value a line."""
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
