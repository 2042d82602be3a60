"""What the tests lean on: real parts, started and stopped, and scripted ones.

Only Python's standard library and the openssl command are needed, but for
support.kafka, which needs Debian's python3-confluent-kafka.
"""
