#ifndef WAYBILL_GLOB_H
#define WAYBILL_GLOB_H

#include <stdbool.h>

/* `*` stands for any run of characters, '/' and none at all included; nothing
 * else is special. Time is linear in the text for each star. */
bool glob_matches(const char *pattern, const char *text);

#endif
