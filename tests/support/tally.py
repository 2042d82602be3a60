#!/usr/bin/env python3
"""Sums up what tests/run has run.

    tally.py RESULTS JUNIT...

RESULTS holds a line for each thing that is no test of ctest's: passed, failed or
skipped, its name, and a reason, with tabs between them. JUNIT are files that
ctest wrote. A program that says how many tests it held, as cmocka and Python's
unittest do, counts for as many. Prints what failed and what was skipped, and
why; its last line is the sum. Fails when anything has failed.
"""

import re
import sys
import typing
import xml.etree.ElementTree


class Tally(typing.NamedTuple):
    passed: int
    failed: list  # names
    skipped: list  # (name, reason)


def of_unittest(name, output):
    ran = re.findall(r"^Ran (\d+) tests? in ", output, re.M)
    if not ran:
        return None
    # The name of a test with several failed sub-tests occurs repeatedly.
    failed = sorted(set(re.findall(r"^(?:FAIL|ERROR): (\w+ \(\S+\))", output, re.M)))
    skipped = re.findall(r"^(\w+) \(.*skipped ['\"](.*)['\"]$", output, re.M)
    counted = sum(1 for one in failed if not one.startswith("setUp"))
    return Tally(
        max(0, sum(map(int, ran)) - counted - len(skipped)),
        [f"{name}: {one}" for one in failed],
        [(f"{name}: {test}", reason) for test, reason in skipped],
    )


def of_cmocka(name, output):
    passed = re.findall(r"^\[  PASSED  \] (\d+) test\(s\)\.", output, re.M)
    if not passed:
        return None
    # Each failure is printed when it happens and once more at the end.
    failed = sorted(set(re.findall(r"^\[  FAILED  \] (?!.*\d+ test\(s\))(.+)$", output, re.M)))
    skipped = re.findall(
        r"^\[ RUN      \] (.+)$((?:\n(?!\[ RUN).*)*?)\n\[  SKIPPED \] \1$", output, re.M
    )
    return Tally(
        sum(map(int, passed)),
        [f"{name}: {one}" for one in failed],
        [(f"{name}: {test}", reason_of(said)) for test, said in skipped],
    )


def reason_of(output):
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    for line in lines:
        found = re.match(r"SKIPPED: (.*)|1\.\.0 # [Ss][Kk][Ii][Pp]\w* (.*)", line)
        if found:
            return found[1] or found[2]
    return lines[-1] if lines else "it gives no reason"


def of_case(suite, case):
    name = case.get("name")
    if suite:
        name = f"{suite} {name}"
    output = case.findtext("system-out") or ""
    skipped, failure = case.find("skipped"), case.find("failure")
    if skipped is not None or case.get("status") in ("notrun", "disabled"):
        why = skipped.get("message", "") if skipped is not None else ""
        if why.startswith("SKIP_") or not why:
            why = reason_of(output)
        # A test that ctest could not start counts as failed, not as skipped.
        if "Unable to find executable" in why or "Required Files Missing" in why:
            return Tally(0, [f"{name}: {why}"], [])
        return Tally(0, [], [(name, why)])
    found = of_unittest(name, output) or of_cmocka(name, output)
    if found is None:
        return Tally(0, [name], []) if failure is not None else Tally(1, [], [])
    if failure is not None and not found.failed:
        found.failed.append(f"{name}: {failure.get('message') or 'failed'}")
    return found


def of_results(path):
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            verdict, name, reason = line.rstrip("\n").split("\t")
            said = f"{name}: {reason}" if reason else name
            if verdict == "passed":
                yield Tally(1, [], [])
            elif verdict == "failed":
                yield Tally(0, [said], [])
            else:
                yield Tally(0, [], [(name, reason)])


def of_junit(path):
    # The run of the same tests with a sanitizer needs another name.
    suite = "tsan" if path.rpartition("/")[2].startswith("tsan") else ""
    for case in xml.etree.ElementTree.parse(path).getroot().iter("testcase"):
        yield of_case(suite, case)


def main():
    results, *files = sys.argv[1:]
    tallies = list(of_results(results))
    for path in files:
        tallies += of_junit(path)
    skipped = [one for tally in tallies for one in tally.skipped]
    failed = [one for tally in tallies for one in tally.failed]
    for name, reason in skipped:
        print(f"skipped: {name}: {reason}")
    for name in failed:
        print(f"FAILED: {name}")
    passed = sum(tally.passed for tally in tallies)
    print(f"{passed} passed, {len(failed)} failed, {len(skipped)} skipped")
    sys.exit(1 if failed or not passed else 0)


if __name__ == "__main__":
    main()
