"""An Apache Kafka with SASL/PLAIN that permits only what was granted, and its own
tools."""

import pathlib
import struct
import tempfile
import typing

from . import kafka
from .kafka import Kafka
from .process import parts

ADMIN = "admin"
_AUTHORIZER = "org.apache.kafka.metadata.authorizer.StandardAuthorizer"
_PROVIDER = "org.apache.kafka.common.config.provider.FileConfigProvider"
_LOGIN = "org.apache.kafka.common.security.plain.PlainLoginModule"

# The numbers of the protocol
_RESOURCES = {"topic": 2, "group": 3, "cluster": 4, "transactional-id": 5}
_PATTERNS = {"literal": 3, "prefixed": 4}
_OPERATIONS = {
    **{"Read": 3, "Write": 4, "Create": 5, "Delete": 6, "Alter": 7, "Describe": 8},
    **{"DescribeConfigs": 10, "AlterConfigs": 11, "IdempotentWrite": 12},
}
_ALLOW = 3


class Grant(typing.NamedTuple):
    principal: str
    resource: str
    name: str
    pattern: str
    operation: str


class SaslKafka(Kafka):
    """users: {name: password} in addition to `admin`, who may do everything."""

    def __init__(self, users, admin_password):
        self.passwords = {**users, ADMIN: admin_password}
        # In a file, because properties are arguments, which every user can read.
        self._secrets = tempfile.TemporaryDirectory(prefix="waybill-kafka-")
        known = " ".join(f'user_{name}="{word}"' for name, word in self.passwords.items())
        login = f'{_LOGIN} required username="{ADMIN}" password="{admin_password}" {known};'
        file = pathlib.Path(self._secrets.name, "jaas.properties")
        file.write_text(f"login={login}\n")
        super().__init__(
            {
                "config.providers": "file",
                "config.providers.file.class": _PROVIDER,
                # The name of the listener, and therefore the address, remain the same.
                "inter.broker.listener.name": "PLAINTEXT",
                "listener.security.protocol.map": "PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT",
                "sasl.enabled.mechanisms": "PLAIN",
                "sasl.mechanism.inter.broker.protocol": "PLAIN",
                "listener.name.plaintext.plain.sasl.jaas.config": f"${{file:{file}:login}}",
                "authorizer.class.name": _AUTHORIZER,
                # For its controller the broker is an anonymous client.
                "super.users": f"User:{ADMIN};User:ANONYMOUS",
            }
        )

    def start(self):
        super().start()
        kafka._credentials[self.address] = (ADMIN, self.passwords[ADMIN])

    def close(self):
        super().close()
        self._secrets.cleanup()

    def properties(self, user, password=None):
        """Of librdkafka"""
        return {
            "security.protocol": "sasl_plaintext",
            "sasl.mechanism": "PLAIN",
            "sasl.username": user,
            "sasl.password": password or self.passwords[user],
        }

    def _client(self, **settings):
        return super()._client(**self.properties(ADMIN), **settings)

    # --- permissions, with direct requests, because the tools are slow

    def grant(self, one):
        # CreateAcls, version 1
        body = struct.pack(">ib", 1, _RESOURCES[one.resource]) + kafka._text(one.name)
        body += struct.pack(">b", _PATTERNS[one.pattern]) + kafka._text(one.principal)
        body += kafka._text("*") + struct.pack(">bb", _OPERATIONS[one.operation], _ALLOW)
        answer = kafka._ask(self.address, 30, 1, body)
        answer.take("i"), answer.take("i")  # throttle time, results
        error = answer.take("h")
        if error:
            raise RuntimeError(f"cannot grant {one}: error {error}")

    def revoke(self, one):
        # DeleteAcls, version 1
        body = struct.pack(">ib", 1, _RESOURCES[one.resource]) + kafka._text(one.name)
        body += struct.pack(">b", _PATTERNS[one.pattern]) + kafka._text(one.principal)
        body += kafka._text("*") + struct.pack(">bb", _OPERATIONS[one.operation], _ALLOW)
        answer = kafka._ask(self.address, 31, 1, body)
        answer.take("i"), answer.take("i")  # throttle time, filters
        error = answer.take("h")
        answer.text()
        if error or answer.take("i") != 1:
            raise RuntimeError(f"cannot revoke {one}: error {error}")

    def grants(self):
        """Returns the set of all grants."""
        # DescribeAcls, version 1: anything
        body = b"\1" + struct.pack(">h", -1) + b"\1" + 2 * struct.pack(">h", -1) + b"\1\1"
        answer = kafka._ask(self.address, 29, 1, body)
        answer.take("i"), answer.take("h"), answer.text()  # throttle time, error
        found = set()
        for _ in range(answer.take("i")):
            resource, name, pattern = answer.take("b"), answer.text(), answer.take("b")
            for _ in range(answer.take("i")):
                principal, _host = answer.text(), answer.text()
                operation, _allow = answer.take("b"), answer.take("b")
                names = (_RESOURCES, resource), (_PATTERNS, pattern), (_OPERATIONS, operation)
                kind, match, action = (
                    next(key for key, value in table.items() if value == number)
                    for table, number in names
                )
                found.add(Grant(principal, kind, name, match, action))
        return found

    def topic_settings(self, topic):
        """Returns {name: value} of the settings of the topic that were set."""
        # DescribeConfigs, version 1
        body = struct.pack(">ib", 1, 2) + kafka._text(topic) + struct.pack(">i", -1) + b"\0"
        answer = kafka._ask(self.address, 32, 1, body)
        answer.take("i"), answer.take("i")  # throttle time, results
        error = answer.take("h")
        answer.text(), answer.take("b"), answer.text()
        if error:
            raise RuntimeError(f"cannot read the settings of {topic}: error {error}")
        found = {}
        for _ in range(answer.take("i")):
            name, value = answer.text(), answer.text()
            _read_only, source, _sensitive = answer.take("b"), answer.take("b"), answer.take("b")
            answer.take("i")  # synonyms
            if source == 1:
                found[name] = value
        return found


def make_tools(folder):
    """Creates kafka-topics.sh and similar tools, as in Kafka's distribution; returns the
    directory for PATH."""
    folder = pathlib.Path(folder)
    folder.mkdir(exist_ok=True)
    jars = parts("parts_kafka_jars")
    for name, main in (
        ("kafka-topics", "org.apache.kafka.tools.TopicCommand"),
        ("kafka-acls", "org.apache.kafka.tools.AclCommand"),
        ("kafka-configs", "kafka.admin.ConfigCommand"),
    ):
        tool = folder / f"{name}.sh"
        tool.write_text(
            "#!/bin/sh\n"
            'exec java -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 '
            '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn '
            f'-cp "{jars}/*" {main} "$@"\n'
        )
        tool.chmod(0o755)
    return folder
