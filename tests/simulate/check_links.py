"""Checks that nothing that accesses the network or other processes is linked into the
simulator."""

import re
import subprocess
import sys

# librdkafka, curl (whose URL parser is pure), threads and sockets; and the symbols of the
# real seams other than those that are linked
BANNED = re.compile(
    r"^(rd_kafka_\w+|curl_(easy|multi|global)_\w+|pthread_create|socket|connect|eventfd"
    r"|committer_\w+|publisher_\w+|client_conf|transfer_finish"
    r"|http_take_easy)$")
WANTED = {"kafka_batch_new", "http_header", "url_parse", "kafka_open",
          "http_start"}


def main():
    lines = subprocess.run(["nm", sys.argv[1]], check=True,
                           capture_output=True, text=True).stdout.splitlines()
    names = {line.split()[-1].split("@")[0] for line in lines}
    bad = sorted(name for name in names if BANNED.match(name))
    missing = sorted(WANTED - names)
    if bad or missing:
        sys.exit(f"linked: {bad}; missing: {missing}")
    print(f"{len(names)} symbols, none of them a way out")


main()
