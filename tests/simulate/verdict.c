#include "verdict.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker.h"
#include "directory.h"
#include "registry.h"
#include "waybill/json.h"
#include "workload.h"

#define PATH 256

/* A parsed outcome */
struct reading {
    struct json *json;
    const struct json *data;
    char id[256];
    const char *status;
    const char *attachment;
    struct expected *record;
    size_t index; /* of the delivery */
};

static const char *text_in(const struct json *object, const char *a,
                           const char *b)
{
    const struct json *member = json_member(object, a);
    const char *text = json_text(b != NULL ? json_member(member, b) : member);

    return text != NULL ? text : "";
}

static int64_t number_in(const struct json *object, const char *name)
{
    double number = -1;

    return json_number(json_member(object, name), &number) ? (int64_t)number
                                                           : -1;
}

/* In a topic that was created again, two records may have one position: then
 * the timestamp in the id distinguishes them. */
static struct expected *find_record(struct sim *sim, int64_t partition,
                                    int64_t offset, const char *id)
{
    const char *at = strchr(id, '@');
    long long timestamp_ms = at != NULL ? strtoll(at + 1, NULL, 10) : -1;
    struct expected *found = NULL;
    size_t count;
    struct expected *records = workload_records(sim->workload, &count);

    for (size_t i = 0; i < count; i++) {
        if (records[i].partition == partition && records[i].offset == offset &&
            (found == NULL ||
             records[i].message.timestamp_ms == timestamp_ms)) {
            found = &records[i];
        }
    }
    return found;
}

/* SIZE_MAX: the record has no such delivery. */
static size_t index_of(const struct expected *record, const char *attachment)
{
    for (size_t i = 0; i < record->route_count; i++) {
        if (strcmp(record->routes[i]->attachment, attachment) == 0) {
            return i;
        }
    }
    return record->route_count == 0 && *attachment == '\0' ? 0 : SIZE_MAX;
}

/* Returns the CloudEvents id, in either mode. */
static void read_id(struct reading *reading, const struct message *message)
{
    const struct header *header = message_header(message, "ce_id");
    const char *text = text_in(reading->json, "id", NULL);

    if (header != NULL) {
        snprintf(reading->id, sizeof(reading->id), "%.*s",
                 (int)header->value.len, (const char *)header->value.data);
    } else {
        snprintf(reading->id, sizeof(reading->id), "%s", text);
    }
}

static bool read_outcome(struct sim *sim, const struct message *message,
                         struct reading *reading)
{
    const struct json *input;
    struct error err;

    *reading = (struct reading){0};
    if (json_parse((const char *)message->value.data, message->value.len,
                   &reading->json, &err) < 0) {
        return false;
    }
    reading->data = json_member(reading->json, "data");
    reading->data = reading->data != NULL ? reading->data : reading->json;
    input = json_member(reading->data, "input");
    reading->status = text_in(reading->data, "status", NULL);
    reading->attachment = text_in(reading->data, "attachment", NULL);
    read_id(reading, message);
    reading->record = find_record(sim,
                                  broker_number_of(&(struct kafka_partition){
                                      text_in(input, "topic", NULL),
                                      (int32_t)number_in(input, "partition")}),
                                  number_in(input, "offset"), reading->id);
    if (reading->record != NULL) {
        reading->index = index_of(reading->record, reading->attachment);
    }
    return reading->record != NULL && reading->index != SIZE_MAX;
}

/* --- the expected outcome ----------------------------------------------------
 */

static void complain(struct sim *sim, enum invariant invariant,
                     const struct reading *reading, const char *what)
{
    sim_violate(sim, invariant, "%s (%s, %s): %s", reading->id, reading->status,
                text_in(reading->data, "error", "message"), what);
}

static bool is_of_directory(const struct reading *reading)
{
    return reading->record->routes[reading->index]->registry == THE_DIRECTORY;
}

static const struct registry *registry_of(const struct sim *sim,
                                          const struct reading *reading)
{
    const struct route *route = reading->record->routes[reading->index];

    return &sim->registries->all[route->registry];
}

/* The repository to which the delivery pushes */
static void append_path(const struct reading *reading, char path[PATH])
{
    snprintf(path, PATH, "acme/att/%s-%s",
             reading->record->routes[reading->index]->prefix,
             digest_hex(&reading->record->digest));
}

