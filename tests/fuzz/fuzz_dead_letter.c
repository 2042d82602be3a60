#include <string.h>

#include "fuzz.h"
#include "waybill/dead_letter.h"
#include "waybill/event_decode.h"
#include "waybill/outcome_encode.h"

/* The headers of a record, of its dead letter and of its replay. The input is a
 * list of headers, "name\x1fvalue\x1e"; a value of \x1d is null. A producer may
 * write any of them to the attestations topic, where they must have no meaning.
 * In the topics that only Waybill writes, they must be handled without a crash.
 */

#define MAX_HEADERS 64
#define TOPIC "attestations"
#define PARTITION 3
#define OFFSET 42

static const struct outcome_style style = {.source = "waybill/g",
                                           .group = "g",
                                           .topic = "outcomes",
                                           .dead_letter_topic = "dead"};

static struct bytes part(const uint8_t **at, const uint8_t *end, uint8_t stop)
{
    const uint8_t *from = *at;

    while (*at < end && **at != stop) {
        (*at)++;
    }
    *at += *at < end;
    return (struct bytes){from, (size_t)(*at - from) -
                                    (*at > from && (*at)[-1] == stop)};
}

static size_t parse(const uint8_t *data, size_t size, struct arena *arena,
                    struct header headers[MAX_HEADERS])
{
    const uint8_t *at = data;
    size_t count = 0;

    while (at < data + size && count < MAX_HEADERS) {
        struct bytes name = part(&at, data + size, 0x1f);

        headers[count].name =
            arena_printf(arena, "%.*s", (int)name.len, (const char *)name.data);
        headers[count].value = part(&at, data + size, 0x1e);
        if (headers[count].value.len == 1 &&
            headers[count].value.data[0] == 0x1d) {
            headers[count].value = (struct bytes){NULL, 0};
        }
        count++;
    }
    return count;
}

static void check_kept(const struct message *message,
                       const struct header *headers, size_t count,
                       const char *first)
{
    CHECK(message_own_headers(message, first) == count);
    for (size_t i = 0; i < count; i++) {
        CHECK(strcmp(message->headers[i].name, headers[i].name) == 0);
        CHECK(bytes_equal(message->headers[i].value, headers[i].value));
    }
}

/* The dead letter of a record of the attestations topic refers to that record,
 * to no attachment, and is not a replay, whatever its headers contain; the same
 * holds for the dead letter of its replay. */
static void check_producer(const struct header *headers, size_t count,
                           struct arena *arena)
{
    struct input input = {.message = {.topic = TOPIC,
                                      .value = bytes_of("not JSON"),
                                      .headers = headers,
                                      .header_count = count},
                          .partition = PARTITION,
                          .offset = OFFSET};

    for (unsigned replays = 0; replays < 3; replays++) {
        struct outcome outcome = {.input = &input, .status = OUTCOME_FAILED};
        struct dead_letter letter;
        struct message message;
        struct event event;

        CHECK(event_decode(&input, SIZE_MAX, arena, &event, &outcome.error) <
              0);
        CHECK(event.replay_attachment == NULL);
        outcome.event = &event;
        dead_letter_encode(&outcome, &style, arena, &message);
        check_kept(&message, headers, count, DEAD_LETTER_FIRST_HEADER);
        input = (struct input){.message = message};
        dead_letter_read(&input, arena, &letter);
        CHECK(letter.state == DEAD_LETTER_WAITING);
        CHECK(strcmp(letter.topic, TOPIC) == 0);
        CHECK(letter.origin_partition == PARTITION);
        CHECK(letter.origin_offset == OFFSET);
        CHECK(letter.attachment == NULL && letter.replays == replays);
        dead_letter_rewrite(&input, &letter, "replays", arena, &message);
        check_kept(&message, headers, count, REPLAY_FIRST_HEADER);
        input = (struct input){.message = message, .is_replay = true};
    }
}

/* Headers that are trusted may still have any value. */
static void survive(const struct header *headers, size_t count,
                    struct arena *arena)
{
    struct input input = {
        .message = {.topic = "dead", .headers = headers, .header_count = count},
        .is_replay = true};
    struct dead_letter letter;
    struct message message;
    struct position origin;
    struct event event;
    struct error err;

    input_origin(&input, arena, &origin);
    CHECK(event_decode(&input, SIZE_MAX, arena, &event, &err) < 0);
    dead_letter_read(&input, arena, &letter);
    if (letter.state != DEAD_LETTER_UNREADABLE) {
        dead_letter_rewrite(&input, &letter, "replays", arena, &message);
        input.message = message;
        CHECK(input_origin(&input, arena, &origin) ||
              strlen(letter.topic) > 249);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    struct header headers[MAX_HEADERS];
    size_t count = parse(data, size, arena, headers);

    check_producer(headers, count, arena);
    survive(headers, count, arena);
    arena_free(arena);
    return 0;
}
