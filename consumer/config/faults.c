#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_internal.h"
#include "waybill/utf8.h"

struct fault {
    struct location location;
    size_t order;
    const char *message;
};

void fault_add(struct faults *faults, const struct location *location,
               const char *format, ...)
{
    char message[LIMIT_MESSAGE];
    va_list args;

    if (faults->list == NULL) {
        faults->list = arena_alloc(faults->arena,
                                   LIMIT_CONFIG_FAULTS * sizeof(struct fault));
    }
    if (faults->count < LIMIT_CONFIG_FAULTS) {
        struct fault *fault = &faults->list[faults->count];

        va_start(args, format);
        vsnprintf(message, sizeof(message), format, args);
        va_end(args);
        fault->location = *location;
        fault->order = faults->count;
        fault->message = arena_strdup(faults->arena, message);
    }
    faults->count++;
}

static int by_location(const void *a, const void *b)
{
    const struct fault *first = a;
    const struct fault *second = b;

    if (first->location.line != second->location.line) {
        return first->location.line < second->location.line ? -1 : 1;
    }
    if (first->location.column != second->location.column) {
        return first->location.column < second->location.column ? -1 : 1;
    }
    return first->order < second->order ? -1 : 1;
}

void faults_append(const struct faults *faults, struct str *out)
{
    size_t kept = faults->count < LIMIT_CONFIG_FAULTS ? faults->count
                                                      : LIMIT_CONFIG_FAULTS;

    if (kept == 0) {
        return;
    }
    qsort(faults->list, kept, sizeof(struct fault), by_location);
    for (size_t i = 0; i < kept; i++) {
        const struct fault *fault = &faults->list[i];

        str_append_text(out, fault->location.file);
        if (fault->location.line > 0) {
            str_printf(out, ":%zu:%zu", fault->location.line,
                       fault->location.column);
        }
        /* Keys from the file may contain anything, including terminal escapes.
         */
        str_append_text(out, ": ");
        utf8_append_printable(out, fault->message, strlen(fault->message),
                              LIMIT_MESSAGE);
        str_append_char(out, '\n');
    }
    if (faults->count > kept) {
        str_printf(out, "... and %zu more\n", faults->count - kept);
    }
}