static void check_artifact(struct sim *sim, const struct reading *reading)
{
    const struct registry *registry = registry_of(sim, reading);
    const struct json *artifact = json_member(reading->data, "artifact");
    const char *layer = reading->record->digest.text;
    const struct stored_manifest *manifest;
    char path[PATH];

    append_path(reading, path);
    manifest = registry_manifest(registry, path, "latest");
    if (strcmp(text_in(artifact, "registry", NULL), registry->host) != 0 ||
        strcmp(text_in(artifact, "repository", NULL), path) != 0 ||
        strcmp(text_in(artifact, "layer_digest", NULL), layer) != 0) {
        complain(sim, INVARIANT_ARTIFACT, reading, "names something else");
    } else if (manifest == NULL ||
               strcmp(manifest->digest.text,
                      text_in(artifact, "digest", NULL)) != 0) {
        complain(sim, INVARIANT_ARTIFACT, reading, "the manifest is missing");
    } else if (!registry_has_blob(registry, path, layer) ||
               strstr((const char *)manifest->bytes.data, layer) == NULL) {
        complain(sim, INVARIANT_ARTIFACT, reading, "the layer is missing");
    }
}

static void check_file(struct sim *sim, const struct reading *reading)
{
    const struct expected *record = reading->record;
    const char *reference = text_in(reading->data, "result", "reference");
    char name[PATH];
    char path[PATH * 2];

    snprintf(name, sizeof(name), "%s%s.json", digest_hex(&record->digest),
             record->routes[reading->index]->suffix);
    snprintf(path, sizeof(path), "%s/%s", directory_path(sim->directory), name);
    if (strcmp(reference, path) != 0 ||
        json_member(reading->data, "artifact") != NULL) {
        complain(sim, INVARIANT_ARTIFACT, reading, "names something else");
    } else if (!directory_holds(sim->directory, name, &record->digest)) {
        complain(sim, INVARIANT_ARTIFACT, reading, "the file is missing");
    }
}

static bool is_used_up(struct sim *sim, const struct reading *reading)
{
    const struct delivery_settings *settings =
        &workload_settings(sim->workload, 0)->delivery;

    return number_in(reading->data, "attempts") >=
               (int64_t)settings->max_attempts &&
           number_in(reading->data, "duration_ms") >=
               (int64_t)settings->max_age_ms;
}

/* Its path is denied for a while, rather than rejected permanently. */
static bool is_denied(const struct sim *sim, const struct expected *record)
{
    return record->kind == RECORD_REFUSED &&
           registry_denies(&sim->registries->all[0]);
}

/* NULL: only a success is correct. */
static const char *deserved_class(const struct sim *sim,
                                  const struct expected *record)
{
    static const char *const classes[] = {
        [RECORD_GOOD] = NULL,
        [RECORD_REFUSED] = "rejected",
        [RECORD_UNATTACHED] = NULL,
        [RECORD_MALFORMED] = "schema",
        [RECORD_MISMATCH] = "digest_mismatch",
        [RECORD_OTHER] = NULL,
    };

    return is_denied(sim, record) ? NULL : classes[record->kind];
}

/* A registry has refused it, and it is given up because of its attempts and
 * age, or because others would have to wait. */
static bool may_lack_permission(struct sim *sim, const struct reading *reading)
{
    return reading->record->route_count > 0 && !is_of_directory(reading) &&
           registry_of(sim, reading)->refusals > 0 &&
           (is_used_up(sim, reading) ||
            strstr(text_in(reading->data, "error", "message"),
                   "given up after delivery.max_age") != NULL);
}

/* The registry reports another digest than that of the content. */
static bool was_lied_to(const struct sim *sim, const struct reading *reading)
{
    char path[PATH];

    if ((reading->record->kind != RECORD_GOOD &&
         !is_denied(sim, reading->record)) ||
        is_of_directory(reading)) {
        return false;
    }
    append_path(reading, path);
    return registry_has_lied(registry_of(sim, reading), path);
}

static void check_failure(struct sim *sim, const struct reading *reading)
{
    const struct expected *record = reading->record;
    const char *class = text_in(reading->data, "error", "class");
    const char *deserved = deserved_class(sim, record);

    sim->counts.failed++;
    if (strcmp(class, "attempts_exhausted") == 0 && record->route_count > 0) {
        if (!is_used_up(sim, reading)) {
            complain(sim, INVARIANT_VERDICT, reading, "is given up too early");
        }
    } else if (strcmp(class, "auth") == 0) {
        if (!may_lack_permission(sim, reading)) {
            complain(sim, INVARIANT_VERDICT, reading, "is given up too early");
        }
    } else if (strcmp(class, "digest_mismatch") == 0 &&
               was_lied_to(sim, reading)) {
        return;
    } else if (deserved == NULL || strcmp(class, deserved) != 0) {
        complain(sim, INVARIANT_VERDICT, reading, class);
    }
}

