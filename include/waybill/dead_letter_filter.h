#ifndef WAYBILL_DEAD_LETTER_FILTER_H
#define WAYBILL_DEAD_LETTER_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "waybill/dead_letter.h"
#include "waybill/error.h"
#include "waybill/message.h"

/*
 * Which dead letters a command is about: the options --class, --since and the
 * like. Pure.
 */

#define FILTER_MAX_TERMS 32

struct filter_term {
    int kind;
    const char *text;
    int64_t from; /* of what is a number, a time or a range */
    int64_t to;
};

/* Terms of one kind are alternatives; every kind must agree. */
struct filter {
    struct filter_term terms[FILTER_MAX_TERMS];
    size_t count;
};

/* `option` is "--class" and the like; ERROR_USAGE when the value cannot be one.
 * Keeps the pointer. A duration is one before `now_ms`. */
int filter_add(struct filter *filter, const char *option, const char *value,
               int64_t now_ms, struct error *err) NODISCARD;
bool filter_is_option(const char *option);
bool filter_matches(const struct filter *filter,
                    const struct dead_letter *dead_letter,
                    const struct message *message);

#endif
