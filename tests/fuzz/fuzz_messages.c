#include <string.h>

#include "fuzz.h"
#include "integration/chat_message.h"
#include "integration/discord_embed.h"
#include "integration/slack_blocks.h"
#include "integration/summary_table.h"
#include "waybill/base64.h"
#include "waybill/event_content.h"
#include "waybill/event_decode.h"
#include "waybill/json.h"
#include "waybill/utf8.h"

/*
 * The first line is the state of a run and the name of its workflow, the rest
 * is the predicate that is signed.
 *
 * - Messages are JSON, within the limits of the services.
 * - The table is text without control characters, and each of its lines begins
 *   and ends with a part of the box, unless it is cut.
 */

#define MAX_TABLE 4000
#define SLACK_MOST 13200
#define DISCORD_MOST 6000

static size_t length_of(const struct json *text)
{
    size_t count = 0;

    CHECK(text != NULL && json_is_string(text));
    for (const char *at = json_text(text); *at != '\0'; at++) {
        count += ((unsigned char)*at & 0xC0) != 0x80;
    }
    return count;
}

static struct json *parse(const struct str *body)
{
    struct json *json = NULL;
    struct error err;

    CHECK(json_parse(body->data, body->len, &json, &err) == 0);
    return json;
}

static void check_slack(const struct chat_message *message)
{
    CLEANUP(str_release) struct str body = STR_INIT(STR_UNLIMITED);
    struct json *json;
    size_t all = 0;

    slack_append_message(message, &body);
    json = parse(&body);
    for (const struct json *block = json_first(json_member(json, "blocks"));
         block != NULL; block = json_next(block)) {
        const struct json *text = json_member(block, "text");
        const struct json *fields = json_member(block, "fields");

        if (text != NULL) {
            size_t length = length_of(json_member(text, "text"));

            CHECK(length >= 1 && length <= 3000);
            all += length;
        }
        CHECK(fields == NULL || json_count(fields) <= 10);
    }
    CHECK(all <= SLACK_MOST);
    json_free(json);
}

static void check_discord(const struct chat_message *message)
{
    CLEANUP(str_release) struct str body = STR_INIT(STR_UNLIMITED);
    const struct json *embed;
    struct json *json;
    size_t all;

    discord_append_message(message, NULL, &body);
    CHECK(strstr(body.data, "@everyone") == NULL);
    json = parse(&body);
    embed = json_first(json_member(json, "embeds"));
    all = length_of(json_member(embed, "title"));
    CHECK(all >= 1 && all <= 256);
    all += length_of(json_member(json_member(embed, "footer"), "text"));
    for (const struct json *field = json_first(json_member(embed, "fields"));
         field != NULL; field = json_next(field)) {
        size_t length = length_of(json_member(field, "value"));

        CHECK(length >= 1 && length <= 1024);
        all += length + length_of(json_member(field, "name"));
    }
    CHECK(all <= DISCORD_MOST);
    json_free(json);
}

static bool begins_with(const char *line, const char *const *parts)
{
    for (; *parts != NULL; parts++) {
        if (strncmp(line, *parts, strlen(*parts)) == 0) {
            return true;
        }
    }
    return false;
}

static void check_table(const struct event *event, size_t max)
{
    static const char *const parts[] = {"┌", "│", "├", "└", NULL};
    CLEANUP(str_release) struct str table = STR_INIT(STR_UNLIMITED);
    const char *end;

    summary_table_append(event, max, &table);
    CHECK(utf8_is_text(table.data, table.len));
    CHECK(table.len <= 4 * max + 2000);
    for (size_t i = 0; i < table.len; i++) {
        CHECK((unsigned char)table.data[i] >= ' ' || table.data[i] == '\n');
    }
    end = strstr(table.data, "\n\nGet Full Attestation\n\n$ chainloop ");
    CHECK(end != NULL);
    for (const char *line = table.data; line != NULL && line < end;
         line = strchr(line, '\n')) {
        line += *line == '\n';
        CHECK(begins_with(line, parts) || strncmp(line, "... (tr", 7) == 0 ||
              max == MAX_TABLE);
    }
}

static void append_event(struct str *out, const char *name,
                         const char *predicate)
{
    CLEANUP(str_release) struct str statement = STR_INIT(STR_UNLIMITED);
    struct json_writer json = {.out = out};

    str_printf(&statement,
               "{\"_type\":\"https://in-toto.io/Statement/v1\",\"predicate\":"
               "%s}",
               predicate);
    str_append_text(out, "{\"workflow\":{\"id\":\"w\",\"name\":");
    json_append_string(&json, NULL, name);
    str_append_text(out, "},\"run\":{\"state\":");
    json.comma = false;
    json_append_string(&json, NULL, name);
    str_append_text(out, "},\"attestation\":{\"envelope\":{\"payloadType\":"
                         "\"t\",\"payload\":\"");
    base64_encode(out, statement.data, statement.len);
    str_append_text(out, "\",\"signatures\":[]}}}");
}

static void check_event(const struct str *text)
{
    static struct header headers[1]; /* of which none is used */
    struct input input = {
        .message = {.topic = "t", .value = str_bytes(text), .headers = headers},
    };
    struct arena *arena = arena_new();
    struct chat_message message;
    struct event event = {0};
    struct error err;

    if (event_decode(&input, text->len, arena, &event, &err) == 0) {
        chat_message_of(&event, arena, &message);
        check_slack(&message);
        check_discord(&message);
        check_table(&event, MAX_TABLE);
        check_table(&event, (size_t)1 << 20);
    }
    event_release(&event);
    arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(str_release) struct str name = STR_INIT(STR_UNLIMITED);
    CLEANUP(str_release) struct str predicate = STR_INIT(STR_UNLIMITED);
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    const uint8_t *end = memchr(data, '\n', size);

    if (end == NULL || memchr(data, '\0', size) != NULL) {
        return 0;
    }
    str_append(&name, data, (size_t)(end - data));
    str_append(&predicate, end + 1, size - (size_t)(end - data) - 1);
    append_event(&text, name.data, predicate.data);
    check_event(&text);
    return 0;
}