static void check_verdict(struct sim *sim, const struct reading *reading)
{
    enum record_kind kind = reading->record->kind;

    if (strcmp(reading->status, "failed") == 0) {
        check_failure(sim, reading);
    } else if (strcmp(reading->status, "skipped") == 0) {
        if (kind != RECORD_UNATTACHED) {
            complain(sim, INVARIANT_VERDICT, reading, "must not be skipped");
        }
    } else if (kind != RECORD_GOOD && !is_denied(sim, reading->record)) {
        complain(sim, INVARIANT_VERDICT, reading, "cannot have succeeded");
    } else if (is_of_directory(reading)) {
        check_file(sim, reading);
    } else {
        check_artifact(sim, reading);
    }
}

/* An id consists of the position of the record, its timestamp, and the
 * attachment. */
static void check_id(struct sim *sim, const struct reading *reading)
{
    struct kafka_partition at = broker_name_of(reading->record->partition);
    char right[256];

    snprintf(right, sizeof(right), "%s/%d/%lld@%lld%s%s", at.topic,
             at.partition, (long long)reading->record->offset,
             (long long)reading->record->message.timestamp_ms,
             *reading->attachment != '\0' ? "/" : "", reading->attachment);
    if (strcmp(reading->id, right) != 0) {
        complain(sim, INVARIANT_OUTCOME, reading, "is not its id");
    }
}

/* It names the record that it replays, or none if it is no replay, whatever its
 * producer has written. */
static void check_origin(struct sim *sim, const struct reading *reading)
{
    const struct expected *origin = reading->record->replay_of;
    const struct json *input = json_member(reading->data, "input");
    const struct json *named = json_member(input, "origin");
    struct kafka_partition at = {text_in(named, "topic", NULL),
                                 (int32_t)number_in(named, "partition")};

    if ((named != NULL) != (origin != NULL) ||
        (origin != NULL && (broker_number_of(&at) != origin->partition ||
                            number_in(named, "offset") != origin->offset))) {
        complain(sim, INVARIANT_OUTCOME, reading,
                 "names another record that it replays");
    }
}

/* Outcomes and offsets become visible together; otherwise a crash between them
 * would lose one. */
static void check_together(struct sim *sim, const struct txn *txn,
                           const struct reading *reading)
{
    for (size_t i = 0; txn != NULL && i < txn->offset_count; i++) {
        if (txn->offsets[i].partition == reading->record->partition) {
            return;
        }
    }
    if (txn != NULL) {
        complain(sim, INVARIANT_WATERMARK, reading,
                 "is visible without an offset of its partition");
    }
}

void verdict_on(struct sim *sim, const struct log_record *outcome)
{
    struct reading reading;

    if (!read_outcome(sim, &outcome->message, &reading)) {
        sim_violate(sim, INVARIANT_OUTCOME, "an outcome of nothing: %.*s",
                    (int)outcome->message.value.len,
                    (const char *)outcome->message.value.data);
    } else if (++reading.record->seen[reading.index] > 1) {
        complain(sim, INVARIANT_OUTCOME, &reading, "is there twice");
    } else {
        check_id(sim, &reading);
        check_origin(sim, &reading);
        check_together(sim, outcome->txn, &reading);
        check_verdict(sim, &reading);
    }
    json_free(reading.json);
}

/* --- dead letters -----------------------------------------------------------
 */

static const char *letter_header(struct sim *sim, const struct message *letter,
                                 const char *name)
{
    const struct header *header = message_header(letter, name);

    return header == NULL
               ? ""
               : arena_printf(sim->arena, "%.*s", (int)header->value.len,
                              (const char *)header->value.data);
}

static int64_t letter_number(struct sim *sim, const struct message *letter,
                             const char *name)
{
    return strtoll(letter_header(sim, letter, name), NULL, 10);
}

static bool same_header(const struct header *a, const struct header *b)
{
    return strcmp(a->name, b->name) == 0 && bytes_equal(a->value, b->value) &&
           (a->value.data == NULL) == (b->value.data == NULL);
}

/* If a topic requires a key, it is the id of the outcome. */
static bool same_key(const struct sim *sim, const struct message *letter,
                     const struct reading *reading)
{
    const struct message *original = &reading->record->message;

    if (original->key.data == NULL && letter->key.data != NULL &&
        sim->broker->rules.dead_letters.needs_key) {
        return bytes_equal(letter->key, bytes_of(reading->id));
    }
    return bytes_equal(letter->key, original->key) &&
           (letter->key.data == NULL) == (original->key.data == NULL);
}

/* The timestamp is the time of writing. */
static bool same_bytes(const struct message *letter,
                       const struct expected *record)
{
    const struct message *original = &record->message;

    if (!bytes_equal(letter->value, original->value) ||
        (letter->value.data == NULL) != (original->value.data == NULL) ||
        letter->timestamp_ms != 0 ||
        letter->header_count < record->own_headers) {
        return false;
    }
    for (size_t i = 0; i < record->own_headers; i++) {
        if (!same_header(&letter->headers[i], &original->headers[i])) {
            return false;
        }
    }
    return true;
}

