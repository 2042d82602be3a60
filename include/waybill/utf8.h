#ifndef WAYBILL_UTF8_H
#define WAYBILL_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "waybill/str.h"

/*
 * UTF-8 as defined by RFC 3629: no overlong forms, no surrogates, nothing above
 * U+10FFFF.
 *
 * Inside Waybill a string that was decoded from JSON may contain U+0000 and is
 * still terminated by NUL: U+0000 is encoded as C0 80, the overlong form that
 * valid UTF-8 cannot contain (Java's "modified UTF-8"). json_append_string()
 * and the envelope writer convert it back.
 */

#define UTF8_NUL "\xC0\x80"
#define UTF8_REPLACEMENT "\xEF\xBF\xBD"

/* Length of the character at data (1 to 4), or 0 if it is invalid: the caller
 * then skips one byte, as Go does. */
size_t utf8_length(const unsigned char *data, size_t len);
bool utf8_valid(const void *data, size_t len);
/* Valid UTF-8 without U+0000, so that it can be a C string. */
bool utf8_is_text(const void *data, size_t len);
/* The code point of a valid character of `size` bytes. */
uint32_t utf8_code_point(const unsigned char *data, size_t size);
void utf8_append(struct str *str, uint32_t code_point);
/* Whether a valid character of `size` bytes shows nothing by itself but may
 * change how a terminal or a browser shows the text around it: control
 * characters (C0, DEL, C1), line and paragraph separators, marks and overrides
 * of the writing direction, characters without width, tags. */
bool utf8_is_invisible(const unsigned char *data, size_t size);
/* Appends text for people or a log: invalid UTF-8 becomes U+FFFD, and
 * invisible characters become spaces. At most `max` bytes, truncated between
 * characters. */
void utf8_append_printable(struct str *str, const void *data, size_t len,
                           size_t max);
/* Appends text that a terminal displays as it is: invisible characters other
 * than line feeds and tabs become escapes (\\u202e, and pairs of surrogates as
 * in JSON), and invalid UTF-8 becomes U+FFFD. JSON stays JSON. */
void utf8_append_escaped(struct str *str, const void *data, size_t len);
/* Appends the escape of one valid character of `size` bytes. */
void utf8_append_escape(struct str *str, const unsigned char *data,
                        size_t size);

#endif
