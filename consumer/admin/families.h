#ifndef WAYBILL_ADMIN_FAMILIES_H
#define WAYBILL_ADMIN_FAMILIES_H

#include "admin_internal.h"

/* What families.c shares with the files that append the samples of some of its
 * families */

struct exposition {
    struct str *out;
    const struct family *family;
    const struct status *status;
    const struct admin_options *options;
    const struct usage *usage;
};

struct family {
    const char *name;
    const char *type;
    const char *labels; /* for the reference; NULL for none */
    const char *help;
    void (*append_samples)(const struct exposition *to);
};

static inline void append_sample(const struct exposition *to,
                                 const struct metric_label *labels,
                                 size_t count, double value)
{
    metrics_append(to->out, to->family->name, labels, count, value);
}

/* --- families_topics.c: the topics that are written to --- */
void append_topic_rejected(const struct exposition *to);
void append_topic_withheld(const struct exposition *to);
void append_topic_blocked(const struct exposition *to);

/* --- families_process.c --- */
void append_process_cpu(const struct exposition *to);
void append_process_resident(const struct exposition *to);
void append_process_virtual(const struct exposition *to);
void append_process_open_files(const struct exposition *to);
void append_process_max_files(const struct exposition *to);
void append_process_start(const struct exposition *to);

#endif
