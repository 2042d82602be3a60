#include <ctype.h>
#include <string.h>

#include "secret_memory.h"
#include "secret_view.h"
#include "waybill/alloc.h"
#include "waybill/base64.h"
#include "waybill/fault.h"
#include "waybill/secret.h"
#include "waybill/utf8.h"

static const char stars[] = "***"; /* no longer than SECRET_MIN_SCRUBBED */

/* --- the set -------------------------------------------------------------- */

static const char *add(struct secret_set *set, const char *secret, bool is_part)
{
    struct secret_set_item *item;

    for (size_t i = 0; i < set->count; i++) {
        item = &set->items[i];
        if (strcmp(item->secret.text.data, secret) == 0) {
            item->is_part = item->is_part && is_part;
            return item->secret.text.data;
        }
    }
    /* Only the array moves; the texts stay where they are. */
    set->items = mem_grow(set->items, &set->capacity, set->count + 1,
                          sizeof(set->items[0]));
    item = &set->items[set->count++];
    *item = (struct secret_set_item){.is_part = is_part};
    secret_assign(&item->secret, secret);
    return item->secret.text.data;
}

/* An upper-case letter after a lower-case one, or a digit */
static bool looks_random(const char *text)
{
    bool has_lower = false;

    for (; *text != '\0'; text++) {
        if (isdigit((unsigned char)*text) ||
            (has_lower && isupper((unsigned char)*text))) {
            return true;
        }
        has_lower = has_lower || islower((unsigned char)*text);
    }
    return false;
}

void secret_remember(const char *secret)
{
    CLEANUP(secret_view_release) struct secret_view view = {0};

    if (secret != NULL) {
        secret_view_text(&view, secret, strlen(secret));
        secret_view_fold(&view);
        secret_memory_add(&view, looks_random(secret));
    }
}

const char *secret_set_add(struct secret_set *set, const char *secret)
{
    if (secret == NULL) {
        return NULL;
    }
    secret_remember(secret);
    return add(set, secret, false);
}

void secret_set_add_part(struct secret_set *set, const char *part)
{
    add(set, part, true);
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
        const struct secret_set_item *item = &from->items[i];

        add(set, item->secret.text.data, item->is_part);
    }
}

void secret_set_release(struct secret_set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        secret_release(&set->items[i].secret);
    }
    mem_free(set->items);
    *set = (struct secret_set){0};
}

/* --- finding whole secrets -------------------------------------------------
 */

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

/* --- marking ------------------------------------------------------------- */

/* A text, and the bytes of it that belong to a secret */
struct marked {
    const char *text;
    size_t len;
    unsigned char *is_secret;
};

static void mark(struct marked *marked, size_t from, size_t to)
{
    memset(marked->is_secret + from, 1, to - from);
}

static void mark_whole(struct marked *marked, const struct secret_set *set)
{
    for (size_t at = 0; at < marked->len; at++) {
        for (size_t i = 0; i < set->count; i++) {
            size_t length =
                length_at(marked->text + at, &set->items[i].secret.text);

            /* At the end of a text that is cut off */
            length = length < marked->len - at ? length : marked->len - at;
            mark(marked, at, at + length);
        }
    }
}

/* The piece in the folded view, together with everything between its bytes */
static void mark_piece(struct marked *marked, const struct secret_view *view,
                       size_t at, size_t len)
{
    mark(marked, view->bytes[at].from, view->bytes[at + len - 1].to);
}

/* --- pieces --------------------------------------------------------------- */

/*
 * The grams (sequences of SECRET_GRAM bytes) of all secrets of a set, in a hash
 * table with open addressing. A gram is its own hash value; none is 0.
 */
struct grams {
    uint64_t *slots;
    size_t mask;
};

/* A piece without a digit has to be longer, because it may be a word. */
#define MIN_WORD 12U

static uint64_t *slot_of(const struct grams *grams, uint64_t gram)
{
    size_t at = (size_t)(gram * 0x9E3779B97F4A7C15U >> 24);

    while (grams->slots[at & grams->mask] != 0 &&
           grams->slots[at & grams->mask] != gram) {
        at++;
    }
    return &grams->slots[at & grams->mask];
}

static void grams_init(struct grams *grams, const struct secret_set *set)
{
    size_t total = 0;
    size_t size = 64;

    for (size_t i = 0; i < set->count; i++) {
        total += set->items[i].is_part ? 0 : set->items[i].secret.text.len;
    }
    while (size < 2 * total) {
        size *= 2;
    }
    grams->slots = mem_zalloc(size * sizeof(grams->slots[0]));
    grams->mask = size - 1;
}

static void add_grams(const struct grams *grams, const struct secret *secret)
{
    CLEANUP(secret_view_release) struct secret_view view = {0};

    secret_view_text(&view, secret->text.data, secret->text.len);
    secret_view_fold(&view);
    for (size_t i = 0; i + SECRET_GRAM <= view.count; i++) {
        uint64_t gram = secret_gram(view.bytes + i);

        *slot_of(grams, gram) = gram;
    }
}

static void grams_release(struct grams *grams)
{
    explicit_bzero(grams->slots, (grams->mask + 1) * sizeof(grams->slots[0]));
    mem_free(grams->slots);
}

static bool has_digit(const struct secret_view *view, size_t at, size_t len)
{
    for (size_t i = at; i < at + len; i++) {
        if (isdigit(view->bytes[i].byte)) {
            return true;
        }
    }
    return false;
}

