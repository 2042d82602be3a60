#ifndef SIMULATE_SCHEDULE_H
#define SIMULATE_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "waybill/arena.h"
#include "waybill/compiler.h"
#include "waybill/random.h"

/* The events of a world, numbered and planned before it begins: the records,
 * the faults of the registries, and the actions on instances and broker. Each
 * item has a random stream of its own, so that omitting one leaves the others
 * as they are: the schedule of a seed that fails is reduced to the items that
 * it needs. */

#define MAX_ITEMS 1024
#define ITEM_TEXT 120

struct sim;

struct item {
    size_t number;
    struct random random;
    bool skipped;
    uint64_t at_ms;
    char text[ITEM_TEXT];
};

struct schedule {
    struct arena *arena;
    size_t count;
    struct item *items[MAX_ITEMS];
};

struct schedule *schedule_new(void);
void schedule_free(struct schedule *schedule);

/* The items that are omitted, one bit each */
struct skips {
    uint64_t bits[MAX_ITEMS / 64];
};

bool skips_has(const struct skips *skips, size_t number);
void skips_set(struct skips *skips, size_t from, size_t to, bool skip);
/* Parses "3,7-12"; returns false if it is invalid. Items that are set already
 * remain. */
bool skips_read(struct skips *skips, const char *text);
/* Writes it in the same form; the empty set gives "". The text is truncated if
 * it does not fit. */
void skips_put(const struct skips *skips, char *text, size_t size);

struct item *schedule_add(struct sim *sim); /* the next number */
/* The time and the description, for people who read the schedule */
void item_says(struct item *item, uint64_t at_ms, const char *format, ...)
    PRINTF(3, 4);
void schedule_print(const struct schedule *schedule, FILE *out);

/* --- random numbers ----------------------------------------------------------
 */

uint64_t draw(struct random *random, uint64_t min, uint64_t max);
bool draw_chance(struct random *random, unsigned in_a_thousand);
/* A random stream that is independent of those with other numbers */
struct random random_of(uint64_t seed, uint64_t number);

#endif
