#include "slack_blocks.h"

#include <string.h>

#include "chat_text.h"
#include "waybill/json.h"

/* Slack's limits are 150 for a header, 2000 for a field, 3000 for a section,
 * and 50 blocks. All blocks together may have some 13,000 characters, although
 * no page says so (https://github.com/slackapi/bolt-js/issues/2509): with 10
 * fields and 3 lists of these lengths they have less. */
#define MAX_TITLE 150
#define MAX_FIELD 250
#define MAX_LIST 2500
#define MAX_CONTEXT 600
#define MAX_LINK 1800

/* --- parts -------------------------------------------------------------------
 */

/* What an element is besides its text */
enum kind { PLAIN_TEXT, MARKDOWN };

static void append_element(struct json_writer *json, const char *name,
                           enum kind kind, const char *text)
{
    json_open(json, name, '{');
    json_append_string(json, "type",
                       kind == MARKDOWN ? "mrkdwn" : "plain_text");
    json_append_string(json, "text", text);
    if (kind == PLAIN_TEXT) {
        json_append_bool(json, "emoji", false);
    }
    json_close(json, '}');
}

static void open_block(struct json_writer *json, const char *type)
{
    json_open(json, NULL, '{');
    json_append_string(json, "type", type);
}

static void append_header(struct json_writer *json, const char *title)
{
    struct chat_text text;

    chat_text_init(&text, MAX_TITLE, chat_escape_slack);
    chat_text_append(&text, title);
    open_block(json, "header");
    append_element(json, "text", PLAIN_TEXT, text.out.data);
    json_close(json, '}');
    chat_text_release(&text);
}

static void append_fields(struct json_writer *json,
                          const struct chat_message *message)
{
    if (message->fact_count == 0) {
        return;
    }
    open_block(json, "section");
    json_open(json, "fields", '[');
    for (size_t i = 0; i < message->fact_count; i++) {
        struct chat_text text;

        chat_text_init(&text, MAX_FIELD, chat_escape_slack);
        chat_text_append_own(&text, message->facts[i].name);
        chat_text_append_own(&text, "\n");
        chat_text_append(&text, message->facts[i].value);
        append_element(json, NULL, PLAIN_TEXT, text.out.data);
        chat_text_release(&text);
    }
    json_close(json, ']');
    json_close(json, '}');
}

static void append_list(struct json_writer *json, const struct chat_list *list)
{
    struct chat_text text;

    chat_text_init(&text, MAX_LIST, chat_escape_slack);
    chat_text_append_own(&text, list->name);
    chat_text_append_lines(&text, list->lines, list->count);
    open_block(json, "section");
    append_element(json, "text", PLAIN_TEXT, text.out.data);
    json_close(json, '}');
    chat_text_release(&text);
}

/* A vertical bar would end the URL of a link; the other characters that end it
 * cannot be in a valid URL, or are escaped. A URL that is cut leads nowhere. */
static void append_link(struct json_writer *json, const char *url)
{
    struct chat_text text;

    chat_text_init(&text, MAX_LINK, chat_escape_slack);
    chat_text_append_own(&text, "<");
    chat_text_append(&text, url);
    chat_text_append_own(&text, "|Open the run>");
    if (!text.is_cut && strchr(url, '|') == NULL) {
        append_element(json, NULL, MARKDOWN, text.out.data);
    }
    chat_text_release(&text);
}

static void append_context(struct json_writer *json,
                           const struct chat_message *message)
{
    struct chat_text text;

    chat_text_init(&text, MAX_CONTEXT, chat_escape_slack);
    chat_text_append_own(&text, "Event ");
    chat_text_append(&text, message->event_id);
    open_block(json, "context");
    json_open(json, "elements", '[');
    if (message->link != NULL) {
        append_link(json, message->link);
    }
    append_element(json, NULL, PLAIN_TEXT, text.out.data);
    json_close(json, ']');
    json_close(json, '}');
    chat_text_release(&text);
}

/* --- bodies ------------------------------------------------------------------
 */

/* Shown where blocks are not: in notifications and in search */
static void append_fallback(struct json_writer *json, const char *title)
{
    struct chat_text text;

    chat_text_init(&text, MAX_TITLE, chat_escape_slack);
    chat_text_append(&text, title);
    json_append_string(json, "text", text.out.data);
    chat_text_release(&text);
}

void slack_append_message(const struct chat_message *message, struct str *out)
{
    struct json_writer json = {.out = out};

    json_open(&json, NULL, '{');
    append_fallback(&json, message->title);
    json_open(&json, "blocks", '[');
    append_header(&json, message->title);
    append_fields(&json, message);
    for (size_t i = 0; i < message->list_count; i++) {
        append_list(&json, &message->lists[i]);
    }
    append_context(&json, message);
    json_close(&json, ']');
    json_close(&json, '}');
}

/* Three backticks would end the fence: spaces of no width keep them apart. */
static void append_fenced(struct str *out, const char *table)
{
    static const char fence[] = "```";
    static const char harmless[] = "`\xE2\x80\x8B`\xE2\x80\x8B`";

    while (*table != '\0') {
        if (strncmp(table, fence, 3) == 0) {
            str_append_text(out, harmless);
            table += 3;
        } else {
            chat_escape_slack(out, (const unsigned char *)table, 1);
            table++;
        }
    }
}

void slack_append_table(const char *table, struct str *out)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    struct json_writer json = {.out = out};

    str_append_text(&text, "\nNew attestation received!\n```\n");
    append_fenced(&text, table);
    str_append_text(&text, "\n```\n");
    json_open(&json, NULL, '{');
    json_append_string(&json, "text", text.data);
    json_close(&json, '}');
}
