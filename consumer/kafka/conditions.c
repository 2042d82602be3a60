#include "conditions.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "waybill/alloc.h"

/* Enough for two topic names, the brokers and a command */
#define MAX_TEXT 2048

void condition_add(struct condition_list *list, bool blocks, const char *format,
                   ...)
{
    char text[MAX_TEXT];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (condition_list_has(list, text)) {
        return;
    }
    list->items = mem_grow(list->items, &list->capacity, list->count + 1,
                           sizeof(list->items[0]));
    list->items[list->count++] =
        (struct kafka_condition){.text = mem_strdup(text), .blocks = blocks};
}

const struct kafka_condition *condition_list_find(
    const struct condition_list *list, const char *text)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i].text, text) == 0) {
            return &list->items[i];
        }
    }
    return NULL;
}

bool condition_list_has(const struct condition_list *list, const char *text)
{
    return condition_list_find(list, text) != NULL;
}

bool condition_list_blocks(const struct condition_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i].blocks) {
            return true;
        }
    }
    return false;
}

void condition_list_release(struct condition_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        mem_free((char *)list->items[i].text);
    }
    mem_free(list->items);
    *list = (struct condition_list){0};
}
