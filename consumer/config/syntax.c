#include <ctype.h>
#include <string.h>
#include <yaml.h>

#include "syntax.h"
#include "waybill/utf8.h"

/*
 * Explains why libyaml cannot read a file. libyaml's own messages describe the
 * state of its scanner; the text at the position usually shows which mistake a
 * person has made.
 */

/* The line of the file that contains a position */
struct line {
    const char *text;
    size_t len;
    size_t at; /* offset of the position in the line, in bytes */
};

static struct line line_of(const struct source *source, yaml_mark_t mark)
{
    const char *end = source->data + source->len;
    const char *at = source->data;
    struct line line;

    for (size_t i = 0; i < mark.line && at < end; i++) {
        const char *next = memchr(at, '\n', (size_t)(end - at));

        at = next != NULL ? next + 1 : end;
    }
    line.text = at;
    while (at < end && *at != '\n' && *at != '\r') {
        at++;
    }
    line.len = (size_t)(at - line.text);
    line.at = 0;
    for (size_t i = 0; i < mark.column && line.at < line.len; i++) {
        do {
            line.at++;
        } while (line.at < line.len &&
                 ((unsigned char)line.text[line.at] & 0xC0) == 0x80);
    }
    return line;
}

static char char_at(const struct line *line)
{
    return line->at < line->len ? line->text[line->at] : '\0';
}

static size_t indentation_of(const struct line *line)
{
    size_t len = 0;

    while (len < line->len &&
           (line->text[len] == ' ' || line->text[len] == '\t')) {
        len++;
    }
    return len;
}

static bool is_one_of(char c, const char *characters)
{
    return c != '\0' && strchr(characters, c) != NULL;
}

/* The key whose value begins at the position, or an empty text */
static const char *key_before(const struct line *line, struct arena *arena)
{
    size_t end = line->at;
    size_t start;

    while (end > 0 && line->text[end - 1] == ' ') {
        end--;
    }
    if (end == 0 || line->text[end - 1] != ':') {
        return "";
    }
    start = --end;
    while (start > 0 && (isalnum((unsigned char)line->text[start - 1]) ||
                         is_one_of(line->text[start - 1], "_.-"))) {
        start--;
    }
    return arena_printf(arena, "%.*s", (int)(end - start), line->text + start);
}

/* The value that begins at the position: up to a comment, or, inside brackets,
 * up to the next separator */
static const char *value_after(const struct line *line, struct arena *arena)
{
    const char *text = line->text + line->at;
    size_t rest = line->len - line->at;
    bool is_flow = memchr(line->text, '{', line->at) != NULL ||
                   memchr(line->text, '[', line->at) != NULL;
    size_t len = 0;

    while (len < rest &&
           !(text[len] == '#' && len > 0 && text[len - 1] == ' ') &&
           !(is_flow && is_one_of(text[len], ",}]"))) {
        len++;
    }
    while (len > 0 && text[len - 1] == ' ') {
        len--;
    }
    return arena_printf(arena, "%.*s", (int)len, text);
}

/* A line that is wrong may hold a second key in the value of the first one. */
static bool mentions_secret(const char *value)
{
    static const char *const words[] = {"passw", "secret", "token", "key",
                                        "auth"};

    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        if (strcasestr(value, words[i]) != NULL) {
            return true;
        }
    }
    return false;
}

/* The value in single quotes, if it may be shown */
static const char *quoted(const struct source *source, const char *key,
                          const char *value)
{
    CLEANUP(str_release) struct str out = STR_INIT(LIMIT_MESSAGE);

    if (!keys_may_show(source->rules, key) || mentions_secret(value)) {
        return "'...'";
    }
    str_append_char(&out, '\'');
    for (; *value != '\0'; value++) {
        str_append_char(&out, *value);
        if (*value == '\'') {
            str_append_char(&out, '\'');
        }
    }
    str_append_char(&out, '\'');
    return arena_strdup(source->faults->arena, out.data);
}

const char *syntax_quote_advice(const struct source *source, yaml_mark_t mark)
{
    struct arena *arena = source->faults->arena;
    struct line line = line_of(source, mark);
    const char *key = key_before(&line, arena);
    const char *value = quoted(source, key, value_after(&line, arena));

    return *key != '\0' ? arena_printf(arena, "write %s: %s", key, value)
                        : arena_printf(arena, "write %s", value);
}

bool syntax_is_template(const struct source *source, yaml_mark_t mark)
{
    struct line line = line_of(source, mark);

    return char_at(&line) == '{' &&
           ((line.at > 0 && line.text[line.at - 1] == '{') ||
            (line.at + 1 < line.len && line.text[line.at + 1] == '{'));
}

