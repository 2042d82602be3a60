"""Network namespaces as machines, and networks between them that can be cut.

The suite itself runs in a namespace of its own (tests/chaos, --scale-out), so the network
of the machine is not affected. A namespace exists as long as it has a process. The
processes that hold these are killed together with the suite, so nothing has to be removed,
and no name remains in /run/netns.
"""

import contextlib
import ctypes
import os
import socket
import subprocess

from support.process import Process

_CLONE_NEWNET = 0x40000000
_OWN = "/proc/self/ns/net"
_library = ctypes.CDLL(None, use_errno=True)


def ip(*lines, inside=()):
    """Runs commands of ip(8), one for each line."""
    subprocess.run(
        [*inside, "ip", "-batch", "-"],
        input="\n".join(lines) + "\n",
        text=True,
        check=True,
        stdout=subprocess.DEVNULL,
    )


def own():
    """Returns the name of the current namespace."""
    return os.readlink(_OWN)


class Net:
    """A bridge. The test suite itself has the first address."""

    def __init__(self, name, number):
        self.name, self.number = name, number
        ip(
            f"link add name {name} type bridge",
            f"addr add {self.address(1)}/24 dev {name}",
            f"link set dev {name} up",
        )

    def address(self, host):
        return f"10.77.{self.number}.{host}"


class Node:
    """A machine that has the same host number in each of its networks."""

    def __init__(self, directory, name, host, nets):
        self.name, self._host = name, host
        self._holder = Process(
            ["unshare", "--net", "--", "sleep", "infinity"], directory / f"{name}.net"
        )
        self._path = f"/proc/{self._holder.pid}/ns/net"
        self._holder.wait_until(lambda: os.readlink(self._path) != own(), 10)
        self.prefix = ("nsenter", "--target", self._holder.pid, "--net", "--")
        for net in nets:
            ip(
                f"link add name {self._link(net)} type veth peer name {net.name} "
                f"netns {self._holder.pid}",
                f"link set dev {self._link(net)} master {net.name} up",
            )
        ip(
            "link set dev lo up",
            *(f"addr add {self.address(net)}/24 dev {net.name}" for net in nets),
            *(f"link set dev {net.name} up" for net in nets),
            inside=self._inside(),
        )

    def _inside(self):
        return [str(word) for word in self.prefix]

    def _link(self, net):
        """Returns the name of the link on this side."""
        return f"{net.name}-{self._host}"

    def address(self, net):
        return net.address(self._host)

    # Like a cable that is unplugged: packets are dropped, and no peer is notified.

    def cut(self, net):
        ip(f"link set dev {self._link(net)} down")

    def heal(self, net):
        ip(f"link set dev {self._link(net)} up")

    @contextlib.contextmanager
    def inside(self):
        """Sockets that this thread opens meanwhile belong to that machine."""
        with open(_OWN, "rb") as own, open(self._path, "rb") as its:
            _set_namespace(its)
            try:
                yield
            finally:
                _set_namespace(own)

    def reaches(self, address, seconds=2):
        """Whether the machine can connect to host:port now."""
        host, _, port = address.rpartition(":")
        with self.inside(), contextlib.suppress(OSError):
            socket.create_connection((host, int(port)), seconds).close()
            return True
        return False

    def close(self):
        self._holder.kill()


def _set_namespace(file):
    if _library.setns(file.fileno(), _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")
