#include "waybill/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A cut message must not end inside a character: it becomes JSON. */
static void cut_at_character(char *text, size_t len)
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
        cut_at_character(err->message, sizeof(err->message) - 1);
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

void error_put_front(struct error *err, const char *format, ...)
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
        cut_at_character(context.message, room - 1);
    }
    memcpy(err->message, context.message, room);
}

const char *error_class(enum error_kind kind)
{
    switch (kind) {
    case ERROR_SCHEMA:
        return "schema";
    case ERROR_DIGEST_MISMATCH:
        return "digest_mismatch";
    case ERROR_TOO_LARGE:
        return "too_large";
    case ERROR_REJECTED:
        return "rejected";
    case ERROR_NOT_FOUND:
        return "not_found";
    case ERROR_VERIFICATION:
        return "verification";
    case ERROR_AUTH:
        return "auth";
    case ERROR_EXPIRED:
        return "expired";
    /* Of the passing ones an outcome speaks only once they are given up. */
    case ERROR_UNREACHABLE:
    case ERROR_UNAVAILABLE:
    case ERROR_RATE_LIMITED:
    case ERROR_INTERRUPTED:
    case ERROR_CANCELLED:
    case ERROR_ATTEMPTS_EXHAUSTED:
        return "attempts_exhausted";
    case ERROR_CONFIG:
    case ERROR_USAGE:
    case ERROR_FATAL:
    case ERROR_NONE:
        break;
    }
    return "config";
}

enum disposition disposition_of(const struct error *err)
{
    switch (err->kind) {
    case ERROR_UNREACHABLE:
    case ERROR_UNAVAILABLE:
    case ERROR_RATE_LIMITED:
        return DISPOSITION_BACK_OFF;
    case ERROR_INTERRUPTED:
    case ERROR_CANCELLED:
        return DISPOSITION_RETRY;
    case ERROR_AUTH:
        return DISPOSITION_HOLD;
    case ERROR_FATAL:
    case ERROR_USAGE:
    case ERROR_NONE:
        return DISPOSITION_FATAL;
    case ERROR_SCHEMA:
    case ERROR_DIGEST_MISMATCH:
    case ERROR_TOO_LARGE:
    case ERROR_REJECTED:
    case ERROR_NOT_FOUND:
    case ERROR_VERIFICATION:
    case ERROR_CONFIG:
    case ERROR_ATTEMPTS_EXHAUSTED:
    case ERROR_EXPIRED:
        break;
    }
    return DISPOSITION_DEAD_LETTER;
}

int error_exit_code(enum error_kind kind)
{
    switch (kind) {
    case ERROR_NONE:
        return EXIT_OK;
    case ERROR_USAGE:
        return EXIT_USAGE;
    case ERROR_CONFIG:
        return EXIT_CONFIG;
    case ERROR_UNREACHABLE:
    case ERROR_UNAVAILABLE:
    case ERROR_RATE_LIMITED:
    case ERROR_INTERRUPTED:
    case ERROR_CANCELLED:
    case ERROR_ATTEMPTS_EXHAUSTED:
        return EXIT_TEMPORARY;
    case ERROR_SCHEMA:
    case ERROR_DIGEST_MISMATCH:
    case ERROR_TOO_LARGE:
    case ERROR_REJECTED:
    case ERROR_NOT_FOUND:
    case ERROR_VERIFICATION:
    case ERROR_AUTH:
    case ERROR_FATAL:
    case ERROR_EXPIRED:
        break;
    }
    return EXIT_FAILED;
}
