#ifndef WAYBILL_STR_H
#define WAYBILL_STR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "waybill/compiler.h"

/*
 * A growable byte string with a maximum size.
 *
 * `data` is always terminated by a NUL after `len` bytes, even if it is empty;
 * the bytes may include NULs. An append that would exceed the maximum is
 * skipped completely and sets `overflow`, which stays set: append functions
 * return nothing, and the user of the string checks once, at the end.
 *
 * A string with `is_secret` set zeroes its bytes before it frees memory, that
 * is when it grows, is cleared or is released. This is for text that may
 * contain a secret among other things, such as a response; for a secret by
 * itself use struct secret (secret.h).
 */
struct str {
    char *data;
    size_t len;
    size_t alloc;
    size_t cap;
    bool overflow;
    bool is_secret;
};

/* Borrowed bytes. data == NULL is no value (a tombstone), which differs from an
 * empty value. */
struct bytes {
    const unsigned char *data;
    size_t len;
};

#define STR_UNLIMITED ((size_t)-1 / 2)

/*
 * Life cycle. Declare a local string with its cleanup:
 *     CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
 */
#define STR_INIT(max)                                                          \
    {                                                                          \
        .data = str_nothing, .cap = (max)                                      \
    }
#define STR_INIT_SECRET(max)                                                   \
    {                                                                          \
        .data = str_nothing, .cap = (max), .is_secret = true                   \
    }
extern char str_nothing[1]; /* internal: makes `data` never NULL */
void str_init(struct str *str, size_t cap);
void str_init_secret(struct str *str, size_t cap);
void str_release(struct str *str); /* keeps cap and is_secret */
void str_clear(struct str *str);   /* keeps its memory and cap */
/* Returns the text, which the caller frees with mem_free(), and empties the
 * string. Aborts for a secret string, because nothing would zero the text. */
char *str_take(struct str *str);

/* Append */
void str_append(struct str *str, const void *data, size_t len);
void str_append_text(struct str *str, const char *text);
void str_append_char(struct str *str, char c);
void str_printf(struct str *str, const char *format, ...) PRINTF(2, 3);
void str_vprintf(struct str *str, const char *format, va_list args)
    PRINTF(2, 0);
/* Appends one word of a shell command, in quotes if it needs them. */
void str_append_shell_word(struct str *str, const char *word);
void str_cut(struct str *str, size_t len); /* truncates to `len` bytes */

/*
 * Numbers in sentences: what follows a regular noun or a verb after a number.
 * Every text that holds a number uses these (tests/lint/check_plurals.py).
 *     "%zu event%s", count, plural_s(count)
 *     "%zu event%s rejected", count, plural_are(count)
 *     "%zu remain%s", count, verb_s(count)
 */
static inline const char *plural_s(uint64_t count)
{
    return count == 1 ? "" : "s";
}

static inline const char *plural_are(uint64_t count)
{
    return count == 1 ? " is" : "s are";
}

static inline const char *plural_were(uint64_t count)
{
    return count == 1 ? " was" : "s were";
}

static inline const char *verb_s(uint64_t count)
{
    return count == 1 ? "s" : "";
}

/* Inspect and compare */
struct bytes str_bytes(const struct str *str);
struct bytes bytes_of(const char *text); /* NULL: no value */
bool bytes_equal(struct bytes a, struct bytes b);
bool text_equal(const char *a, const char *b); /* NULL equals only NULL */
/* The length without trailing line breaks (LF or CRLF): editors, `echo` and
 * `kubectl create secret --from-file` add some that are not meant. */
size_t without_line_end(const char *text, size_t len);
/* Length of the UTF-8 byte order mark at the start of a text: 3, or 0 if there
 * is none. Editors on Windows write one; it is not part of the text. */
size_t text_mark_length(const void *data, size_t len);
/* Reduces what was read from a file, from byte `start` on, to the text that is
 * meant: without a byte order mark and trailing line breaks. */
void str_trim_file(struct str *str, size_t start);

#endif
