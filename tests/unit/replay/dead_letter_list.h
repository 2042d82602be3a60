#ifndef WAYBILL_TESTS_LETTERS_H
#define WAYBILL_TESTS_LETTERS_H

#include "asserts.h"
#include "waybill/replay.h"

/* A dead letter as a Kafka message, of which a test changes what it needs */
#define SAMPLE_HEADERS 16

struct sample {
    struct header headers[SAMPLE_HEADERS];
    size_t own; /* of the record itself, before Waybill's own */
    struct input input;
};

static inline void sample_add(struct sample *sample, const char *name,
                              const char *value)
{
    assert_true(sample->input.message.header_count < SAMPLE_HEADERS);
    sample->headers[sample->input.message.header_count++] =
        (struct header){name, bytes_of(value)};
}

/* NULL: without that header */
static inline void sample_set(struct sample *sample, const char *name,
                              const char *value)
{
    size_t count = sample->input.message.header_count;

    for (size_t i = 0; i < count; i++) {
        if (strcmp(sample->headers[i].name, name) == 0) {
            sample->headers[i].value = bytes_of(value);
            if (value == NULL) {
                memmove(&sample->headers[i], &sample->headers[i + 1],
                        (count - i - 1) * sizeof(struct header));
                sample->input.message.header_count--;
            }
            return;
        }
    }
    if (value != NULL) {
        sample_add(sample, name, value);
    }
}

static inline void sample_init(struct sample *sample)
{
    static const char *const headers[][2] = {
        {"ce_id", "e1"},
        {"waybill-error-class", "not_found"},
        {"waybill-error-code", "NAME_UNKNOWN"},
        {"waybill-error-message", "push: not found"},
        {"waybill-http-status", "404"},
        {"waybill-last-failure", "2026-01-02T03:04:09.000Z"},
        {"waybill-integration", "oci-registry"},
        {"waybill-registration", "ghcr"},
        {"waybill-attachment", "ghcr:w1"},
        {"waybill-topic", "in"},
        {"waybill-partition", "3"},
        {"waybill-offset", "42"},
        {"waybill-group", "g"},
        {"waybill-event-id", "e1"},
    };

    *sample =
        (struct sample){.input = {.message = {.topic = "dead",
                                              .key = bytes_of("k"),
                                              .value = bytes_of("{}"),
                                              .headers = sample->headers,
                                              .timestamp_ms = 1767323000000},
                                  .partition = 2,
                                  .offset = 40}};
    for (size_t i = 0; i < ARRAY_SIZE(headers); i++) {
        sample_add(sample, headers[i][0], headers[i][1]);
    }
}

/* A dead letter of which only the headers matter */
static inline void read_headers(const struct header *headers, size_t count,
                                struct arena *arena,
                                struct dead_letter *ret_dead_letter)
{
    struct input input = {.message = {.topic = "dead",
                                      .headers = headers,
                                      .header_count = count}};

    dead_letter_read(&input, arena, ret_dead_letter);
}

static inline void release_dead_letters(struct dead_letter_list **list)
{
    dead_letter_list_free(*list);
}

/* At this position, with defaults for everything that does not concern a filter
 */
static inline void dead_letter_list_put(struct dead_letter_list *list,
                                        struct sample *sample,
                                        int32_t partition, int64_t offset)
{
    static const struct filter none = {0};

    sample->input.partition = partition;
    sample->input.offset = offset;
    dead_letter_list_add(list, &sample->input, &none);
}

#endif
