#ifndef WAYBILL_TEST_FAKE_INTEGRATION_H
#define WAYBILL_TEST_FAKE_INTEGRATION_H

#include <stdbool.h>
#include <stddef.h>

#include "waybill/integration.h"

/*
 * An integration whose attempts end only when the test ends them. Its table
 * replaces the one of the program, because the linker takes objects before
 * archives, so a program that links it has no other integration. The options of
 * a registration are the name of its host; an attachment has none.
 */
#define FAKE_KIND "fake"
/* The same without a probe, for an integration whose duplicates are visible */
#define FAKE_MUTE_KIND "fake-mute"
/* The same with one delivery at a time, all of which go to the same place */
#define FAKE_CHAT_KIND "fake-chat"

struct fake_attempt {
    const struct attachment *attachment;
    char event_id[64];
    char traceparent[64]; /* "": none */
    unsigned number;
    uint64_t deadline_ms;
    bool may_have_arrived;
    uint64_t began_ms;
    bool over;
    bool cancelled;
    uint32_t pause_ms; /* that its success will ask for */
    struct arena *arena;
    void **progress;
    delivery_done_fn *done;
    void *payload;
};

struct fake_probe {
    const char *host;
    uint64_t began_ms;
    bool over;
    bool cancelled;
    integration_probed_fn *done;
    void *payload;
};

/* Forgets all attempts and probes, which are numbered from 0. */
void fake_reset(const struct loop *loop);

size_t fake_attempts(void); /* attempts since the reset */
struct fake_attempt *fake_attempt(size_t number);
size_t fake_running(const char *attachment); /* NULL: of all attachments */
/* The oldest running attempt of the attachment, or of any if it is NULL.
 * NULL when none is running. */
struct fake_attempt *fake_running_one(const char *attachment);
void fake_succeed(struct fake_attempt *attempt);
void fake_skip(struct fake_attempt *attempt, const char *reason);
void fake_fail(struct fake_attempt *attempt, enum error_kind kind, int status,
               uint32_t retry_after_ms);
/* Fails the attempt when it is certain that the endpoint received nothing. */
void fake_refuse(struct fake_attempt *attempt, enum error_kind kind,
                 int status);

size_t fake_probes(void);
struct fake_probe *fake_probe(size_t number);
struct fake_probe *fake_running_probe(const char *host);
void fake_answer_probe(struct fake_probe *probe, bool alive);

#endif