bool syntax_is_comment(const struct source *source, yaml_mark_t mark)
{
    struct line line = line_of(source, mark);

    while (char_at(&line) == ' ' || char_at(&line) == ':') {
        line.at++;
    }
    return char_at(&line) == '#';
}

static struct location place(const struct source *source, yaml_mark_t mark)
{
    return (struct location){source->file, mark.line + 1, mark.column + 1};
}

/* --- bytes that are not YAML ------------------------------------------------
 */

static bool is_utf16(const struct source *source)
{
    const unsigned char *data = (const unsigned char *)source->data;

    if (source->len < 4) {
        return false;
    }
    return (data[0] == 0xFF && data[1] == 0xFE) ||
           (data[0] == 0xFE && data[1] == 0xFF) ||
           (data[0] == 0 && data[2] == 0) || (data[1] == 0 && data[3] == 0);
}

/* The position of an encoding error, which libyaml reports as a byte offset */
static struct location location_of_byte(const struct source *source,
                                        size_t offset)
{
    struct location location = {source->file, 1, 1};

    for (size_t i = 0; i < offset && i < source->len; i++) {
        if (source->data[i] == '\n') {
            location.line++;
            location.column = 1;
        } else if (((unsigned char)source->data[i] & 0xC0) != 0x80) {
            location.column++;
        }
    }
    return location;
}

/* A control character of two bytes in UTF-8 */
static unsigned character(const struct source *source, size_t offset)
{
    unsigned char first = (unsigned char)source->data[offset];
    unsigned char second =
        offset + 1 < source->len ? (unsigned char)source->data[offset + 1] : 0;

    return ((first & 0x1FU) << 6) | (second & 0x3FU);
}

static void explain_bytes(const struct source *source,
                          const yaml_parser_t *parser)
{
    size_t offset = parser->problem_offset;
    struct location location = location_of_byte(source, offset);
    unsigned byte =
        offset < source->len ? (unsigned char)source->data[offset] : 0;

    if (is_utf16(source)) {
        location = (struct location){source->file, 1, 1};
        fault_add(source->faults, &location,
                  "the file is UTF-16 text, but must be UTF-8; save it with "
                  "the encoding UTF-8");
    } else if (strncmp(parser->problem, "control", 7) != 0) {
        fault_add(source->faults, &location,
                  "the file is not UTF-8 text (byte 0x%02X); save it with the "
                  "encoding UTF-8",
                  byte);
    } else if (byte == 0) {
        fault_add(source->faults, &location,
                  "the file contains a NUL byte, so it is not a text file; "
                  "save it as UTF-8 text");
    } else {
        fault_add(source->faults, &location,
                  "the file contains the control character U+%04X, which YAML "
                  "forbids; remove it",
                  byte < 0x80 ? byte : character(source, offset));
    }
}

/* --- mistakes in the text ---------------------------------------------------
 */

#define MAX_CONFLICT_LINES 1000

struct mistake {
    const struct source *source;
    const char *problem;
    const char *context;
    yaml_mark_t mark;         /* of the problem */
    yaml_mark_t context_mark; /* of what it is part of */
    struct line line;
    struct line context_line;
};

static bool says(const char *text, const char *part)
{
    return text != NULL && strstr(text, part) != NULL;
}

/* Reports a mistake and returns true, which ends the list of explanations. */
#define EXPLAIN(mistake, position, ...)                                        \
    do {                                                                       \
        struct location location_ = place((mistake)->source, position);        \
                                                                               \
        fault_add((mistake)->source->faults, &location_, __VA_ARGS__);         \
        return true;                                                           \
    } while (0)

/* Characters that look like others, or like nothing */
static bool explain_look_alike(const struct mistake *mistake)
{
    static const char *const dashes[] = {"\u2013", "\u2014", "\u2022"};
    yaml_mark_t mark = mistake->mark;
    struct line before;
    size_t start;

    if (memmem(mistake->line.text, mistake->line.len, "\uFEFF", 3) != NULL) {
        EXPLAIN(mistake, mark,
                "the line contains a byte order mark (U+FEFF), which is "
                "invisible; remove it");
    }
    if (mark.line == 0) {
        return false;
    }
    mark.line--;
    mark.column = 0;
    before = line_of(mistake->source, mark);
    start = indentation_of(&before);
    mark.column = start;
    for (size_t i = 0; i < ARRAY_SIZE(dashes) && before.len - start > 3; i++) {
        if (memcmp(before.text + start, dashes[i], 3) == 0) {
            EXPLAIN(mistake, mark,
                    "the line begins with a dash or a bullet; a list item "
                    "begins with the hyphen '-'");
        }
    }
    if (memmem(before.text, before.len, "\uFF1A", 3) != NULL) {
        EXPLAIN(mistake, mark,
                "the line contains a full-width colon; use the colon ':'");
    }
    return false;
}

