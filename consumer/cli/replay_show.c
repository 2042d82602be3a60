#include <stdio.h>
#include <string.h>

#include "replay_internal.h"
#include "waybill/json.h"
#include "waybill/utf8.h"

/* What is shown of a value and of a header's: for a look, not for a copy */
#define MOST_VALUE 2048
#define MOST_HEADER 1024
#define MOST_HEADERS 300
#define LINE 78

static void put_bytes(struct str *out, struct bytes bytes, size_t most)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);

    if (bytes.data == NULL) {
        str_puts(out, "(none)");
        return;
    }
    utf8_put_printable(&text, bytes.data, bytes.len, most);
    str_put(out, text.data, text.len);
    if (bytes.len > most) {
        str_printf(out, " ... (%zu bytes)", bytes.len);
    }
}

static void put_row(struct str *out, const char *name, struct bytes value,
                    size_t most)
{
    size_t before = out->len;

    str_puts(out, "  ");
    utf8_put_printable(out, name, strlen(name), 64);
    do {
        str_putc(out, ' ');
    } while (out->len < before + 36);
    put_bytes(out, value, most);
    str_putc(out, '\n');
}

static void put_headers(struct str *out, const struct message *message)
{
    size_t count = message->header_count < MOST_HEADERS ? message->header_count
                                                        : MOST_HEADERS;

    str_printf(out, "headers (%zu)\n", message->header_count);
    for (size_t i = 0; i < count; i++) {
        put_row(out, message->headers[i].name, message->headers[i].value,
                MOST_HEADER);
    }
    if (count < message->header_count) {
        str_printf(out, "  ... and %zu more\n", message->header_count - count);
    }
}

static void put_paragraph(struct str *out, const char *text)
{
    str_puts(out, "  ");
    put_wrapped(out, text, 2, LINE);
}

void put_quoted(struct str *out, const char *text)
{
    str_putc(out, '\'');
    for (; *text != '\0'; text++) {
        str_puts(out, *text == '\'' ? "'\\''" : "");
        if (*text != '\'') {
            str_putc(out, *text);
        }
    }
    str_putc(out, '\'');
}

static void put_command(struct str *out, const struct replaying *replaying,
                        const struct dead_letter *letter)
{
    const char *config = args_option(replaying->args, "--config");
    bool force =
        letter->state == LETTER_QUARANTINED || letter->state == LETTER_FOREIGN;

    str_puts(out, "waybill ");
    if (config != NULL) {
        str_puts(out, "--config ");
        put_quoted(out, config);
        str_putc(out, ' ');
    }
    str_printf(out, "replay run --dead-letter %d/%lld%s --yes",
               letter->partition, (long long)letter->offset,
               force ? " --force" : "");
}

static bool can_be_replayed(const struct dead_letter *letter)
{
    return letter->state == LETTER_WAITING ||
           letter->state == LETTER_QUARANTINED ||
           letter->state == LETTER_FOREIGN;
}

static void put_explanation(struct str *out, const struct replaying *replaying,
                            const struct dead_letter *letter)
{
    struct explanation explanation = dead_letter_explain(letter);

    str_puts(out, "why it is here\n");
    put_paragraph(out, explanation.why);
    str_puts(out, "what would mend it\n");
    put_paragraph(out, explanation.mend);
    str_printf(out, "state: %s\n", letter_state_name(letter->state));
    put_paragraph(out, letter_state_explain(letter->state));
    if (letter->newer != NULL) {
        str_printf(out, "  The newer one: waybill replay show %d/%lld\n",
                   letter->newer->partition, (long long)letter->newer->offset);
    }
    if (can_be_replayed(letter)) {
        str_puts(out, "to replay it\n  ");
        put_command(out, replaying, letter);
        str_putc(out, '\n');
    }
}

