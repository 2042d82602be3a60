#ifndef WAYBILL_GLOB_H
#define WAYBILL_GLOB_H

#include <stdbool.h>

/* `*` matches any sequence of characters, including '/' and the empty one; no
 * other character is special. Takes time linear in the text for each star. */
bool glob_matches(const char *pattern, const char *text);

#endif
