#include "invariants.h"

#include <ctype.h>
#include <string.h>

#include "broker.h"
#include "directory.h"
#include "registry.h"
#include "verdict.h"
#include "workload.h"

static const struct {
    const char *name;
    const char *text;
} invariants[INVARIANT_COUNT] = {
    [INVARIANT_NONE] = {"none", "everything holds"},
    [INVARIANT_OUTCOME] =
        {"outcome",
         "a read_committed reader receives exactly one outcome of every "
         "delivery of a record, or exactly one of the record itself, unless "
         "the record was gone before anybody could read it, alone or with its "
         "topic, or is an event of another type"},
    [INVARIANT_VERDICT] =
        {"verdict", "an outcome says what its record deserves; what may pass "
                    "is given up only when attempts and age are used up, and "
                    "only responses of the registry itself count"},
    [INVARIANT_ARTIFACT] =
        {"artifact", "what is called a success is in the registry, manifest "
                     "and blobs by their right digests, or in the directory, "
                     "byte for byte"},
    [INVARIANT_DEAD_LETTER] =
        {"dead-letter", "every failed outcome has exactly one dead letter, of "
                        "the record's own bytes, in the same transaction, and "
                        "there is no other"},
    [INVARIANT_WATERMARK] =
        {"watermark", "a committed offset never moves backwards, never "
                      "passes a record without its outcomes, and is in one "
                      "transaction with them"},
    [INVARIANT_FENCING] = {"fencing",
                           "nothing is written by an instance that is dead, "
                           "fenced, or not the owner of the partition"},
    [INVARIANT_LIVENESS] = {"liveness",
                            "after the faults the lag becomes 0 in time"},
    [INVARIANT_MEMORY] = {"memory",
                          "never more records are held than max_records, or "
                          "than twice as many if the broker accepts less "
                          "metadata than usual"},
    [INVARIANT_STOP] =
        {"stop",
         "an instance that is stopped ends in time and leaves nothing behind"},
    [INVARIANT_REQUESTS] = {"requests",
                            "registries are asked, and topics written to in "
                            "vain, a bounded number of times"},
    [INVARIANT_DELAY] =
        {"delay", "a record whose own registries are well has its outcomes "
                  "soon, however ill the others are, and whatever other paths "
                  "are denied"},
    [INVARIANT_SECRETS] = {"secrets",
                           "credentials are sent only where they belong, and "
                           "no message repeats what a registry "
                           "repeats of them"},
    [INVARIANT_CRASH] = {"crash", "nothing crashes, nothing leaks"},
};

const char *invariant_name(enum invariant invariant)
{
    return invariants[invariant].name;
}

const char *invariant_text(enum invariant invariant)
{
    return invariants[invariant].text;
}

/* --- as each transaction becomes visible -------------------------------------
 */

#define MAX_DELAY_MS 60000
#define MAX_HALVINGS 6

static bool is_complete(const struct sim *sim, const struct expected *record);

static bool has_ill_registry(const struct sim *sim,
                             const struct expected *record, uint64_t since_ms)
{
    for (size_t i = 0; i < record->route_count; i++) {
        size_t registry = record->routes[i]->registry;
        bool well =
            registry == THE_DIRECTORY
                ? directory_was_well(sim->directory, since_ms)
                : registry_was_well(&sim->registries->all[registry], since_ms);

        if (!well) {
            return true;
        }
    }
    return false;
}

/* Attempts in flight cannot be shed, so hanging ones must not fill the memory.
 */
static bool has_room(const struct sim *sim)
{
    const struct settings *settings = workload_settings(sim->workload, 0);
    const struct delivery_settings *delivery = &settings->delivery;

    return delivery->max_records >
           2 * delivery->concurrency * settings->registration_count;
}

/* Its messages are rejected, or it may have to wait for the watermark, because
 * the metadata is too short for the records above it. */
static bool may_wait_for_kafka(const struct broker *broker,
                               const struct expected *record)
{
    return rules_curse(broker, record) || broker->metadata_max < 4096;
}

/* Counted from the time at which the group was stable, because the invariant
 * does not concern rebalances */
