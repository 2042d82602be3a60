#include <stdio.h>
#include <string.h>

#include "service_internal.h"
#include "service_measures.h"
#include "waybill/utf8.h"

/*
 * The counters of the service. Outcomes are counted when they are committed: an
 * outcome that is aborted and repeated by another instance counts once, so that
 * the sum over all instances equals what is on the topics.
 */

/* How long an attestation waited for its delivery, in seconds */
static const struct histogram_bounds age_bounds = {
    12, {0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600, 86400}};
static const struct histogram_bounds lag_bounds = {
    9, {0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5}};

void counts_init(struct counts *counts, uint64_t now_ms)
{
    histogram_init(&counts->all.age, &age_bounds);
    histogram_init(&counts->all.loop_lag, &lag_bounds);
    samples_init(&counts->samples, now_ms);
}

static void copy_text(char *to, size_t size, const char *text)
{
    CLEANUP(str_release) struct str kept = STR_INIT(STR_UNLIMITED);

    if (text != NULL) {
        utf8_append_printable(&kept, text, strlen(text), size - 1);
    }
    snprintf(to, size, "%s", text != NULL ? kept.data : "");
}

#define COPY_TEXT(to, text) copy_text(to, sizeof(to), text)

/* Where a delivery went, or would have gone */
static const char *destination_of(const struct delivery *delivery)
{
    const struct outcome *outcome = &delivery->outcome;

    if (outcome->status == OUTCOME_SUCCEEDED) {
        return outcome->result.reference;
    }
    return outcome->attachment != NULL
               ? integration_destination(outcome->attachment,
                                         delivery->record->arena)
               : NULL;
}

static void append_recent(struct counts *counts,
                          const struct delivery *delivery)
{
    struct status_outcome *recent =
        &counts->recent[counts->recent_total++ % STATUS_RECENT];
    const struct outcome *outcome = &delivery->outcome;
    const struct attachment *attachment = outcome->attachment;
    const struct workflow *workflow = &outcome->event->workflow;

    COPY_TEXT(recent->id, outcome->event->id);
    COPY_TEXT(recent->project, workflow->project);
    COPY_TEXT(recent->workflow,
              workflow->name != NULL ? workflow->name : workflow->id);
    COPY_TEXT(recent->topic, outcome->input->message.topic);
    recent->partition = outcome->input->partition;
    recent->offset = outcome->input->offset;
    COPY_TEXT(recent->registration,
              attachment != NULL ? attachment->registration->name : NULL);
    COPY_TEXT(recent->destination, destination_of(delivery));
    COPY_TEXT(recent->reason, outcome->status == OUTCOME_FAILED
                                  ? outcome->error.message
                                  : outcome->skip_reason);
    recent->status = outcome->status;
    recent->error = outcome->error.kind;
    recent->attempts = outcome->attempts;
    recent->duration_ms = outcome->duration_ms;
    recent->at_ms = outcome->finished_ms;
}

static void count_delivery(struct service *service,
                           const struct delivery *delivery)
{
    struct service_counts *all = &service->counts.all;
    struct registration_counts *counts =
        &registration_queue_newest(delivery->queue)->counts;
    const struct outcome *outcome = &delivery->outcome;

    all->deliveries[outcome->status]++;
    all->last_delivery_ms = clock_wall_ms(loop_clock(service->options->loop));
    if (outcome->status == OUTCOME_SKIPPED) {
        counts->skipped++;
        return;
    }
    histogram_observe(&counts->duration, (double)outcome->duration_ms / 1000);
    samples_observe(&service->counts.samples, outcome->duration_ms);
    if (outcome->status == OUTCOME_SUCCEEDED) {
        counts->succeeded++;
    } else {
        counts->failed++;
    }
}

void count_outcome(struct service *service, const struct delivery *delivery)
{
    const struct outcome *outcome = &delivery->outcome;

    append_recent(&service->counts, delivery);
    if (outcome->dead_letter) {
        service->counts.all.dead_letters[outcome->error.kind]++;
        service->counts.all.last_dead_letter_ms =
            clock_wall_ms(loop_clock(service->options->loop));
    }
    if (delivery->attachment != NULL) {
        count_delivery(service, delivery);
    }
}

/* The order is succeeded, skipped, failed. */
static bool is_worse(enum outcome_status a, enum outcome_status b)
{
    return b == OUTCOME_SUCCEEDED || a == OUTCOME_FAILED;
}

bool worst_committed(const struct inflight *inflight,
                     enum outcome_status *ret_worst)
{
    const struct record *record = inflight->record;
    bool found = inflight->has_committed_status;

    *ret_worst = found ? inflight->committed_status : OUTCOME_SUCCEEDED;
    for (size_t i = 0; i < record->delivery_count; i++) {
        const struct delivery *delivery = &record->deliveries[i];

        if (delivery->slot.state == SLOT_COMMITTED) {
            found = true;
            if (is_worse(delivery->outcome.status, *ret_worst)) {
                *ret_worst = delivery->outcome.status;
            }
        }
    }
    return found;
}

void count_completed(struct service *service, const struct inflight *inflight)
{
    const struct record *record = inflight->record;
    struct service_counts *counts = &service->counts.all;
    int64_t now = clock_wall_ms(loop_clock(service->options->loop));
    int64_t age = now - record->input.message.timestamp_ms;
    enum outcome_status worst;

    if (!worst_committed(inflight, &worst)) {
        return; /* another instance has committed it, and counted it */
    }
    counts->completed[worst]++;
    counts->last_completed_ms = now;
    if (record->input.message.timestamp_ms > 0) {
        histogram_observe(&counts->age, age > 0 ? (double)age / 1000 : 0);
    }
}

void count_loop_lag(struct service *service)
{
    uint64_t now = loop_now(service->options->loop);
    uint64_t due = service->tick.due_ms; /* 0 in the first, direct call */

    if (due > 0) {
        histogram_observe(&service->counts.all.loop_lag,
                          (double)(now - due) / 1000);
    }
}

void count_sample(struct service *service)
{
    samples_tick(&service->counts.samples, &service->counts.all,
                 loop_now(service->options->loop));
}
