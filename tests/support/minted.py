"""Secrets that are known wherever they turn up, and the search for them.

Every secret comes from mint() and so holds MARK; a token has it inside. Whatever
the program says is given to look(), which fails when the mark is in it, as it is or
in base64. From the first look() on, a thread looks at the command lines of all
children, and of theirs, as well.
"""

import atexit
import base64
import collections
import os
import pathlib
import re
import secrets
import threading
import time

MARK = "wbsecret"
EVERY_S = 0.1

_counts = collections.Counter()
_found = []
_lock = threading.Lock()


def mint(front="", back=""):
    """Returns a new secret; front and back are its special parts."""
    with _lock:
        _counts["secrets"] += 1
    return f"{front}{MARK}{secrets.token_hex(8)}{back}"


def _in_base64(skipped):
    """Returns the base64 characters that contain only the mark, after that many bytes."""
    text = base64.b64encode(b"x" * skipped + MARK.encode()).decode()
    return text[-(-skipped * 8 // 6) : (skipped + len(MARK)) * 8 // 6]


_PATTERN = re.compile("|".join([MARK, *map(_in_base64, range(3))]).encode())


class Leak(AssertionError):
    def __init__(self, text):
        with _lock:
            _counts["leaks"] += 1
        super().__init__(text)


def forgive():
    """Forgets what was found so far, which the test expected."""
    with _lock:
        _counts["leaks"] = 0
        _found.clear()


def look(where, *said):
    """Fails if a secret is in the output `bytes`."""
    _start()
    for data in said:
        match = _PATTERN.search(data)
        with _lock:
            _counts["bytes"] += len(data)
        if match:
            around = data[max(0, match.start() - 100) : match.end() + 40]
            raise Leak(f"a secret in {where}: {around!r}")
    _raise_found()


def look_at_process(where, *said):
    """Checks all output of one process."""
    with _lock:
        _counts["processes"] += 1
    look(where, *said)


def look_for_cores(directory):
    for path in pathlib.Path(directory).rglob("core*"):
        if path.is_file() and re.fullmatch(r"core(\.\d+)?", path.name):
            raise Leak(f"a core dump: {path}")


def _raise_found():
    with _lock:
        line = _found.pop() if _found else None
    if line:
        raise Leak(f"a secret on a command line: {line!r}")


def look_at_command_lines():
    for process in pathlib.Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            line = (process / "cmdline").read_bytes()
        except OSError:
            continue  # The process has ended.
        if _PATTERN.search(line) and _is_ours(int(process.name)):
            with _lock:
                _found.append(line)


def _is_ours(process):
    """Other test runs on this machine create secrets, too."""
    while process > 1 and process != os.getpid():
        try:
            stat = pathlib.Path(f"/proc/{process}/stat").read_text()
        except OSError:
            return True  # The process has ended; it is checked once more than necessary.
        process = int(stat.rpartition(")")[2].split()[1])
    return process == os.getpid()


def _watch():
    while True:
        look_at_command_lines()
        time.sleep(EVERY_S)


def _start():
    with _lock:
        if _counts["watching"]:
            return
        _counts["watching"] = 1
    threading.Thread(target=_watch, daemon=True).start()
    atexit.register(_summary)


def _summary():
    """For a person, and for tests/run"""
    _counts["leaks"] += len(_found)
    numbers = [_counts[name] for name in ("secrets", "bytes", "processes", "leaks")]
    if not numbers[0]:
        return
    text = "{} secrets looked for in {} bytes of output of {} processes: {} found"
    print(text.format(*numbers), flush=True)
    path = os.environ.get("WAYBILL_TEST_SECRETS")
    if path:
        with open(path, "a", encoding="ascii") as file:
            print(*numbers, file=file)
