"""Validates manifests strictly against the schemas of one version of Kubernetes: unknown keys
are faults.

validate.py VERSION CRDS FILE...

CRDS is a directory with a schema for each kind that is not part of Kubernetes. It prints
every fault, and at the end the number of objects. It needs a Python with
kubernetes-validate.
"""

import json
import pathlib
import sys

import jsonschema
import kubernetes_validate
import yaml
from kubernetes_validate import utils
from referencing import Registry, Resource


def schemas_of(version, crds):
    folder = pathlib.Path(utils.__file__).parent / "kubernetes-json-schema"
    folder /= f"v{version}.0-local-strict"
    definitions = Resource.from_contents(json.loads((folder / "_definitions.json").read_text()))

    def find(document):
        group, _, release = document["apiVersion"].rpartition("/")
        names = filter(None, (document["kind"].lower(), group.split(".")[0], release))
        path = folder / f"{'-'.join(names)}.json"
        if not path.exists():
            path = pathlib.Path(crds) / f"{document['kind']}.json"
        if not path.exists():
            return None
        schema = json.loads(path.read_text())
        if path.parent == folder:
            registry = definitions @ (Resource.from_contents(schema) @ Registry())
            return jsonschema.Draft202012Validator(schema, registry=registry)
        return jsonschema.Draft202012Validator(schema)

    return find


def faults(find, file, document):
    where = f"{file}: {document['kind']} {document['metadata']['name']}"
    validator = find(document)
    if validator is None:
        yield f"{where}: there is no schema for {document['apiVersion']}"
        return
    for fault in validator.iter_errors(document):
        yield f"{where}: {'.'.join(map(str, fault.absolute_path))}: {fault.message[:300]}"


def main():
    version, crds, *files = sys.argv[1:]
    assert f"{version}" in map(utils.major_minor, kubernetes_validate.utils.all_versions())
    find = schemas_of(version, crds)
    count = 0
    found = []
    for file in files:
        for document in yaml.safe_load_all(pathlib.Path(file).read_text()):
            if document:
                count += 1
                found += faults(find, pathlib.Path(file).name, document)
    print(*found, f"Kubernetes {version}: {count} objects, {len(found)} faults", sep="\n")
    return 1 if found else 0


sys.exit(main())
