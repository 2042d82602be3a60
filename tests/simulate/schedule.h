#ifndef SIMULATE_SCHEDULE_H
#define SIMULATE_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "waybill/arena.h"
#include "waybill/compiler.h"
#include "waybill/random.h"

/*
 * What befalls a world, numbered, before anything has happened: the records,
 * what ails the registries, what is done to the instances and to the broker.
 * Each item draws from a stream of its own, so that leaving one out leaves the
 * others as they are: a seed that fails is cut down to what it takes.
 */

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

/* Items that are left out, a bit each */
struct skips {
    uint64_t bits[MAX_ITEMS / 64];
};

bool skips_has(const struct skips *skips, size_t number);
void skips_set(struct skips *skips, size_t from, size_t to, bool skip);
/* "3,7-12"; false: it is none. What is there already stays. */
bool skips_read(struct skips *skips, const char *text);
/* The same back; the empty set gives "". Cut where it does not fit. */
void skips_put(const struct skips *skips, char *text, size_t size);

struct item *schedule_add(struct sim *sim); /* the next number */
/* When, and what, for whoever reads the schedule */
void item_says(struct item *item, uint64_t at_ms, const char *format, ...)
    PRINTF(3, 4);
void schedule_print(const struct schedule *schedule, FILE *out);

/* --- chance -----------------------------------------------------------------
 */

uint64_t draw(struct random *random, uint64_t min, uint64_t max);
bool draw_chance(struct random *random, unsigned in_a_thousand);
/* A stream that has nothing to do with that of another number */
struct random random_of(uint64_t seed, uint64_t number);

#endif
