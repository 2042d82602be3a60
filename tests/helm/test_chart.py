"""The objects that the chart renders for each scenario in helm/waybill/ci."""

import json
import pathlib
import re
import tempfile
import unittest

import yaml
from charts import (
    CHART, CRDS, ROOT, SCENARIOS, ChartTest, check_configuration, documents, helm, one, run,
    template, template_values, tool, workload,
)  # fmt: skip

OLDEST, NEWEST = "1.25", "1.37"


def rendered(scenario, *arguments, major="3"):
    result = template("--values", scenario, *arguments, major=major)
    assert result.returncode == 0, result.stderr
    return result.stdout


class Chart(ChartTest):
    def test_the_linter_has_nothing_to_say_strictly(self):
        for major in ("3", "4"):
            for values in (None, *SCENARIOS):
                with self.subTest(major=major, values=values and values.name):
                    arguments = ["--values", values] if values else []
                    result = helm("lint", "--strict", CHART, *arguments, major=major)
                    self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
                    self.assertIn("0 chart(s) failed", result.stdout)
                    self.assertNotRegex(result.stdout, r"\[(WARNING|ERROR)\]")
        print(f"helm lint --strict: {len(SCENARIOS) + 1} sets of values, by Helm 3 and 4")

    def test_its_own_unit_tests_pass(self):
        result = run(tool("parts_helm_unittest"), "--strict", CHART)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        summary = re.findall(r"^(?:Tests|Snapshot): .*", result.stdout, flags=re.M)
        print("helm-unittest:", "; ".join(summary))

    def test_every_template_has_a_unit_test(self):
        tested = "".join(path.read_text() for path in (CHART / "tests").glob("*_test.yaml"))
        for path in (CHART / "templates").rglob("*"):
            if path.suffix in (".yaml", ".txt") and path.name != "faults.yaml":
                self.assertIn(str(path.relative_to(CHART / "templates")), tested)

    def test_every_scenario_fits_the_oldest_and_the_newest_kubernetes(self):
        python = tool("parts_kubernetes_validate")
        with tempfile.TemporaryDirectory() as folder:
            for version in (OLDEST, NEWEST):
                files = []
                for scenario in SCENARIOS:
                    file = pathlib.Path(folder) / scenario.name
                    # The cluster has the kinds for which `auto` decides.
                    known = ("--api-versions", "monitoring.coreos.com/v1/PrometheusRule")
                    file.write_text(rendered(scenario, "--kube-version", version, *known))
                    files.append(file)
                files += [
                    path
                    for path in (ROOT / "deploy" / "kubernetes").glob("*.yaml")
                    if not path.name.endswith(".values.yaml")
                ]
                result = run(python, ROOT / "tests/helm/validate.py", version, CRDS, *files)
                self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
                print(result.stdout.strip(), "in", len(files), "files")

    def test_the_schemas_would_notice_a_wrong_key(self):
        python = tool("parts_kubernetes_validate")
        values = CHART / "ci" / "monitoring-values.yaml"
        text = rendered(values).replace("enableServiceLinks", "enableServiceLink")
        text = text.replace("podMetricsEndpoints", "podMetricEndpoints")
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write(text)
            file.flush()
            result = run(python, ROOT / "tests/helm/validate.py", NEWEST, CRDS, file.name)
        self.assertEqual(result.returncode, 1)
        self.assertIn("'enableServiceLink' was unexpected", result.stdout)
        self.assertIn("'podMetricEndpoints' was unexpected", result.stdout)

    def test_helm_3_and_helm_4_make_the_same_of_it(self):
        for scenario in SCENARIOS:
            with self.subTest(scenario.name):
                three, four = (documents(rendered(scenario, major=major)) for major in "34")
                self.assertEqual(three, four)

    def test_what_is_generated_is_not_stale(self):
        result = run("/usr/bin/python3", ROOT / "helm" / "generate", "--check")
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def test_it_is_of_the_programs_version(self):
        chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
        cmake = (ROOT / "CMakeLists.txt").read_text()
        version = re.search(r"project\(waybill VERSION (\S+)", cmake).group(1)
        self.assertEqual(chart["appVersion"], version)
        images = yaml.safe_load(chart["annotations"]["artifacthub.io/images"])
        self.assertEqual([image["image"] for image in images], [f"waybill:{version}"])
        self.assertTrue(yaml.safe_load(chart["annotations"]["artifacthub.io/changes"]))


