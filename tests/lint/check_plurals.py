"""Numbers in the program's texts have the right form of the noun: "1 registration". A noun
after a number that is known only at run time ends in %s, for which plural_s() and similar
functions of waybill/str.h are used. Those below are limits, which are never 1, columns
of a table, or totals ("1 of 1 deliveries").
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
LITERALS = re.compile(r'"(?:[^"\\\n]|\\.)*"(?:\s*(?:PRI\w+)?\s*"(?:[^"\\\n]|\\.)*")*')
NUMBER = re.compile(
    r"%[-0-9.*]*(?:zu|u|d|i|lld|llu|ld|lu|PRI\w+)\s+((?:[a-z]+ ){0,2}?[a-z]{2,}s)\b(?!%)"
)
OWN = re.compile(r'== 1 \? "|!= 1 \? "')
HELPERS = "include/waybill/str.h"
# File: the nouns after limits in it
LIMITS = {
    "consumer/base/file.c": {"bytes"},
    "consumer/base/json.c": {"elements", "bytes"},
    "consumer/base/json_scan.c": {"levels", "values"},
    "consumer/base/sign.c": {"bits", "bytes"},
    "consumer/cli/helper_authorize.c": {"seconds"},
    "consumer/cli/options.c": {"options"},
    "consumer/credentials/docker_config.c": {"entries"},
    "consumer/event/attributes.c": {"bytes"},
    "consumer/event/content.c": {"bytes"},
    "consumer/event/decode.c": {"bytes", "headers"},
    "consumer/integration/http_endpoint.c": {"times"},
    "consumer/integration/oci_options.c": {"characters"},
    "consumer/integration/webhook.c": {"bytes"},
    "consumer/kafka/topic_settings.c": {"bytes"},
    "consumer/oci/exchange_route.c": {"times"},
    "consumer/oci/request.c": {"times"},
    "consumer/replay/filter.c": {"filters"},
    "consumer/replay/judge.c": {"deliveries"},
    "consumer/runtime/subprocess.c": {"bytes"},
}
# No nouns
VERBS = {"was", "is", "of it was", "repeats"}


def texts(source):
    for found in LITERALS.finditer(source):
        text = re.sub(r'"\s*(PRI\w+)\s*"', r"\1", found.group(0))
        yield source.count("\n", 0, found.start()) + 1, re.sub(r'"\s*"', "", text)


def check(path):
    name = str(path.relative_to(ROOT))
    source = path.read_text()
    for line, text in texts(source):
        for noun in NUMBER.findall(text):
            if noun not in VERBS and noun not in LIMITS.get(name, ()):
                yield f"{name}:{line}: '{noun}' after a number: end it in %s (plural_s)"
    for found in OWN.finditer(source):
        line = source.count("\n", 0, found.start()) + 1
        if name != HELPERS:
            yield f"{name}:{line}: use plural_s() or a sibling (waybill/str.h)"


def main():
    paths = sorted([*ROOT.glob("consumer/**/*.[ch]"), *ROOT.glob("include/waybill/*.h")])
    faults = [fault for path in paths for fault in check(path)]
    print("\n".join(faults) or "every number has the right noun")
    return 1 if faults else 0


sys.exit(main())
