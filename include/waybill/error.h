#ifndef WAYBILL_ERROR_H
#define WAYBILL_ERROR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include "waybill/compiler.h"
#include "waybill/limits.h"

/*
 * Errors. An error is described once, where it occurs, and interpreted once,
 * where its consequence for the record is decided.
 *
 * A function that can fail takes `struct error *err` as its last parameter,
 * returns 0 or -1, and writes to err only on failure (to its out-parameters
 * only on success). Callers prepend context: error_prefix(err, "push '%s'",
 * name). Messages are lower case without a full stop, with the subject in
 * single quotes and the cause after a colon. They never contain a password, a
 * token or the value of a header.
 *
 * A message has at most LIMIT_MESSAGE bytes, the limit of a dead letter's
 * header; a longer one is truncated between characters. An error owns no memory
 * and is never freed.
 */
enum error_kind {
    ERROR_NONE = 0,
    /* The record can never be delivered as it is. */
    ERROR_SCHEMA,          /* not the JSON of an event */
    ERROR_DIGEST_MISMATCH, /* the stated digest differs from the bytes' */
    ERROR_TOO_LARGE,
    ERROR_REJECTED, /* the endpoint rejects the request */
    ERROR_NOT_FOUND,
    ERROR_CONFIG, /* the configuration cannot work */
    /* Delivery can succeed once an operator has acted. */
    ERROR_AUTH,    /* the credentials, or their permissions */
    ERROR_BLOCKED, /* it accepts nothing: read-only, over quota, ... */
    /* A later attempt may succeed. */
    ERROR_UNREACHABLE,  /* no response: DNS, connection, TLS, timeout */
    ERROR_UNAVAILABLE,  /* temporary failure (5xx) */
    ERROR_INTERMEDIARY, /* the response is not from the endpoint itself */
    ERROR_RATE_LIMITED, /* too many requests (429) */
    ERROR_INTERRUPTED,  /* start again, e.g. an upload session is lost */
    /* The cause is the caller or the process itself. */
    ERROR_USAGE,
    ERROR_CANCELLED,
    ERROR_FATAL,
    /* The result of a delivery whose retries are exhausted. */
    ERROR_ATTEMPTS_EXHAUSTED,
    ERROR_KINDS, /* their number, not a kind; add new kinds before it */
};

#define ERROR_CODE_SIZE 64

struct error {
    enum error_kind kind;
    int http_status; /* 0: no response */
    bool unsent;     /* no response, and nothing of the request was sent */
    uint32_t retry_after_ms;    /* 0: not stated by the server */
    char code[ERROR_CODE_SIZE]; /* error code of the registry, e.g. DENIED */
    char message[LIMIT_MESSAGE + 1];
};

/* Both evaluate to -1, for `return error_set(...)`. They are macros, so that
 * compilers and analyzers see the constant. */
static inline int error_failed(void)
{
    return -1;
}
#define error_set(err, kind, ...)                                              \
    (error_fill(err, kind, __VA_ARGS__), error_failed())
#define error_prefix(err, ...) (error_prepend(err, __VA_ARGS__), error_failed())
void error_fill(struct error *err, enum error_kind kind, const char *format,
                ...) PRINTF(3, 4);
void error_vfill(struct error *err, enum error_kind kind, const char *format,
                 va_list args) PRINTF(3, 0);
void error_prepend(struct error *err, const char *format, ...) PRINTF(2, 3);
void error_append(struct error *err, const char *format, ...) PRINTF(2, 3);

/* The consequence of an error for the record that it concerns. */
enum disposition {
    DISPOSITION_RETRY,    /* retry with backoff, up to the limits */
    DISPOSITION_BACK_OFF, /* the same, and slow down the whole endpoint */
    /* Retry slowly until an operator acts. This holds the whole registration,
     * or only the attachment or the delivery if other deliveries of the
     * registration succeed; then the limits apply. */
    DISPOSITION_HOLD,
    DISPOSITION_SUSPEND,     /* the same, but the limits never apply */
    DISPOSITION_DEAD_LETTER, /* do not retry */
    DISPOSITION_FATAL,       /* the process cannot continue */
    DISPOSITIONS,            /* their number */
};

/* Exit codes of the commands, from sysexits(3). */
enum {
    EXIT_OK = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_TEMPORARY = 75,
    EXIT_CONFIG = 78,
};

/*
 * Everything that depends on the kind of an error is in one row of one table
 * (base/error.c); other modules look it up and keep no list of their own.
 *
 * `error_class` is the value in outcomes and dead letters (wire format).
 * Several kinds can have the same class. The row whose name is its class
 * describes that class, so each class has exactly one such row. The last rows
 * have no kind: they describe classes that this version does not write, but
 * that are part of the wire format and may occur in dead letters of other
 * versions.
 */
struct error_row {
    enum error_kind kind; /* ERROR_KINDS: the row describes a class only */
    const char *name;     /* the label `kind` of the metrics about attempts */
    const char *error_class;
    enum disposition disposition;
    int exit_code;       /* of a command that fails with this error */
    const char *meaning; /* for the operator: what happened */
    const char *remedy;  /* ... and what to do about it */
};

/* The rows of all kinds, in the order of the enum, then the classes without a
 * kind, then a row without a name. */
extern const struct error_row error_table[];

const struct error_row *error_row(enum error_kind kind);
/* True for the row that describes its class. */
bool error_row_is_class(const struct error_row *row);
/* The row that describes the class, or NULL if the class is unknown. */
const struct error_row *error_class_find(const char *error_class);

const char *error_class(enum error_kind kind);
enum disposition disposition_of(const struct error *err);
int error_exit_code(enum error_kind kind);

#endif
