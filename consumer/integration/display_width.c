#include "display_width.h"

#include <stdlib.h>

#include "waybill/compiler.h"
#include "waybill/utf8.h"

struct range {
    uint32_t first;
    uint32_t last;
    size_t columns;
};

#define WIDTH(first, last, columns) {first, last, columns},
static const struct range ranges[] = {
#include "display_width.def"
};
#undef WIDTH

static int compare(const void *key, const void *item)
{
    const uint32_t *code_point = key;
    const struct range *range = item;

    if (*code_point < range->first) {
        return -1;
    }
    return *code_point > range->last;
}

size_t display_width_of(uint32_t code_point)
{
    const struct range *range;

    if (code_point >= ' ' && code_point < 0x7F) {
        return 1; /* nearly all of them */
    }
    range = bsearch(&code_point, ranges, ARRAY_SIZE(ranges), sizeof(*ranges),
                    compare);
    return range != NULL ? range->columns : 1;
}

size_t display_width(const char *text, size_t len)
{
    const unsigned char *at = (const unsigned char *)text;
    const unsigned char *end = at + len;
    size_t columns = 0;

    while (at < end) {
        size_t size = utf8_length(at, (size_t)(end - at));

        columns += size == 0 ? 1 : display_width_of(utf8_code_point(at, size));
        at += size == 0 ? 1 : size;
    }
    return columns;
}
