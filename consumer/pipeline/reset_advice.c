#include "reset_advice.h"

static int64_t count_done(const struct progress *progress, int64_t from,
                          int64_t to)
{
    int64_t count = 0;

    for (int64_t at = offset_set_next(&progress->done, from); at < to;
         at = offset_set_next(&progress->done, at + 1)) {
        count++;
    }
    return count;
}

/* The first offset at or above `from` that is not done */
static int64_t first_open(const struct progress *progress, int64_t from)
{
    while (offset_set_has(&progress->done, from)) {
        from++;
    }
    return from;
}

/* The offset after the last one of which anything is done */
static int64_t end_of_done(const struct progress *progress)
{
    int64_t end = offset_set_end(&progress->done);

    for (size_t i = 0; i < progress->delivery_count; i++) {
        int64_t one = offset_set_end(&progress->deliveries[i].done);

        end = one > end ? one : end;
    }
    return end;
}

static void append_command(const struct kafka_options *options,
                           int32_t partition, int64_t offset, struct str *out)
{
    str_printf(out,
               "kafka-consumer-groups.sh --bootstrap-server %s --group %s "
               "--topic %s:%d --reset-offsets --to-offset %lld --execute",
               options->brokers, options->group, options->topic, (int)partition,
               (long long)offset);
}

static void append_choice(const struct progress *progress, int64_t safe,
                          int64_t end, struct str *out)
{
    int64_t done = count_done(progress, safe, end);
    int64_t repeated = done > 0 ? done : 1;

    str_printf(out,
               " It skips no record that still exists, but repeats deliveries "
               "of %lld record%s up to offset %lld (their artifacts and "
               "outcome ids stay the same). Offset %lld repeats none, "
               "but skips unfinished ones of lower offsets",
               (long long)repeated, plural_s((uint64_t)repeated),
               (long long)(end - 1), (long long)end);
}

void append_reset_advice(const struct progress *progress,
                         const struct kafka_options *options, int32_t partition,
                         int64_t first, struct str *out)
{
    int64_t watermark = progress->watermark;
    int64_t safe = first_open(progress, first > watermark ? first : watermark);
    int64_t end = end_of_done(progress);
    int64_t lost = first - watermark - count_done(progress, watermark, first);

    str_printf(out,
               "partition %d of topic '%s' begins at offset %lld now. Up to "
               "%lld offset%s deleted before delivery, from %lld on. "
               "Continue at offset %lld: ",
               (int)partition, options->topic, (long long)first,
               (long long)lost, plural_were((uint64_t)lost),
               (long long)watermark, (long long)safe);
    append_command(options, partition, safe, out);
    str_append_text(out, ".");
    if (safe < end) {
        append_choice(progress, safe, end, out);
    } else {
        str_append_text(out, " Nothing is delivered twice");
    }
}
