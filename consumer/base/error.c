#include "waybill/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A message becomes JSON, so it must not be truncated inside a UTF-8
 * character. */
static void truncate_at_character(char *text, size_t len)
{
    size_t start = len;

    while (start > 0 && ((unsigned char)text[start - 1] & 0xC0) == 0x80) {
        start--;
    }
    if (start > 0 && (unsigned char)text[start - 1] >= 0xC0) {
        text[start - 1] = '\0';
    } else {
        text[start] = '\0';
    }
}

static void set_message(struct error *err, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

static void set_message(struct error *err, const char *format, va_list args)
{
    int len = vsnprintf(err->message, sizeof(err->message), format, args);

    if (len >= (int)sizeof(err->message)) {
        truncate_at_character(err->message, sizeof(err->message) - 1);
    }
}

void error_vfill(struct error *err, enum error_kind kind, const char *format,
                 va_list args)
{
    *err = (struct error){.kind = kind};
    set_message(err, format, args);
}

void error_fill(struct error *err, enum error_kind kind, const char *format,
                ...)
{
    va_list args;

    va_start(args, format);
    error_vfill(err, kind, format, args);
    va_end(args);
}

void error_append(struct error *err, const char *format, ...)
{
    struct error end = {0};
    va_list args;
    size_t used = strlen(err->message);
    size_t room = sizeof(err->message) - used;

    va_start(args, format);
    set_message(&end, format, args);
    va_end(args);
    if (snprintf(err->message + used, room, "%s", end.message) >= (int)room) {
        truncate_at_character(err->message, sizeof(err->message) - 1);
    }
}

void error_prepend(struct error *err, const char *format, ...)
{
    struct error context = {0};
    va_list args;
    int len;
    size_t room = sizeof(context.message);
    size_t used;

    va_start(args, format);
    set_message(&context, format, args);
    va_end(args);
    used = strlen(context.message);
    len = snprintf(context.message + used, room - used, ": %s", err->message);
    if ((size_t)len >= room - used) {
        truncate_at_character(context.message, room - 1);
    }
    memcpy(err->message, context.message, room);
}

/* --- the table ------------------------------------------------------------ */

/* A kind that is retried becomes ERROR_ATTEMPTS_EXHAUSTED when the retries are
 * used up, so it has the same class. The kinds that concern the process rather
 * than a record have the class `config`: no outcome is written for them. */
#define EXHAUSTED "attempts_exhausted"

const struct error_row error_table[] = {
    {ERROR_NONE, "none", "config", DISPOSITION_FATAL, EXIT_OK,
     "Nothing has failed.", "Do nothing."},
    {ERROR_SCHEMA, "schema", "schema", DISPOSITION_DEAD_LETTER, EXIT_FAILED,
     "The record is not an attestation event: it is not JSON, or a member is "
     "missing or has the wrong type. The message names the member.",
     "Correct the producer and publish the event again. Replaying this record "
     "helps only if a newer version of Waybill accepts it."},
    {ERROR_DIGEST_MISMATCH, "digest_mismatch", "digest_mismatch",
     DISPOSITION_DEAD_LETTER, EXIT_FAILED,
     "The digest in the event is not that of its envelope: the envelope was "
     "changed in transit, or the producer computed the digest of other bytes.",
     "Find out which of the two has happened. A replay of this record fails "
     "again, so the event has to be published again."},
    {ERROR_TOO_LARGE, "too_large", "too_large", DISPOSITION_DEAD_LETTER,
     EXIT_FAILED, "The event is larger than Waybill or the endpoint accepts.",
     "Raise delivery.max_event_size or the endpoint's limit, then replay."},
    {ERROR_REJECTED, "rejected", "rejected", DISPOSITION_DEAD_LETTER,
     EXIT_FAILED,
     "The endpoint rejected the delivery and would reject it again, or this "
     "version of Waybill does not support it. The message says which.",
     "Change what the message names (the endpoint's policy, the registration "
     "or the producer), then replay."},
    {ERROR_NOT_FOUND, "not_found", "not_found", DISPOSITION_DEAD_LETTER,
     EXIT_FAILED,
     "The destination, such as a repository, does not exist, and the endpoint "
     "does not create it on its own.",
     "Create it or correct the registration, then replay."},
    {ERROR_CONFIG, "config", "config", DISPOSITION_DEAD_LETTER, EXIT_CONFIG,
     "The attachment cannot work with its configuration.",
     "Correct the configuration (`waybill check` finds most faults), then "
     "replay."},
    {ERROR_AUTH, "auth", "auth", DISPOSITION_HOLD, EXIT_FAILED,
     "The endpoint refused the credentials.",
     "Correct the registration's credentials or their permissions at the "
     "endpoint, then replay."},
    {ERROR_BLOCKED, "blocked", EXHAUSTED, DISPOSITION_SUSPEND, EXIT_TEMPORARY,
     "The endpoint accepts no deliveries at present: it is read-only, a quota "
     "is used up, or it refers to a host that Waybill may not contact. The "
     "message says which.",
     "End the read-only mode, free space or raise the quota, or allow the host "
     "(registries.allowed). Waybill holds the deliveries and retries them on "
     "its own."},
    {ERROR_UNREACHABLE, "unreachable", EXHAUSTED, DISPOSITION_BACK_OFF,
     EXIT_TEMPORARY,
     "There was no response: name resolution, the connection or TLS failed, or "
     "the time limit was exceeded.",
     "If this persists, check the address, the network and the certificates."},
    {ERROR_UNAVAILABLE, "unavailable", EXHAUSTED, DISPOSITION_BACK_OFF,
     EXIT_TEMPORARY, "The endpoint could not process the request (HTTP 5xx).",
     "If this persists, read the endpoint's own log."},
    {ERROR_INTERMEDIARY, "intermediary", EXHAUSTED, DISPOSITION_BACK_OFF,
     EXIT_TEMPORARY,
     "The response did not come from the endpoint itself but from a system "
     "between Waybill and the endpoint: a proxy, an ingress without a backend, "
     "or a login page.",
     "Wait if the endpoint is being restarted. Otherwise check the address, "
     "the proxy and the ingress."},
    {ERROR_RATE_LIMITED, "rate_limited", EXHAUSTED, DISPOSITION_BACK_OFF,
     EXIT_TEMPORARY, "The endpoint received too many requests (HTTP 429).",
     "Wait: Waybill reduces its rate on its own. If the backlog grows, raise "
     "the limit of the endpoint."},
    {ERROR_INTERRUPTED, "interrupted", EXHAUSTED, DISPOSITION_RETRY,
     EXIT_TEMPORARY,
     "Something that the attempt depended on is gone, such as an upload "
     "session. The next attempt starts from the beginning.",
     "Do nothing, unless every attempt ends like this."},
    {ERROR_USAGE, "usage", "config", DISPOSITION_FATAL, EXIT_USAGE,
     "The command does not accept one of its arguments.",
     "Correct the command line."},
    {ERROR_CANCELLED, "cancelled", EXHAUSTED, DISPOSITION_FATAL, EXIT_TEMPORARY,
     "A signal has ended the command before it was done.",
     "Run the command again."},
    {ERROR_FATAL, "fatal", "config", DISPOSITION_FATAL, EXIT_FAILED,
     "The process cannot continue. The message says why.",
     "Do what the message says, and start the process again."},
    {ERROR_ATTEMPTS_EXHAUSTED, EXHAUSTED, EXHAUSTED, DISPOSITION_DEAD_LETTER,
     EXIT_TEMPORARY,
     "The endpoint was unreachable or overloaded until all attempts were used "
     "up (delivery.max_attempts and delivery.max_age).",
     "The record itself is valid. Replay it once the endpoint works again."},
    /* Classes without a kind */
    {ERROR_KINDS, "verification", "verification", DISPOSITION_DEAD_LETTER,
     EXIT_FAILED,
     "The signature could not be verified, so nothing was delivered.",
     "Find out who has signed it. Replay only if the verification keys were "
     "wrong, not the signature."},
    {ERROR_KINDS, "expired", "expired", DISPOSITION_DEAD_LETTER, EXIT_FAILED,
     "The delivery did not succeed before it was too old (delivery.max_age).",
     "The record itself is valid. Replay it once the endpoint works again."},
    {.name = NULL},
};

#define CLASSES_WITHOUT_KIND 2

_Static_assert(ARRAY_SIZE(error_table) ==
                   ERROR_KINDS + CLASSES_WITHOUT_KIND + 1,
               "each kind has a row");

const struct error_row *error_row(enum error_kind kind)
{
    return &error_table[kind < ERROR_KINDS ? kind : ERROR_FATAL];
}

bool error_row_is_class(const struct error_row *row)
{
    return strcmp(row->name, row->error_class) == 0;
}

const struct error_row *error_class_find(const char *error_class)
{
    const struct error_row *row = error_table;

    while (row->name != NULL && strcmp(row->name, error_class) != 0) {
        row++;
    }
    return row->name != NULL && error_row_is_class(row) ? row : NULL;
}

const char *error_class(enum error_kind kind)
{
    return error_row(kind)->error_class;
}

enum disposition disposition_of(const struct error *err)
{
    return error_row(err->kind)->disposition;
}

int error_exit_code(enum error_kind kind)
{
    return error_row(kind)->exit_code;
}
