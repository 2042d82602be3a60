#ifndef WAYBILL_DEAD_LETTER_FILTER_H
#define WAYBILL_DEAD_LETTER_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "waybill/dead_letter.h"
#include "waybill/error.h"
#include "waybill/message.h"

/*
 * Selects the dead letters that a command applies to, by the options --class,
 * --since and so on. Pure.
 */

#define FILTER_MAX_TERMS 32

struct filter_term {
    int kind;
    const char *text;
    int64_t from; /* bounds of a number, a time or a range */
    int64_t to;
};

/* Terms with the same option are alternatives; terms with different options
 * must all match. */
struct filter {
    struct filter_term terms[FILTER_MAX_TERMS];
    size_t count;
};

/* Adds a term; `option` includes the dashes, as in "--class". Fails with
 * ERROR_USAGE if the value is invalid. Keeps the pointer to the value. A
 * duration means that long before `now_ms`. */
int filter_add(struct filter *filter, const char *option, const char *value,
               int64_t now_ms, struct error *err) NODISCARD;
bool filter_is_option(const char *option);
/* The option that a term was added with */
const char *filter_option(const struct filter_term *term);
bool filter_matches(const struct filter *filter,
                    const struct dead_letter *dead_letter,
                    const struct message *message);

#endif
