#include <string.h>
#include <yaml.h>

#include "edit.h"
#include "waybill/alloc.h"

/* Parses a text with libyaml and keeps the positions of one list. Everything
 * that was parsed is summarized in digests, by which two texts are compared. */

struct scanner {
    yaml_parser_t parser;
    yaml_event_t event;
    struct bytes text;
    size_t characters; /* libyaml counts characters: these are `offset` bytes */
    size_t offset;
    struct str styles; /* of the collections that are open: '[' or '-' */
    size_t end;        /* after the latest content */
    bool keeps_lines;  /* that is a block scalar with all its line breaks */
    const char *section;
    struct str rest;
    struct str item;
    struct edit_scan *scan;
    struct error *err;
};

static int advance(struct scanner *scanner)
{
    yaml_event_delete(&scanner->event);
    if (!yaml_parser_parse(&scanner->parser, &scanner->event)) {
        return error_set(scanner->err, ERROR_CONFIG,
                         "line %zu is not valid YAML",
                         scanner->parser.problem_mark.line + 1);
    }
    return 0;
}

/* Marks are visited in the order of the text, except within a few lines. */
static size_t offset_of(struct scanner *scanner, yaml_mark_t mark)
{
    const unsigned char *data = scanner->text.data;

    if (mark.index < scanner->characters) {
        scanner->characters = 0;
        scanner->offset = 0;
    }
    while (scanner->characters < mark.index &&
           scanner->offset < scanner->text.len) {
        do {
            scanner->offset++;
        } while (scanner->offset < scanner->text.len &&
                 (data[scanner->offset] & 0xC0) == 0x80);
        scanner->characters++;
    }
    return scanner->offset;
}

static void append_part(struct str *out, const void *text, size_t len)
{
    str_printf(out, "%zu:", len);
    str_append(out, text, len);
}

static void append_name(struct str *out, const yaml_char_t *name)
{
    const char *text = name != NULL ? (const char *)name : "";

    append_part(out, text, strlen(text));
}

/* A value that is missing ends where the indicator before it ends, or, after
 * an explicit key, where the next token begins. */
static bool is_content(struct scanner *scanner, size_t end)
{
    return scanner->event.data.scalar.length > 0 ||
           scanner->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE ||
           (end > 0 && strchr(":-?", scanner->text.data[end - 1]) != NULL);
}

static void record_scalar(struct scanner *scanner, struct str *out)
{
    const yaml_event_t *event = &scanner->event;
    yaml_scalar_style_t style = event->data.scalar.style;
    size_t begin = offset_of(scanner, event->start_mark);
    size_t end = offset_of(scanner, event->end_mark);

    append_name(out, event->data.scalar.anchor);
    append_name(out, event->data.scalar.tag);
    str_append_char(out, style == YAML_PLAIN_SCALAR_STYLE ? 'p' : 'q');
    append_part(out, event->data.scalar.value, event->data.scalar.length);
    if (is_content(scanner, end)) {
        scanner->end = end;
        /* "|+" or ">2+" */
        scanner->keeps_lines = (style == YAML_LITERAL_SCALAR_STYLE ||
                                style == YAML_FOLDED_SCALAR_STYLE) &&
                               end - begin > 3 &&
                               memchr(scanner->text.data + begin, '+', 3);
    }
}

static void open_collection(struct scanner *scanner, struct str *out)
{
    const yaml_event_t *event = &scanner->event;
    bool is_mapping = event->type == YAML_MAPPING_START_EVENT;
    bool is_flow =
        is_mapping
            ? event->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE
            : event->data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE;

    append_name(out, is_mapping ? event->data.mapping_start.anchor
                                : event->data.sequence_start.anchor);
    append_name(out, is_mapping ? event->data.mapping_start.tag
                                : event->data.sequence_start.tag);
    str_append_char(&scanner->styles, is_flow ? '[' : '-');
}

/* The end of a collection in block style is the start of what follows. */
static void close_collection(struct scanner *scanner)
{
    size_t depth = scanner->styles.len - 1;

    if (scanner->styles.data[depth] == '[') {
        scanner->end = offset_of(scanner, scanner->event.end_mark);
        scanner->keeps_lines = false;
    }
    str_cut(&scanner->styles, depth);
}

static void record(struct scanner *scanner, struct str *out)
{
    str_printf(out, "%d ", (int)scanner->event.type);
    switch ((int)scanner->event.type) {
    case YAML_SCALAR_EVENT:
        record_scalar(scanner, out);
        break;
    case YAML_ALIAS_EVENT:
        append_name(out, scanner->event.data.alias.anchor);
        scanner->end = offset_of(scanner, scanner->event.end_mark);
        break;
    case YAML_MAPPING_START_EVENT:
    case YAML_SEQUENCE_START_EVENT:
        open_collection(scanner, out);
        break;
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
        close_collection(scanner);
        break;
    default:
        break;
    }
}

