#ifndef WAYBILL_INTEGRATION_DISPLAY_WIDTH_H
#define WAYBILL_INTEGRATION_DISPLAY_WIDTH_H

#include <stddef.h>
#include <stdint.h>

/*
 * How many columns text takes where every character has one or two, by the
 * rules of github.com/mattn/go-runewidth outside of East Asian locales. Each
 * code point counts for itself, as in go-pretty's tables: an emoji of two code
 * points takes four columns although most programs show one picture.
 */

/* 0 for control characters and combining ones, 2 for wide ones, else 1 */
size_t display_width_of(uint32_t code_point);
/* Invalid bytes count as one column each, as U+FFFD does. */
size_t display_width(const char *text, size_t len);

#endif
