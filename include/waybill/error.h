#ifndef WAYBILL_ERROR_H
#define WAYBILL_ERROR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include "waybill/compiler.h"
#include "waybill/limits.h"

/*
 * What went wrong, said once, where it happened, and read once, where it is
 * decided what that means for the record.
 *
 * A function that can fail takes `struct error *err` last, returns 0 or -1, and
 * touches err only when it fails (its out-parameters only when it does not). On
 * the way up context is put in front: error_prefix(err, "push '%s'", name).
 * Messages: lower case, no full stop, the subject in single quotes, the cause
 * behind a colon; never a password, a token or a header's value.
 *
 * The message has room for LIMIT_MESSAGE bytes, which is what a dead letter may
 * carry; what is longer is cut at a character, so nobody frees an error.
 */
enum error_kind {
    ERROR_NONE = 0,
    /* The record can never succeed as it is. */
    ERROR_SCHEMA,          /* not the JSON that an event is */
    ERROR_DIGEST_MISMATCH, /* says another digest than its bytes have */
    ERROR_TOO_LARGE,
    ERROR_REJECTED, /* the registry will not have it */
    ERROR_NOT_FOUND,
    ERROR_CONFIG, /* the attachment or the file cannot work */
    /* It would succeed once somebody has mended the credentials. */
    ERROR_AUTH,
    /* Later it may succeed by itself. */
    ERROR_UNREACHABLE,  /* no answer: name, connection, TLS, time */
    ERROR_UNAVAILABLE,  /* an answer that says: not now (5xx) */
    ERROR_RATE_LIMITED, /* an answer that says: not so often (429) */
    ERROR_INTERRUPTED,  /* what was begun is gone: again from the start */
    /* The caller's own doing, or ours. */
    ERROR_USAGE,
    ERROR_CANCELLED,
    ERROR_FATAL,
    /* What a delivery ends with when retries are used up. */
    ERROR_ATTEMPTS_EXHAUSTED,
    ERROR_KINDS, /* how many there are; not a kind. Add new ones before it. */
};

#define ERROR_CODE_SIZE 64

struct error {
    enum error_kind kind;
    int http_status; /* 0: there was no answer */
    bool unsent;     /* of a request without an answer: none of it has left */
    uint32_t retry_after_ms;    /* 0: the other side did not say */
    char code[ERROR_CODE_SIZE]; /* the registry's own, e.g. DENIED */
    char message[LIMIT_MESSAGE + 1];
};

/* Both are -1, so that one can write `return error_set(...)`; macros, so that
 * compilers and analysers know it too. */
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

/* What an error means for the record that it was met with. */
enum disposition {
    DISPOSITION_RETRY,       /* again after a pause, until caps are used up */
    DISPOSITION_BACK_OFF,    /* so, and the host is in trouble for all */
    DISPOSITION_HOLD,        /* again, slowly, for ever: a person must act */
    DISPOSITION_DEAD_LETTER, /* never again */
    DISPOSITION_FATAL,       /* the process cannot go on */
    DISPOSITIONS,            /* how many there are */
};

/* sysexits(3), as far as they are used; the command line's promises. */
enum {
    EXIT_OK = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_TEMPORARY = 75,
    EXIT_CONFIG = 78,
};

/*
 * Everything that depends on the kind of an error stands in one row of one
 * table (base/error.c); other modules look it up and keep no list of their own.
 *
 * `error_class` is what outcomes and dead letters contain (wire format).
 * Several kinds can have the same class. The row whose name is its class
 * describes that class, so each class has exactly one such row. The last rows
 * have no kind: they describe classes that this version does not write, but
 * that the wire format promises and that dead letters of another version may
 * contain.
 */
struct error_row {
    enum error_kind kind; /* ERROR_KINDS: the row describes a class only */
    const char *name;     /* the label `kind` of the metrics about attempts */
    const char *error_class;
    enum disposition disposition;
    int exit_code;       /* of a command that ends with such an error */
    const char *meaning; /* for the operator: what happened, in a sentence */
    const char *remedy;  /* ... and what to do about it */
};

/* The rows of all kinds, in the order of the enum, then the classes without a
 * kind, then a row without a name. */
extern const struct error_row error_table[];

const struct error_row *error_row(enum error_kind kind);
/* True for the one row that describes its class. */
bool error_row_is_class(const struct error_row *row);
/* The row that describes the class, or NULL: it is not one of ours. */
const struct error_row *error_class_find(const char *error_class);

const char *error_class(enum error_kind kind);
enum disposition disposition_of(const struct error *err);
int error_exit_code(enum error_kind kind);

#endif
