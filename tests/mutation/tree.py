"""A copy of the source and a build of it, in which mutants are built and tested."""

import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import time

from .mutants import ROOT

FLAGS = "-w -O1 -g0 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer"
SEEDS = "120"  # of the simulator, for each mutant
SKIPPED = re.compile(r"component_(sandbox|core_dump)")
PROGRAM = re.compile(r"^(tests/(?:unit|component|fuzz|simulate)/\w+): C_EXECUTABLE_LINKER", re.M)
SKIP_STATUS = 77
BUILD_SECONDS = 600


def sources():
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, check=True,
    ).stdout.decode()  # fmt: skip
    return sorted(name for name in listing.split("\0") if name and (ROOT / name).is_file())


def digest_of(root, names):
    """A digest of everything that the verdict of a test depends on"""
    total = hashlib.sha256()
    for name in names:
        if not name.startswith(("tests/mutat", "deploy/", "helm/")) and not name.endswith(".md"):
            total.update(name.encode() + b"\0" + (root / name).read_bytes() + b"\0")
    return total.hexdigest()


class Test:
    """One program, run as ctest would run it"""

    def __init__(self, entry, build):
        properties = {one["name"]: one["value"] for one in entry.get("properties", [])}
        self.name = entry["name"]
        self.command = entry["command"]
        self.labels = properties.get("LABELS", [])
        self.folder = properties.get("WORKING_DIRECTORY", str(build))
        self.timeout = properties.get("TIMEOUT", 60)
        self.environment = dict(one.split("=", 1) for one in properties.get("ENVIRONMENT", []))
        self.target = os.path.relpath(self.command[0], build)
        if self.name == "simulate_seeds":
            self.command = [self.command[0], "--seeds", SEEDS, "--jobs", "1", "--no-shrink"]

    def is_usable(self):
        if self.target.startswith("..") or SKIPPED.match(self.name):
            return False
        if "simulate" in self.labels:
            return self.name == "simulate_seeds"
        return bool({"unit", "fuzz", "component"} & set(self.labels))

    def rank(self, path, seconds):
        """The most effective tests first, and slow ones last."""
        folder, stem = pathlib.Path(path).parent.name, pathlib.Path(path).stem
        own = self.name.startswith(f"unit_{folder}_")
        kinds = ("unit", "fuzz", "simulate", "component")
        kind = next(at for at, label in enumerate(kinds) if label in self.labels)
        # librdkafka's mock cluster detects most defects in kafka/, which few unit tests do.
        kind = -1 if folder == "kafka" and self.name.startswith("component_kafka") else kind
        kind = -2 if folder == "kafka" and own else kind
        return (kind, not (own and stem in self.name), not own, seconds)


