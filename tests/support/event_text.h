#ifndef WAYBILL_TESTS_EVENT_TEXT_H
#define WAYBILL_TESTS_EVENT_TEXT_H

/* The smallest valid event and its parts */
#define ENVELOPE                                                               \
    "{\"payloadType\":\"t\",\"payload\":\"e30=\",\"signatures\":[]}"
#define WORKFLOW "\"workflow\":{\"id\":\"w1\"}"
#define ATTESTATION "\"attestation\":{\"envelope\":" ENVELOPE "}"
#define EVENT "{" WORKFLOW "," ATTESTATION "}"

#endif
