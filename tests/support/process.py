"""Child processes that never outlive the tests."""

import atexit
import pathlib
import subprocess
import time

PARTS = pathlib.Path(__file__).resolve().parents[2] / "deploy" / "parts.sh"


def parts(function, *arguments):
    """Calls a function of deploy/parts.sh and returns what it prints."""
    done = subprocess.run(
        ["bash", "-euc", '. "$0"; "$@"', str(PARTS), function, *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout.strip()


class Process:
    """A child that writes to a log file. The kernel kills it together with its parent (setpriv
    does this without running Python between fork and exec, which is unsafe with threads).
    The parent is the thread that starts it, so do not start one from a thread that ends
    early.
    """

    def __init__(self, arguments, log, environment=None):
        self.log = pathlib.Path(log)
        with self.log.open("ab") as output:
            self._child = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *map(str, arguments)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
            )
        self.pid = self._child.pid
        atexit.register(self.kill)

    def running(self):
        return self._child.poll() is None

    def wait_until(self, ready, seconds):
        """Waits until ready() returns a true value, and returns that."""
        deadline = time.monotonic() + seconds
        while True:
            result = ready()
            if result:
                return result
            if not self.running():
                raise RuntimeError(f"it ended at once:\n{self.tail()}")
            if time.monotonic() > deadline:
                raise TimeoutError(f"not ready after {seconds} s:\n{self.tail()}")
            time.sleep(0.02)

    def tail(self):
        return self.log.read_text(errors="replace")[-3000:]

    def signal(self, number):
        self._child.send_signal(number)

    def stop(self, seconds=5):
        """Terminates the process, and kills it if it does not end."""
        self._child.terminate()
        try:
            self._child.wait(seconds)
        except subprocess.TimeoutExpired:
            pass
        self.kill()

    def kill(self):
        self._child.kill()
        self._child.wait()
        atexit.unregister(self.kill)

    def port(self):
        """Returns the IPv4 port on which the process listens, in its network namespace, or None."""
        inodes = set()
        try:
            for descriptor in pathlib.Path(f"/proc/{self.pid}/fd").iterdir():
                try:
                    target = str(descriptor.readlink())
                except FileNotFoundError:
                    continue  # Closed in the meantime.
                if target.startswith("socket:["):
                    inodes.add(target[8:-1])
            lines = pathlib.Path(f"/proc/{self.pid}/net/tcp").read_text().splitlines()
        except (FileNotFoundError, ProcessLookupError):
            return None
        for line in lines[1:]:
            field = line.split()
            if field[3] == "0A" and field[9] in inodes:  # TCP_LISTEN
                return int(field[1].rpartition(":")[2], 16)
        return None
