#ifndef WAYBILL_LOG_H
#define WAYBILL_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Structured logging to stderr. Each line has a constant message, and its
 * variable parts are fields. The format is JSON, or logfmt on a terminal. The
 * functions may be called from any thread; a line is one write(), so lines of
 * several threads do not mix.
 *
 * Levels: error - an operator must act; warn - handled, but unusual; info -
 * life cycle, and one line for each finished record; debug - state changes.
 *
 * Only pipeline/ and cli/ log above debug: the modules below them return their
 * errors. Names of fields are a stable interface (deploy/reference/log.md).
 * Secrets must never be passed to a log function.
 */
enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
#define LOG_LEVELS 4
enum log_format { LOG_AUTO, LOG_JSON, LOG_LOGFMT };

struct log_field {
    const char *name;
    const char *text; /* NULL selects `number`, unless `absent` */
    int64_t number;
    bool flag;   /* `number` is a boolean */
    bool absent; /* the field is omitted */
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
/* Makes the log drop a line when stderr cannot take it, instead of blocking
 * until its reader catches up. The next line that can be written is preceded by
 * the number of lines that were dropped. A service calls this once, when it
 * starts. */
void log_never_block(void);
uint64_t log_dropped(void); /* lines since the start */
/* The number of lines of the level since the start, including those below
 * the minimum level, which are not written */
uint64_t log_count(enum log_level level);
void log_line(enum log_level level, const char *module, const char *msg,
              const struct log_field *fields, size_t count);

/* log_write(LOG_INFO, "pipeline", "record done", LOG_TEXT("topic", t), ...) */
#define log_write(level, module, msg, ...)                                     \
    log_line(level, module, msg, (const struct log_field[]){__VA_ARGS__},      \
             sizeof((const struct log_field[]){__VA_ARGS__}) /                 \
                 sizeof(struct log_field))

#endif
