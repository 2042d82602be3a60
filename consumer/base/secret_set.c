#include <ctype.h>
#include <string.h>

#include "waybill/alloc.h"
#include "waybill/base64.h"
#include "waybill/secret.h"
#include "waybill/utf8.h"

static const char stars[] = "***"; /* no longer than SECRET_MIN_SCRUBBED */

/* --- the set -------------------------------------------------------------- */

const char *secret_set_add(struct secret_set *set, const char *secret)
{
    struct secret *item;

    if (secret == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < set->count; i++) {
        if (strcmp(set->items[i].text.data, secret) == 0) {
            return set->items[i].text.data;
        }
    }
    /* Only the array moves; the texts stay where they are. */
    set->items = mem_grow(set->items, &set->capacity, set->count + 1,
                          sizeof(set->items[0]));
    item = &set->items[set->count++];
    *item = (struct secret){0};
    secret_assign(item, secret);
    return item->text.data;
}

void secret_set_add_basic(struct secret_set *set, const char *username,
                          const char *password)
{
    CLEANUP(secret_release) struct secret both = SECRET_INIT(STR_UNLIMITED);
    CLEANUP(secret_release) struct secret basic = SECRET_INIT(STR_UNLIMITED);

    secret_set_add(set, password);
    str_printf(&both.text, "%s:%s", username, password);
    base64_encode(&basic.text, both.text.data, both.text.len);
    secret_set_add(set, basic.text.data);
    /* Some servers remove the padding before they quote it. */
    basic.text.data[strcspn(basic.text.data, "=")] = '\0';
    secret_set_add(set, basic.text.data);
}

void secret_set_add_all(struct secret_set *set, const struct secret_set *from)
{
    for (size_t i = 0; i < from->count; i++) {
        secret_set_add(set, from->items[i].text.data);
    }
}

void secret_set_release(struct secret_set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        secret_release(&set->items[i]);
    }
    mem_free(set->items);
    *set = (struct secret_set){0};
}

/* --- finding secrets in a text -------------------------------------------- */

static int digit_of(char c)
{
    if (!isxdigit((unsigned char)c)) {
        return -1;
    }
    return isdigit((unsigned char)c) ? c - '0' : (c | 0x20) - 'a' + 10;
}

/* Number of characters that encode `c` here, verbatim or percent-encoded; 0:
 * none. */
static size_t width_of(const char *at, char c)
{
    if (*at == '%' && digit_of(at[1]) == (unsigned char)c >> 4 &&
        digit_of(at[2]) == (c & 0x0F)) {
        return 3;
    }
    /* the encoding of a space in HTML forms */
    return *at == c || (c == ' ' && *at == '+');
}

static size_t length_encoded(const char *text, const char *secret)
{
    const char *at = text;

    for (; *secret != '\0'; secret++) {
        size_t width = width_of(at, *secret);

        if (width == 0) {
            return 0;
        }
        at += width;
    }
    return (size_t)(at - text);
}

/* Length of the occurrence of the secret that begins here; 0: none. */
static size_t length_at(const char *text, const struct str *secret)
{
    size_t encoded;

    if (secret->len < SECRET_MIN_SCRUBBED ||
        width_of(text, *secret->data) == 0) {
        return 0;
    }
    /* A secret that contains a percent sign may look encoded although it is
     * not. */
    encoded = length_encoded(text, secret->data);
    return encoded == 0 && strncmp(text, secret->data, secret->len) == 0
               ? secret->len
               : encoded;
}

static size_t longest_at(const struct secret_set *set, const char *text)
{
    size_t longest = 0;

    for (size_t i = 0; i < set->count; i++) {
        size_t length = length_at(text, &set->items[i].text);

        longest = length > longest ? length : longest;
    }
    return longest;
}

/* The end of the occurrences that begin here and of those that overlap them. */
static const char *end_of(const struct secret_set *set, const char *text)
{
    const char *end = text + longest_at(set, text);

    for (const char *at = text + 1; at < end; at++) {
        const char *inner_end = at + longest_at(set, at);

        end = inner_end > end ? inner_end : end;
    }
    return end;
}

/* Appends up to `max` bytes of scrubbed text. The input must not be truncated
 * before, because half a secret would not be found. */
static void scrub(const struct secret_set *set, const char *text, size_t max,
                  struct str *out)
{
    while (*text != '\0' && out->len < max) {
        const char *end = end_of(set, text);

        if (end == text) {
            str_append_char(out, *text++);
        } else {
            str_append_text(out, stars);
            text = end;
        }
    }
}

void secret_set_scrub(const struct secret_set *set, char *text)
{
    CLEANUP(secret_release) struct secret scrubbed = SECRET_INIT(STR_UNLIMITED);
    size_t len = strlen(text);

    scrub(set, text, len, &scrubbed.text);
    explicit_bzero(text, len);
    memcpy(text, scrubbed.text.data, scrubbed.text.len);
}

void secret_set_append_printable(const struct secret_set *set, struct str *out,
                                 const char *text, size_t max)
{
    CLEANUP(secret_release) struct secret scrubbed = SECRET_INIT(STR_UNLIMITED);

    /* A control character of two bytes becomes a single space. */
    scrub(set, text, 2 * max, &scrubbed.text);
    utf8_append_printable(out, scrubbed.text.data, scrubbed.text.len, max);
}
