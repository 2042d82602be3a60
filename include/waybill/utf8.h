#ifndef WAYBILL_UTF8_H
#define WAYBILL_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "waybill/str.h"

/*
 * UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above
 * U+10FFFF.
 *
 * Inside Waybill a string that came out of JSON may hold U+0000 and still ends
 * with a NUL byte: U+0000 stands in it as C0 80, the overlong form that real
 * UTF-8 cannot contain (Java's "modified UTF-8"). json_append_string() and the
 * envelope writer turn it back.
 */

#define UTF8_NUL "\xC0\x80"
#define UTF8_REPLACEMENT "\xEF\xBF\xBD"

/* Length of the character at data (1 to 4), or 0 when its first byte begins
 * none: the caller then steps over one byte, as Go does. */
size_t utf8_length(const unsigned char *data, size_t len);
bool utf8_valid(const void *data, size_t len);
/* ... and without U+0000: fit to be a C string */
bool utf8_is_text(const void *data, size_t len);
void utf8_append(struct str *str, uint32_t code_point);
/* Text for a person or a log: what is not UTF-8 becomes U+FFFD, control
 * characters a space. At most `most` bytes of it, cut at a character. */
void utf8_append_printable(struct str *str, const void *data, size_t len,
                           size_t max);

#endif
