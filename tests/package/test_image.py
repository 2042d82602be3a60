#!/usr/bin/env python3
"""The image, without Docker: the tree that deploy/image/rootfs stages, which is what
deploy/Dockerfile copies, and the program in it as a container runtime would run it.

WAYBILL_TEST_PACKAGE_BUILD=FOLDER is where the preset `package` was built,
WAYBILL_TEST_KAFKA=host:port a broker to share. Takes root.
"""

import functools
import hashlib
import json
import os
import pathlib
import re
import signal
import socket
import ssl
import stat
import subprocess
import sys
import threading

from package_build import BUILD, ROOT, become_root, need, run, scratch

from common import EXIT_CONFIG, EXIT_OK, Case, Service, artifact_of, envelope, event, line, main

# This skips the whole file if confluent_kafka is missing.
from test_kafka import KafkaCase, message_of

from support import tls
from support.parts import Registry

CONFINE = pathlib.Path(__file__).with_name("confine.py")
ROOTFS = ROOT / "deploy" / "image" / "rootfs"
PROGRAM = "/usr/bin/waybill"
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
SBOM = "var/lib/db/sbom/waybill.spdx.json"
EPOCH = "1700000000"


class Staged:
    """It is staged once for all tests, none of which changes it."""

    tree = None

    @classmethod
    def make(cls, folder):
        environment = {**os.environ, "DESTDIR": str(folder / "installed")}
        run("cmake", "--install", BUILD, "--strip", env=environment)
        cls.stage(folder, "tree")
        cls.tree = folder / "tree"

    @staticmethod
    def stage(folder, name):
        tar = folder / f"{name}.tar"
        environment = {**os.environ, "SOURCE_DATE_EPOCH": EPOCH}
        run(ROOTFS, folder / "installed", folder / name, "--tar", tar, env=environment)
        return tar


def setUpModule():
    import unittest

    Staged.folder = scratch(Case)
    unittest.addModuleCleanup(Case.doClassCleanups)
    Staged.make(Staged.folder)


def paths(tree):
    return [tree, *sorted(tree.rglob("*"))]


class Tree(Case):
    def test_nothing_runs_but_the_program_and_what_loads_it(self):
        tree = Staged.tree
        found = {
            str(path.relative_to(tree))
            for path in paths(tree)
            if path.is_file() and not path.is_symlink() and path.stat().st_mode & 0o111
        }
        program = PROGRAM.lstrip("/")
        self.assertEqual({name for name in found if "ld-linux" not in name}, {program})
        self.assertEqual(len(found), 2)
        files = [path for path in paths(tree) if path.is_file() and not path.is_symlink()]
        elf = [path for path in files if path.read_bytes().startswith(b"\x7fELF")]
        for path in elf:
            self.assertTrue(path.name == "waybill" or ".so" in path.name, path)
        size = sum(path.stat().st_size for path in files)
        print(f"{len(files)} files, {size / 2**20:.1f} MiB; {len(elf) - 1} libraries")
        self.assertLess(size, 40 * 2**20)

    def test_nothing_is_setuid_and_nothing_but_roots(self):
        for path in paths(Staged.tree):
            status = path.lstat()
            self.assertEqual((status.st_uid, status.st_gid), (0, 0), path)
            if not path.is_symlink():
                self.assertEqual(status.st_mode & 0o7022, 0, path)
                self.assertTrue(stat.S_ISDIR(status.st_mode) or stat.S_ISREG(status.st_mode))

    def test_every_link_leads_somewhere_inside(self):
        for path in paths(Staged.tree):
            if path.is_symlink():
                target = os.readlink(path)
                inside = Staged.tree / target[1:] if target[0] == "/" else path.parent / target
                self.assertTrue(inside.exists(), f"{path} -> {target}")

    def test_the_loader_finds_all_that_the_program_needs(self):
        loader = "/lib64/ld-linux-x86-64.so.2"
        if not (Staged.tree / loader[1:]).exists():
            self.skipTest("this is no amd64")
        said = run("chroot", Staged.tree, loader, "--list", PROGRAM)
        self.assertNotIn("not found", said)
        self.assertIn("librdkafka.so.1 =>", said)

    def test_the_same_files_make_the_same_tar(self):
        first = (Staged.folder / "tree.tar").read_bytes()
        os.umask(0o077)
        again = Staged.stage(Staged.folder, "again").read_bytes()
        os.umask(0o022)
        self.assertEqual(hashlib.sha256(first).hexdigest(), hashlib.sha256(again).hexdigest())
        run("cmake", "-E", "rm", "-rf", Staged.folder / "again", Staged.folder / "again.tar")


