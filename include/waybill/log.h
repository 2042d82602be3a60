#ifndef WAYBILL_LOG_H
#define WAYBILL_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * One line per fact on stderr: a constant message, the facts in fields. JSON
 * for machines, logfmt on a terminal. Any thread; a line is one write().
 *
 * Levels: error - a person must act; warn - handled, but worth noticing; info -
 * life cycle, and one line for each finished record; debug - state changes.
 *
 * Only pipeline/ and cli/ log above debug: what is below returns its error.
 * Field names are promises (README); secrets never get this far.
 */
enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
#define LOG_LEVELS 4
enum log_format { LOG_AUTO, LOG_JSON, LOG_LOGFMT };

struct log_field {
    const char *name;
    const char *text; /* NULL: the number counts, unless `absent` */
    int64_t number;
    bool flag;   /* the number is true or false */
    bool absent; /* an optional text that is not there: no field */
};

#define LOG_TEXT(field, value)                                                 \
    (struct log_field)                                                         \
    {                                                                          \
        .name = (field), .text = (value), .absent = (value) == NULL            \
    }
#define LOG_NUMBER(field, value)                                               \
    (struct log_field)                                                         \
    {                                                                          \
        .name = (field), .number = (int64_t)(value)                            \
    }

#define LOG_NUMBER_IF(there, field, value)                                     \
    (struct log_field)                                                         \
    {                                                                          \
        .name = (field), .number = (int64_t)(value), .absent = !(there)        \
    }

#define LOG_FLAG_IF(there, field, value)                                       \
    (struct log_field)                                                         \
    {                                                                          \
        .name = (field), .number = (value), .flag = true, .absent = !(there)   \
    }

void log_setup(enum log_level min, enum log_format format);
/* Lines of that level since the start, those that are not written included */
uint64_t log_count(enum log_level level);
void log_line(enum log_level level, const char *module, const char *msg,
              const struct log_field *fields, size_t count);

/* log_write(LOG_INFO, "pipeline", "record done", LOG_TEXT("topic", t), ...) */
#define log_write(level, module, msg, ...)                                     \
    log_line(level, module, msg, (const struct log_field[]){__VA_ARGS__},      \
             sizeof((const struct log_field[]){__VA_ARGS__}) /                 \
                 sizeof(struct log_field))

#endif
