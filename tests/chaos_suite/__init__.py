"""The chaos suite: Waybill on Apache Kafka with real registries, under faults.

    journal         what happened, readable, with the time
    kafka_proxy     between the program and the brokers
    registry_proxy  between the program and the registries
    cluster         one broker or three
    workload        what is published, and what must become of it
    readers         who looks on meanwhile
    fleet           the program's instances
    world           all of it together
    faults          what is done to it
    metadata        how a commit says what is done above its offset
    checker         the invariants, from logs only
    report          the table
    main            the command
    netns           machines that are network namespaces, and networks to cut
    spread          the world on such machines
    scale_out       one instance, four, two: a schedule instead of drawn faults
"""
