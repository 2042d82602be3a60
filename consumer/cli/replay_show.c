#include <stdio.h>
#include <string.h>

#include "replay_internal.h"
#include "waybill/json.h"
#include "waybill/utf8.h"

/* How many bytes of a value and of a header are shown: the output is for
 * reading, not for copying. */
#define MAX_VALUE_BYTES 2048
#define MAX_HEADER_BYTES 1024
#define MAX_HEADERS 300
#define LINE_WIDTH 78

static void append_bytes(struct str *out, struct bytes bytes, size_t max)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);

    if (bytes.data == NULL) {
        str_append_text(out, "(none)");
        return;
    }
    utf8_append_printable(&text, bytes.data, bytes.len, max);
    str_append(out, text.data, text.len);
    if (bytes.len > max) {
        str_printf(out, " ... (%zu byte%s)", bytes.len, plural_s(bytes.len));
    }
}

static void append_header(struct str *out, const char *name, struct bytes value,
                          size_t max)
{
    size_t before = out->len;

    str_append_text(out, "  ");
    utf8_append_printable(out, name, strlen(name), 64);
    do {
        str_append_char(out, ' ');
    } while (out->len < before + 36);
    append_bytes(out, value, max);
    str_append_char(out, '\n');
}

static void append_headers(struct str *out, const struct message *message)
{
    size_t count = message->header_count < MAX_HEADERS ? message->header_count
                                                       : MAX_HEADERS;

    str_printf(out, "headers (%zu)\n", message->header_count);
    for (size_t i = 0; i < count; i++) {
        append_header(out, message->headers[i].name, message->headers[i].value,
                      MAX_HEADER_BYTES);
    }
    if (count < message->header_count) {
        str_printf(out, "  ... and %zu more\n", message->header_count - count);
    }
}

static void append_paragraph(struct str *out, const char *text)
{
    str_append_text(out, "  ");
    append_wrapped(out, text, 2, LINE_WIDTH);
}

void append_quoted(struct str *out, const char *text)
{
    str_append_char(out, '\'');
    for (; *text != '\0'; text++) {
        str_append_text(out, *text == '\'' ? "'\\''" : "");
        if (*text != '\'') {
            str_append_char(out, *text);
        }
    }
    str_append_char(out, '\'');
}

static void append_command(struct str *out,
                           const struct replay_context *context,
                           const struct dead_letter *dead_letter)
{
    const char *config = args_option(context->args, "--config");
    bool force = dead_letter->state == DEAD_LETTER_QUARANTINED ||
                 dead_letter->state == DEAD_LETTER_FOREIGN;

    str_append_text(out, "waybill ");
    if (config != NULL) {
        str_append_text(out, "--config ");
        append_quoted(out, config);
        str_append_char(out, ' ');
    }
    str_printf(out, "replay run --dead-letter %d/%lld%s --yes",
               dead_letter->partition, (long long)dead_letter->offset,
               force ? " --force" : "");
}

static bool can_be_replayed(const struct dead_letter *dead_letter)
{
    return dead_letter->state == DEAD_LETTER_WAITING ||
           dead_letter->state == DEAD_LETTER_QUARANTINED ||
           dead_letter->state == DEAD_LETTER_FOREIGN;
}

static void append_explanation(struct str *out,
                               const struct replay_context *context,
                               const struct dead_letter *dead_letter)
{
    struct explanation explanation = dead_letter_explain(dead_letter);

    str_append_text(out, "what happened\n");
    append_paragraph(out, explanation.meaning);
    str_append_text(out, "what to do\n");
    append_paragraph(out, explanation.remedy);
    str_printf(out, "state: %s\n", dead_letter_state_name(dead_letter->state));
    append_paragraph(out, dead_letter_state_explain(dead_letter->state));
    if (dead_letter->newer != NULL) {
        str_printf(out, "  Show the newer one: waybill replay show %d/%lld\n",
                   dead_letter->newer->partition,
                   (long long)dead_letter->newer->offset);
    }
    if (can_be_replayed(dead_letter)) {
        str_append_text(out, "to replay it\n  ");
        append_command(out, context, dead_letter);
        str_append_char(out, '\n');
    }
}

