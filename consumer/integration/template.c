#include "template.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

#include "waybill/base64.h"
#include "waybill/event_content.h"
#include "waybill/json.h"
#include "waybill/suggest.h"

/* --- values ------------------------------------------------------------------
 */

/* The struct that a value is a member of; the last ones are computed */
enum source {
    SOURCE_MESSAGE,
    SOURCE_EVENT,
    SOURCE_SUBJECT, /* the first subject of the event */
    SOURCE_MATERIAL,
    SOURCE_ATTACHMENT,
    SOURCE_REGISTRATION,
    SOURCE_DATA,
    SOURCE_DIGEST,
    SOURCE_PREDICATE_TYPE,
    SOURCE_ENVELOPE,  /* a JSON document */
    SOURCE_STATEMENT, /* also a JSON document */
};

struct placeholder {
    const char *name;
    enum source source;
    size_t offset;
};

#define MESSAGE(member)                                                        \
    SOURCE_MESSAGE, offsetof(struct template_message, member)
#define EVENT(member) SOURCE_EVENT, offsetof(struct event, member)
#define SUBJECT(member) SOURCE_SUBJECT, offsetof(struct subject, member)
#define MATERIAL(member) SOURCE_MATERIAL, offsetof(struct material, member)

static const struct placeholder placeholders[] = {
#define VALUE(...) {__VA_ARGS__},
#include "template_values.def"
#undef VALUE
};

static bool is_document(const struct placeholder *placeholder)
{
    return placeholder->source == SOURCE_ENVELOPE ||
           placeholder->source == SOURCE_STATEMENT;
}

/* NULL if there is none */
static const void *base_of(const struct template_message *message,
                           enum source source)
{
    const struct event *event = message->event;

    switch (source) {
    case SOURCE_MESSAGE:
        return message;
    case SOURCE_EVENT:
        return event;
    case SOURCE_SUBJECT:
        return event->subject_count > 0 ? &event->subjects[0] : NULL;
    case SOURCE_MATERIAL:
        return message->material;
    case SOURCE_ATTACHMENT:
        return message->attachment;
    case SOURCE_REGISTRATION:
        return message->attachment->registration;
    case SOURCE_DATA:
    case SOURCE_DIGEST:
    case SOURCE_PREDICATE_TYPE:
    case SOURCE_ENVELOPE:
    case SOURCE_STATEMENT:
        break;
    }
    return NULL;
}

static bool append_member(const struct placeholder *placeholder,
                          const struct template_message *message,
                          struct str *out)
{
    const char *base = base_of(message, placeholder->source);
    const char *text =
        base != NULL
            ? *(const char *const *)(const void *)(base + placeholder->offset)
            : NULL;

    str_append_text(out, text != NULL ? text : "");
    return text != NULL;
}

/* An invalid statement counts as missing: such events have always been
 * delivered, and receivers may be able to read them. */
static bool append_statement_value(const struct placeholder *placeholder,
                                   const struct template_message *message,
                                   struct str *out)
{
    struct error err;
    const struct statement *statement = event_statement(message->event, &err);
    struct json_writer writer = {.out = out};

    if (statement == NULL) {
        return false;
    }
    if (placeholder->source == SOURCE_STATEMENT) {
        json_append_value(&writer, NULL, statement->document);
    } else {
        str_append_text(out, statement->predicate_type);
    }
    return true;
}

/* Returns false if the message does not have the value. */
static bool append_value(const struct placeholder *placeholder,
                         const struct template_message *message,
                         struct str *out)
{
    const struct event *event = message->event;

    switch (placeholder->source) {
    case SOURCE_DATA:
        base64_encode(out, message->content.data, message->content.len);
        return true;
    case SOURCE_DIGEST:
        str_append_text(out, event->envelope_digest.text);
        return true;
    case SOURCE_ENVELOPE:
        str_append(out, event->envelope.data, event->envelope.len);
        return true;
    case SOURCE_STATEMENT:
    case SOURCE_PREDICATE_TYPE:
        return append_statement_value(placeholder, message, out);
    case SOURCE_MESSAGE:
    case SOURCE_EVENT:
    case SOURCE_SUBJECT:
    case SOURCE_MATERIAL:
    case SOURCE_ATTACHMENT:
    case SOURCE_REGISTRATION:
        break;
    }
    return append_member(placeholder, message, out);
}