static const struct expected *origin_of(const struct reading *reading)
{
    const struct expected *record = reading->record;

    return record->replay_of != NULL ? record->replay_of : record;
}

static bool is_letter_of(struct sim *sim, const struct message *letter,
                         const struct reading *reading)
{
    struct message own =
        message_with_own_headers(letter, DEAD_LETTER_FIRST_HEADER);
    const struct expected *origin = origin_of(reading);
    struct kafka_partition at = {
        letter_header(sim, &own, "waybill-topic"),
        (int32_t)letter_number(sim, &own, "waybill-partition")};

    return broker_number_of(&at) == origin->partition &&
           letter_number(sim, &own, "waybill-offset") == origin->offset &&
           (message_header(&own, "waybill-replays") != NULL) ==
               (reading->record->replay_of != NULL) &&
           strcmp(letter_header(sim, &own, "waybill-attachment"),
                  reading->attachment) == 0;
}

const struct expected *verdict_origin_of_letter(struct sim *sim,
                                                const struct log_record *letter)
{
    const struct log *outcomes = &sim->broker->outcomes;
    const struct expected *origin = NULL;

    for (size_t i = 0; i < outcomes->count && origin == NULL; i++) {
        struct reading reading = {0};

        if (outcomes->records[i].txn == letter->txn &&
            read_outcome(sim, &outcomes->records[i].message, &reading) &&
            is_letter_of(sim, &letter->message, &reading)) {
            origin = origin_of(&reading);
        }
        json_free(reading.json);
    }
    return origin;
}

/* If several records have the same bytes, these do not tell which dead letter
 * belongs to which. */
static size_t count_letters(struct sim *sim, const struct txn *txn,
                            const struct reading *reading, size_t alike)
{
    const struct log *log = &sim->broker->dead_letters;
    size_t count = 0;

    for (size_t i = 0; i < log->count; i++) {
        const struct message *letter = &log->records[i].message;

        if (log->records[i].txn == txn && is_letter_of(sim, letter, reading)) {
            count++;
            if (alike == 1 && (!same_bytes(letter, reading->record) ||
                               !same_key(sim, letter, reading))) {
                complain(sim, INVARIANT_DEAD_LETTER, reading,
                         "the dead letter has other bytes");
            }
        }
    }
    return count;
}

static bool has_failed(const struct reading *reading)
{
    return strcmp(reading->status, "failed") == 0;
}

/* Counts the failures of the transaction that have such a dead letter: two
 * replays may be of records that had one position, in a topic that was created
 * again. */
static size_t count_alike(struct sim *sim, const struct txn *txn,
                          const struct reading *reading)
{
    const struct log *outcomes = &sim->broker->outcomes;
    size_t count = 0;

    for (size_t i = 0; i < outcomes->count; i++) {
        struct reading other = {0};

        if (outcomes->records[i].txn == txn &&
            read_outcome(sim, &outcomes->records[i].message, &other) &&
            has_failed(&other) &&
            origin_of(&other)->partition == origin_of(reading)->partition &&
            origin_of(&other)->offset == origin_of(reading)->offset &&
            (other.record->replay_of != NULL) ==
                (reading->record->replay_of != NULL) &&
            strcmp(other.attachment, reading->attachment) == 0) {
            count++;
        }
        json_free(other.json);
    }
    return count;
}

static size_t count_of(const struct log *log, const struct txn *txn)
{
    size_t count = 0;

    for (size_t i = 0; i < log->count; i++) {
        count += log->records[i].txn == txn;
    }
    return count;
}

void verdict_on_letters(struct sim *sim, const struct txn *txn)
{
    const struct log *outcomes = &sim->broker->outcomes;
    size_t left = count_of(&sim->broker->dead_letters, txn);

    for (size_t i = 0; i < outcomes->count; i++) {
        struct reading reading = {0};

        if (outcomes->records[i].txn != txn) {
            continue;
        }
        if (read_outcome(sim, &outcomes->records[i].message, &reading) &&
            has_failed(&reading)) {
            size_t alike = count_alike(sim, txn, &reading);

            if (count_letters(sim, txn, &reading, alike) != alike) {
                complain(sim, INVARIANT_DEAD_LETTER, &reading,
                         "has not exactly one dead letter");
            }
            left--;
        }
        json_free(reading.json);
    }
    if (left != 0) {
        sim_violate(sim, INVARIANT_DEAD_LETTER,
                    "transaction %u holds a dead letter of no failure",
                    txn->number);
    }
}
