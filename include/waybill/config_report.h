#ifndef WAYBILL_CONFIG_REPORT_H
#define WAYBILL_CONFIG_REPORT_H

#include "waybill/config.h"

/*
 * What is wrong with a configuration, fault by fault, for `waybill check
 * --json`
 */

/* A fault or a warning. line and column are 0 if they are unknown; key and fix
 * are NULL if there is none. `text` is key, message and fix as they are
 * printed. */
struct config_fault {
    const char *file;
    size_t line;
    size_t column;
    const char *key;     /* "registrations[0].repository" */
    const char *message; /* "unknown key" */
    const char *fix;     /* what to do about it */
    const char *text;
    bool is_warning;
};

/* The faults and the warnings, each in the order of the file. The strings are
 * allocated from the arena, which belongs to the caller. */
struct config_report {
    struct arena *arena;
    struct config_fault *faults;
    size_t count;
    size_t omitted; /* faults beyond LIMIT_CONFIG_FAULTS */
};

void config_report_add(struct config_report *report,
                       const struct config_fault *fault);
/* One line for each fault: file:line:column: text */
void config_report_append_text(const struct config_report *report,
                               struct str *out);
/* The same as config_load(), but what is wrong is added to the report. */
int config_load_reporting(const char *path, const struct config_rules *rules,
                          unsigned required, struct settings **ret_settings,
                          struct config_report *report,
                          struct config_files *ret_files) NODISCARD;

#endif
