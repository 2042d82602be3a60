"""The same seed gives the same trace, byte for byte."""

import subprocess
import sys


def trace(program, seed):
    return subprocess.run([program, "--seed", str(seed), "--trace"],
                          check=True, capture_output=True).stdout


def main():
    program = sys.argv[1]
    for seed in (3, 17, 42, 1001):
        first = trace(program, seed)
        if len(first) < 1000:
            sys.exit(f"seed {seed}: a trace of {len(first)} bytes")
        if first != trace(program, seed):
            sys.exit(f"seed {seed}: the second trace is another one")
    print("4 seeds, each twice, byte for byte the same")


main()
