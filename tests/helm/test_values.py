#!/usr/bin/env python3
"""Unusual values: each is refused with a message that says what to do, or gives objects
that Kubernetes accepts and a configuration that the program accepts. Pods never restart
repeatedly because of values that the chart has accepted."""

import concurrent.futures
import copy
import os
import pathlib
import tempfile
import unittest

import yaml
from charts import (
    CHART, CRDS, ROOT, ChartTest, check_configuration, documents, one, run, template_values,
    tool, workload,
)  # fmt: skip

NEWEST = "1.37"
LONG = "a" * 70
SECRET = "Tr0ub4dor-and-3"
HOOK = {"name": "hook", "integration": "webhook", "url": "${env:URL}"}

# The changes of minimal-values.yaml, as YAML
TAKEN = """
replicas: 0
replicas: 1000
replicas: null
partitions: null
probes: null
probes: {liveness: null}
probes: {liveness: null, readiness: null, startup: null}
probes: {liveness: {}}
probes: {liveness: {enabled: false}, startup: {enabled: true}}
probes: {readiness: {tcpSocket: {port: http-admin}}}
probes: {startup: {initialDelaySeconds: 0, failureThreshold: 1}}
resources: null
resources: {}
resources: {limits: {memory: 1Gi, cpu: 2}}
securityContext: null
podSecurityContext: null
podSecurityContext: {runAsUser: 0, runAsNonRoot: false}
image: null
image: {tag: null, registry: null}
image: {registry: "registry.example.com:5000/"}
image: {tag: "1.0"}
admin: null
admin: {address: "::"}
admin: {address: 0.0.0.0, port: 8080}
admin: {address: null, port: null}
serviceAccount: null
serviceAccount: {create: false}
podDisruptionBudget: null
podDisruptionBudget: {maxUnavailable: 50%}
podDisruptionBudget: {maxUnavailable: 0}
topologySpreadConstraints: null
topologySpreadConstraints: []
service: null
service: {enabled: false}
service: {ipFamilyPolicy: RequireDualStack, ipFamilies: [IPv4, IPv6]}
keda: null
networkPolicy: null
networkPolicy: {enabled: true, dnsPorts: null}
replay: null
replay: {enabled: true, args: null, schedule: null}
tests: null
extraEnv: null
extraEnv: [{name: EMPTY, value: ""}]
extraEnv: [{name: A, value: "1"}, {name: B, value: "$(A)"}]
extraEnv: [{name: NO_VALUE}]
commonLabels: null
commonLabels: {team: "", example.com/part: a_b.c}
global: null
global: {imageRegistry: null, imagePullSecrets: null}
global: {imageRegistry: mirror, imagePullSecrets: [a, {name: b}], storageClass: fast}
enabled: true
enabled: null
fullnameOverride: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
nameOverride: bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb
fullnameOverride: null
kind: null
kind: StatefulSet
{kind: StatefulSet, statefulSet: null, replicas: 0}
terminationGracePeriodSeconds: null
updateStrategy: null
lifecycle: {preStop: {sleep: {seconds: 1}}}
hostAliases: [{ip: "fd00::1", hostnames: [registry.internal]}]
dnsConfig: {nameservers: ["fd00::53"]}
revisionHistoryLimit: 0
configFiles: null
secretMounts: null
serviceMonitor: null
serviceMonitor: {enabled: true, interval: 1m30s}
dashboard: {enabled: true, labels: null}
reload: null
existingSecret: null
"""

