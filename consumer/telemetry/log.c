#include "waybill/log.h"

#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "log_output.h"
#include "waybill/clock.h"
#include "waybill/json.h"
#include "waybill/str.h"

/* A line must fit into one write(), because several threads may be logging;
 * a line that does not fit is shortened. */
#define MAX_LINE_BYTES ((size_t)16 * 1024)

static enum log_level min_level = LOG_INFO;
static bool is_json = true;

static atomic_uint_fast64_t counts[LOG_LEVELS];
static atomic_uint_fast64_t dropped;
static atomic_uint_fast64_t unreported; /* of these, since the last report */

static const char *const level_names[] = {"debug", "info", "warn", "error"};

void log_setup(enum log_level min, enum log_format format)
{
    min_level = min;
    is_json = format == LOG_AUTO ? !isatty(STDERR_FILENO) : format == LOG_JSON;
}

uint64_t log_count(enum log_level level)
{
    return atomic_load_explicit(&counts[level], memory_order_relaxed);
}

static void append_json(struct str *line, const struct log_field *fields,
                        size_t count)
{
    struct json_writer writer = {.out = line};

    json_open(&writer, NULL, '{');
    for (size_t i = 0; i < count; i++) {
        if (fields[i].text != NULL) {
            json_append_string(&writer, fields[i].name, fields[i].text);
        } else if (fields[i].flag && !fields[i].absent) {
            json_append_bool(&writer, fields[i].name, fields[i].number != 0);
        } else if (!fields[i].absent) {
            json_append_integer(&writer, fields[i].name, fields[i].number);
        }
    }
    json_close(&writer, '}');
}

static bool is_bare(const char *text)
{
    for (const char *at = text; *at != '\0'; at++) {
        if (*at <= ' ' || *at >= 0x7F || strchr("\"=\\", *at) != NULL) {
            return false;
        }
    }
    return *text != '\0';
}

static void append_logfmt(struct str *line, const struct log_field *fields,
                          size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct json_writer quoted = {.out = line};

        if (fields[i].absent) {
            continue;
        }
        str_printf(line, "%s%s=", line->len > 0 ? " " : "", fields[i].name);
        if (fields[i].flag) {
            str_append_text(line, fields[i].number != 0 ? "true" : "false");
        } else if (fields[i].text == NULL) {
            str_printf(line, "%lld", (long long)fields[i].number);
        } else if (is_bare(fields[i].text)) {
            str_append_text(line, fields[i].text);
        } else {
            json_append_string(&quoted, NULL, fields[i].text);
        }
    }
}

/* Omits texts that are longer than `max`, except for the four standard
 * fields. Long input must not push the other fields out of the line: the log
 * line of an outcome has to keep the coordinates of its record. Without
 * texts from events every line is short enough. */
static void drop_long_texts(struct log_field *fields, size_t count, size_t max)
{
    for (size_t i = 4; i < count; i++) {
        if (fields[i].text != NULL && strlen(fields[i].text) > max) {
            fields[i].text = NULL;
            fields[i].absent = true;
        }
    }
}

static void format_line(struct str *line, enum log_level level,
                        const char *module, const char *msg,
                        const struct log_field *fields, size_t count)
{
    struct log_field line_fields[32];
    char now[CLOCK_TEXT_SIZE];
    size_t field_count = 4;

    line_fields[0] =
        LOG_TEXT("ts", clock_format(clock_wall_ms(clock_system()), now));
    line_fields[1] = LOG_TEXT("level", level_names[level]);
    line_fields[2] = LOG_TEXT("msg", msg);
    line_fields[3] = LOG_TEXT("module", module);
    for (size_t i = 0; i < count && field_count < ARRAY_SIZE(line_fields);
         i++) {
        line_fields[field_count++] = fields[i];
    }
    (is_json ? append_json : append_logfmt)(line, line_fields, field_count);
    str_append_char(line, '\n');
    for (size_t max = 256; line->overflow; max /= 16) {
        drop_long_texts(line_fields, field_count, max);
        str_clear(line);
        (is_json ? append_json : append_logfmt)(line, line_fields, field_count);
        str_append_char(line, '\n');
    }
}

/* Reports lines that were dropped before this one, as soon as there is room
 * again. */
static void report_dropped(void)
{
    CLEANUP(str_release) struct str line = STR_INIT(MAX_LINE_BYTES);
    uint_fast64_t count = atomic_exchange(&unreported, 0);
    const struct log_field field = LOG_NUMBER("lines", count);

    if (count == 0) {
        return;
    }
    format_line(&line, LOG_WARN, "telemetry",
                "log lines were dropped, because stderr was not read", &field,
                1);
    if (!log_output_write(line.data, line.len)) {
        atomic_fetch_add(&unreported, count);
    }
}

void log_line(enum log_level level, const char *module, const char *msg,
              const struct log_field *fields, size_t count)
{
    CLEANUP(str_release) struct str line = STR_INIT(MAX_LINE_BYTES);

    atomic_fetch_add_explicit(&counts[level], 1, memory_order_relaxed);
    if (level < min_level) {
        return;
    }
    report_dropped();
    format_line(&line, level, module, msg, fields, count);
    if (!log_output_write(line.data, line.len)) {
        atomic_fetch_add(&dropped, 1);
        atomic_fetch_add(&unreported, 1);
    }
}

void log_never_block(void)
{
    log_output_never_block();
}

uint64_t log_dropped(void)
{
    return atomic_load_explicit(&dropped, memory_order_relaxed);
}
