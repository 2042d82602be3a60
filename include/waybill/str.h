#ifndef WAYBILL_STR_H
#define WAYBILL_STR_H

#include <stdbool.h>
#include <stddef.h>

#include "waybill/compiler.h"

/*
 * A byte string that grows, with a cap.
 *
 * `data` always ends with a NUL behind `len` bytes, also when empty; the bytes
 * may hold NULs themselves. Whatever would pass the cap is left out as a whole
 * and `overflow` stays set: appenders have no result to check, the one who
 * wants the string checks once, at the end.
 *
 * One with `is_secret` set wipes its bytes before it gives memory back: when it
 * grows, is cleared or is released. That is for what may hold a secret among
 * other things, such as a response; what is a secret and nothing else is a
 * struct secret (secret.h).
 */
struct str {
    char *data;
    size_t len;
    size_t alloc;
    size_t cap;
    bool overflow;
    bool is_secret;
};

/* Bytes that somebody else owns. data == NULL is "no value" (a tombstone),
 * which is not the same as an empty one. */
struct bytes {
    const unsigned char *data;
    size_t len;
};

#define STR_UNLIMITED ((size_t)-1 / 2)

/* Life cycle. A local one is born with its cleanup:
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
extern char str_nothing[1]; /* so that `data` is never NULL; not to be used */
void str_init(struct str *str, size_t cap);
void str_init_secret(struct str *str, size_t cap);
void str_release(struct str *str); /* keeps the cap, and whether it wipes */
void str_clear(struct str *str);   /* keeps memory and cap */
/* Caller frees; the string is empty after. MUST NOT be a secret's: nobody would
 * wipe it. */
char *str_take(struct str *str);

/* Append */
void str_append(struct str *str, const void *data, size_t len);
void str_append_text(struct str *str, const char *text);
void str_append_char(struct str *str, char c);
void str_printf(struct str *str, const char *format, ...) PRINTF(2, 3);
void str_cut(struct str *str, size_t len); /* what stands behind is dropped */

/* Look */
struct bytes str_bytes(const struct str *str);
struct bytes bytes_of(const char *text); /* NULL gives no value */
bool bytes_equal(struct bytes a, struct bytes b);
bool text_equal(const char *a, const char *b); /* NULL equals NULL only */
/* The length without one line end (LF or CRLF) at the end: editors, `echo` and
 * `kubectl create secret --from-file` add one that nobody means. */
size_t without_line_end(const char *text, size_t len);

#endif