# The same, with the message
REFUSED = """
{says: replicas, values: {replicas: "3"}}
{says: replicas, values: {replicas: 1.5}}
{says: replicas, values: {replicas: true}}
{says: replicas, values: {replicas: -1}}
{says: port, values: {admin: {port: "9464"}}}
{says: port, values: {admin: {port: 80}}}
{says: address, values: {admin: {address: 127.0.0.1}}}
{says: address, values: {admin: {address: localhost}}}
{says: address, values: {admin: {address: ""}}}
{says: repository, values: {image: {repository: ""}}}
{says: tag, values: {image: {tag: 1.0}}}
{says: tag, values: {image: {tag: "a b"}}}
{says: kind, values: {kind: ""}}
{says: kind, values: {kind: deployment}}
{says: fullnameOverride, values: {fullnameOverride: Waybill}}
{says: fullnameOverride, values: {fullnameOverride: way_bill}}
{says: fullnameOverride, values: {fullnameOverride: 2waybill}}
{says: nameOverride, values: {nameOverride: "a b"}}
{says: team, values: {commonLabels: {team: a b}}}
{says: team, values: {podLabels: {team: 1}}}
{says: periodSeconds, values: {probes: {liveness: {periodSeconds: 0}}}}
{says: enabled, values: {probes: {liveness: {enabled: "no"}}}}
{says: "persistence: this chart has no such value: Waybill stores nothing on disk", values: {persistence: {enabled: true}}}
{says: "replicaCount: this chart has no such value: use replicas", values: {replicaCount: 0}}
{says: use probes.liveness, values: {livenessProbe: null, readinessProbe: {}}}
{says: use keda, values: {autoscaling: {enabled: true}}}
{says: port-forward, values: {ingress: {enabled: false}}}
{says: use extraEnv, values: {env: []}}
{says: "`waybill run` has no further arguments", values: {extraArgs: [--help]}}
{says: use config.kafka, values: {kafka: {brokers: a}}}
{says: "condition: waybill.enabled", values: {enabled: false}}
{says: enabled, values: {enabled: "yes"}}
{says: "extraEnv: A is set twice", values: {extraEnv: [{name: A, value: a}, {name: A, value: b}]}}
{says: "extraEnv: WAYBILL_ADMIN_LISTEN is set by the chart", values: {extraEnv: [{name: WAYBILL_ADMIN_LISTEN, value: "off"}]}}
{says: value, values: {extraEnv: [{name: A, value: 1}]}}
{says: name, values: {extraEnv: [{value: a}]}}
{says: "extraEnv: WAYBILL_KAFKA_TRANSACTIONAL_ID: all pods would have the same", values: {extraEnv: [{name: WAYBILL_KAFKA_TRANSACTIONAL_ID, value: a}]}}
{says: "extraEnv: POD_NAME is set by the chart", values: {kind: StatefulSet, extraEnv: [{name: POD_NAME, value: a}]}}
{says: "extraEnv: AWS_SECRET_ACCESS_KEY holds a secret", values: {extraEnv: [{name: AWS_SECRET_ACCESS_KEY, value: abc}]}}
{says: "extraEnv: HTTPS_PROXY holds a password in an address", values: {extraEnv: [{name: HTTPS_PROXY, value: "http://a:b@proxy:1"}]}}
{says: "extraVolumes: config is set by the chart", values: {extraVolumes: [{name: config, emptyDir: {}}]}}
{says: "extraVolumeMounts: /etc/waybill is set by the chart", values: {extraVolumeMounts: [{name: a, mountPath: /etc/waybill}]}}
{says: "waybill is set by the chart", values: {extraContainers: [{name: waybill, image: a}]}}
{says: runAsNonRoot, values: {podSecurityContext: {runAsUser: 0}}}
{says: "resources.limits.memory: 64Mi is less than", values: {resources: {limits: {memory: 64Mi}}, config: {delivery: {max_bytes: 64MiB}}}}
{says: "resources.limits.memory: 256Mi is less than", values: {config: {delivery: {max_bytes: 1073741824}}}}
{says: dnsConfig.nameservers, values: {dnsPolicy: None}}
{says: dnsPolicy, values: {dnsPolicy: clusterFirst}}
{says: only one IP family, values: {service: {ipFamilyPolicy: SingleStack, ipFamilies: [IPv4, IPv6]}}}
{says: ipFamilies, values: {service: {ipFamilies: [ipv4]}}}
{says: hostAliases, values: {hostAliases: [{ip: 10.0.0.1}]}}
{says: maxUnavailable, values: {podDisruptionBudget: {maxUnavailable: some}}}
{says: interval, values: {serviceMonitor: {interval: ""}}}
{says: schedule, values: {replay: {schedule: ""}}}
{says: args, values: {replay: {args: []}}}
{says: key, values: {admin: {tokenSecret: {name: a, key: ""}}}}
{says: "config: is empty", values: {config: null}}
{says: config.kafka, values: {config: {kafka: null}}}
{says: "there is no registration 'other'", values: {config: {attachments: [{registration: other, workflow: {project: a}}]}}}
{says: "'house' is the name of another registration", values: {config: {registrations: [{name: house, repository: a.example.com/b}, {name: house, repository: a.example.com/c}]}}}
{says: "config.kafka.topics", values: {config: {kafka: {topics: {outcomes: attestations}}}}}
{says: "keda.metadata.password: holds a secret", values: {keda: {metadata: {password: abc}}}}
"""


