"""Checks the examples of deploy/, as far as that is possible without Docker.

    check_deploy.py BINARY files|systemd

compose.yaml: all ports are on the loopback interface, every image is pinned (to the
version that the tests run, if they do), every mounted file exists, and Waybill's
configuration passes `waybill check`. asyncapi.yaml: every reference is valid, the topics are
the program's defaults, and events and outcomes match the schemas, both those of the
documentation and those that the program writes. Dockerfile: its packages are those of the
guide, and its image contains only what deploy/image/rootfs stages. waybill.service:
systemd-analyze, if available, reports no problem and the rating that its comment states.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

try:
    import yaml
except ImportError:
    print("there is no PyYAML (python3-yaml)")
    sys.exit(77)

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
CMAKE = ROOT / "CMakeLists.txt"
EVENTS = ROOT / "tests" / "fixtures" / "events"
SCHEMA_KEYWORDS = {
    "type", "properties", "required", "items", "enum", "const", "pattern", "minimum",
    "minLength", "maxLength", "additionalProperties", "allOf", "anyOf", "oneOf", "$ref",
    "title", "description", "format", "contentEncoding",
}  # fmt: skip
TYPES = {
    "object": dict, "array": list, "string": str, "boolean": bool,
    "integer": int, "number": (int, float),
}  # fmt: skip


def run(*command):
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith("WAYBILL_")
    }
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env=environment, timeout=60
    )


# compose.yaml


def pinned(image):
    """Parses name:version, name@digest, or a variable whose default is one of them."""
    image = re.sub(r"^\$\{\w+:-(.*)\}$", r"\1", image)
    return re.search(r":v?\d+\.\d+[\w.-]*$|@sha256:[0-9a-f]{64}$", image) is not None


def check_images(compose):
    for name, service in compose["services"].items():
        if not pinned(service["image"]):
            yield f"compose.yaml: {name}: image '{service['image']}' is not pinned"
    parts = (DEPLOY / "parts.sh").read_text()
    kafka = re.search(r"PARTS_KAFKA_VERSION=(.*)", parts).group(1)
    registry = re.search(r"cmd/registry@v(.*)", parts).group(1)
    for name, image in (
        ("kafka", f"apache/kafka:{kafka}"),
        ("topics", f"apache/kafka:{kafka}"),
        ("registry", f"registry:{registry}"),
    ):
        if compose["services"][name]["image"] != image:
            yield f"compose.yaml: {name}: the tests run {image}"


def check_ports(compose):
    for name, service in compose["services"].items():
        for port in service.get("ports", ()):
            if not re.fullmatch(r"127\.0\.0\.1:\d+:\d+", str(port)):
                yield f"compose.yaml: {name}: port '{port}' is not on the loopback"
        if service.get("network_mode") == "host" or service.get("privileged"):
            yield f"compose.yaml: {name}: shares more with the host than ports"


def check_services(compose):
    services = compose["services"]
    for name, service in services.items():
        for other in service.get("depends_on", ()):
            if other not in services:
                yield f"compose.yaml: {name}: depends on '{other}', which is no service"
        for mount in service.get("volumes", ()):
            source = mount.split(":")[0]
            if source.startswith("."):
                if not (DEPLOY / source).exists():
                    yield f"compose.yaml: {name}: there is no '{source}'"
            elif source not in compose["volumes"]:
                yield f"compose.yaml: {name}: volume '{source}' is not declared"
    build = services["waybill"]["build"]
    if not (DEPLOY / build["context"] / build["dockerfile"]).exists():
        yield "compose.yaml: waybill: there is no such Dockerfile"


def check_compose(binary, defaults):
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    yield from check_images(compose)
    yield from check_ports(compose)
    yield from check_services(compose)
    script = compose["services"]["topics"]["command"][0]
    created = set(re.findall(r"^ *topic --topic (\S+)", script, flags=re.M))
    if created != set(defaults.values()):
        yield f"compose.yaml: topics: makes {sorted(created)}"
    for name in ("prometheus.yml", "datasources.yaml", "dashboards.yaml"):
        yaml.safe_load((DEPLOY / "compose" / name).read_text())
    result = run(binary, "--config", str(DEPLOY / "compose" / "config.yaml"), "check")
    if result.returncode != 0:
        yield f"compose/config.yaml: {result.stderr.strip()}"


# Dockerfile


def check_dockerfile():
    text = (DEPLOY / "Dockerfile").read_text()
    stages = set()
    for image, stage in re.findall(r"^FROM (\S+)(?: AS (\S+))?", text, flags=re.M):
        if image != "scratch" and image not in stages and not pinned(image):
            yield f"Dockerfile: '{image}' is not pinned"
        stages.add(stage)
    if not re.search(r"^USER [1-9]", text, flags=re.M):
        yield "Dockerfile: runs as root"
    yield from check_runtime(text)
    guide = (DEPLOY / "guide" / "installation.md").read_text()
    packages = re.search(r"packages on Debian 12 `([^`]*)`", guide)
    for package in packages.group(1).split():
        if package not in text.split():
            yield f"Dockerfile: does not install {package}, which the guide names"
    for names in re.findall(r"^COPY (?!--)(.*) \S+$", text, flags=re.M):
        for name in names.split():
            if not (ROOT / name).exists():
                yield f"Dockerfile: copies '{name}', which there is not"


def check_runtime(text):
    """Checks what is built without a --target: only what rootfs has staged."""
    base = re.search(r"^FROM (\S+):(\S+)@(\S+) AS base$", text, flags=re.M)
    last = text[text.rindex("\nFROM ") :]
    if not last.startswith("\nFROM scratch AS runtime\n"):
        yield "Dockerfile: its last stage is not 'runtime', from scratch"
    if re.findall(r"^(?:COPY|ADD|RUN) .*", last, flags=re.M) != ["COPY --from=build /image /"]:
        yield "Dockerfile: runtime holds more than /image"
    labels = dict(re.findall(r'org\.opencontainers\.image\.([\w.]+)="([^"]*)"', last))
    for name, value in (
        ("base.name", f"docker.io/library/{base.group(1)}:{base.group(2)}"),
        ("base.digest", base.group(3)),
        ("licenses", "Apache-2.0"),
    ):
        if labels.get(name) != value:
            yield f"Dockerfile: label {name} is not '{value}'"
    for name, value in labels.items():
        argument = re.fullmatch(r"\$\{(\w+)\}", value)
        if not value or (argument and not re.search(rf"^ARG {argument[1]}=\S", last, re.M)):
            yield f"Dockerfile: label {name} is empty unless somebody says what it is"
    version = re.search(r"^project\(waybill VERSION (\S+)", CMAKE.read_text(), flags=re.M)
    if f"\nARG VERSION={version.group(1)}\n" not in last:
        yield f"Dockerfile: the version is not {version.group(1)}"


# asyncapi.yaml


class Document:
    """A YAML file, and the part of JSON Schema that it uses"""

    def __init__(self, path):
        self.path = path
        self.root = yaml.safe_load(path.read_text())

    def resolve(self, reference):
        file, _, pointer = reference.partition("#")
        if file:
            return json.loads((self.path.parent / file).read_text())
        node = self.root
        for step in pointer.strip("/").split("/"):
            node = node[step]
        return self.resolve(node["$ref"]) if "$ref" in node else node

    def references(self, node=None):
        node = self.root if node is None else node
        if isinstance(node, dict):
            if isinstance(node.get("$ref"), str):
                yield node["$ref"]
            node = list(node.values())
        if isinstance(node, list):
            for child in node:
                if isinstance(child, (dict, list)):
                    yield from self.references(child)

    def faults(self, schema, value, at="$"):
        unknown = set(schema) - SCHEMA_KEYWORDS
        assert not unknown, f"{self.path}: {unknown} is not understood here"
        if "$ref" in schema:
            yield from self.faults(self.resolve(schema["$ref"]), value, at)
        if "type" in schema:
            right = isinstance(value, TYPES[schema["type"]])
            if not right or (isinstance(value, bool) and schema["type"] != "boolean"):
                yield f"{at}: is no {schema['type']}"
                return
        yield from self.combined(schema, value, at)
        yield from scalar_faults(schema, value, at)
        if isinstance(value, dict):
            yield from self.member_faults(schema, value, at)
        if isinstance(value, list):
            for i, item in enumerate(value):
                yield from self.faults(schema.get("items", {}), item, f"{at}[{i}]")

    def combined(self, schema, value, at):
        for part in schema.get("allOf", ()):
            yield from self.faults(part, value, at)
        for word, most in (("anyOf", 99), ("oneOf", 1)):
            if word in schema:
                fit = sum(not any(self.faults(part, value)) for part in schema[word])
                if not 1 <= fit <= most:
                    yield f"{at}: {word} fits {fit} times"

    def member_faults(self, schema, value, at):
        properties = schema.get("properties", {})
        for name in schema.get("required", ()):
            if name not in value:
                yield f"{at}.{name}: is required"
        for name, member in value.items():
            if name in properties:
                yield from self.faults(properties[name], member, f"{at}.{name}")
            elif schema.get("additionalProperties") is False:
                yield f"{at}.{name}: is not described"


def scalar_faults(schema, value, at):
    if "const" in schema and value != schema["const"]:
        yield f"{at}: is not {schema['const']!r}"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{at}: {value!r} is not listed"
    if isinstance(value, str):
        if not re.search(schema.get("pattern", ""), value):
            yield f"{at}: {value!r} does not match"
        if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", 1 << 30):
            yield f"{at}: is too long or too short"
    elif isinstance(value, (int, float)) and value < schema.get("minimum", value):
        yield f"{at}: is too small"


def check_references(document):
    for reference in document.references():
        try:
            document.resolve(reference)
        except (KeyError, OSError, ValueError):
            yield f"asyncapi.yaml: '{reference}' leads nowhere"


def check_topics(document, defaults):
    channels = document.root["channels"]
    for channel, key in (
        ("attestations", "attestations"),
        ("replays", "replays"),
        ("outcomes", "outcomes"),
        ("deadLetters", "dead_letters"),
    ):
        if channels[channel]["address"] != defaults[key]:
            yield f"asyncapi.yaml: {channel}: the default topic is {defaults[key]}"


def check_examples(document):
    for name, message in document.root["components"]["messages"].items():
        for example in message.get("examples", ()):
            where = f"asyncapi.yaml: example {name}/{example['name']}"
            payload = example["payload"]
            if "$ref" in payload:
                payload = document.resolve(payload["$ref"])
            for fault in document.faults(message["payload"], payload):
                yield f"{where}: {fault}"
            if "headers" in example:
                for fault in document.faults(message["headers"], example["headers"]):
                    yield f"{where}: headers: {fault}"


def shown(document):
    """Returns the event files that the examples use."""
    return {
        (document.path.parent / reference).resolve()
        for reference in document.references()
        if not reference.startswith("#")
    }


def check_events(document):
    """Each event is an example, except for invalid ones, which must not match."""
    schemas = document.root["components"]["schemas"]
    for path in sorted(EVENTS.glob("*.json")):
        event = json.loads(path.read_text())
        schema = schemas["createdStructured" if "specversion" in event else "created"]
        fits = not any(document.faults(schema, event))
        if fits != (path.name != "malformed.json"):
            yield f"asyncapi.yaml: {path.name} {'fits' if fits else 'does not fit'}"
        if fits and path not in shown(document):
            yield f"asyncapi.yaml: {path.name} is no example"


CONFIG = """
registrations: [{name: nowhere, repository: "127.0.0.1:1/attestations"}]
attachments: [{registration: nowhere, workflow: {project: nobody}}]
"""


def check_outcomes(binary, document):
    """The outcomes that the program writes for the events, without a registry, match, too."""
    schema = document.root["components"]["schemas"]["outcomeStructured"]
    files = sorted(EVENTS.glob("*.json"))
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as config:
        config.write(CONFIG)
        config.flush()
        result = run(binary, "push", "--config", config.name, *map(str, files))
    outcomes = [json.loads(line) for line in result.stdout.splitlines()]
    states = {outcome["data"]["status"] for outcome in outcomes}
    if len(outcomes) != len(files) or states != {"skipped", "failed"}:
        yield f"waybill push: {len(outcomes)} outcomes, {states}: {result.stderr.strip()}"
    for outcome in outcomes:
        for fault in document.faults(schema, outcome):
            yield f"asyncapi.yaml: outcome of {outcome['id']}: {fault}"


def check_headers(document):
    """Each header of an outcome that the program writes is described, and no other one."""
    text = (ROOT / "consumer" / "event" / "outcome_encode.c").read_text()
    written = set(re.findall(r'\badd_header\([^"]*"([^"]+)"', text))
    plain = {name for name in written if not name.startswith("ce_")}
    schemas = document.root["components"]["schemas"]
    for schema, names in (("outcomeHeaders", written), ("outcomeStructuredHeaders", plain)):
        for name in sorted(names ^ set(schemas[schema]["properties"])):
            wrong = "is not described" if name in names else "is never written"
            yield f"asyncapi.yaml: {schema}: {name} {wrong}"


def check_classes(document):
    """The error classes are those of the program's table, as in its reference."""
    text = (DEPLOY / "reference" / "errors.md").read_text()
    table = text[text.index("\n## Classes\n") : text.index("\n## Kinds\n")]
    classes = re.findall(r"^\| `(\w+)` \|", table, flags=re.M)
    listed = document.root["components"]["schemas"]["errorClass"]["enum"]
    if not classes or listed != classes:
        yield f"asyncapi.yaml: the error classes are {', '.join(classes)}"


