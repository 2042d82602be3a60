#ifndef WAYBILL_SECRET_H
#define WAYBILL_SECRET_H

#include <stdbool.h>
#include <stddef.h>

#include "waybill/str.h"

/*
 * A text that must appear neither in freed memory nor in a log: a password, a
 * token, a key, or a header or form that contains one.
 *
 * It is a string (str.h) that zeroes its memory before freeing it, also when it
 * grows, which realloc() would not do. Any function that appends to a string
 * can fill it through `text`:
 *
 *     CLEANUP(secret_release) struct secret form = SECRET_INIT(STR_UNLIMITED);
 *     str_append_text(&form.text, "password=");
 *
 * A secret that is all zero has no value, like NULL, which differs from an
 * empty value; secret_assign() gives it a value. Secrets in an arena are zeroed
 * with it (arena_wipe_and_free()).
 *
 * Not covered: copies inside libraries (libcurl's handles), and buffers of the
 * kernel. Core dumps are disabled by process.h.
 */
struct secret {
    struct str text;
};

#define SECRET_INIT(max)                                                       \
    {                                                                          \
        .text = STR_INIT_SECRET(max)                                           \
    }
void secret_init(struct secret *secret, size_t cap);
/* Zeroes and frees the text. The secret has no value afterwards and can be
 * reused. */
void secret_release(struct secret *secret);

/* Replaces the value by a copy of the text; NULL removes it. */
void secret_assign(struct secret *secret, const char *value);
void secret_assign_bytes(struct secret *secret, const char *value, size_t len);
/* Moves the value. `to` is released first; `from` has no value afterwards. */
void secret_move(struct secret *to, struct secret *from);

/* The text, or NULL if there is no value. Valid until the secret is changed or
 * released. */
const char *secret_text(const struct secret *secret);
/* Two secrets without a value are equal. */
bool secret_equal(const struct secret *a, const struct secret *b);
/* Compares without revealing through timing where the texts differ, or whether
 * their lengths do. For values that an attacker may guess. */
bool text_equal_constant_time(const char *a, const char *b);

/*
 * The secrets that were sent to a server, so that they can be removed from what
 * the server returns. The set owns copies, because a secret may be replaced
 * before the response arrives.
 */
struct secret_set {
    struct secret *items;
    size_t count;
    size_t capacity;
};

/* Adds a secret, unless the set already contains it. Returns the copy in the
 * set, which lives as long as the set; NULL adds nothing and returns NULL. */
const char *secret_set_add(struct secret_set *set, const char *secret);
/* Adds a password by itself and as the Basic scheme sends it (RFC 7617), in
 * base64 together with the username. */
void secret_set_add_basic(struct secret_set *set, const char *username,
                          const char *password);
void secret_set_add_all(struct secret_set *set, const struct secret_set *from);
void secret_set_release(struct secret_set *set); /* zeroed and emptied */

/*
 * Replaces every occurrence of a secret by three stars, whether it is verbatim
 * or percent-encoded (as in a form or a query). Overlapping occurrences become
 * one. The text never gets longer, and the memory after its new end is zeroed.
 *
 * Secrets shorter than SECRET_MIN_SCRUBBED bytes are not replaced: they would
 * match innocent text, and the surrounding text could reveal them.
 */
#define SECRET_MIN_SCRUBBED 4
void secret_set_scrub(const struct secret_set *set, char *text);
/* Appends text from a server, scrubbed and then printable (utf8.h), at most
 * `max` bytes of it. */
void secret_set_append_printable(const struct secret_set *set, struct str *out,
                                 const char *text, size_t max);

#endif