/* Records the value that begins with the current event, and advances to the
 * event after it. */
static int record_value(struct scanner *scanner, struct str *out)
{
    size_t depth = scanner->styles.len;

    do {
        record(scanner, out);
        if (advance(scanner) < 0) {
            return -1;
        }
    } while (scanner->styles.len > depth);
    return 0;
}

/* --- lines ------------------------------------------------------------------
 */

size_t edit_line_after(struct bytes text, size_t offset)
{
    const unsigned char *end;

    if (offset == 0 || text.data[offset - 1] == '\n') {
        return offset;
    }
    end = memchr(text.data + offset, '\n', text.len - offset);
    return end != NULL ? (size_t)(end - text.data) + 1 : text.len;
}

static size_t indentation_at(struct bytes text, size_t line)
{
    size_t len = 0;

    while (line + len < text.len && text.data[line + len] == ' ') {
        len++;
    }
    return len;
}

static bool is_blank(struct bytes text, size_t line, size_t end)
{
    while (line < end && strchr(" \t\r\n", text.data[line]) != NULL) {
        line++;
    }
    return line == end;
}

/* Line breaks at the end of a block scalar belong to it only if it says so. */
static size_t without_blank_lines(struct bytes text, size_t end)
{
    for (;;) {
        size_t line = end;

        while (line > 0 && (line == end || text.data[line - 1] != '\n')) {
            line--;
        }
        if (line == end || !is_blank(text, line, end)) {
            return end;
        }
        end = line;
    }
}

/* The end of the item's lines, with the comments that belong to it */
static size_t end_of_item(const struct scanner *scanner, size_t column)
{
    struct bytes text = scanner->text;
    size_t end = edit_line_after(text, scanner->end);

    if (!scanner->keeps_lines) {
        end = without_blank_lines(text, end);
    }
    for (;;) {
        size_t indentation = indentation_at(text, end);

        if (indentation <= column || end + indentation >= text.len ||
            text.data[end + indentation] != '#') {
            return end;
        }
        end = edit_line_after(text, end + indentation);
    }
}

/* Finds the line with the hyphen of an item. False if it is not the first
 * character of its line. */
static bool find_hyphen(const struct scanner *scanner, size_t from, size_t to,
                        struct edit_item *item)
{
    struct bytes text = scanner->text;

    for (size_t line = edit_line_after(text, from); line <= to;) {
        size_t column = indentation_at(text, line);
        size_t at = line + column;

        if (at >= text.len) {
            return false;
        }
        if (text.data[at] == '-' &&
            (at + 1 == text.len || strchr(" \r\n", text.data[at + 1]))) {
            item->begin = line;
            item->column = column;
            return true;
        }
        line = edit_line_after(text, at + 1);
    }
    return false;
}

/* --- the section ------------------------------------------------------------
 */

static int read_items(struct scanner *scanner)
{
    struct edit_scan *scan = scanner->scan;

    str_append_char(&scanner->styles, '-');
    if (advance(scanner) < 0) {
        return -1;
    }
    while (scanner->event.type != YAML_SEQUENCE_END_EVENT) {
        struct edit_item item = {0};
        size_t begin = offset_of(scanner, scanner->event.start_mark);

        if (!find_hyphen(scanner, scanner->end, begin, &item)) {
            scan->shape = EDIT_OTHER;
        }
        str_clear(&scanner->item);
        if (record_value(scanner, &scanner->item) < 0) {
            return -1;
        }
        item.end = end_of_item(scanner, item.column);
        digest_of(scanner->item.data, scanner->item.len, &item.content);
        scan->items = mem_grow(scan->items, &scan->capacity, scan->count + 1,
                               sizeof(item));
        scan->items[scan->count++] = item;
    }
    str_cut(&scanner->styles, scanner->styles.len - 1);
    return advance(scanner);
}

static bool is_null(const yaml_event_t *event)
{
    const char *text = (const char *)event->data.scalar.value;

    return event->type == YAML_SCALAR_EVENT &&
           event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           event->data.scalar.anchor == NULL &&
           event->data.scalar.tag == NULL &&
           (*text == '\0' || strcmp(text, "~") == 0 ||
            strcasecmp(text, "null") == 0);
}