static void check_delay(struct sim *sim, const struct expected *record)
{
    uint64_t since_ms = record->written_ms > sim->broker->stable_ms
                            ? record->written_ms
                            : sim->broker->stable_ms;

    if (sim->registries_only && sim->now_ms > since_ms + MAX_DELAY_MS &&
        !has_ill_registry(sim, record, since_ms) && has_room(sim) &&
        !may_wait_for_kafka(sim->broker, record)) {
        sim_violate(sim, INVARIANT_DELAY,
                    "%d/%lld has waited for %llu ms while its registries were "
                    "well",
                    record->partition, (long long)record->offset,
                    (unsigned long long)(sim->now_ms - since_ms));
    }
}

static void check_delays(struct sim *sim)
{
    size_t count;
    const struct expected *records = workload_records(sim->workload, &count);

    for (size_t i = 0; i < count; i++) {
        if (!is_complete(sim, &records[i]) &&
            records[i].kind != RECORD_REFUSED) {
            check_delay(sim, &records[i]);
        }
    }
}

static void see_outcomes(struct sim *sim, const struct txn *txn)
{
    const struct log *log = &sim->broker->outcomes;

    for (size_t i = 0; i < log->count; i++) {
        if (log->records[i].txn == txn) {
            verdict_on(sim, &log->records[i]);
        }
    }
}

/* A record that could not be read any more has outcomes or none. */
static bool is_complete(const struct sim *sim, const struct expected *record)
{
    unsigned missing = 0;

    if (record->kind == RECORD_OTHER) {
        return record->seen[0] == 0;
    }
    for (size_t i = 0; i == 0 || i < record->route_count; i++) {
        if (record->seen[i] > 1) {
            return false;
        }
        missing += record->seen[i] == 0;
    }
    /* Also one that was half done when retention or compaction deleted it */
    return missing == 0 || workload_is_of_old_topic(sim, record) ||
           broker_is_gone(sim->broker, record->partition, record->offset);
}

/* The message is of the topic that was deleted meanwhile. It does no harm as
 * long as no progress of the new topic is committed with it. */
static void check_old_offset(struct sim *sim, const struct txn_offset *to)
{
    if (broker_committed(sim->broker, to->partition) >= 0) {
        sim_violate(sim, INVARIANT_WATERMARK,
                    "partition %d goes on at %lld of the old topic",
                    to->partition, (long long)to->offset);
    }
}

static void check_offset(struct sim *sim, const struct txn_offset *to)
{
    int64_t from = broker_committed(sim->broker, to->partition);
    size_t count;
    const struct expected *records = workload_records(sim->workload, &count);

    if (to->creation != sim->broker->input[to->partition].creation) {
        check_old_offset(sim, to);
        return;
    }

    if (to->offset < from) {
        sim_violate(sim, INVARIANT_WATERMARK,
                    "partition %d goes back from %lld to %lld", to->partition,
                    (long long)from, (long long)to->offset);
    }
    for (size_t i = 0; i < count; i++) {
        const struct expected *record = &records[i];

        if (record->partition == to->partition &&
            record->creation == to->creation && record->offset >= from &&
            record->offset < to->offset && !is_complete(sim, record)) {
            sim_violate(sim, INVARIANT_WATERMARK,
                        "%d/%lld is passed without its outcomes",
                        record->partition, (long long)record->offset);
        }
    }
}

void invariants_at_commit(struct sim *sim, const struct txn *txn)
{
    check_delays(sim);
    see_outcomes(sim, txn);
    verdict_on_letters(sim, txn);
    for (size_t i = 0; i < txn->offset_count; i++) {
        check_offset(sim, &txn->offsets[i]);
    }
}

/* --- as each message is written ----------------------------------------------
 */

/* "wbSecret" as letters alone, whatever separates them, and in base64 after any
 * number of bytes */
