#ifndef WAYBILL_METRICS_H
#define WAYBILL_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "waybill/str.h"

/*
 * Histograms, and the text format of Prometheus (exposition format 0.0.4).
 *
 * A counter needs no type of its own: it is a plain uint64_t in the struct of
 * the module that counts, incremented by the only thread that uses it. The
 * metric families and their names are in admin/families.c.
 *
 * The functions are pure.
 */
#define HISTOGRAM_MAX 16

/* Inclusive upper bounds in ascending order. The bucket "+Inf" is implicit. */
struct histogram_bounds {
    size_t count; /* at most HISTOGRAM_MAX */
    double bounds[HISTOGRAM_MAX];
};

struct histogram {
    const struct histogram_bounds *bounds;
    uint64_t counts[HISTOGRAM_MAX + 1]; /* per bucket, not cumulative */
    double sum;
};

void histogram_init(struct histogram *histogram,
                    const struct histogram_bounds *bounds);
void histogram_observe(struct histogram *histogram, double value);

struct metric_label {
    const char *name;
    const char *value;
};

/* Appends the HELP and TYPE lines of a family. */
void metrics_begin(struct str *out, const char *name, const char *type,
                   const char *help);
/* Appends one sample of the family `name`. */
void metrics_append(struct str *out, const char *name,
                    const struct metric_label *labels, size_t count,
                    double value);
void metrics_append_histogram(struct str *out, const char *name,
                              const struct metric_label *labels, size_t count,
                              const struct histogram *histogram);

#endif