class Tree:
    def __init__(self, base, number, nice):
        self.source = base / str(number) / "source"
        self.build = base / str(number) / "build"
        self.log = base / str(number) / "build.log"
        self.nice = ["nice", "-n", str(nice)] if nice else []
        self.objects = {}

    # --- building

    def sync(self, names, root):
        """Copies the files that have changed, so that only those are built again."""
        self.source.mkdir(parents=True, exist_ok=True)
        wanted = set(names)
        for old in self.source.rglob("*"):
            if old.is_file() and str(old.relative_to(self.source)) not in wanted:
                old.unlink()
        for name in names:
            source, copy = root / name, self.source / name
            if not copy.exists() or copy.read_bytes() != source.read_bytes():
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_bytes(source.read_bytes())
            copy.chmod(source.stat().st_mode)

    def run_build(self, command, seconds=BUILD_SECONDS):
        # Both source and build, so that a tree finds in the cache what another has
        # compiled.
        base = {"CCACHE_BASEDIR": str(self.source.parent), "CCACHE_NOHASHDIR": "1"}
        with open(self.log, "ab") as log:
            try:
                done = subprocess.run(
                    self.nice + command, cwd=self.source, stdout=log, stderr=log, check=False,
                    timeout=seconds, env={**os.environ, **base},
                )  # fmt: skip
            except subprocess.TimeoutExpired:
                return False
        return done.returncode == 0

    def configure(self):
        linker = " -fuse-ld=gold" if shutil.which("ld.gold") else ""
        launcher = ["-DCMAKE_C_COMPILER_LAUNCHER=ccache"] if shutil.which("ccache") else []
        self.log.write_bytes(b"")
        return self.run_build(
            ["cmake", "--preset", "dev", "-G", "Ninja", "-B", str(self.build), *launcher,
             f"-DCMAKE_C_FLAGS={FLAGS}", "-DCMAKE_C_FLAGS_DEBUG=", "-DWAYBILL_DEMO=OFF",
             f"-DCMAKE_EXE_LINKER_FLAGS={linker}"]
        )  # fmt: skip

    def make(self, targets, jobs=1, seconds=BUILD_SECONDS):
        return self.run_build(["ninja", "-C", str(self.build), f"-j{jobs}", *targets], seconds)

    def tests(self):
        listing = subprocess.run(
            ["ctest", "--test-dir", str(self.build), "--show-only=json-v1"],
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        # A test whose program is not built has no command.
        entries = [entry for entry in json.loads(listing)["tests"] if "command" in entry]
        return [test for test in (Test(entry, self.build) for entry in entries)
                if test.is_usable()]  # fmt: skip

    def programs(self):
        listing = subprocess.run(
            ["ninja", "-C", str(self.build), "-t", "targets", "all"],
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        return PROGRAM.findall(listing)

    # --- the tests that contain a file

    def object_of(self, path):
        folder = pathlib.Path(path).parent.name
        return self.build / f"consumer/CMakeFiles/waybill_{folder}.dir/{folder}/{path.split('/')[-1]}.o"

    def symbols(self, file):
        """Functions and data: a source of credentials exports nothing but its table."""
        listing = subprocess.run(
            ["nm", "--defined-only", "--extern-only", str(file)],
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        return set(re.findall(r" [TDRB] (?!__)(\w+)$", listing, re.M))

    # --- whether two objects are the same

    def compile_command(self, path):
        if not self.objects:
            for entry in json.loads((self.build / "compile_commands.json").read_text()):
                self.objects[os.path.relpath(entry["file"], self.source)] = entry
        entry = self.objects[path]
        words = [word for word in shlex.split(entry["command"])
                 if not re.match(r"-fsanitize|-fno-sanitize|-O1|-g|-M[DTF]?$", word)]  # fmt: skip
        words = [word for word in words if not word.endswith(".o.d")]
        words = words[1:] if os.path.basename(words[0]) == "ccache" else words
        out = self.build / "compared.o"
        at = words.index("-o")
        return words[:at] + words[at + 2 :] + ["-O2", "-w", "-o", str(out)], entry["directory"], out

    def optimized(self, path):
        """Returns the optimized code of the file; None if it does not compile."""
        command, folder, out = self.compile_command(path)
        # -MT takes an operand, which remained after its removal.
        command = [word for word in command if not word.startswith("consumer/CMakeFiles/")]
        done = subprocess.run(
            self.nice + command, cwd=folder, capture_output=True, check=False
        )
        return out.read_bytes() if done.returncode == 0 else None

    # --- testing

    def run_test(self, test, seconds):
        """Returns (passed, reason of a failure)."""
        environment = {**os.environ, **test.environment}
        with subprocess.Popen(
            self.nice + test.command, cwd=test.folder, env=environment, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        ) as process:  # fmt: skip
            try:
                status = process.wait(seconds)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                return False, "timeout"
        return status in (0, SKIP_STATUS), f"status {status}"

    def baseline(self, tests, jobs):
        """Returns {name: seconds} of the tests that pass, and the names of the others."""
        seconds, failed = {}, []

        def measure(test):
            # A test of costs fails occasionally while other processes compute.
            for _ in range(2):
                began = time.monotonic()
                passed, _ = self.run_test(test, 2 * test.timeout)
                if passed:
                    break
            return test.name, passed, time.monotonic() - began

        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            for name, passed, took in pool.map(measure, tests):
                if passed:
                    seconds[name] = took
                else:
                    failed.append(name)
        return seconds, failed
