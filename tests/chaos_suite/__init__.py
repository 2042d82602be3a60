"""The chaos suite: Waybill on Apache Kafka with real registries, under faults.

    journal         the readable log of actions, with their times
    kafka_proxy     a proxy between the program and the brokers
    registry_proxy  a proxy between the program and the registries
    cluster         one broker or three
    workload        the events, and their expected outcomes
    readers         concurrent readers of topics and committed offsets
    fleet           the instances of the program
    world           all of these together
    faults          the faults
    metadata        decodes the progress in the metadata of a commit
    checker         the invariants, checked in the logs
    report          the table of results
    main            the command
    netns           network namespaces as machines, and networks that can be cut
    spread          the world on such machines
    scale_out       one, four, and two instances, with a fixed schedule of faults
"""