static void put_text(struct str *out, const struct replaying *replaying,
                     const struct dead_letter *letter,
                     const struct input *input)
{
    const struct message *message = &input->message;
    char time[CLOCK_TEXT_SIZE];

    str_printf(out, "dead letter %d/%lld of topic '%s'", letter->partition,
               (long long)letter->offset, replaying->options.dead_letters);
    if (message->timestamp_ms > 0) {
        str_printf(out, ", record of %s",
                   clock_format(message->timestamp_ms, time));
    }
    str_puts(out, "\nkey\n  ");
    put_bytes(out, message->key, MOST_HEADER);
    str_putc(out, '\n');
    put_headers(out, message);
    str_printf(out, "value (%zu bytes)\n  ", message->value.len);
    put_bytes(out, message->value, MOST_VALUE);
    str_putc(out, '\n');
    put_explanation(out, replaying, letter);
}

static void put_bytes_json(struct json_writer *json, const char *name,
                           struct bytes bytes, size_t most)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);

    if (bytes.data != NULL) {
        utf8_put_printable(&text, bytes.data, bytes.len, most);
        json_put_string(json, name, text.data);
    } else if (name == NULL) {
        json_put_raw(json, name, "null", 4);
    }
}

static void put_headers_json(struct json_writer *json,
                             const struct message *message)
{
    json_open(json, "headers", '[');
    for (size_t i = 0; i < message->header_count && i < MOST_HEADERS; i++) {
        json_open(json, NULL, '[');
        json_put_string(json, NULL, message->headers[i].name);
        put_bytes_json(json, NULL, message->headers[i].value, MOST_HEADER);
        json_close(json, ']');
    }
    json_close(json, ']');
}

static void put_json(struct str *out, const struct replaying *replaying,
                     const struct dead_letter *letter,
                     const struct input *input)
{
    CLEANUP(str_release) struct str command = STR_INIT(STR_UNLIMITED);
    struct explanation explanation = dead_letter_explain(letter);
    struct json_writer json = {.out = out};

    put_command(&command, replaying, letter);
    json_open(&json, NULL, '{');
    put_letter_json(&json, letter);
    put_bytes_json(&json, "key", input->message.key, MOST_HEADER);
    put_headers_json(&json, &input->message);
    put_bytes_json(&json, "value", input->message.value, MOST_VALUE);
    json_put_string(&json, "why", explanation.why);
    json_put_string(&json, "mend", explanation.mend);
    json_put_string(&json, "state_means", letter_state_explain(letter->state));
    json_put_optional(&json, "command",
                      can_be_replayed(letter) ? command.data : NULL);
    json_close(&json, '}');
    str_putc(out, '\n');
}

static int show(struct replaying *replaying, const struct dead_letter *letter)
{
    CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);
    struct input input;
    struct error err;

    if (replay_fetch(replaying->replay, letter, &input, &err) < 0) {
        return replaying_failed(&err);
    }
    if (replaying->json) {
        put_json(&out, replaying, letter, &input);
    } else {
        put_text(&out, replaying, letter, &input);
    }
    print_str(&out);
    return EXIT_OK;
}

int replay_show(struct replaying *replaying)
{
    const char *place = replaying->args->words[1];
    const struct letters *letters;
    struct filter only = {0};
    struct error err;
    int status = EXIT_OK;

    if (filter_add(&only, "--dead-letter", place, 0, &err) < 0) {
        usage_error("replay",
                    "show '%s': expected PARTITION/OFFSET, as "
                    "'replay list' prints it",
                    place);
        return EXIT_USAGE;
    }
    replaying->options.filter = only;
    if (replaying_open(replaying, false, &status) == NULL) {
        return status;
    }
    letters = replay_letters(replaying->replay);
    for (size_t i = 0; i < letters->count; i++) {
        if (letters->all[i].matches) {
            return show(replaying, &letters->all[i]);
        }
    }
    fprintf(stderr, "waybill: there is no dead letter %s in topic '%s'\n",
            place, replaying->options.dead_letters);
    return EXIT_FAILED;
}