/* Marks that version control leaves in a file */
static bool explain_conflict(const struct mistake *mistake)
{
    static const char *const marks[] = {"<<<<<<< ", "=======", ">>>>>>> "};
    yaml_mark_t mark = {0};

    for (mark.line = 0; mark.line <= mistake->mark.line; mark.line++) {
        struct line line = line_of(mistake->source, mark);

        for (size_t i = 0; i < ARRAY_SIZE(marks); i++) {
            if (line.len >= strlen(marks[i]) &&
                memcmp(line.text, marks[i], strlen(marks[i])) == 0) {
                EXPLAIN(mistake, mark,
                        "the line is the mark of an unresolved merge "
                        "conflict; resolve it");
            }
        }
        if (mark.line > MAX_CONFLICT_LINES) {
            break; /* each line is sought from the start of the file */
        }
    }
    return false;
}

static bool explain_tab(const struct mistake *mistake)
{
    const struct {
        const struct line *line;
        yaml_mark_t mark;
    } lines[] = {{&mistake->line, mistake->mark},
                 {&mistake->context_line, mistake->context_mark}};

    for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
        const struct line *line = lines[i].line;
        const char *tab = memchr(line->text, '\t', indentation_of(line));
        yaml_mark_t mark = lines[i].mark;

        if (tab != NULL) {
            mark.column = (size_t)(tab - line->text);
            EXPLAIN(mistake, mark,
                    "the line is indented with a tab, which YAML forbids; "
                    "indent it with spaces");
        }
    }
    return false;
}

static bool explain_first_character(const struct mistake *mistake)
{
    const struct line *line = &mistake->line;
    char first = char_at(line);

    if (says(mistake->context, "directive")) {
        EXPLAIN(mistake, mistake->context_mark,
                "a line cannot begin with '%%'; remove it, or quote the text");
    }
    if (says(mistake->problem, "cannot start any token")) {
        EXPLAIN(mistake, mistake->mark,
                "a value that begins with '%c' must be quoted; %s", first,
                syntax_quote_advice(mistake->source, mistake->mark));
    }
    if (says(mistake->context, "an alias") ||
        says(mistake->context, "an anchor") ||
        says(mistake->context, "a tag") ||
        says(mistake->problem, "undefined tag handle") ||
        (says(mistake->context, "a block scalar") &&
         says(mistake->problem, "comment or line break"))) {
        EXPLAIN(mistake, mistake->context_mark,
                "a value that begins with '%c' must be quoted; %s",
                char_at(&mistake->context_line),
                syntax_quote_advice(mistake->source, mistake->context_mark));
    }
    return false;
}

/* Where the value begins that contains the position of the second ": " */
static yaml_mark_t start_of_value(const struct mistake *mistake)
{
    const struct line *line = &mistake->line;
    yaml_mark_t mark = mistake->mark;

    for (size_t i = line->at; i > 1; i--) {
        if (line->text[i - 2] == ':' && line->text[i - 1] == ' ') {
            mark.column = i;
            break;
        }
    }
    return mark;
}

/* The line before often lacks what would make it a key with a value. */
static bool explain_line_before(const struct mistake *mistake)
{
    yaml_mark_t mark = {.line = mistake->mark.line};
    struct line line;
    const char *colon;

    if (mark.line == 0) {
        return false;
    }
    mark.line--;
    line = line_of(mistake->source, mark);
    mark.column = indentation_of(&line);
    colon = memchr(line.text, ':', line.len);
    if (mark.column == line.len || line.text[mark.column] == '#') {
        return false;
    }
    if (colon == NULL) {
        EXPLAIN(mistake, mark,
                "the line is not of the form 'key: value'; add the colon, or "
                "remove the line");
    }
    if (colon + 1 < line.text + line.len && colon[1] != ' ') {
        EXPLAIN(mistake, mark,
                "a space is missing after the colon; write 'key: value'");
    }
    return false;
}

