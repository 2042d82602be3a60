#include "discord_embed.h"

#include "chat_text.h"
#include "waybill/json.h"

/* Discord's limits are 256 for a title and for the name of a field, 1024 for
 * its value, 2048 for a footer, 25 fields, and 6000 for all of an embed
 * together. With 10 facts and 3 lists of these lengths an embed has less. */
#define MAX_TITLE 256
#define MAX_FACT 140
#define MAX_LIST 1000
#define MAX_FOOTER 520

/* The colors of Discord's own status icons */
static const int64_t colors[] = {
    [CHAT_NEUTRAL] = 0x5865F2,
    [CHAT_GOOD] = 0x23A55A,
    [CHAT_BAD] = 0xF23F43,
};

/* --- an embed ----------------------------------------------------------------
 */

static void append_text(struct json_writer *json, const char *name,
                        const char *value, size_t max, chat_escape_fn *escape)
{
    struct chat_text text;

    chat_text_init(&text, max, escape);
    chat_text_append(&text, value);
    json_append_string(json, name, text.out.data);
    chat_text_release(&text);
}

static void append_fact(struct json_writer *json, const struct chat_fact *fact)
{
    json_open(json, NULL, '{');
    json_append_string(json, "name", fact->name);
    append_text(json, "value", fact->value, MAX_FACT, chat_escape_discord);
    json_append_bool(json, "inline", true);
    json_close(json, '}');
}

static void append_list(struct json_writer *json, const struct chat_list *list)
{
    struct chat_text text;

    chat_text_init(&text, MAX_LIST, chat_escape_discord);
    chat_text_append_lines(&text, list->lines, list->count);
    json_open(json, NULL, '{');
    json_append_string(json, "name", list->name);
    /* Each line follows a line feed. */
    json_append_string(json, "value", text.out.data + 1);
    json_append_bool(json, "inline", false);
    json_close(json, '}');
    chat_text_release(&text);
}

static void append_embed(struct json_writer *json,
                         const struct chat_message *message)
{
    json_open(json, NULL, '{');
    append_text(json, "title", message->title, MAX_TITLE, chat_escape_discord);
    json_append_optional(json, "url", message->link);
    json_append_integer(json, "color", colors[message->mood]);
    json_open(json, "fields", '[');
    for (size_t i = 0; i < message->fact_count; i++) {
        append_fact(json, &message->facts[i]);
    }
    for (size_t i = 0; i < message->list_count; i++) {
        append_list(json, &message->lists[i]);
    }
    json_close(json, ']');
    json_open(json, "footer", '{');
    append_text(json, "text", message->event_id, MAX_FOOTER,
                chat_escape_nothing);
    json_close(json, '}');
    json_close(json, '}');
}

/* --- bodies ------------------------------------------------------------------
 */

static void append_common(struct json_writer *json, const char *username)
{
    json_append_optional(json, "username", username);
    json_open(json, "allowed_mentions", '{');
    json_open(json, "parse", '[');
    json_close(json, ']');
    json_close(json, '}');
}

void discord_append_message(const struct chat_message *message,
                            const char *username, struct str *out)
{
    struct json_writer json = {.out = out};

    json_open(&json, NULL, '{');
    append_common(&json, username);
    json_open(&json, "embeds", '[');
    append_embed(&json, message);
    json_close(&json, ']');
    json_close(&json, '}');
}

static void append_file_message(const char *username, struct str *out)
{
    struct json_writer json = {.out = out};

    json_open(&json, NULL, '{');
    json_append_string(&json, "content", "New Attestation Received");
    append_common(&json, username);
    json_open(&json, "attachments", '[');
    json_open(&json, NULL, '{');
    json_append_string(&json, "id", "0");
    json_append_string(&json, "filename", "statement.txt");
    json_close(&json, '}');
    json_close(&json, ']');
    json_close(&json, '}');
}

/* RFC 7578 */
void discord_append_table(const char *table, const char *username,
                          const char *boundary, struct str *out)
{
    str_printf(out,
               "--%s\r\nContent-Disposition: form-data; "
               "name=\"payload_json\"\r\nContent-Type: "
               "application/json\r\n\r\n",
               boundary);
    append_file_message(username, out);
    str_printf(out,
               "\r\n--%s\r\nContent-Disposition: form-data; name=\"files[0]\"; "
               "filename=\"statement.txt\"\r\nContent-Type: "
               "application/octet-stream\r\n\r\n%s\r\n--%s--\r\n",
               boundary, table, boundary);
}