/* Length of the piece of a secret that begins here; 0: none */
static size_t piece_at(const struct grams *grams,
                       const struct secret_view *view, size_t at)
{
    size_t len = 0;

    while (at + len + SECRET_GRAM <= view->count) {
        uint64_t gram = secret_gram(view->bytes + at + len);

        if (*slot_of(grams, gram) != gram) {
            break;
        }
        len++;
    }
    if (len == 0) {
        return 0;
    }
    len += SECRET_GRAM - 1;
    return len >= MIN_WORD || has_digit(view, at, len) ? len : 0;
}

/* Marks what is found in the view, which is folded for that. */
static void mark_view(struct marked *marked, const struct grams *grams,
                      struct secret_view *view)
{
    secret_view_fold(view);
    for (size_t at = 0; at + SECRET_GRAM <= view->count; at++) {
        size_t piece = grams != NULL ? piece_at(grams, view, at) : 0;
        size_t remembered = secret_memory_find(view, at);
        size_t len = piece > remembered ? piece : remembered;

        if (len > 0) {
            mark_piece(marked, view, at, len);
            /* What follows may be another secret that overlaps. */
            at += len - SECRET_GRAM;
        }
    }
    secret_view_release(view);
}

/* How often a text may have been encoded: the file of a docker credential holds
 * base64, and a Kubernetes Secret holds that file in base64 again. */
#define MAX_ENCODINGS 2U

static void mark_encoded(struct marked *marked, const struct grams *grams,
                         const struct secret_view *of, unsigned depth);

static void mark_decoded(struct marked *marked, const struct grams *grams,
                         struct secret_view *view, unsigned depth)
{
    if (depth < MAX_ENCODINGS) {
        mark_encoded(marked, grams, view, depth + 1);
    }
    mark_view(marked, grams, view);
}

/* The recursion ends at MAX_ENCODINGS. */
static void mark_encoded(struct marked *marked, const struct grams *grams,
                         const struct secret_view *of, unsigned depth)
{
    for (unsigned phase = 0; phase < SECRET_VIEW_BASE64_PHASES; phase++) {
        struct secret_view view = {0};

        secret_view_base64(&view, of, phase);
        mark_decoded(marked, grams, &view, depth);
    }
    for (unsigned phase = 0; phase < SECRET_VIEW_HEX_PHASES; phase++) {
        struct secret_view view = {0};

        secret_view_hex(&view, of, phase);
        mark_decoded(marked, grams, &view, depth);
    }
}

static void mark_pieces(struct marked *marked, const struct grams *grams)
{
    struct secret_view plain = {0};
    struct secret_view unescaped = {0};

    secret_view_text(&plain, marked->text, marked->len);
    mark_view(marked, grams, &plain);
    secret_view_unescaped(&unescaped, marked->text, marked->len);
    mark_encoded(marked, grams, &unescaped, 1);
    mark_view(marked, grams, &unescaped);
}

/* Pieces of the set's secrets are looked for only in what others have written:
 * a message of Waybill may contain a word that a password contains, too. */
static void mark_all(struct marked *marked, const struct secret_set *set,
                     bool is_foreign)
{
    struct grams grams;

    if (fault_is_broken("keep-secrets")) {
        return;
    }
    mark_whole(marked, set);
    if (!is_foreign) {
        mark_pieces(marked, NULL);
        return;
    }
    grams_init(&grams, set);
    for (size_t i = 0; i < set->count; i++) {
        if (!set->items[i].is_part) {
            add_grams(&grams, &set->items[i].secret);
        }
    }
    mark_pieces(marked, &grams);
    grams_release(&grams);
}

/* --- scrubbing ------------------------------------------------------------ */

/* What of a foreign text is looked at: more than is ever shown of one. */
#define MAX_FOREIGN ((size_t)4 * 1024)

/* Appends up to `max` bytes of scrubbed text. */
static void scrub(const struct secret_set *set, const char *text, size_t len,
                  bool is_foreign, size_t max, struct str *out)
{
    struct marked marked = {text, len, mem_zalloc(len)};

    mark_all(&marked, set, is_foreign);
    for (size_t at = 0; at < len && out->len < max; at++) {
        if (!marked.is_secret[at]) {
            str_append_char(out, text[at]);
        } else if (at == 0 || !marked.is_secret[at - 1]) {
            str_append_text(out, stars);
        }
    }
    mem_free(marked.is_secret);
}

static void scrub_in_place(const struct secret_set *set, char *text,
                           bool is_foreign)
{
    CLEANUP(secret_release) struct secret scrubbed = SECRET_INIT(STR_UNLIMITED);
    size_t len = strlen(text);

    scrub(set, text, len, is_foreign, len, &scrubbed.text);
    explicit_bzero(text, len);
    memcpy(text, scrubbed.text.data, scrubbed.text.len);
}

void secret_set_scrub(const struct secret_set *set, char *text)
{
    scrub_in_place(set, text, false);
}

void secret_set_scrub_foreign(const struct secret_set *set, char *text)
{
    scrub_in_place(set, text, true);
}

void secret_set_append_printable(const struct secret_set *set, struct str *out,
                                 const char *text, size_t max)
{
    CLEANUP(secret_release) struct secret scrubbed = SECRET_INIT(STR_UNLIMITED);

    /* A control character of two bytes becomes a single space. */
    scrub(set, text, strnlen(text, MAX_FOREIGN), true, 2 * max, &scrubbed.text);
    utf8_append_printable(out, scrubbed.text.data, scrubbed.text.len, max);
}