static bool explain_colon(const struct mistake *mistake)
{
    const struct line *line = &mistake->context_line;

    if (says(mistake->problem, "mapping values are not allowed")) {
        yaml_mark_t start = start_of_value(mistake);

        if (start.column != mistake->mark.column) {
            EXPLAIN(mistake, mistake->mark,
                    "a value that contains ': ' must be quoted; %s",
                    syntax_quote_advice(mistake->source, start));
        }
        if (explain_line_before(mistake)) {
            return true;
        }
        EXPLAIN(mistake, mistake->mark,
                "the line is indented further than the line before it, whose "
                "key already has a value; begin both lines in the same "
                "column");
    }
    if (says(mistake->problem, "could not find expected ':'")) {
        const char *colon = memchr(line->text, ':', line->len);

        if (colon != NULL) {
            EXPLAIN(mistake, mistake->context_mark,
                    "a space is missing after the colon; write 'key: value'");
        }
        EXPLAIN(mistake, mistake->context_mark,
                "the line is not of the form 'key: value'; add the colon and "
                "the value, or remove the line");
    }
    return false;
}

static bool explain_quotes(const struct mistake *mistake)
{
    if (!says(mistake->context, "quoted scalar")) {
        return false;
    }
    if (says(mistake->problem, "escape") || says(mistake->problem, "hex")) {
        EXPLAIN(mistake, mistake->mark,
                "a backslash in double quotes begins an escape sequence, and "
                "this one does not exist; use single quotes, or write '\\\\' "
                "for a backslash");
    }
    EXPLAIN(mistake, mistake->context_mark,
            "the quotation mark that opens here is not closed; add the "
            "closing one at the end of the value");
}

static bool explain_brackets(const struct mistake *mistake)
{
    char opening = char_at(&mistake->context_line);

    if (says(mistake->problem, "',' or '}'") ||
        says(mistake->problem, "',' or ']'")) {
        EXPLAIN(mistake, mistake->mark,
                "the '%c' in line %zu, column %zu is not closed before this "
                "position, or a comma is missing; add the '%c' or the comma",
                opening, mistake->context_mark.line + 1,
                mistake->context_mark.column + 1, opening == '{' ? '}' : ']');
    }
    if (says(mistake->context, "flow node")) {
        EXPLAIN(mistake, mistake->mark,
                "a value is missing here; a list or mapping in brackets is not "
                "closed, or has an extra comma");
    }
    return false;
}

static bool is_first_in_line(const struct mistake *mistake)
{
    return indentation_of(&mistake->line) >= mistake->line.at;
}

static bool explain_indentation(const struct mistake *mistake)
{
    if (says(mistake->problem, "did not find expected key") ||
        says(mistake->problem, "expected '-' indicator")) {
        bool is_list = says(mistake->problem, "'-'");

        if (!is_first_in_line(mistake)) {
            EXPLAIN(mistake, mistake->mark,
                    "more text follows the value; put the whole value into "
                    "quotation marks, or the text on a line of its own");
        }
        if (is_list) {
            EXPLAIN(mistake, mistake->mark,
                    "the line is indented differently from the lines before "
                    "it; begin each key of a list item in the column of its "
                    "first key, and each item with '- ' in column %zu",
                    mistake->context_mark.column + 1);
        }
        EXPLAIN(mistake, mistake->mark,
                "the line is indented differently from the mapping that begins "
                "in line %zu; begin it in column %zu, like the other keys",
                mistake->context_mark.line + 1,
                mistake->context_mark.column + 1);
    }
    if (says(mistake->problem, "<document start>")) {
        EXPLAIN(mistake, mistake->mark,
                "the line does not belong to what precedes it; begin all "
                "top-level keys in the same column, each as 'key: value'");
    }
    if (says(mistake->problem, "block sequence entries")) {
        EXPLAIN(mistake, mistake->mark,
                "a list cannot begin on the line of its key; begin its first "
                "item on the next line, or write [a, b]");
    }
    return false;
}

static void explain(const struct mistake *mistake)
{
    struct location location = place(mistake->source, mistake->mark);

    if (explain_tab(mistake) || explain_conflict(mistake) ||
        explain_look_alike(mistake) || explain_first_character(mistake) ||
        explain_colon(mistake) || explain_quotes(mistake) ||
        explain_brackets(mistake) || explain_indentation(mistake)) {
        return;
    }
    fault_add(mistake->source->faults, &location,
              "the file is not valid YAML: %s%s%s",
              mistake->context != NULL ? mistake->context : "",
              mistake->context != NULL ? ", " : "", mistake->problem);
}

void syntax_explain(const struct source *source, const yaml_parser_t *parser)
{
    struct mistake mistake = {
        .source = source,
        .problem = parser->problem,
        .context = parser->context,
        .mark = parser->problem_mark,
        .context_mark = parser->context != NULL ? parser->context_mark
                                                : parser->problem_mark,
    };

    if (parser->error == YAML_READER_ERROR) {
        explain_bytes(source, parser);
        return;
    }
    mistake.line = line_of(source, mistake.mark);
    mistake.context_line = line_of(source, mistake.context_mark);
    explain(&mistake);
}
