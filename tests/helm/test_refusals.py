"""The values that the chart refuses, with the messages, and values that it must accept."""

import copy
import functools
import json
import subprocess
import unittest

import yaml
from charts import CHART, ChartTest, template_values

SECRET = "Tr0ub4dor-and-3"
PROPERTIES = (
    "sasl.password",
    "ssl.key.password",
    "ssl.key.pem",
    "ssl.keystore.password",
    "sasl.oauthbearer.client.secret",
    "sasl.oauthbearer.assertion.private.key.pem",
    "sasl.oauthbearer.assertion.private.key.passphrase",
    "sasl.jaas.config",
)
PRIVATE_KEY = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIIGl\n-----END EC PRIVATE KEY-----\n"
REFERENCES = ("${env:PASSWORD}", "${file:/run/secrets/waybill/x}", "${file:a}${env:B}")


def minimal():
    return yaml.safe_load((CHART / "ci" / "minimal-values.yaml").read_text())


# The minimal registration of each kind
SMALLEST = {
    "oci-registry": {"name": "house", "repository": "registry.internal/attestations"},
    "webhook": {"name": "house", "url": "${env:HOOK_URL}"},
    "discord-webhook": {"name": "house", "webhook": "${env:DISCORD_WEBHOOK}"},
    "slack-webhook": {"name": "house", "webhook": "${env:SLACK_WEBHOOK}"},
}


@functools.cache
def kinds():
    """The keys of the registrations of each kind, by the schema of the program"""
    schema = json.loads((CHART / "values.schema.json").read_text())
    items = schema["properties"]["config"]["properties"]["registrations"]["items"]
    return {
        row["if"]["properties"]["integration"]["const"]: set(row["then"]["properties"])
        for row in items["allOf"]
    }


def kind_with(key):
    return next((kind for kind, keys in kinds().items() if key in keys), "oci-registry")


def put(config, path, value):
    """Sets a value at a path as in files/secrets.json: a[].b is b of the first item of a."""
    if path.startswith("registrations[]."):
        kind = kind_with(path.split(".")[1].removesuffix("[]"))
        config["registrations"][0] = {"integration": kind, **SMALLEST[kind]}
    node = config
    *steps, last = path.split(".")
    if last.endswith("[]"):
        last, value = last[:-2], [value]
    elif last == "*":
        last = "X-Any"
    for step in steps:
        if step.endswith("[]"):
            items = node.setdefault(step[:-2], [])
            if not items:
                items.append({"source": "static"} if "chain" in step else {})
            node = items[0]
        else:
            node = node.setdefault(step, {})
    node[last] = value
    return config


def flat(tree, path):
    """Yields the secrets in a tree of files/secrets.json: [] is any item, .* any key."""
    if "kind" in tree:
        yield path, tree["kind"]
    for key, child in tree.get("keys", {}).items():
        yield from flat(child, f"{path}.{key}".lstrip("."))
    if "any" in tree:
        yield from flat(tree["any"], f"{path}.*")
    if "items" in tree:
        yield from flat(tree["items"], f"{path}[]")


def secrets():
    found = json.loads((CHART / "files" / "secrets.json").read_text())
    paths = dict(flat(found["sections"], ""))
    for tree in found["registrations"].values():
        paths.update(flat(tree, "registrations[]"))
    assert not any(found["attachments"].values()), "attachments have secrets: test them"
    return paths


class Refusals(ChartTest):
    def refuses(self, values, *said):
        result = template_values(values)
        self.assertNotEqual(result.returncode, 0, "it was not refused")
        for text in said:
            self.assertIn(text, result.stderr)
        self.assertNotIn(SECRET, result.stderr + result.stdout)

    def takes(self, values):
        result = template_values(values)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout

    def with_config(self, path, value):
        values = minimal()
        put(values["config"], path, value)
        return values


