#include <string.h>

#include "service_internal.h"
#include "waybill/log.h"

/* After a rejection the gate is closed for MIN_GATE_MS, which is longer than
 * the next commit is delayed (service.c), and for longer while further
 * rejections follow, up to MAX_GATE_MS. */
#define MIN_GATE_MS 100
#define MAX_GATE_MS 500
/* Suspects are sent separately, which costs one round trip each. */
#define MAX_SUSPECTS 64
/* When a rejected delivery is tried again: each trial that fails aborts a
 * transaction, which the readers of the topics have to skip. */
#define MIN_PAUSE_MS 1000
#define MAX_PAUSE_MS 64000
/* How often a rejection is logged again: about once an hour */
#define REPORT_EVERY 64

static struct withholding *of(struct service *service)
{
    return &service->withholding;
}

static struct inflight *inflight_of(const struct delivery *delivery)
{
    return delivery->slot.entry->owner;
}

static int64_t wall_ms(const struct service *service)
{
    return clock_wall_ms(loop_clock(service->options->loop));
}

/* --- the lists ---------------------------------------------------------------
 */

static struct withheld_list *list_of(struct service *service,
                                     const struct delivery *delivery)
{
    struct withholding *withholding = of(service);

    if (delivery->withheld.state == WITHHELD_NEW) {
        return &withholding->waiting;
    }
    if (delivery->withheld.state == WITHHELD_SUSPECT) {
        return &withholding->suspects;
    }
    return delivery->withheld.state == WITHHELD_TRIAL
               ? &withholding->outputs[delivery->withheld.output].trials
               : &withholding->outputs[delivery->withheld.output].rejected;
}

static bool is_counted(const struct delivery *delivery)
{
    return delivery->withheld.state == WITHHELD_REJECTED ||
           delivery->withheld.state == WITHHELD_TRIAL;
}

/* Whether it is part of the commits */
static bool is_included(const struct delivery *delivery)
{
    return delivery->withheld.state == WITHHELD_NOT ||
           delivery->withheld.state == WITHHELD_TRIAL;
}

static void take_out(struct service *service, struct delivery *delivery)
{
    struct withheld *withheld = &delivery->withheld;

    if (withheld->state == WITHHELD_NOT) {
        return;
    }
    TAILQ_REMOVE(list_of(service, delivery), delivery, withheld.link);
    of(service)->outputs[withheld->output].count -= is_counted(delivery);
    withheld->state = WITHHELD_NOT;
}

static void put_in(struct service *service, struct delivery *delivery,
                   enum withheld_state state, enum status_output output)
{
    take_out(service, delivery);
    delivery->withheld.state = state;
    delivery->withheld.output = output;
    of(service)->outputs[output].count += is_counted(delivery);
    TAILQ_INSERT_TAIL(list_of(service, delivery), delivery, withheld.link);
}

static void withhold(struct service *service, struct delivery *delivery,
                     enum withheld_state state, enum status_output output)
{
    if (delivery->slot.state == SLOT_FINISHED) {
        ledger_reopen(&delivery->slot);
    }
    put_in(service, delivery, state, output);
}

static void include(struct service *service, struct delivery *delivery)
{
    ledger_finish(&delivery->slot);
    service->dirty = true;
}

/* --- the gate ----------------------------------------------------------------
 */

static bool concerns(const struct delivery *delivery, enum status_output output)
{
    return output == STATUS_OUTCOMES || delivery->outcome.dead_letter;
}

void withheld_admit(struct service *service, struct delivery *delivery)
{
    const struct withholding *withholding = of(service);

    for (int output = 0; output < STATUS_OUTPUTS; output++) {
        if (withholding->outputs[output].is_blocked &&
            concerns(delivery, (enum status_output)output)) {
            delivery->withheld.waits_for_topic = true;
            delivery->withheld.since_ms = wall_ms(service);
            withhold(service, delivery, WITHHELD_REJECTED,
                     (enum status_output)output);
            return;
        }
    }
    if (withholding->is_closed && !service_must_commit_now(service)) {
        withhold(service, delivery, WITHHELD_NEW, STATUS_OUTCOMES);
    } else {
        include(service, delivery);
    }
}