class Configuration(ChartTest):
    def test_the_program_takes_every_configuration(self):
        checked = 0
        for scenario in SCENARIOS:
            values = yaml.safe_load(scenario.read_text())
            if "existingConfigMap" in values:
                continue
            with self.subTest(scenario.name), tempfile.TemporaryDirectory() as folder:
                found = documents(rendered(scenario))
                name = workload(found)["metadata"]["name"]
                data = one(found, "ConfigMap", name)["data"]
                self.assertEqual(yaml.safe_load(data["config.yaml"]), self.config_of(values))
                result = check_configuration(pathlib.Path(folder), data)
                self.assertEqual(result.returncode, 0, result.stderr)
                checked += 1
        print(f"waybill check: {checked} configurations")

    def config_of(self, values):
        """The output, and the location of the token"""
        config = values["config"]
        if values.get("admin", {}).get("tokenSecret"):
            token = "${file:/run/secrets/waybill-admin-token/token}"
            config = {**config, "admin": {**config.get("admin", {}), "token": token}}
        return config

    def test_whatever_file_it_names_is_mounted(self):
        for scenario in SCENARIOS:
            with self.subTest(scenario.name):
                found = documents(rendered(scenario))
                container = workload(found)["spec"]["template"]["spec"]["containers"][0]
                mounts = {mount["mountPath"] for mount in container["volumeMounts"]}
                for config in (each for each in found if each["kind"] == "ConfigMap"):
                    text = config.get("data", {}).get("config.yaml", "")
                    for path in re.findall(r"/run/secrets/[\w-]+|/etc/waybill\b", text):
                        self.assertIn(path, mounts)

    def test_alerts_are_those_of_deploy(self):
        scenario = CHART / "ci" / "full-values.yaml"
        rules = one(documents(rendered(scenario)), "PrometheusRule")["spec"]
        source = yaml.safe_load((ROOT / "deploy/prometheus/waybill.rules.yaml").read_text())
        self.assertEqual(rules, source)

    def test_the_alert_on_a_restart_names_every_section_that_takes_one(self):
        rules = yaml.safe_load((CHART / "files" / "waybill.rules.yaml").read_text())
        (said,) = [
            rule["annotations"]["description"]
            for group in rules["groups"]
            for rule in group["rules"]
            if rule["alert"] == "WaybillRestartPending"
        ]
        for section in json.loads((CHART / "files" / "restart.json").read_text()):
            self.assertIn(f"`{section}`", said)


class Changes(ChartTest):
    """A change of the pod template replaces pods."""

    minimal = yaml.safe_load((CHART / "ci" / "minimal-values.yaml").read_text())

    def template_of(self, **changes):
        values = {**self.minimal, **changes}
        result = template_values(values)
        self.assertEqual(result.returncode, 0, result.stderr)
        return workload(documents(result.stdout))["spec"]["template"]

    def with_section(self, name, section):
        config = {**self.minimal["config"]}
        config[name] = {**config.get(name, {}), **section}
        return config

    # One key of each section that is not a list
    sections = {
        "kafka": {"group": "x"},
        "delivery": {"concurrency": 5},
        "registries": {"allow_any": True},
        "admin": {"tls_key": "/x"},
        "log": {"level": "debug"},
    }

    def test_pods_are_replaced_by_what_takes_a_restart_and_by_nothing_else(self):
        takes_restart = json.loads((CHART / "files" / "restart.json").read_text())
        before = self.template_of()
        for name, section in self.sections.items():
            with self.subTest(name):
                after = self.template_of(config=self.with_section(name, section))
                self.assertEqual(before != after, name in takes_restart)
        print("a change replaces pods:", ", ".join(takes_restart))

    def test_pods_are_replaced_by_every_change_where_that_is_wanted(self):
        changed = self.with_section("delivery", {"concurrency": 5})
        before = self.template_of(reload="restart")
        self.assertNotEqual(before, self.template_of(reload="restart", config=changed))
        files = {"ca.pem": "x"}
        self.assertNotEqual(before, self.template_of(reload="restart", configFiles=files))

    def test_a_new_chart_alone_replaces_no_pods(self):
        labels = self.template_of()["metadata"]["labels"]
        self.assertNotIn("helm.sh/chart", labels)
        self.assertNotIn("app.kubernetes.io/version", labels)


if __name__ == "__main__":
    unittest.main(verbosity=2)
