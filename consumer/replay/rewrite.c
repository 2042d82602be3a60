#include <string.h>

#include "replay_internal.h"

/* The number of headers that a replay adds */
#define MAX_ADDED 8

struct header_list {
    struct arena *arena;
    struct header *headers;
    size_t count;
};

static void add(struct header_list *to, const char *name, const char *value)
{
    if (value != NULL) {
        to->headers[to->count++] = (struct header){name, bytes_of(value)};
    }
}

static void add_number(struct header_list *to, const char *name, int64_t number)
{
    add(to, name, arena_printf(to->arena, "%lld", (long long)number));
}

/* The headers of the original record are passed on unchanged. */
static void add_original(struct header_list *to, const struct message *original)
{
    size_t count = message_own_headers(original, DEAD_LETTER_FIRST_HEADER);

    for (size_t i = 0; i < count; i++) {
        to->headers[to->count++] = original->headers[i];
    }
}

void dead_letter_rewrite(const struct input *input,
                         const struct dead_letter *dead_letter,
                         const char *topic, struct arena *arena,
                         struct message *ret_message)
{
    const struct message *original = &input->message;
    struct header_list to = {.arena = arena};

    to.headers = arena_alloc(arena, (original->header_count + MAX_ADDED) *
                                        sizeof(struct header));
    add_original(&to, original);
    /* The first of ours: from here on the reader trusts them. */
    add_number(&to, REPLAY_FIRST_HEADER, (int64_t)dead_letter->replays + 1);
    add(&to, "waybill-attachment", dead_letter->attachment);
    add(&to, "waybill-event-id", dead_letter->event_id);
    add(&to, "waybill-topic", dead_letter->topic);
    add_number(&to, "waybill-partition", dead_letter->origin_partition);
    add_number(&to, "waybill-offset", dead_letter->origin_offset);
    if (dead_letter->origin_timestamp_ms > 0) {
        add_number(&to, "waybill-timestamp", dead_letter->origin_timestamp_ms);
    }
    add(&to, "waybill-dead-letter",
        arena_printf(arena, "%s/%d/%lld", original->topic,
                     dead_letter->partition, (long long)dead_letter->offset));
    *ret_message = *original;
    ret_message->topic = topic;
    ret_message->headers = to.headers;
    ret_message->header_count = to.count;
    /* Of now, so that the topic's retention counts from now */
    ret_message->timestamp_ms = 0;
}