void withheld_open_gate(struct service *service)
{
    struct withholding *withholding = of(service);
    struct delivery *delivery;
    size_t left = withholding->suspects_at_once;

    withholding->is_closed = false;
    loop_disarm(service->options->loop, &withholding->gate);
    while ((delivery = TAILQ_FIRST(&withholding->waiting)) != NULL) {
        take_out(service, delivery);
        withheld_admit(service, delivery);
    }
    while ((delivery = TAILQ_FIRST(&withholding->suspects)) != NULL &&
           (left-- > 0 || service_must_commit_now(service))) {
        delivery->withheld.is_isolated = true;
        take_out(service, delivery);
        include(service, delivery);
    }
}

static void on_gate(void *payload)
{
    withheld_open_gate(payload);
    service_advance(payload);
}

static void close_gate(struct service *service)
{
    struct withholding *withholding = of(service);
    struct loop *loop = service->options->loop;

    withholding->is_closed = true;
    loop_arm(loop, &withholding->gate, withholding->gate_ms);
    withholding->gate_ms *= 2;
    if (withholding->gate_ms > MAX_GATE_MS) {
        withholding->gate_ms = MAX_GATE_MS;
    }
}

/* --- what is logged ----------------------------------------------------------
 */

static void report_delivery(const struct service *service,
                            const struct delivery *delivery)
{
    const struct withheld *withheld = &delivery->withheld;
    const struct inflight *inflight = inflight_of(delivery);

    if (withheld->rejections % REPORT_EVERY != 1) {
        return;
    }
    log_write(LOG_ERROR, "pipeline",
              "message rejected by its topic, holding its record and trying "
              "again",
              LOG_TEXT("to", withheld_topic(service, withheld->output)),
              LOG_TEXT("topic", inflight->assignment->at.topic),
              LOG_NUMBER("partition", inflight->assignment->at.partition),
              LOG_NUMBER("offset", inflight->entry.offset),
              LOG_TEXT("code", withheld->code),
              LOG_TEXT("err", withheld->reason),
              LOG_TEXT("remedy", withheld_remedy(withheld->code)));
}

static void report_blocked(const struct service *service,
                           enum status_output output)
{
    const struct withheld_output *to = &service->withholding.outputs[output];

    if (to->failures % REPORT_EVERY != 0) {
        return;
    }
    log_write(LOG_ERROR, "pipeline",
              "topic accepts no messages, reading is paused until it does",
              LOG_TEXT("to", withheld_topic(service, output)),
              LOG_TEXT("code", to->code), LOG_TEXT("err", to->reason),
              LOG_TEXT("remedy", withheld_remedy(to->code)));
}

/* --- a rejected commit -------------------------------------------------------
 */

static void double_pause(struct withheld_output *output)
{
    output->pause_ms *= 2;
    if (output->pause_ms > MAX_PAUSE_MS) {
        output->pause_ms = MAX_PAUSE_MS;
    }
}

/* The next trial is due after the pause, which gets longer whenever a trial
 * fails. */
static void plan_trial(struct service *service, struct withheld_output *output,
                       bool has_failed)
{
    if (has_failed) {
        double_pause(output);
        output->trial = 1;
    } else if (output->count > 0) {
        return; /* one is planned */
    } else {
        output->pause_ms = MIN_PAUSE_MS;
        output->trial = 1;
    }
    output->due_ms = loop_now(service->options->loop) + output->pause_ms;
}

static void reject(struct service *service, struct delivery *delivery,
                   enum status_output output, const char *code,
                   const char *reason)
{
    struct withheld *withheld = &delivery->withheld;

    plan_trial(service, &of(service)->outputs[output],
               withheld->state == WITHHELD_TRIAL);
    if (withheld->rejections++ == 0) {
        withheld->since_ms = wall_ms(service);
    }
    withheld->code = code;
    withheld->reason = reason;
    withhold(service, delivery, WITHHELD_REJECTED, output);
}

/* The topic accepts no messages: all deliveries of the commit that have one for
 * it would be rejected as well. */