/* A value that is not a list of lines. It is recorded unless it is empty. */
static int read_other(struct scanner *scanner)
{
    struct edit_scan *scan = scanner->scan;
    bool is_list = scanner->event.type == YAML_SEQUENCE_START_EVENT;
    bool empty = is_null(&scanner->event);
    size_t before = scanner->rest.len;

    scan->value = offset_of(scanner, scanner->event.start_mark);
    scan->value_end = offset_of(scanner, scanner->event.end_mark);
    if (record_value(scanner, &scanner->rest) < 0) {
        return -1;
    }
    if (is_list) {
        scan->value_end = scanner->end;
        empty = scanner->text.data[scan->value] == '[' &&
                scanner->text.data[scanner->end - 1] == ']' &&
                is_blank(scanner->text, scan->value + 1, scanner->end - 1);
    }
    scan->shape = empty ? EDIT_EMPTY : EDIT_OTHER;
    if (empty) {
        str_cut(&scanner->rest, before);
    }
    return 0;
}

static int read_section(struct scanner *scanner)
{
    if (scanner->event.type == YAML_SEQUENCE_START_EVENT &&
        scanner->event.data.sequence_start.style != YAML_FLOW_SEQUENCE_STYLE) {
        scanner->scan->shape = EDIT_LINES;
        return read_items(scanner);
    }
    return read_other(scanner);
}

static bool is_section(const struct scanner *scanner)
{
    return scanner->scan->shape == EDIT_MISSING &&
           scanner->event.type == YAML_SCALAR_EVENT &&
           strcmp((const char *)scanner->event.data.scalar.value,
                  scanner->section) == 0;
}

static int read_member(struct scanner *scanner)
{
    size_t before = scanner->rest.len;
    bool section = is_section(scanner);

    scanner->scan->key_column = scanner->event.start_mark.column;
    if (record_value(scanner, &scanner->rest) < 0) {
        return -1;
    }
    if (!section) {
        return record_value(scanner, &scanner->rest);
    }
    str_cut(&scanner->rest, before);
    return read_section(scanner);
}

static int read_root(struct scanner *scanner)
{
    struct edit_scan *scan = scanner->scan;
    const yaml_event_t *event = &scanner->event;

    if (event->type != YAML_MAPPING_START_EVENT) {
        scan->shape = is_null(event) ? EDIT_MISSING : EDIT_OTHER;
        return record_value(scanner, &scanner->item);
    }
    if (event->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE) {
        scan->shape = EDIT_OTHER;
        return record_value(scanner, &scanner->rest);
    }
    str_append_char(&scanner->styles, '-');
    if (advance(scanner) < 0) {
        return -1;
    }
    while (event->type != YAML_MAPPING_END_EVENT) {
        if (read_member(scanner) < 0) {
            return -1;
        }
    }
    return advance(scanner);
}

static int advance_by(struct scanner *scanner, int events)
{
    int result = 0;

    while (events-- > 0 && result == 0) {
        result = advance(scanner);
    }
    return result;
}

/* A second document is left to the loader, which refuses it. */
static int read_document(struct scanner *scanner)
{
    scanner->scan->end = scanner->text.len;
    if (advance_by(scanner, 2) < 0) { /* stream start, document start */
        return -1;
    }
    if (scanner->event.type == YAML_STREAM_END_EVENT) {
        return 0;
    }
    if (advance(scanner) < 0 || read_root(scanner) < 0) {
        return -1;
    }
    if (!scanner->event.data.document_end.implicit) {
        scanner->scan->end = offset_of(scanner, scanner->event.start_mark);
    }
    return advance(scanner);
}

int edit_scan(struct bytes text, const char *section,
              struct edit_scan *ret_scan, struct error *err)
{
    struct scanner scanner = {
        .text = text,
        .styles = STR_INIT(STR_UNLIMITED),
        .section = section,
        .rest = STR_INIT_SECRET(STR_UNLIMITED),
        .item = STR_INIT_SECRET(STR_UNLIMITED),
        .scan = ret_scan,
        .err = err,
    };
    int result;

    *ret_scan = (struct edit_scan){0};
    yaml_parser_initialize(&scanner.parser);
    yaml_parser_set_encoding(&scanner.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&scanner.parser, text.data, text.len);
    result = read_document(&scanner);
    digest_of(scanner.rest.data, scanner.rest.len, &ret_scan->rest);
    yaml_event_delete(&scanner.event);
    yaml_parser_delete(&scanner.parser);
    str_release(&scanner.styles);
    str_release(&scanner.rest);
    str_release(&scanner.item);
    return result;
}

void edit_scan_release(struct edit_scan *scan)
{
    mem_free(scan->items);
}