class BillOfMaterials(Case):
    def setUp(self):
        super().setUp()
        self.bill = json.loads((Staged.tree / SBOM).read_text())
        self.packages = {one["SPDXID"]: one for one in self.bill["packages"]}
        self.files = {one["fileName"][2:]: one for one in self.bill["files"]}

    def contained(self, package):
        return [
            one["relatedSpdxElement"]
            for one in self.bill["relationships"]
            if (one["spdxElementId"], one["relationshipType"]) == (package, "CONTAINS")
        ]

    def test_it_lists_each_file_with_its_digest(self):
        there = {
            str(path.relative_to(Staged.tree)): path
            for path in paths(Staged.tree)
            if path.is_file() and not path.is_symlink()
        }
        del there[SBOM]
        self.assertEqual(set(self.files), set(there))
        for name, path in there.items():
            sums = {
                one["algorithm"]: one["checksumValue"] for one in self.files[name]["checksums"]
            }
            data = path.read_bytes()
            self.assertEqual(sums["SHA256"], hashlib.sha256(data).hexdigest(), name)
            self.assertEqual(sums["SHA1"], hashlib.sha1(data).hexdigest(), name)

    def test_it_is_of_the_form_of_spdx_2_3(self):
        bill = self.bill
        self.assertEqual((bill["spdxVersion"], bill["dataLicense"]), ("SPDX-2.3", "CC0-1.0"))
        self.assertEqual(bill["SPDXID"], "SPDXRef-DOCUMENT")
        self.assertRegex(bill["documentNamespace"], r"^urn:uuid:[0-9a-f-]{36}$")
        self.assertEqual(bill["creationInfo"]["created"], "2023-11-14T22:13:20Z")
        elements = [bill, *bill["packages"], *bill["files"]]
        names = [one["SPDXID"] for one in elements]
        self.assertEqual(len(names), len(set(names)))
        for name in names:
            self.assertRegex(name, r"^SPDXRef-[A-Za-z0-9.-]+$")
        for one in bill["relationships"]:
            self.assertIn(one["spdxElementId"], names)
            self.assertIn(one["relatedSpdxElement"], names)
        licences = {one["licenseId"] for one in bill["hasExtractedLicensingInfos"]}
        for one in bill["packages"]:
            self.assertIn(one["licenseDeclared"], licences | {"Apache-2.0"})
            self.assertTrue(one["externalRefs"][0]["referenceLocator"].startswith("pkg:"))

    def test_each_file_is_of_one_package(self):
        owned = [name for package in self.packages for name in self.contained(package)]
        owned = [name for name in owned if name not in self.packages]
        self.assertEqual(len(owned), len(set(owned)))
        self.assertEqual(set(owned), {one["SPDXID"] for one in self.bill["files"]})
        sums = {one["SPDXID"]: one["checksums"][0]["checksumValue"] for one in self.bill["files"]}
        for name, package in self.packages.items():
            held = sorted(sums[one] for one in self.contained(name) if one in sums)
            code = hashlib.sha1("".join(held).encode()).hexdigest()
            said = package["packageVerificationCode"]["packageVerificationCodeValue"]
            self.assertEqual(said, code, name)

    def test_its_versions_are_dpkgs_and_so_are_those_for_scanners(self):
        for package in self.packages.values():
            name, version = package["name"], package["versionInfo"]
            if name == "waybill":
                continue
            installed = run("dpkg-query", "-W", "-f", "${Version}\n", name).split()
            self.assertIn(version, installed, name)
            status = Staged.tree / "var/lib/dpkg/status.d" / name
            self.assertIn(f"Package: {name}\n", status.read_text())
            self.assertIn(f"Version: {version}\n", status.read_text())
            self.assertTrue((Staged.tree / "usr/share/doc" / name / "copyright").exists())
            run("md5sum", "--check", "--quiet", f"{status}.md5sums", cwd=Staged.tree)


@functools.cache
def propagation():
    """In a chroot, whose root is no mount point, unshare cannot make its mounts private."""
    try:
        run("unshare", "--mount", "true")
    except AssertionError:
        return ["--propagation", "unchanged"]
    return []


