#include <ctype.h>
#include <string.h>

#include "waybill/alloc.h"
#include "waybill/base64.h"
#include "waybill/secret.h"
#include "waybill/utf8.h"

static const char stars[] = "***"; /* no longer than the shortest secret */

/* --- what was shown ---------------------------------------------------------
 */

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
    /* What moves here is where the texts are, not the texts. */
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
    /* Some cut the padding off before they quote it. */
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

/* --- where it stands in a text ----------------------------------------------
 */

static int digit_of(char c)
{
    if (!isxdigit((unsigned char)c)) {
        return -1;
    }
    return isdigit((unsigned char)c) ? c - '0' : (c | 0x20) - 'a' + 10;
}

/* How many characters stand for `c` here, percent-encoded or not; 0: none */
static size_t width_of(const char *at, char c)
{
    if (*at == '%' && digit_of(at[1]) == (unsigned char)c >> 4 &&
        digit_of(at[2]) == (c & 0x0F)) {
        return 3;
    }
    /* HTML forms have it so. */
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

/* Of the secret, when one begins here; 0: none does */
static size_t length_at(const char *text, const struct str *secret)
{
    size_t encoded;

    if (secret->len < SECRET_SHORTEST || width_of(text, *secret->data) == 0) {
        return 0;
    }
    /* One that holds a percent sign may look encoded where it is not. */
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

/* Where the secrets that begin here, or inside of these, have all ended */
static const char *end_of(const struct secret_set *set, const char *text)
{
    const char *end = text + longest_at(set, text);

    for (const char *at = text + 1; at < end; at++) {
        const char *its = at + longest_at(set, at);

        end = its > end ? its : end;
    }
    return end;
}

/* As much of it as gives `most` bytes. That much of a text must not be cut off
 * before: half a secret would not be found. */
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

    /* A control character of two bytes becomes one. */
    scrub(set, text, 2 * max, &scrubbed.text);
    utf8_append_printable(out, scrubbed.text.data, scrubbed.text.len, max);
}
