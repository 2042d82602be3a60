#include "pipeline_internal.h"
#include "waybill/log.h"

/* The states of a delivery, and how they reach the record, the ledger and the
 * log */

static const char *const state_names[] = {"waiting", "announced", "running",
                                          "pausing", "done",      "dropped"};

_Static_assert(ARRAY_SIZE(state_names) == DELIVERY_DROPPED + 1, "one each");

const char *delivery_state_name(enum delivery_state state)
{
    return state_names[state];
}

void delivery_set_state(struct delivery *delivery, enum delivery_state state)
{
    const struct input *input = &delivery->record->input;

    delivery->state = state;
    log_write(LOG_DEBUG, "pipeline", "delivery state",
              LOG_TEXT("event_id", delivery->record->event.id),
              LOG_TEXT("attachment", delivery->attachment->name),
              LOG_TEXT("file", input->file),
              LOG_NUMBER_IF(input->file, "index", input->index),
              LOG_TEXT("topic", input->message.topic),
              LOG_NUMBER_IF(!input->file, "partition", input->partition),
              LOG_NUMBER_IF(!input->file, "offset", input->offset),
              LOG_TEXT("state", state_names[state]));
}

/* Attempts of other instances count towards max_attempts and max_age. */
void delivery_restore_attempts(struct delivery *delivery)
{
    const struct loop *loop = delivery->record->pipeline->options.loop;
    const struct ledger_slot *past = &delivery->slot;
    int64_t age;

    delivery->in_doubt =
        delivery->is_marked ? past->mark != MARK_NONE : past->attempts > 0;
    if (past->attempts == 0) {
        return;
    }
    age = clock_wall_ms(loop_clock(loop)) - past->first_failed_ms;
    delivery->outcome.attempts = past->attempts;
    delivery->outcome.first_failed_ms = past->first_failed_ms;
    delivery->outcome.started_ms = past->first_failed_ms;
    delivery->started_ms = loop_now(loop);
    delivery->previous_age_ms = age > 0 ? (uint64_t)age : 0;
}

void delivery_note_attempts(struct delivery *delivery)
{
    const struct outcome *outcome = &delivery->outcome;

    if (outcome->first_failed_ms > 0) {
        ledger_note_attempts(&delivery->slot, outcome->attempts,
                             outcome->first_failed_ms);
    }
}

/* Not later: the record may be about to be given up. */
static void tell_owner(struct delivery *delivery)
{
    delivery->record->done(delivery->record->payload, delivery);
}

void delivery_mark(struct delivery *delivery)
{
    ledger_mark(&delivery->slot);
    tell_owner(delivery);
}

void delivery_unmark(struct delivery *delivery)
{
    ledger_unmark(&delivery->slot);
    tell_owner(delivery);
}

static void report_record(const struct delivery *delivery)
{
    struct record *record = delivery->record;

    loop_defer(record->pipeline->options.loop, &record->finished);
}

void delivery_finish(struct delivery *delivery)
{
    struct outcome *outcome = &delivery->outcome;
    const struct loop *loop = delivery->record->pipeline->options.loop;

    outcome->finished_ms = clock_wall_ms(loop_clock(loop));
    outcome->duration_ms =
        loop_now(loop) - delivery->started_ms + delivery->previous_age_ms;
    delivery_set_state(delivery, DELIVERY_DONE);
    attachment_queue_leave(delivery->attachment_queue);
    report_record(delivery);
}

void delivery_drop(struct delivery *delivery)
{
    delivery->state = DELIVERY_DROPPED;
    attachment_queue_leave(delivery->attachment_queue);
    report_record(delivery);
}