def minimal():
    return yaml.safe_load((CHART / "ci" / "minimal-values.yaml").read_text())


def changed(values, changes):
    """Merges values as Helm merges a second file of values."""
    for key, value in changes.items():
        if isinstance(value, dict) and isinstance(values.get(key), dict):
            changed(values[key], value)
        else:
            values[key] = value
    return values


def lines(text):
    return [line for line in text.splitlines() if line]


def each(function, items):
    """Runs the cases in parallel: Helm takes half a second."""
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(function, items))


class Values(ChartTest):
    def test_what_is_taken_works(self):
        cases = lines(TAKEN)
        self.assertEqual(len(set(cases)), len(cases))
        results = each(
            lambda line: template_values(changed(minimal(), yaml.safe_load(line))), cases
        )
        with tempfile.TemporaryDirectory() as folder:
            files = []
            for number, (line, result) in enumerate(zip(cases, results)):
                with self.subTest(line):
                    self.assertEqual(result.returncode, 0, result.stderr)
                    files.append(pathlib.Path(folder, f"{number}.yaml"))
                    files[-1].write_text(result.stdout)
                    self.check(result.stdout)
            python = tool("parts_kubernetes_validate")
            result = run(python, ROOT / "tests/helm/validate.py", NEWEST, CRDS, *files)
            self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        print(f"{len(cases)} odd sets of values are taken: {result.stdout.strip()}")

    def check(self, text):
        """Runs the program with this configuration and these variables."""
        found = documents(text)
        pods = workload(found)
        container = pods["spec"]["template"]["spec"]["containers"][0]
        variables = [variable["name"] for variable in container["env"]]
        self.assertEqual(len(set(variables)), len(variables))
        for document in found:
            self.assertRegex(document["metadata"]["name"], r"^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$")
        name = pods["metadata"]["name"]
        environment = {
            variable["name"]: variable["value"].replace("$(POD_NAME)", f"{name}-0")
            for variable in container["env"]
            if "value" in variable
        }
        with tempfile.TemporaryDirectory() as folder:
            data = one(found, "ConfigMap", name)["data"]
            result = check_configuration(pathlib.Path(folder), data, environment)
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_what_is_refused_says_what_to_do(self):
        cases = [yaml.safe_load(line) for line in lines(REFUSED)]
        results = each(
            lambda case: template_values(changed(minimal(), copy.deepcopy(case["values"]))), cases
        )
        for case, result in zip(cases, results):
            with self.subTest(case["values"]):
                self.assertNotEqual(result.returncode, 0, "it was not refused")
                self.assertIn(case["says"], result.stderr)
                # A failure of a template names none of the user's values.
                self.assertNotRegex(result.stderr, "nil pointer|wrong type for value|error calling")
        print(f"{len(cases)} odd sets of values are refused")

    def test_every_value_of_another_chart_is_explained_in_the_schema_too(self):
        result = template_values({**minimal(), "persistence": {"enabled": True}})
        self.assertNotIn("Additional property", result.stderr)

    def test_every_value_may_be_null(self):
        values = yaml.safe_load((CHART / "values.yaml").read_text())

        def paths(node, path=()):
            for key, child in node.items():
                yield (*path, key)
                if isinstance(child, dict):
                    yield from paths(child, (*path, key))

        def nulled(path):
            found = minimal()
            node = found
            for step in path[:-1]:
                node = node.setdefault(step, {})
            node[path[-1]] = None
            return found

        everything = [path for path in paths(values) if path[0] != "config"]
        results = each(lambda path: template_values(nulled(path)), everything)
        for path, result in zip(everything, results):
            with self.subTest(".".join(path)):
                self.assertEqual(result.returncode, 0, result.stderr)
        print(f"{len(everything)} values are null, one at a time")


