#include "waybill/metrics.h"

#include <stdbool.h>
#include <string.h>

#define MOST_LABELS 8

void histogram_init(struct histogram *histogram,
                    const struct histogram_bounds *bounds)
{
    *histogram = (struct histogram){.bounds = bounds};
}

void histogram_observe(struct histogram *histogram, double value)
{
    const struct histogram_bounds *bounds = histogram->bounds;
    size_t place = 0;

    while (place < bounds->count && value > bounds->bounds[place]) {
        place++;
    }
    histogram->counts[place]++;
    histogram->sum += value;
}

/* The format knows three escapes, and in a help text a quote needs none. */
static void put_escaped(struct str *out, const char *text, bool quoted)
{
    for (; *text != '\0'; text++) {
        if (*text == '\\') {
            str_puts(out, "\\\\");
        } else if (*text == '\n') {
            str_puts(out, "\\n");
        } else if (*text == '"' && quoted) {
            str_puts(out, "\\\"");
        } else {
            str_putc(out, *text);
        }
    }
}

/* Whole ones as such: fifteen digits hold every count, seventeen would write
 * 0.05 as something else. */
static void put_number(struct str *out, double value)
{
    str_printf(out, "%.15g", value);
}

void metrics_begin(struct str *out, const char *name, const char *type,
                   const char *help)
{
    str_printf(out, "# HELP %s ", name);
    put_escaped(out, help, false);
    str_printf(out, "\n# TYPE %s %s\n", name, type);
}

static void put_sample(struct str *out, const char *name, const char *suffix,
                       const struct metric_label *labels, size_t count,
                       double value)
{
    str_printf(out, "%s%s", name, suffix);
    for (size_t i = 0; i < count; i++) {
        str_printf(out, "%s%s=\"", i > 0 ? "," : "{", labels[i].name);
        put_escaped(out, labels[i].value, true);
        str_putc(out, '"');
    }
    str_puts(out, count > 0 ? "} " : " ");
    put_number(out, value);
    str_putc(out, '\n');
}

void metrics_put(struct str *out, const char *name,
                 const struct metric_label *labels, size_t count, double value)
{
    put_sample(out, name, "", labels, count, value);
}

/* Buckets add up, unlike those that are counted in. */
void metrics_put_histogram(struct str *out, const char *name,
                           const struct metric_label *labels, size_t count,
                           const struct histogram *histogram)
{
    const struct histogram_bounds *bounds = histogram->bounds;
    struct metric_label all[MOST_LABELS + 1];
    size_t kept = count < MOST_LABELS ? count : MOST_LABELS;
    uint64_t below = 0;

    if (kept > 0) {
        memcpy(all, labels, kept * sizeof(all[0]));
    }
    for (size_t i = 0; i <= bounds->count; i++) {
        CLEANUP(str_release) struct str bound = STR_INIT(32);

        if (i < bounds->count) {
            put_number(&bound, bounds->bounds[i]);
        } else {
            str_puts(&bound, "+Inf");
        }
        below += histogram->counts[i];
        all[kept] = (struct metric_label){"le", bound.data};
        put_sample(out, name, "_bucket", all, kept + 1, (double)below);
    }
    put_sample(out, name, "_sum", labels, kept, histogram->sum);
    put_sample(out, name, "_count", labels, kept, (double)below);
}