static void block(struct service *service, enum status_output output,
                  const struct kafka_rejection *why)
{
    struct withheld_output *to = &of(service)->outputs[output];

    to->code = why->code;
    to->reason = why->reason;
    if (!to->is_blocked) {
        to->is_blocked = true;
        to->failures = 0;
        to->since_ms = wall_ms(service);
        report_blocked(service, output);
    }
    for (size_t i = 0; i < service->sent_count; i++) {
        struct delivery *delivery = service->sent[i].delivery;

        if (delivery != NULL && concerns(delivery, output) &&
            is_included(delivery)) {
            if (delivery->withheld.state == WITHHELD_TRIAL &&
                to->failures++ > 0) {
                report_blocked(service, output);
            }
            delivery->withheld.waits_for_topic = true;
            reject(service, delivery, output, why->code, why->reason);
        }
    }
}

/* A topic with compaction accepts messages with a key only. */
static bool begin_to_key(struct service *service, const struct sent *sent)
{
    bool *keyed = sent->output == STATUS_DEAD_LETTERS
                      ? &service->style.keyed_dead_letters
                      : &service->style.keyed_outcomes;

    if (sent->has_key || *keyed) {
        return *keyed && !sent->has_key;
    }
    *keyed = true;
    log_write(LOG_INFO, "pipeline",
              "topic rejects messages without a key, giving them one",
              LOG_TEXT("to", withheld_topic(service, sent->output)));
    return true;
}

/* If some of the messages that were rejected together lack the key that their
 * topic requires, the others need not be suspected. */
static bool is_for_lack_of_key(struct service *service,
                               const struct kafka_result *result,
                               const struct kafka_rejection *one)
{
    enum status_output output = service->sent[one->message].output;

    for (size_t i = 0; one->may_need_key && i < result->rejection_count; i++) {
        const struct kafka_rejection *other = &result->rejections[i];
        const struct sent *sent = &service->sent[other->message];

        if (other->may_need_key && sent->output == output &&
            begin_to_key(service, sent)) {
            return true;
        }
    }
    return false;
}

static void consider(struct service *service, const struct kafka_result *result,
                     const struct kafka_rejection *rejection)
{
    const struct sent *sent = &service->sent[rejection->message];
    struct delivery *delivery = sent->delivery;

    service->counts.all.rejected[sent->output]++;
    if (is_for_lack_of_key(service, result, rejection)) {
        return;
    }
    if (rejection->is_topic_wide &&
        (rejection->is_certain || rejection->partition >= 0)) {
        block(service, sent->output, rejection);
        return;
    }
    /* Freed meanwhile, or withheld by its other message */
    if (delivery == NULL || !is_included(delivery)) {
        return;
    }
    delivery->withheld.waits_for_topic = false;
    if (rejection->is_certain) {
        reject(service, delivery, sent->output, rejection->code,
               rejection->reason);
        report_delivery(service, delivery);
    } else {
        withhold(service, delivery, WITHHELD_SUSPECT, sent->output);
    }
}

/* Those that were not yet judged are tried again later, so that the next commit
 * can succeed. */
static void put_back(struct service *service, struct delivery *delivery)
{
    const struct withheld *withheld = &delivery->withheld;

    if (withheld->state == WITHHELD_TRIAL) {
        withhold(service, delivery, WITHHELD_REJECTED, withheld->output);
    } else if (withheld->state == WITHHELD_NOT && withheld->is_isolated) {
        withhold(service, delivery, WITHHELD_SUSPECT, withheld->output);
    }
}

void withheld_on_rejected(struct service *service,
                          const struct kafka_result *result)
{
    struct withholding *withholding = of(service);

    for (size_t i = 0; i < result->rejection_count; i++) {
        if (result->rejections[i].message < service->sent_count) {
            consider(service, result, &result->rejections[i]);
        }
    }
    for (size_t i = 0; i < service->sent_count; i++) {
        if (service->sent[i].delivery != NULL) {
            put_back(service, service->sent[i].delivery);
        }
    }
    withholding->suspects_at_once = (withholding->suspects_at_once + 1) / 2;
    close_gate(service);
}

/* --- a successful commit -----------------------------------------------------
 */

static void unblock(struct service *service, struct withheld_output *output)
{
    struct delivery *delivery = TAILQ_FIRST(&output->rejected);

    output->is_blocked = false;
    while (delivery != NULL) {
        struct delivery *next = TAILQ_NEXT(delivery, withheld.link);

        if (delivery->withheld.waits_for_topic) {
            take_out(service, delivery);
            withheld_admit(service, delivery);
        }
        delivery = next;
    }
}