class Variables(ChartTest):
    """WAYBILL_<REGISTRATION>_<KEY> is a secret if the key is one."""

    def with_hook(self, name):
        values = minimal()
        values["config"]["registrations"].append(copy.deepcopy(HOOK))
        values["extraEnv"] = [{"name": name, "value": f"https://h.example.com/{SECRET}"}]
        return template_values(values)

    def test_a_key_that_only_one_integration_keeps_secret(self):
        result = self.with_hook("WAYBILL_HOOK_URL")
        self.assertIn("extraEnv: WAYBILL_HOOK_URL holds a secret", result.stderr)
        self.assertNotIn(SECRET, result.stderr)
        self.assertEqual(self.with_hook("WAYBILL_HOUSE_PREFIX").returncode, 0)


class Dependency(ChartTest):
    """A parent chart that holds this one as a packaged dependency"""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="waybill-test-chart-")
        self.addCleanup(folder.cleanup)
        self.parent = pathlib.Path(folder.name) / "parent"
        (self.parent / "templates").mkdir(parents=True)
        chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
        dependency = {
            "name": "waybill",
            "version": chart["version"],
            "repository": f"file://{CHART}",
            "condition": "waybill.enabled",
        }
        (self.parent / "Chart.yaml").write_text(
            yaml.safe_dump({"apiVersion": "v2", "name": "parent", "version": "1.0.0",
                            "dependencies": [dependency]})
        )  # fmt: skip

    def template(self, major, values, *arguments):
        helm = tool("parts_helm", major)
        (self.parent / "values.yaml").write_text(yaml.safe_dump(values))
        done = run(helm, "dependency", "update", "--skip-refresh", self.parent)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        packed = run(helm, "package", self.parent, "--destination", self.parent.parent)
        self.assertEqual(packed.returncode, 0, packed.stdout + packed.stderr)
        package = self.parent.parent / "parent-1.0.0.tgz"
        return run(helm, "template", "prod", package, "--namespace", "shop", *arguments)

    def values(self, **more):
        return {
            "waybill": {"enabled": True, **minimal(), **more},
            "global": {"imageRegistry": "mirror.example.com", "imagePullSecrets": ["pull"],
                       "storageClass": "fast"},
        }  # fmt: skip

    def test_it_is_installed_with_what_is_global(self):
        for major in ("3", "4"):
            with self.subTest(major=major):
                # Helm 4 ignores a null in the values of a parent chart.
                values = self.values(probes={"liveness": {"enabled": False}}, keda=None)
                done = self.template(major, values)
                self.assertEqual(done.returncode, 0, done.stderr)
                pods = workload(documents(done.stdout))
                self.assertEqual(pods["metadata"]["name"], "prod-waybill")
                spec = pods["spec"]["template"]["spec"]
                self.assertEqual(spec["imagePullSecrets"], [{"name": "pull"}])
                image = spec["containers"][0]["image"]
                self.assertTrue(image.startswith("mirror.example.com/waybill:"), image)
                self.assertNotIn("livenessProbe", spec["containers"][0])

    def test_it_is_not_installed_where_it_is_disabled(self):
        for major in ("3", "4"):
            with self.subTest(major=major):
                # Its values need not be complete then.
                done = self.template(major, {"waybill": {"enabled": False}})
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(documents(done.stdout), [])
                done = self.template(major, self.values(), "--set", "waybill.enabled=false")
                self.assertEqual(documents(done.stdout), [])

    def test_its_values_are_checked_there_too(self):
        for values, said in (
            (self.values(nonsense=1), "nonsense"),
            (self.values(persistence={}), "Waybill stores nothing on disk"),
            ({"waybill": {"enabled": True}}, "config: is empty"),
        ):
            with self.subTest(said):
                done = self.template("3", values)
                self.assertNotEqual(done.returncode, 0)
                self.assertIn(said, done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
