#ifndef WAYBILL_SECRET_H
#define WAYBILL_SECRET_H

#include <stdbool.h>
#include <stddef.h>

#include "waybill/str.h"

/*
 * A text that may be found neither in memory that is free again nor in a log:
 * a password, a token, a key, and a header or a form that one of them is part
 * of.
 *
 * It is a string (str.h) that wipes its block before it gives it back, also
 * when it grows, which realloc() would not do. Whatever appends to a string
 * can fill one, through `text`:
 *
 *     CLEANUP(secret_release) struct secret form = SECRET_INIT(STR_UNLIMITED);
 *     str_append_text(&form.text, "password=");
 *
 * One that is all zero has no value, as NULL has none, which is not the same as
 * an empty one; secret_assign() gives it a value. What lives in an arena is
 * wiped with it (arena_wipe_and_free()).
 *
 * Not here: copies that libraries keep (libcurl's handles), and what the kernel
 * still has in its buffers. A core dump is prevented elsewhere (process.h).
 */
struct secret {
    struct str text;
};

#define SECRET_INIT(max)                                                       \
    {                                                                          \
        .text = STR_INIT_SECRET(max)                                           \
    }
void secret_init(struct secret *secret, size_t cap);
/* Wiped; it has no value afterwards, and can be used again. */
void secret_release(struct secret *secret);

/* A copy of a text takes the place of the value; NULL: there is none any more.
 */
void secret_assign(struct secret *secret, const char *value);
void secret_assign_bytes(struct secret *secret, const char *value, size_t len);
/* `to` is released first, `from` has no value afterwards. */
void secret_move(struct secret *to, struct secret *from);

/* NULL: it has no value. Lives until the secret is changed or released. */
const char *secret_text(const struct secret *secret);
/* Two that have no value are the same. */
bool secret_equal(const struct secret *a, const struct secret *b);
/* In a time that tells nothing of where they differ, nor of their lengths: for
 * what others may guess at */
bool secrets_equal(const char *a, const char *b);

/*
 * All that somebody was shown, so that nothing of it comes back in what they
 * say. The set has copies of its own: what it was shown may be replaced and
 * forgotten before the answer comes.
 */
struct secret_set {
    struct secret *items;
    size_t count;
    size_t capacity;
};

/* Adds it once. Returns the set's own copy, which lives as long as the set; of
 * NULL: NULL, and nothing is added. */
const char *secret_set_add(struct secret_set *set, const char *secret);
/* A password as it is sent by the scheme Basic (RFC 7617), in base64 together
 * with its user's name, and by itself */
void secret_set_add_basic(struct secret_set *set, const char *username,
                          const char *password);
void secret_set_add_all(struct secret_set *set, const struct secret_set *from);
void secret_set_release(struct secret_set *set); /* wiped, and empty */

/* Three stars take the place of every occurrence, as it is or percent-encoded
 * (as in a form or a query). Occurrences that overlap are one. The text never
 * gets longer, and what was behind its new end is wiped.
 *
 * Secrets of less than SECRET_SHORTEST bytes stay: they would hit innocent
 * text, and who knows the text around them could tell what they are. */
#define SECRET_SHORTEST 4
void secret_set_scrub(const struct secret_set *set, char *text);
/* Others' words, scrubbed and then printable (utf8.h), at most `most` bytes */
void secret_set_append_printable(const struct secret_set *set, struct str *out,
                                 const char *text, size_t max);

#endif
