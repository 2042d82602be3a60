"""A private certificate authority, made with the openssl command."""

import datetime
import ipaddress
import pathlib
import subprocess
import typing


class CertPair(typing.NamedTuple):
    """Paths of PEM files."""

    cert: str
    key: str
    ca: str  # the certificate to trust for `cert`


def openssl(*arguments, directory=None):
    done = subprocess.run(
        ["openssl", *map(str, arguments)],
        cwd=directory,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"openssl {arguments[0]}: {done.stderr.decode()}")
    return done.stdout


# `openssl ca` is the one subcommand of OpenSSL 3.0 that sets the start of
# validity, and it must be in the past: clocks of test machines do jump.
_CONFIGURATION = """
[ca]
default_ca = this
[this]
database = {directory}/index.txt
rand_serial = yes
new_certs_dir = {directory}
default_md = sha256
policy = anything
unique_subject = no
[anything]
commonName = supplied
[req]
distinguished_name = empty
prompt = no
[empty]
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[end]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth, clientAuth
subjectAltName = {names}
"""


class CA:
    """Issues EC P-256 certificates, valid from an hour ago for two days."""

    def __init__(self, directory, name="waybill test CA"):
        self._directory = pathlib.Path(directory).resolve()
        self._directory.mkdir(parents=True, exist_ok=True)
        (self._directory / "index.txt").write_text("")
        self._count = 0
        self._name = name
        self.key = str(self._directory / "ca.key")
        self.cert = str(self._directory / "ca.crt")
        self._make(name, self.key, self.cert, [], "authority", ["-selfsign", "-keyfile", self.key])

    def issue(self, names=("localhost", "127.0.0.1"), expired=False):
        """A certificate for servers and clients, named by DNS name or address."""
        self._count += 1
        stem = self._directory / f"issued-{self._count}"
        signer = ["-keyfile", self.key, "-cert", self.cert]
        pair = CertPair(f"{stem}.crt", f"{stem}.key", self.cert)
        self._make(names[0], pair.key, pair.cert, names, "end", signer, expired)
        return pair

    def _make(self, name, key, cert, names, section, signer, expired=False):
        now = datetime.datetime.now(datetime.timezone.utc)
        start = now - datetime.timedelta(hours=2 if expired else 1)
        end = now - datetime.timedelta(hours=1) if expired else start + datetime.timedelta(days=2)
        configuration = self._directory / "openssl.cnf"
        configuration.write_text(
            _CONFIGURATION.format(
                directory=self._directory,
                names=",".join(map(_alternative, names or ["none"])),
            )
        )
        request = self._directory / "request.csr"
        openssl(
            *("req", "-new", "-config", configuration, "-subj", f"/CN={name}"),
            *("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc"),
            *("-keyout", key, "-out", request),
        )
        openssl(
            *("ca", "-batch", "-notext", "-config", configuration, "-extensions", section),
            *("-startdate", f"{start:%Y%m%d%H%M%SZ}", "-enddate", f"{end:%Y%m%d%H%M%SZ}"),
            *("-in", request, "-out", cert, *signer),
        )


def _alternative(name):
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return f"DNS:{name}"
    return f"IP:{name}"