class Secrets(Refusals):
    def test_every_secret_of_the_programs_own_table_is_refused_in_plain_text(self):
        shapes = 0
        for path, kind in secrets().items():
            for plain in self.shapes_of(kind):
                with self.subTest(path=path, plain=plain):
                    shown = path.replace("[]", "[0]").replace("*", "X-Any")
                    self.refuses(self.with_config(path, plain), f"config.{shown}: holds")
                    shapes += 1
        print(f"plain text refused: {shapes} shapes of {len(secrets())} settings")

    def shapes_of(self, kind):
        if kind == "url":
            return [f"http://robot:{SECRET}@proxy:3128", f"robot:{SECRET}@proxy:3128",
                    f"http://${{env:USER}}:{SECRET}@proxy:3128",
                    f"http://robot:{SECRET} more@proxy:3128"]  # fmt: skip
        return [
            SECRET,
            f"{SECRET}${{env:MORE}}",
            f"${{env:BEFORE}}{SECRET}",
            f"$${{env:{SECRET}}}",
            f"${{other:{SECRET}}}",
            f"${{env:{SECRET}",
        ]

    def test_every_secret_may_come_from_a_file_or_the_environment(self):
        for path, kind in secrets().items():
            for reference in REFERENCES:
                value = f"http://robot:{reference}@proxy:3128" if kind == "url" else reference
                value = f"Bearer {reference}" if kind == "header" else value
                with self.subTest(path=path, value=value):
                    self.takes(self.with_config(path, value))

    def test_a_header_that_is_no_secret_is_fine(self):
        self.assertEqual(set(SMALLEST), set(kinds()))
        values = minimal()
        headers = {"Content-Type": "text/plain", "accept": "*/*"}
        values["config"]["registrations"][0] = {
            "integration": "webhook", **SMALLEST["webhook"], "headers": headers,
        }  # fmt: skip
        self.takes(values)
        headers["Authorization"] = f"Bearer {SECRET}"
        self.refuses(values, "config.registrations[0].headers.Authorization: holds a secret")

    def test_librdkafkas_secrets_are_refused_in_plain_text(self):
        for name in PROPERTIES:
            with self.subTest(name):
                values = minimal()
                values["config"]["kafka"]["properties"] = {name: SECRET}
                self.refuses(values, f"config.kafka.properties.{name}: holds a secret")
                values["config"]["kafka"]["properties"] = {name: "${file:/run/secrets/a/b}"}
                self.takes(values)
        print(f"plain text refused: {len(PROPERTIES)} properties of librdkafka")

    def test_properties_that_only_sound_like_it_are_fine(self):
        values = minimal()
        values["config"]["kafka"]["properties"] = {
            "security.protocol": "SASL_SSL",
            "sasl.username": "robot",
            "sasl.oauthbearer.token.endpoint.url": "https://login.example.com/token",
            "ssl.key.location": "/run/secrets/kafka/tls.key",
            "ssl.certificate.location": "/run/secrets/kafka/tls.crt",
        }
        self.takes(values)

    def test_a_number_is_a_secret_too(self):
        values = minimal()
        values["config"]["kafka"]["properties"] = {"sasl.password": 123456789}
        self.refuses(values, "sasl.password: holds a secret")

    def test_all_of_them_are_said_at_once(self):
        values = self.with_config("admin.token", SECRET)
        put(values["config"], "registrations[].password", SECRET)
        values["config"]["registrations"].append(
            {"name": "b", "repository": "b.example.com/x", "password": SECRET}
        )
        self.refuses(values, "admin.token: holds", "[0].password: holds", "[1].password: holds")

    def test_whatever_looks_like_one_is_refused_anywhere(self):
        for value, said in (
            (f"https://robot:{SECRET}@registry.example.com/x", "a password in an address"),
            ("ghp_0123456789abcdefghijABCDEFGHIJ012345", "a token"),
            ("glpat-0123456789abcdefghij", "a token"),
            ("AKIA" + "IOSFODNN7EXAMPLE", "a token"),
            ("eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "a token"),
            (PRIVATE_KEY, "a private key"),
        ):
            with self.subTest(said=said, value=value[:5]):
                path = "registrations[].username"
                self.refuses(self.with_config(path, value), "[0].username: holds " + said)

    def test_a_private_key_beside_the_configuration_is_refused(self):
        values = {**minimal(), "configFiles": {"client.key": PRIVATE_KEY}}
        self.refuses(values, "configFiles.client.key: holds a private key")

    def test_a_docker_config_beside_the_configuration_is_refused(self):
        for key in ("auth", "identitytoken", "registrytoken", "password"):
            for indent in (None, 2):
                config = {"auths": {"ghcr.io": {key: SECRET}}}
                files = {"config.json": json.dumps(config, indent=indent)}
                said = "configFiles.config.json: holds a docker config with credentials"
                self.refuses({**minimal(), "configFiles": files}, said)
        helpers = {"auths": {"ghcr.io": {}, "b": {"auth": ""}}, "credsStore": "ecr-login"}
        self.takes({**minimal(), "configFiles": {"config.json": json.dumps(helpers)}})

    def test_a_certificate_as_openssl_prints_it_is_no_secret(self):
        text = """\
Certificate:
    Data:
        Issuer: C = DE, O = House, CN = House CA, emailAddress = pki@example.com
"""
        self.takes({**minimal(), "configFiles": {"ca.pem": text}})

    def test_a_variable_with_a_plain_secret_is_refused(self):
        for name in ("WAYBILL_HOUSE_PASSWORD", "GHCR_TOKEN", "WAYBILL_ADMIN_TOKEN"):
            values = {**minimal(), "extraEnv": [{"name": name, "value": SECRET}]}
            self.refuses(values, f"extraEnv: {name} holds a secret in plain text")
        variables = [{"name": "AWS_WEB_IDENTITY_TOKEN_FILE", "value": "/var/run/x"}]
        self.takes({**minimal(), "extraEnv": variables})

    def test_what_is_bound_to_the_username_is_no_secret(self):
        values = minimal()
        chain = [{"source": "static", "value": "robot", "binding": "username"}]
        put(values["config"], "registrations[].lookup_chain", chain)
        self.takes(values)
        chain[0]["binding"] = "password"
        self.refuses(values, "lookup_chain[0].value: holds a secret")

    def test_a_proxy_without_a_password_is_no_secret(self):
        for proxy in ("http://proxy.internal:3128", "none", "proxy:3128", "http://robot@proxy:1"):
            self.takes(self.with_config("registrations[].proxy", proxy))

    def test_they_are_refused_where_the_schema_is_switched_off_too(self):
        values = self.with_config("registrations[].access_token", SECRET)
        self.refuses(values, "access_token")
        result = template_values(values, "--skip-schema-validation")
        self.assertIn("[0].access_token: holds a secret", result.stderr)


class Values(Refusals):
    """A change of minimal-values.yaml, and the message that follows"""

    def said_of(self, said, **changes):
        self.refuses({**minimal(), **changes}, said)

    def of_config(self, said, path, value, **changes):
        self.refuses({**self.with_config(path, value), **changes}, said)

    def test_no_configuration(self):
        self.refuses({}, "config: is empty")

    def test_two_configurations(self):
        self.said_of("existingConfigMap: is set together with config", existingConfigMap="mine")

    def test_files_beside_a_configuration_of_somebody_elses(self):
        self.refuses(
            {"existingConfigMap": "mine", "configFiles": {"a": "b"}}, "configFiles: belong to"
        )

    def test_a_configuration_without_kafka(self):
        values = minimal()
        del values["config"]["kafka"]
        self.refuses(values, "config.kafka: is missing")

    def test_an_address_of_the_admin_port_that_probes_do_not_know(self):
        self.of_config("config.admin.listen: probes", "admin.listen", "0.0.0.0:1")

    def test_a_token_that_a_monitor_does_not_know(self):
        for monitor in ("podMonitor", "serviceMonitor"):
            values = self.with_config("admin.token", "${file:/run/secrets/waybill/token}")
            self.takes(values)
            values[monitor] = {"enabled": True}
            self.refuses(values, "config.admin.token: Prometheus would need it, too")
            # Without a monitor, no pod lacks one.
            self.takes({**values, monitor: {"enabled": "auto"}})

    def test_two_tokens_of_the_admin_port(self):
        self.of_config(
            "config.admin.token: is made from admin.tokenSecret",
            "admin.token", "${env:TOKEN}", admin={"tokenSecret": {"name": "t"}},
        )  # fmt: skip

    def test_a_grace_period_that_is_no_longer_than_draining(self):
        for drain, grace in (("10s", 10), ("10s", 3), ("2m", 119), ("1h", 60), ("1001ms", 2)):
            with self.subTest(drain=drain, grace=grace):
                self.of_config(
                    f"terminationGracePeriodSeconds: {grace} s is not more than config.delivery.drain",
                    "delivery.drain", drain, terminationGracePeriodSeconds=grace,
                )  # fmt: skip
        self.takes({**minimal(), "terminationGracePeriodSeconds": 11})

    def test_a_drain_time_that_only_the_pod_knows(self):
        values = self.with_config("delivery.drain", "${env:DRAIN}")
        self.refuses(values, "config.delivery.drain is not a plain duration")
        self.takes({**values, "terminationGracePeriodSeconds": 60})

    def test_both_monitors(self):
        both = {"serviceMonitor": {"enabled": True}, "podMonitor": {"enabled": True}}
        self.said_of("podMonitor.enabled: with serviceMonitor.enabled too", **both)

    def test_a_service_monitor_without_a_service(self):
        self.said_of(
            "service.enabled: a ServiceMonitor finds pods by their Service",
            serviceMonitor={"enabled": True}, service={"enabled": False},
        )  # fmt: skip

    def test_a_stateful_set_without_a_service(self):
        self.said_of(
            "service.enabled: a StatefulSet needs", kind="StatefulSet", service={"enabled": False}
        )

    def test_more_instances_than_partitions(self):
        self.said_of("replicas: 7 pods, and the topic has only 6", replicas=7, partitions=6)
        keda = {"enabled": True, "maxReplicas": 7}
        self.said_of("keda.maxReplicas: 7 pods", keda=keda, partitions=6)
        self.takes({**minimal(), "replicas": 6, "partitions": 6})

    def test_fewer_instances_at_most_than_at_least(self):
        keda = {"enabled": True, "minReplicas": 5, "maxReplicas": 4}
        self.said_of("keda.minReplicas: is greater than", keda=keda)

    def test_a_topic_that_keda_cannot_know(self):
        keda = {"enabled": True}
        self.of_config("keda.bootstrapServers: KEDA needs", "kafka.brokers", "${env:B}", keda=keda)
        for name in ("bootstrapServers", "consumerGroup", "topic"):
            values = {"existingConfigMap": "mine", "keda": keda}
            self.refuses(values, f"keda.{name}: KEDA needs it")

    def test_a_keda_that_cannot_log_in(self):
        properties = {"security.protocol": "sasl_ssl", "sasl.mechanism": "PLAIN"}
        self.of_config(
            "keda.authentication: the brokers require SASL",
            "kafka.properties", properties, keda={"enabled": True},
        )  # fmt: skip

    def test_a_keda_that_does_not_trust_the_brokers(self):
        def values(**keda):
            properties = {"security.protocol": "ssl", "ssl.ca.location": "/etc/waybill/ca.pem"}
            found = self.with_config("kafka.properties", properties)
            return {**found, "keda": {"enabled": True, **keda}}

        self.refuses(values(), "has ssl.ca.location, and KEDA needs it, too", "as parameter ca")
        self.takes(values(authentication=[{"parameter": "ca", "name": "kafka", "key": "ca.crt"}]))
        self.takes(values(metadata={"unsafeSsl": "true"}))
        # Another listener
        self.takes(values(metadata={"tls": "disable"}))
        for system in ("/etc/ssl/certs/ca-certificates.crt", "probe"):
            found = values()
            found["config"]["kafka"]["properties"]["ssl.ca.location"] = system
            self.takes(found)

    def test_a_keda_without_the_certificate_that_the_brokers_want(self):
        properties = {
            "security.protocol": "SSL",
            "ssl.certificate.location": "/run/secrets/kafka/tls.crt",
            "ssl.key.location": "/run/secrets/kafka/tls.key",
        }
        # The certificate authority is independent of that.
        keda = {"enabled": True, "metadata": {"unsafeSsl": "true"}}
        values = {**self.with_config("kafka.properties", properties), "keda": keda}
        self.refuses(values, "as parameter cert", "as parameter key")
        keda["authentication"] = [
            {"parameter": name, "name": "kafka", "key": name} for name in ("cert", "key")
        ]
        self.takes(values)

    def test_ids_that_all_pods_would_share(self):
        for name in ("transactional_id", "instance_id"):
            path = f"kafka.{name}"
            self.of_config(f"config.{path}: all pods would have the same", path, "waybill-0")
            self.of_config(
                f"config.{path}: is made from the name of each pod",
                path, "${env:POD_NAME}", kind="StatefulSet",
            )  # fmt: skip
            self.takes(self.with_config(path, "${env:POD_NAME}"))

    def test_two_folders_of_one_name(self):
        mount = {"name": "a", "secretName": "b"}
        self.said_of("secretMounts: a is set twice", secretMounts=[mount, mount])
        for name in ("waybill", "waybill-admin-tls", "waybill-admin-token"):
            self.said_of(f"{name} is set by the chart", secretMounts=[{**mount, "name": name}])

    def test_ports_of_brokers_that_nobody_names(self):
        self.refuses(
            {"existingConfigMap": "mine", "networkPolicy": {"enabled": True}},
            "networkPolicy.brokerPorts: list the ports",
        )
        for brokers in ("${env:BROKERS}", "a:9093,${env:B}", "a:${env:PORT},b:9092"):
            self.of_config(
                "networkPolicy.brokerPorts: list the ports",
                "kafka.brokers", brokers, networkPolicy={"enabled": True},
            )  # fmt: skip

    def test_an_alert_that_there_is_not(self):
        rule = {"enabled": True, "disabled": ["WaybillLate"]}
        self.said_of("prometheusRule.disabled: there is no alert 'WaybillLate'", prometheusRule=rule)


class Schema(Refusals):
    def test_keys_that_there_are_not(self):
        for change in (
            {"nonsense": 1},
            {"image": {"nonsense": 1}},
            {"podMonitor": {"nonsense": 1}},
            {"admin": {"tokenSecret": {"nonsense": 1}}},
            {"secretMounts": [{"name": "a", "secretName": "b", "nonsense": 1}]},
        ):
            with self.subTest(change):
                self.refuses({**minimal(), **change}, "nonsense")

    def test_keys_that_the_program_does_not_know(self):
        for path in ("nonsense.x", "kafka.nonsense", "delivery.nonsense", "registrations[].nonsense"):
            with self.subTest(path):
                self.refuses(self.with_config(path, "x"), "nonsense")

    def test_values_that_cannot_be(self):
        for change, said in (
            ({"replicas": -1}, "replicas"),
            ({"replicas": "two"}, "replicas"),
            ({"kind": "DaemonSet"}, "kind"),
            ({"image": {"digest": "sha256:1"}}, "digest"),
            ({"admin": {"port": 70000}}, "port"),
            # An empty list would permit all.
            ({"networkPolicy": {"dnsPorts": []}}, "dnsPorts"),
            ({"reload": "sometimes"}, "reload"),
            ({"config": None}, "config"),
        ):
            with self.subTest(change):
                self.refuses({**minimal(), **change}, said)

    def test_values_that_the_program_does_not_take(self):
        for path, value in (("delivery.drain", "soon"), ("log.level", "loud"),
                            ("delivery.concurrency", 0), ("kafka.brokers", 9092)):  # fmt: skip
            with self.subTest(path):
                self.refuses(self.with_config(path, value), path.split(".")[1])

    def test_on_and_off_are_taken_with_and_without_quotes(self):
        for value in ("off", "on", False, True):
            self.takes(self.with_config("sandbox", value))

    def test_the_commented_example_is_taken(self):
        text = (CHART / "values.yaml").read_text().split("\nconfig: {}\n")[1].split("\n\n")[0]
        example = yaml.safe_load("\n".join(line.removeprefix("# ") for line in text.split("\n")))
        self.takes({"config": copy.deepcopy(example)})

    def test_the_readmes_install_works_as_it_stands(self):
        text = (CHART / "README.md").read_text()
        values = text.split("<<'EOF'\n")[1].split("    EOF\n")[0]
        command = ["sed", "s/^    //"]
        plain = subprocess.run(command, input=values, capture_output=True, text=True, check=True)
        self.takes(yaml.safe_load(plain.stdout))


if __name__ == "__main__":
    unittest.main(verbosity=2)