/* The topic has accepted what it had rejected. Perhaps its cause is gone, and
 * it accepts the others as well. */
static void on_accepted(struct service *service, enum status_output at)
{
    struct withheld_output *output = &of(service)->outputs[at];

    output->pause_ms = MIN_PAUSE_MS;
    output->due_ms = loop_now(service->options->loop);
    output->trial =
        output->trial < MAX_SUSPECTS ? output->trial * 2 : MAX_SUSPECTS;
    if (output->is_blocked) {
        log_write(LOG_INFO, "pipeline", "topic accepts messages again",
                  LOG_TEXT("to", withheld_topic(service, at)));
        unblock(service, output);
    }
}

void withheld_on_committed(struct service *service)
{
    struct withholding *withholding = of(service);

    for (size_t i = 0; i < service->sent_count; i++) {
        struct delivery *delivery = service->sent[i].delivery;

        if (delivery != NULL && delivery->withheld.state == WITHHELD_TRIAL &&
            delivery->withheld.output == service->sent[i].output) {
            take_out(service, delivery);
            on_accepted(service, service->sent[i].output);
        }
    }
    if (!withholding->is_closed) {
        withholding->gate_ms = MIN_GATE_MS;
        withholding->suspects_at_once =
            withholding->suspects_at_once * 2 > MAX_SUSPECTS
                ? MAX_SUSPECTS
                : withholding->suspects_at_once * 2;
        if (!TAILQ_EMPTY(&withholding->suspects)) {
            withheld_open_gate(service);
        }
    }
}

/* --- trials ------------------------------------------------------------------
 */

static void try_again(struct service *service, struct withheld_output *output)
{
    struct delivery *delivery;

    for (size_t i = 0; i < output->trial &&
                       (delivery = TAILQ_FIRST(&output->rejected)) != NULL;
         i++) {
        delivery->withheld.is_isolated = true;
        put_in(service, delivery, WITHHELD_TRIAL, delivery->withheld.output);
        include(service, delivery);
    }
    /* In case its record is freed before the result is known */
    output->due_ms = loop_now(service->options->loop) + output->pause_ms;
}

void withheld_tick(struct service *service)
{
    struct withholding *withholding = of(service);
    uint64_t now_ms = loop_now(service->options->loop);

    for (size_t i = 0; i < STATUS_OUTPUTS && !withholding->is_closed; i++) {
        struct withheld_output *output = &withholding->outputs[i];

        if (output->due_ms > now_ms || kafka_is_committing(service->kafka)) {
            continue;
        }
        if (output->count > 0) {
            try_again(service, output);
        } else {
            /* Those that were rejected were revoked. The next one will show it.
             */
            output->is_blocked = false;
        }
    }
    service_advance(service);
}

/* --- other -------------------------------------------------------------------
 */

void withheld_forget(struct service *service, struct delivery *delivery)
{
    take_out(service, delivery);
}

bool withheld_is_pending(const struct inflight *inflight)
{
    const struct record *record = inflight->record;

    for (size_t i = 0; i < record->delivery_count; i++) {
        enum withheld_state state = record->deliveries[i].withheld.state;

        if (state == WITHHELD_NEW || state == WITHHELD_SUSPECT) {
            return true;
        }
    }
    return false;
}

bool withheld_is_blocked(const struct service *service)
{
    for (size_t i = 0; i < STATUS_OUTPUTS; i++) {
        if (service->withholding.outputs[i].is_blocked) {
            return true;
        }
    }
    return false;
}

void withheld_init(struct service *service)
{
    struct withholding *withholding = of(service);

    TAILQ_INIT(&withholding->waiting);
    TAILQ_INIT(&withholding->suspects);
    withholding->suspects_at_once = MAX_SUSPECTS;
    withholding->gate_ms = MIN_GATE_MS;
    timer_init(&withholding->gate, on_gate, service);
    for (size_t i = 0; i < STATUS_OUTPUTS; i++) {
        TAILQ_INIT(&withholding->outputs[i].rejected);
        TAILQ_INIT(&withholding->outputs[i].trials);
    }
}

void withheld_free(struct service *service)
{
    loop_disarm(service->options->loop, &of(service)->gate);
}
