#include "waybill/metrics.h"

#include <stdbool.h>
#include <string.h>

#define MAX_LABELS 8

void histogram_init(struct histogram *histogram,
                    const struct histogram_bounds *bounds)
{
    *histogram = (struct histogram){.bounds = bounds};
}

void histogram_observe(struct histogram *histogram, double value)
{
    const struct histogram_bounds *bounds = histogram->bounds;
    size_t bucket = 0;

    while (bucket < bounds->count && value > bounds->bounds[bucket]) {
        bucket++;
    }
    histogram->counts[bucket]++;
    histogram->sum += value;
}

/* The format has three escapes; in a help text a quote is not escaped. */
static void append_escaped(struct str *out, const char *text, bool quoted)
{
    for (; *text != '\0'; text++) {
        if (*text == '\\') {
            str_append_text(out, "\\\\");
        } else if (*text == '\n') {
            str_append_text(out, "\\n");
        } else if (*text == '"' && quoted) {
            str_append_text(out, "\\\"");
        } else {
            str_append_char(out, *text);
        }
    }
}

/* Fifteen digits are exact for counts below 10^15; with seventeen, 0.05 would
 * be printed as 0.050000000000000003. */
static void append_number(struct str *out, double value)
{
    str_printf(out, "%.15g", value);
}

void metrics_begin(struct str *out, const char *name, const char *type,
                   const char *help)
{
    str_printf(out, "# HELP %s ", name);
    append_escaped(out, help, false);
    str_printf(out, "\n# TYPE %s %s\n", name, type);
}

static void append_sample(struct str *out, const char *name, const char *suffix,
                          const struct metric_label *labels, size_t count,
                          double value)
{
    str_printf(out, "%s%s", name, suffix);
    for (size_t i = 0; i < count; i++) {
        str_printf(out, "%s%s=\"", i > 0 ? "," : "{", labels[i].name);
        append_escaped(out, labels[i].value, true);
        str_append_char(out, '"');
    }
    str_append_text(out, count > 0 ? "} " : " ");
    append_number(out, value);
    str_append_char(out, '\n');
}

void metrics_append(struct str *out, const char *name,
                    const struct metric_label *labels, size_t count,
                    double value)
{
    append_sample(out, name, "", labels, count, value);
}

/* Buckets are cumulative in the format, unlike histogram.counts. */
void metrics_append_histogram(struct str *out, const char *name,
                              const struct metric_label *labels, size_t count,
                              const struct histogram *histogram)
{
    const struct histogram_bounds *bounds = histogram->bounds;
    struct metric_label bucket_labels[MAX_LABELS + 1];
    size_t label_count = count < MAX_LABELS ? count : MAX_LABELS;
    uint64_t cumulative = 0;

    if (label_count > 0) {
        memcpy(bucket_labels, labels, label_count * sizeof(bucket_labels[0]));
    }
    for (size_t i = 0; i <= bounds->count; i++) {
        CLEANUP(str_release) struct str bound = STR_INIT(32);

        if (i < bounds->count) {
            append_number(&bound, bounds->bounds[i]);
        } else {
            str_append_text(&bound, "+Inf");
        }
        cumulative += histogram->counts[i];
        bucket_labels[label_count] = (struct metric_label){"le", bound.data};
        append_sample(out, name, "_bucket", bucket_labels, label_count + 1,
                      (double)cumulative);
    }
    append_sample(out, name, "_sum", labels, label_count, histogram->sum);
    append_sample(out, name, "_count", labels, label_count, (double)cumulative);
}