/* --- syntax ------------------------------------------------------------------
 */

enum filter { FILTER_ESCAPE, FILTER_JSON, FILTER_RAW };

static const char *const filter_names[] = {
    [FILTER_ESCAPE] = "", [FILTER_JSON] = "json", [FILTER_RAW] = "raw"};

/* A part of a template: literal text or a placeholder */
struct part {
    struct bytes literal;
    const struct placeholder *placeholder; /* NULL for literal text */
    enum filter filter;
};

struct reader {
    const char *text; /* all of it, for line and column of an error */
    const char *at;
};

static int fault_at(const struct reader *reader, const char *at,
                    struct error *err, const char *message)
{
    size_t line = 1;
    size_t column = 1;

    for (const char *c = reader->text; c < at; c++) {
        bool is_continued = ((unsigned char)*c & 0xC0) == 0x80;

        line += *c == '\n';
        column = *c == '\n' ? 1 : column + !is_continued;
    }
    return error_set(err, ERROR_CONFIG, "line %zu, column %zu: %s", line,
                     column, message);
}

static void skip_blanks(struct reader *reader)
{
    reader->at += strspn(reader->at, " \t\r\n");
}

static bool accept_token(struct reader *reader, const char *token)
{
    size_t len = strlen(token);

    if (strncmp(reader->at, token, len) != 0) {
        return false;
    }
    reader->at += len;
    return true;
}

static int report_unknown(const struct reader *reader, const char *at,
                          const char *name, struct error *err)
{
    CLEANUP(str_release) struct str message = STR_INIT(STR_UNLIMITED);
    struct suggestion suggestion;

    suggest_init(&suggestion, name);
    for (size_t i = 0; i < ARRAY_SIZE(placeholders); i++) {
        suggest_offer(&suggestion, placeholders[i].name);
    }
    str_append_text(&message, "unknown placeholder");
    if (suggestion.nearest != NULL) {
        str_printf(&message, " (did you mean .%s?)", suggestion.nearest);
    }
    return fault_at(reader, at, err, message.data);
}

static int read_name(struct reader *reader, struct part *part,
                     struct error *err)
{
    CLEANUP(str_release) struct str name = STR_INIT(STR_UNLIMITED);
    const char *begin = reader->at;
    size_t len = 0;

    if (!accept_token(reader, ".")) {
        return fault_at(reader, begin, err,
                        "expected a placeholder, as .workflow.name (there are "
                        "no conditions, loops or functions)");
    }
    while (isalnum((unsigned char)reader->at[len]) ||
           (reader->at[len] != '\0' && strchr("_.", reader->at[len]))) {
        len++;
    }
    str_append(&name, reader->at, len);
    reader->at += len;
    for (size_t i = 0; i < ARRAY_SIZE(placeholders); i++) {
        if (strcmp(placeholders[i].name, name.data) == 0) {
            part->placeholder = &placeholders[i];
            return 0;
        }
    }
    return report_unknown(reader, begin, name.data, err);
}

static int read_filter(struct reader *reader, struct part *part,
                       struct error *err)
{
    const char *begin;

    skip_blanks(reader);
    if (!accept_token(reader, "|")) {
        return 0;
    }
    skip_blanks(reader);
    begin = reader->at;
    if (accept_token(reader, filter_names[FILTER_JSON])) {
        part->filter = FILTER_JSON;
    } else if (accept_token(reader, filter_names[FILTER_RAW])) {
        part->filter = FILTER_RAW;
    } else {
        return fault_at(reader, begin, err, "unknown filter (json or raw)");
    }
    return 0;
}

static int read_quoted(struct reader *reader, struct part *part,
                       struct error *err)
{
    const char *end = strchr(reader->at, '"');

    if (end == NULL) {
        return fault_at(reader, reader->at - 1, err,
                        "the quotation mark is not closed");
    }
    part->literal = (struct bytes){(const unsigned char *)reader->at,
                                   (size_t)(end - reader->at)};
    reader->at = end + 1;
    return 0;
}

