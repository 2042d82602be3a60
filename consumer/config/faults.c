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

/* --- reports ---------------------------------------------------------------
 */

/* Messages are "KEY: MESSAGE; FIX", or without the first or last part. */
static size_t key_length(const char *text)
{
    size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTU"
                              "VWXYZ0123456789_.-[]");

    return len > 0 && strncmp(text + len, ": ", 2) == 0 ? len : 0;
}

/* The end of the message, where the advice begins: outside of quotation marks,
 * because values may contain anything */
static size_t message_length(const char *text)
{
    static const char question[] = " (did you mean ";
    bool is_quoted = false;

    for (size_t i = 0; text[i] != '\0'; i++) {
        if (!is_quoted &&
            (strncmp(text + i, "; ", 2) == 0 ||
             strncmp(text + i, question, strlen(question)) == 0)) {
            return i;
        }
        if (text[i] == '\'') {
            is_quoted = !is_quoted && (i == 0 || text[i - 1] == ' ');
        }
    }
    return strlen(text);
}

/* Keys from the file may contain anything, including terminal escapes. */
static void split(struct arena *arena, const char *text,
                  struct config_fault *ret_fault)
{
    CLEANUP(str_release) struct str printable = STR_INIT(STR_UNLIMITED);
    size_t key;
    size_t len;

    utf8_append_printable(&printable, text, strlen(text), LIMIT_MESSAGE);
    text = arena_strdup(arena, printable.data);
    ret_fault->text = text;
    key = key_length(text);
    if (key > 0) {
        ret_fault->key = arena_printf(arena, "%.*s", (int)key, text);
        text += key + strlen(": ");
    }
    len = message_length(text);
    ret_fault->message = arena_printf(arena, "%.*s", (int)len, text);
    if (text[len] != '\0') {
        text += len + strspn(text + len, "; ");
        ret_fault->fix = arena_strdup(arena, text);
    }
}

void config_report_add(struct config_report *report,
                       const struct config_fault *fault)
{
    struct config_fault *faults =
        arena_alloc(report->arena, (report->count + 1) * sizeof(*faults));

    for (size_t i = 0; i < report->count; i++) {
        faults[i] = report->faults[i];
    }
    faults[report->count++] = *fault;
    report->faults = faults;
}

void faults_report(const struct faults *faults, bool are_warnings,
                   struct config_report *report)
{
    size_t kept = faults->count < LIMIT_CONFIG_FAULTS ? faults->count
                                                      : LIMIT_CONFIG_FAULTS;

    if (kept > 0) {
        qsort(faults->list, kept, sizeof(struct fault), by_location);
    }
    for (size_t i = 0; i < kept; i++) {
        const struct location *location = &faults->list[i].location;
        struct config_fault fault = {
            .file = arena_strdup(report->arena, location->file),
            .line = location->line,
            .column = location->line > 0 ? location->column : 0,
            .is_warning = are_warnings,
        };

        split(report->arena, faults->list[i].message, &fault);
        config_report_add(report, &fault);
    }
    report->omitted += faults->count - kept;
}

void config_report_append_text(const struct config_report *report,
                               struct str *out)
{
    for (size_t i = 0; i < report->count; i++) {
        const struct config_fault *fault = &report->faults[i];

        if (fault->file != NULL) {
            str_append_text(out, fault->file);
            if (fault->line > 0) {
                str_printf(out, ":%zu:%zu", fault->line, fault->column);
            }
            str_append_text(out, ": ");
        }
        str_printf(out, "%s\n", fault->text);
    }
    if (report->omitted > 0) {
        str_printf(out, "%zu more fault%s not listed\n", report->omitted,
                   plural_are(report->omitted));
    }
}
