#ifndef WAYBILL_METRICS_H
#define WAYBILL_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "waybill/str.h"

/*
 * What is counted, and how it is written down for Prometheus (exposition
 * format 0.0.4).
 *
 * A counter is a plain uint64_t in the struct of whatever it counts: there is
 * one thread, so adding one is all that it costs. Only a distribution needs
 * more. Who writes them out, and under which names: admin/families.c. Pure.
 */
#define HISTOGRAM_MAX 16

/* Upper bounds, ascending; what is above the last one has a bucket too. */
struct histogram_bounds {
    size_t count; /* at most HISTOGRAM_MAX */
    double bounds[HISTOGRAM_MAX];
};

struct histogram {
    const struct histogram_bounds *bounds;
    uint64_t counts[HISTOGRAM_MAX + 1]; /* each bucket's own */
    double sum;
};

void histogram_init(struct histogram *histogram,
                    const struct histogram_bounds *bounds);
void histogram_observe(struct histogram *histogram, double value);

struct metric_label {
    const char *name;
    const char *value;
};

/* The two lines that a family begins with */
void metrics_begin(struct str *out, const char *name, const char *type,
                   const char *help);
/* A sample; `name` is the family's. */
void metrics_append(struct str *out, const char *name,
                    const struct metric_label *labels, size_t count,
                    double value);
void metrics_append_histogram(struct str *out, const char *name,
                              const struct metric_label *labels, size_t count,
                              const struct histogram *histogram);

#endif