class Confined(KafkaCase):
    """Runs the program in a copy of the tree, to which mount points are added."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.folder = scratch(cls)
        cls.pair = tls.CA(cls.folder / "ca").issue()
        cls.secure = Registry(tls=cls.pair)
        cls.addClassCleanup(cls.secure.close)
        bundle = (Staged.tree / BUNDLE[1:]).read_text() + pathlib.Path(cls.pair.ca).read_text()
        (cls.folder / "bundle.pem").write_text(bundle)
        (cls.folder / "bundle.pem").chmod(0o644)
        (cls.folder / "hosts").write_text("127.0.0.1 localhost\n")
        (cls.folder / "resolv.conf").write_text("")

    def setUp(self):
        super().setUp()
        self.directory.chmod(0o755)
        self.root = self.directory / "root"
        run("cp", "--archive", Staged.tree, self.root)

    def command(self, *arguments, config=None, more=(), proc=True):
        mounts = [
            f"{self.folder}/bundle.pem:{BUNDLE}",
            f"{self.folder}/hosts:/etc/hosts",
            f"{self.folder}/resolv.conf:/etc/resolv.conf",
            *more,
        ]
        if config:
            os.chmod(config, 0o644)
            mounts.append(f"{config}:/etc/waybill/config.yaml")
        words = ["unshare", "--mount", *propagation(), "--pid", "--fork", "--kill-child"]
        words += [sys.executable, CONFINE]
        words += ["--proc"] if proc else []
        for one in mounts:
            words += ["--mount", one]
        return [str(word) for word in [*words, self.root, PROGRAM, *arguments]]

    def confined(self, *arguments, stdin="", **options):
        return subprocess.run(
            self.command(*arguments, **options),
            input=stdin, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    def configured(self, registry, **sections):
        """By name, as from another host; this applies to brokers, too."""
        sections.setdefault("kafka", {})
        sections["kafka"].setdefault("brokers", f"localhost:{self.kafka.address.split(':')[1]}")
        return self.configure(
            {"plain_http": registry is not self.secure},
            address=f"localhost:{registry.port}",
            **sections,
        )

    def served(self, config):
        """Returns (the service, the process id of the program)."""
        service = Service.__new__(Service)
        super(Service, service).__init__(
            self.command("run", config=config), self.directory / "run.log"
        )
        self.addCleanup(self._end, service)
        children = pathlib.Path(f"/proc/{service.pid}/task/{service.pid}/children")
        self.until(lambda: service.says('"started"'), 30, "its start", service)
        return service, int(children.read_text().split()[0])

    def test_version_and_check_need_nothing_else(self):
        for proc in (True, False):
            done = self.confined("version", proc=proc)
            self.assertEqual((done.returncode, done.stderr), (EXIT_OK, ""))
            self.assertRegex(done.stdout, r"OpenSSL +3")
            config = self.configured(self.registry)
            done = self.confined("check", config=config, proc=proc)
            self.assertEqual(done.returncode, EXIT_OK, done.stderr)
        done = self.confined("check")
        self.assertEqual(done.returncode, EXIT_CONFIG, "there is no configuration in the image")

    def test_it_pushes_over_tls_to_a_name_without_proc(self):
        config = self.configured(self.secure)
        for proc in (False, True):
            name = f"one-{proc}"
            done = self.confined(
                "push", stdin=line(event(name)).decode(), config=config, proc=proc
            )
            self.assertEqual(done.returncode, EXIT_OK, done.stdout + done.stderr)
            wanted = artifact_of(envelope(name))
            self.assert_stored(self.secure, self.repository, wanted)

    def test_it_trusts_only_the_authorities_of_the_image(self):
        config = self.configured(self.secure, delivery={"max_attempts": 1})
        bundle = str(self.folder / "bundle.pem")
        words = self.command("push", config=config)
        words = [str(Staged.tree / BUNDLE[1:]) + ":" + BUNDLE
                 if word == f"{bundle}:{BUNDLE}" else word for word in words]  # fmt: skip
        done = subprocess.run(
            words, input=line(event("one")), capture_output=True, timeout=60, check=False
        )
        self.assertNotEqual(done.returncode, EXIT_OK)
        self.assertIn(b"certificate", done.stdout)

    def test_it_serves_as_the_first_process_and_stops_when_told(self):
        self.create()
        service, pid = self.served(self.configured(self.registry))
        self.kafka.produce(self.source, [message_of("one")])
        data = self.parse(self.read("outcomes", 1)[0])[1]
        self.assert_delivered(data, "one")

        status = pathlib.Path(f"/proc/{pid}/status").read_text()
        self.assertRegex(status, r"Uid:(\t65532){4}\n")
        self.assertRegex(status, r"Gid:(\t65532){4}\n")
        self.assertRegex(status, r"Groups:\s*\n")
        self.assertRegex(status, r"CapEff:\t0+\n")
        self.assertRegex(status, r"CapBnd:\t0+\n")
        self.assertRegex(status, r"NoNewPrivs:\t1\n")
        self.assertRegex(status, r"NSpid:\t\d+\t1\n")
        for mount in pathlib.Path(f"/proc/{pid}/mountinfo").read_text().splitlines():
            place, options = mount.split()[4:6]
            if place in ("/", "/etc/hosts", BUNDLE):
                self.assertIn("ro", options.split(","), mount)
        os.kill(pid, signal.SIGTERM)
        self.assertEqual(service.ended(20), EXIT_OK, service.tail())

    def test_librdkafka_trusts_the_authorities_of_the_image_too(self):
        """A listener that only performs the handshake is enough: the error after it shows that the
        certificate was accepted."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.pair.cert, self.pair.key)
        heard = []

        def answer(listener):
            for _ in range(20):
                try:
                    connection, _ = listener.accept()
                    with context.wrap_socket(connection, server_side=True) as secure:
                        heard.append(secure.recv(100))
                        return
                except (OSError, ssl.SSLError) as problem:
                    heard.append(problem)

        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.settimeout(20)
            thread = threading.Thread(target=answer, args=(listener,))
            thread.start()
            brokers = f"localhost:{listener.getsockname()[1]}"
            secure = {"brokers": brokers, "properties": {"security.protocol": "SSL"}}
            service, pid = self.served(self.configured(self.registry, kafka=secure))
            thread.join(20)
            os.kill(pid, signal.SIGTERM)
            service.ended(20)
        self.assertTrue(heard and isinstance(heard[-1], bytes) and heard[-1], heard)


if __name__ == "__main__":
    become_root()
    need("unshare", "cmake", "dpkg-query")
    main()