def check_asyncapi(binary, defaults):
    document = Document(DEPLOY / "asyncapi.yaml")
    faults = list(check_references(document))
    if faults:
        return faults
    faults += check_topics(document, defaults)
    faults += check_headers(document)
    faults += check_classes(document)
    faults += check_examples(document)
    faults += check_events(document)
    return faults + list(check_outcomes(binary, document))


# waybill.service


def check_unit(binary):
    text = (DEPLOY / "systemd" / "waybill.service").read_text()
    release, stated = re.search(r"systemd (\d+) rates it (\d+\.\d+)", text).groups()
    with tempfile.TemporaryDirectory() as folder:
        unit = pathlib.Path(folder) / "waybill.service"
        unit.write_text(text.replace("=/usr/bin/waybill ", f"={binary} "))
        verified = run("systemd-analyze", "verify", "--man=no", str(unit))
        rated = run("systemd-analyze", "security", "--offline=true", "--no-pager", str(unit))
    # It also examines the dependencies of this unit, which are not part of Waybill.
    said = [line for line in verified.stderr.splitlines() if "waybill.service" in line]
    if said:
        yield "\n".join(said)
    score = re.search(r"exposure level for waybill.service: (\S+)", rated.stdout)
    if not score:
        yield f"waybill.service: no rating: {rated.stderr.strip()}"
    elif systemd_release() == int(release) and float(score.group(1)) > float(stated):
        yield f"waybill.service: is rated {score.group(1)}, its comment says {stated}"


def systemd_release():
    """Returns 0 if there is none."""
    try:
        version = run("systemd-analyze", "--version").stdout
    except OSError:
        return 0
    return int(re.search(r"\d+", version).group())


def default_topics():
    text = (DEPLOY / "reference" / "configuration.md").read_text()
    return dict(re.findall(r"^\| `kafka\.topics\.(\w+)` \| text \| `([^`]+)`", text, flags=re.M))


def main():
    binary = sys.argv[1]
    part = sys.argv[2]
    if part == "systemd":
        # Earlier versions rate installed units only.
        if systemd_release() < 250:
            print("there is no systemd-analyze of systemd 250 or later")
            return 77
        faults = list(check_unit(binary))
    else:
        defaults = default_topics()
        faults = [*check_compose(binary, defaults), *check_dockerfile()]
        faults += check_asyncapi(binary, defaults)
    print("\n".join(faults) or "deploy/ is as it should be")
    return 1 if faults else 0


sys.exit(main())
