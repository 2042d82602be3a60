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
    struct secret_set_item {
        struct secret secret;
        bool is_part; /* is found only as a whole */
    } * items;
    size_t count;
    size_t capacity;
};

/* Adds a secret, unless the set already contains it, and remembers it. Returns
 * the copy in the set, which lives as long as the set; NULL adds nothing and
 * returns NULL. */
const char *secret_set_add(struct secret_set *set, const char *secret);
/* Adds a text that is confidential in this context only, and only as a whole:
 * an URL, or a part of its path, which may be an ordinary word. */
void secret_set_add_part(struct secret_set *set, const char *part);
/* Adds a password by itself and as the Basic scheme sends it (RFC 7617), in
 * base64 together with the username. */
void secret_set_add_basic(struct secret_set *set, const char *username,
                          const char *password);
void secret_set_add_all(struct secret_set *set, const struct secret_set *from);
void secret_set_release(struct secret_set *set); /* zeroed and emptied */

/*
 * Remembers a secret for the rest of the process, as hashes: servers repeat
 * tokens that were replaced and forgotten long ago, and not only to the request
 * that revealed them. Every scrub removes them, whatever the set contains. The
 * memory is limited; the last 2,000 tokens of 1,000 characters certainly fit.
 * NULL is allowed. Loop thread only.
 */
void secret_remember(const char *secret);

/*
 * Replaces every occurrence of a secret by three stars. Adjacent and
 * overlapping occurrences become one. The text never gets longer, and the
 * memory after its new end is zeroed. Found are
 *
 *  - secrets of the set, verbatim or percent-encoded;
 *  - remembered secrets, or at least 16 consecutive letters and digits of one,
 *    whatever is between them: line breaks, quotes, punctuation. They may also
 *    be in upper or lower case, percent-encoded, escaped as in JSON, C or HTML,
 *    in base64 of either alphabet, as part of a longer base64 text,
 *    hexadecimal, or in two of these encodings, one inside the other;
 *  - in foreign text, pieces of the secrets of the set in the same way: at
 *    least 12 letters and digits, or 8 if there is a digit among them.
 *
 * Secrets shorter than SECRET_MIN_SCRUBBED bytes are not replaced: they would
 * match innocent text, and the surrounding text could reveal them. The
 * remembered secrets of 8 to 15 letters and digits are those that contain a
 * digit or an upper-case letter after a lower-case one.
 */
#define SECRET_MIN_SCRUBBED 4
/* For a message that Waybill has composed */
void secret_set_scrub(const struct secret_set *set, char *text);
/* For a text that consists of what a server has sent */
void secret_set_scrub_foreign(const struct secret_set *set, char *text);
/* Appends text from a server, scrubbed as foreign and then printable (utf8.h),
 * at most `max` bytes of it. Only the first 4 KiB are considered. */
void secret_set_append_printable(const struct secret_set *set, struct str *out,
                                 const char *text, size_t max);

#endif