static bool shows_secret(struct bytes text)
{
    static const char *const forms[] = {"wbsecret", "d2jtzwnyzx", "diu2vjcmv0",
                                        "3ylnly3jld"};
    CLEANUP(str_release) struct str letters = STR_INIT(STR_UNLIMITED);

    for (size_t i = 0; i < text.len; i++) {
        if (isalnum(text.data[i])) {
            str_append_char(&letters, (char)tolower(text.data[i]));
        }
    }
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        if (strstr(letters.data, forms[i]) != NULL) {
            return true;
        }
    }
    return false;
}

void invariants_at_write(struct sim *sim, const struct message *message)
{
    bool shows = shows_secret(message->value);

    for (size_t i = 0; i < message->header_count; i++) {
        shows = shows || shows_secret(message->headers[i].value);
    }
    if (shows) {
        sim_violate(sim, INVARIANT_SECRETS, "a message shows a token: %.*s",
                    (int)message->value.len, (const char *)message->value.data);
    }
}

/* --- at the end -------------------------------------------------------------
 */

static void check_outcomes(struct sim *sim)
{
    size_t count;
    const struct expected *records = workload_records(sim->workload, &count);

    see_outcomes(sim, NULL); /* records that needed no transaction */
    for (size_t i = 0; i < count; i++) {
        if (!is_complete(sim, &records[i])) {
            sim_violate(
                sim, INVARIANT_OUTCOME, "%d/%lld has %u and %u outcomes of %zu",
                records[i].partition, (long long)records[i].offset,
                records[i].seen[0], records[i].seen[1], records[i].route_count);
        }
    }
}

static uint64_t count_deliveries(const struct sim *sim, size_t registry)
{
    uint64_t deliveries = 0;
    size_t count;
    const struct expected *records = workload_records(sim->workload, &count);

    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < records[i].route_count; j++) {
            deliveries += records[i].routes[j]->registry == registry;
        }
    }
    return deliveries;
}

/* A push takes at most a dozen requests. Every fault may cost one more push.
 * While a registry fails, each attempt costs one, at the rate of the backoff,
 * whose mean is half its bound. */
static void check_requests(struct sim *sim, size_t index)
{
    const struct delivery_settings *settings =
        &workload_settings(sim->workload, 0)->delivery;
    const struct registry *registry = &sim->registries->all[index];
    uint64_t slow = settings->backoff_max_ms < settings->hold_retry_ms
                        ? settings->backoff_max_ms
                        : settings->hold_retry_ms;
    uint64_t deliveries = count_deliveries(sim, index);
    uint64_t pushes =
        8 + chaos_disruptions(sim->chaos) + 4 * registry->faulty_ms / slow;

    if (registry->requests > 12 * pushes * deliveries + 100) {
        sim_violate(sim, INVARIANT_REQUESTS,
                    "%s: %llu requests for %llu deliveries with %llu ms of "
                    "faults",
                    registry->host, (unsigned long long)registry->requests,
                    (unsigned long long)deliveries,
                    (unsigned long long)registry->faulty_ms);
    }
}

/* A message is rejected with others and by itself, by each instance that
 * processes it, and then tried again with growing pauses. */
static void check_rejections(struct sim *sim)
{
    uint64_t lives = 4 + chaos_disruptions(sim->chaos);
    uint64_t bound = 3 * sim->counts.records * lives / 2 +
                     sim->now_ms / 1000 / 4 + 40 * lives;

    if (sim->broker->rejected > bound) {
        sim_violate(sim, INVARIANT_REQUESTS,
                    "%llu transactions with messages that are rejected",
                    (unsigned long long)sim->broker->rejected);
    }
}

/* Each instance halves the metadata until the broker accepts it, and from then
 * on commits nothing that does not fit. */
static void check_metadata(struct sim *sim)
{
    for (unsigned life = 0; life < MAX_LIVES; life++) {
        if (sim->broker->too_large[life] > MAX_HALVINGS) {
            sim_violate(sim, INVARIANT_REQUESTS,
                        "%u transactions of life %u whose metadata is too "
                        "large",
                        sim->broker->too_large[life], life);
        }
    }
}

void invariants_at_end(struct sim *sim)
{
    check_outcomes(sim);
    check_rejections(sim);
    check_metadata(sim);
    for (size_t i = 0; i < sim->registries->count; i++) {
        check_requests(sim, i);
    }
}
