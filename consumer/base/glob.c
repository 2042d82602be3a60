#include "waybill/glob.h"

#include <stddef.h>

bool glob_matches(const char *pattern, const char *text)
{
    const char *star = NULL; /* the last star, and where its match ends */
    const char *mark = NULL;

    while (*text != '\0') {
        if (*pattern == '*') {
            star = pattern++;
            mark = text;
        } else if (*pattern == *text) {
            pattern++;
            text++;
        } else if (star != NULL) {
            /* Only the last star ever needs to match one more character. */
            pattern = star + 1;
            text = ++mark;
        } else {
            return false;
        }
    }
    while (*pattern == '*') {
        pattern++;
    }
    return *pattern == '\0';
}
