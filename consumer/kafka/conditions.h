#ifndef WAYBILL_KAFKA_CONDITIONS_H
#define WAYBILL_KAFKA_CONDITIONS_H

#include "waybill/compiler.h"
#include "waybill/kafka_check.h"

/* Lists of conditions. A list owns the texts of its items. */
struct condition_list {
    struct kafka_condition *items;
    size_t count;
    size_t capacity;
};

void condition_add(struct condition_list *list, bool blocks, const char *format,
                   ...) PRINTF(3, 4);
/* NULL if there is none of that text */
const struct kafka_condition *condition_list_find(
    const struct condition_list *list, const char *text);
bool condition_list_has(const struct condition_list *list, const char *text);
bool condition_list_blocks(const struct condition_list *list);
void condition_list_release(struct condition_list *list);

#endif
