"""Shared by the tests of the package and of the image: the build, and root."""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "integration"))

from common import skip_all  # noqa: E402

BUILD = pathlib.Path(os.environ.get("WAYBILL_TEST_PACKAGE_BUILD") or ROOT / "build" / "package")


def become_root():
    """chroot, owners and dpkg require it."""
    if os.geteuid() == 0:
        return
    sudo = shutil.which("sudo")
    if not sudo or subprocess.run([sudo, "-n", "true"], check=False).returncode:
        skip_all("this requires root, or a sudo without a password")
    os.execv(sudo, [sudo, "-n", "-E", sys.executable, *sys.argv])


def need(*tools):
    for tool in tools:
        if not shutil.which(tool):
            skip_all(f"there is no {tool}")
    if not (BUILD / "consumer" / "waybill").exists():
        skip_all(f"nothing is built in {BUILD} (cmake --preset package; tests/run package does)")


def run(*command, **options):
    """Returns the standard output. A failure shows the output."""
    done = subprocess.run(
        [str(word) for word in command],
        capture_output=True,
        text=True,
        check=False,
        **options,
    )
    if done.returncode:
        raise AssertionError(f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout


def scratch(case):
    """A directory that is removed after the class, or the test."""
    folder = tempfile.TemporaryDirectory(prefix="waybill-package-", ignore_cleanup_errors=True)
    (case.addClassCleanup if isinstance(case, type) else case.addCleanup)(folder.cleanup)
    path = pathlib.Path(folder.name)
    path.chmod(0o755)  # Users other than root must be able to enter it.
    return path