static int read_braces(struct reader *reader, struct part *part,
                       struct error *err)
{
    const char *begin = reader->at - 2;
    int result;

    skip_blanks(reader);
    if (accept_token(reader, "\"")) {
        result = read_quoted(reader, part, err);
    } else {
        result = read_name(reader, part, err);
        result = result == 0 ? read_filter(reader, part, err) : result;
    }
    skip_blanks(reader);
    if (result == 0 && !accept_token(reader, "}}")) {
        return *reader->at == '\0'
                   ? fault_at(reader, begin, err, "'{{' is not closed")
                   : fault_at(reader, reader->at, err, "expected '}}'");
    }
    return result;
}

/* Returns 1 if *part is the next part, 0 at the end, -1 on error. */
static int read_part(struct reader *reader, struct part *part,
                     struct error *err)
{
    const char *braces = strstr(reader->at, "{{");

    *part = (struct part){.filter = FILTER_ESCAPE};
    if (*reader->at == '\0') {
        return 0;
    }
    if (braces == reader->at) {
        reader->at += 2;
        return read_braces(reader, part, err) < 0 ? -1 : 1;
    }
    part->literal = bytes_of(reader->at);
    if (braces != NULL) {
        part->literal.len = (size_t)(braces - reader->at);
    }
    reader->at += part->literal.len;
    return 1;
}

int template_check(const char *text, struct error *err)
{
    struct reader reader = {text, text};
    struct part part;
    int result;

    do {
        result = read_part(&reader, &part, err);
    } while (result > 0);
    return result;
}

bool template_uses(const char *text, const char *name)
{
    struct reader reader = {text, text};
    struct part part;
    struct error err;

    while (read_part(&reader, &part, &err) > 0) {
        if (part.placeholder != NULL &&
            strcmp(part.placeholder->name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* --- rendering ---------------------------------------------------------------
 */

static void append_filtered(const struct part *part, const struct str *value,
                            bool has_value, struct str *out)
{
    CLEANUP(str_release) struct str json = STR_INIT(STR_UNLIMITED);
    struct json_writer writer = {.out = &json};

    if (part->filter == FILTER_RAW ||
        (part->filter == FILTER_JSON && is_document(part->placeholder) &&
         has_value)) {
        str_append(out, value->data, value->len);
    } else if (part->filter == FILTER_JSON && !has_value) {
        str_append_text(out, "null");
    } else {
        size_t quote = part->filter == FILTER_JSON ? 0 : 1;

        json_append_string(&writer, NULL, value->data);
        str_append(out, json.data + quote, json.len - 2 * quote);
    }
}

void template_render(const char *text, const struct template_message *message,
                     struct str *out)
{
    struct reader reader = {text, text};
    struct part part;
    struct error err;

    while (read_part(&reader, &part, &err) > 0) {
        CLEANUP(str_release) struct str value = STR_INIT(STR_UNLIMITED);

        if (part.placeholder == NULL) {
            str_append(out, part.literal.data, part.literal.len);
        } else {
            bool has_value = append_value(part.placeholder, message, &value);

            append_filtered(&part, &value, has_value, out);
        }
    }
}

/* Renders with sample values that are valid only where the real ones are:
 * letters are valid only inside quotation marks, a string only outside of them,
 * and digits in both places, because nothing is known about raw values. */
bool template_makes_json(const char *text)
{
    static const char *const samples[] = {
        [FILTER_ESCAPE] = "x", [FILTER_JSON] = "\"\"", [FILTER_RAW] = "0"};
    CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);
    struct reader reader = {text, text};
    struct json *json = NULL;
    struct part part;
    struct error err;

    while (read_part(&reader, &part, &err) > 0) {
        if (part.placeholder == NULL) {
            str_append(&out, part.literal.data, part.literal.len);
        } else {
            str_append_text(&out, samples[part.filter]);
        }
    }
    if (json_parse(out.data, out.len, &json, &err) < 0) {
        return false;
    }
    json_free(json);
    return true;
}