static void append_text(struct str *out, const struct replay_context *context,
                        const struct dead_letter *dead_letter,
                        const struct input *input)
{
    const struct message *message = &input->message;
    char time[CLOCK_TEXT_SIZE];

    str_printf(out, "dead letter %d/%lld of topic '%s'", dead_letter->partition,
               (long long)dead_letter->offset, context->options.dead_letters);
    if (message->timestamp_ms > 0) {
        str_printf(out, ", written at %s",
                   clock_format(message->timestamp_ms, time));
    }
    str_append_text(out, "\nkey\n  ");
    append_bytes(out, message->key, MAX_HEADER_BYTES);
    str_append_char(out, '\n');
    append_headers(out, message);
    str_printf(out, "value (%zu byte%s)\n  ", message->value.len,
               plural_s(message->value.len));
    append_bytes(out, message->value, MAX_VALUE_BYTES);
    str_append_char(out, '\n');
    append_explanation(out, context, dead_letter);
}

static void append_bytes_json(struct json_writer *json, const char *name,
                              struct bytes bytes, size_t max)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);

    if (bytes.data != NULL) {
        utf8_append_printable(&text, bytes.data, bytes.len, max);
        json_append_string(json, name, text.data);
    } else if (name == NULL) {
        json_append_raw(json, name, "null", 4);
    }
}

static void append_headers_json(struct json_writer *json,
                                const struct message *message)
{
    json_open(json, "headers", '[');
    for (size_t i = 0; i < message->header_count && i < MAX_HEADERS; i++) {
        json_open(json, NULL, '[');
        json_append_string(json, NULL, message->headers[i].name);
        append_bytes_json(json, NULL, message->headers[i].value,
                          MAX_HEADER_BYTES);
        json_close(json, ']');
    }
    json_close(json, ']');
}

static void append_json(struct str *out, const struct replay_context *context,
                        const struct dead_letter *dead_letter,
                        const struct input *input)
{
    CLEANUP(str_release) struct str command = STR_INIT(STR_UNLIMITED);
    struct explanation explanation = dead_letter_explain(dead_letter);
    struct json_writer json = {.out = out};

    append_command(&command, context, dead_letter);
    json_open(&json, NULL, '{');
    append_dead_letter_json(&json, dead_letter);
    append_bytes_json(&json, "key", input->message.key, MAX_HEADER_BYTES);
    append_headers_json(&json, &input->message);
    append_bytes_json(&json, "value", input->message.value, MAX_VALUE_BYTES);
    json_append_string(&json, "meaning", explanation.meaning);
    json_append_string(&json, "remedy", explanation.remedy);
    /* Deprecated: the names of these members until 0.2 */
    json_append_string(&json, "why", explanation.meaning);
    json_append_string(&json, "mend", explanation.remedy);
    json_append_string(&json, "state_means",
                       dead_letter_state_explain(dead_letter->state));
    json_append_optional(&json, "command",
                         can_be_replayed(dead_letter) ? command.data : NULL);
    json_close(&json, '}');
    str_append_char(out, '\n');
}

static int print_dead_letter(struct replay_context *context,
                             const struct dead_letter *dead_letter)
{
    CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);
    struct input input;
    struct error err;

    if (replay_fetch(context->replay, dead_letter, &input, &err) < 0) {
        return replay_report_error(&err);
    }
    if (context->json) {
        append_json(&out, context, dead_letter, &input);
    } else {
        append_text(&out, context, dead_letter, &input);
    }
    print_str(&out);
    return EXIT_OK;
}

int replay_show(struct replay_context *context)
{
    const char *position = context->args->operands[1];
    const struct dead_letter_list *list;
    struct filter filter = {0};
    struct error err;
    int status = EXIT_OK;

    if (filter_add(&filter, "--dead-letter", position, 0, &err) < 0) {
        usage_error("replay",
                    "'replay show' needs the PARTITION/OFFSET of a dead "
                    "letter, as 'replay list' prints it, not '%s'",
                    position);
        return EXIT_USAGE;
    }
    context->options.filter = filter;
    if (replay_context_open(context, false, &status) == NULL) {
        return status;
    }
    list = replay_dead_letters(context->replay);
    for (size_t i = 0; i < list->count; i++) {
        if (list->all[i].matches) {
            return print_dead_letter(context, &list->all[i]);
        }
    }
    print_err("waybill: there is no dead letter %s in topic '%s'\n", position,
              context->options.dead_letters);
    return EXIT_FAILED;
}
