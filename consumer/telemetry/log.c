#include "waybill/log.h"

#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "waybill/clock.h"
#include "waybill/json.h"
#include "waybill/str.h"

/* A line is cut rather than written in two: two threads may be writing. */
#define LONGEST_LINE ((size_t)16 * 1024)

static enum log_level min_level = LOG_INFO;
static bool as_json = true;

static atomic_uint_fast64_t counts[LOG_LEVELS];

static const char *const level_names[] = {"debug", "info", "warn", "error"};

void log_setup(enum log_level min, enum log_format format)
{
    min_level = min;
    as_json = format == LOG_AUTO ? !isatty(STDERR_FILENO) : format == LOG_JSON;
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

/* What comes from outside must not make the rest disappear: an audit line keeps
 * its coordinates. Without any text of an event's a line is short enough. */
static void leave_out_longer(struct log_field *fields, size_t count, size_t max)
{
    for (size_t i = 4; i < count; i++) {
        if (fields[i].text != NULL && strlen(fields[i].text) > max) {
            fields[i].text = NULL;
            fields[i].absent = true;
        }
    }
}

void log_line(enum log_level level, const char *module, const char *msg,
              const struct log_field *fields, size_t count)
{
    CLEANUP(str_release) struct str line = STR_INIT(LONGEST_LINE);
    struct log_field all[32];
    char now[CLOCK_TEXT_SIZE];
    size_t used = 4;

    atomic_fetch_add_explicit(&counts[level], 1, memory_order_relaxed);
    if (level < min_level) {
        return;
    }
    all[0] = LOG_TEXT("ts", clock_format(clock_wall_ms(clock_system()), now));
    all[1] = LOG_TEXT("level", level_names[level]);
    all[2] = LOG_TEXT("msg", msg);
    all[3] = LOG_TEXT("module", module);
    for (size_t i = 0; i < count && used < ARRAY_SIZE(all); i++) {
        all[used++] = fields[i];
    }
    (as_json ? append_json : append_logfmt)(&line, all, used);
    str_append_char(&line, '\n');
    for (size_t max = 256; line.overflow; max /= 16) {
        leave_out_longer(all, used, max);
        str_clear(&line);
        (as_json ? append_json : append_logfmt)(&line, all, used);
        str_append_char(&line, '\n');
    }
    if (write(STDERR_FILENO, line.data, line.len) < 0) {
        return; /* nobody is there to be told */
    }
}
