#include <stdlib.h>
#include <string.h>

#include "admin_internal.h"
#include "page_parts.h"
#include "waybill/base64.h"

/*
 * Inlines the style sheet and the scripts into page.html, so that the page
 * needs no other file. Its Content-Security-Policy allows exactly these by
 * their digests, the icon as a data: URL, and requests only to its own origin.
 * Text of a registry or an event can therefore never run as a script.
 */

static const struct part {
    const char *mark; /* replaced by the text in page.html */
    const char *text;
    size_t len;
} style = {"@style@", page_css, sizeof(page_css) - 1};

static const struct part scripts[] = {
    {"@text@", page_text_js, sizeof(page_text_js) - 1},
    {"@problems@", page_problems_js, sizeof(page_problems_js) - 1},
    {"@charts@", page_charts_js, sizeof(page_charts_js) - 1},
    {"@script@", page_js, sizeof(page_js) - 1},
};

static unsigned char nibble(char digit)
{
    return (unsigned char)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
}

/* Appends a hash source of the policy: the base64 of the SHA-256 (CSP 3,
 * section 2.3.1). */
static void append_hash_source(struct str *out, const struct part *part)
{
    unsigned char sum[DIGEST_HEX / 2];
    struct digest digest;
    const char *hex;

    digest_of(part->text, part->len, &digest);
    hex = digest_hex(&digest);
    for (size_t i = 0; i < sizeof(sum); i++) {
        sum[i] =
            (unsigned char)(nibble(hex[2 * i]) << 4 | nibble(hex[2 * i + 1]));
    }
    str_append_text(out, " 'sha256-");
    base64_encode(out, sum, sizeof(sum));
    str_append_text(out, "'");
}

/* Appends the template up to the part's mark, then the part, and returns the
 * template after the mark. */
static const char *append_part(struct str *out, const char *from,
                               const struct part *part)
{
    const char *at = strstr(from, part->mark);

    if (at == NULL) {
        abort(); /* page.html is part of the program */
    }
    str_append(out, from, (size_t)(at - from));
    str_append(out, part->text, part->len);
    return at + strlen(part->mark);
}

void page_make(struct page *page)
{
    const char *remainder;

    str_init(&page->html, STR_UNLIMITED);
    str_init(&page->policy, STR_UNLIMITED);
    remainder = append_part(&page->html, page_html, &style);
    str_append_text(&page->policy, "default-src 'none'; connect-src 'self'; "
                                   "img-src data:; style-src");
    append_hash_source(&page->policy, &style);
    str_append_text(&page->policy, "; script-src");
    for (size_t i = 0; i < ARRAY_SIZE(scripts); i++) {
        remainder = append_part(&page->html, remainder, &scripts[i]);
        append_hash_source(&page->policy, &scripts[i]);
    }
    str_append_text(&page->html, remainder);
    str_append_text(
        &page->policy,
        "; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
}

void page_release(struct page *page)
{
    str_release(&page->html);
    str_release(&page->policy);
}
