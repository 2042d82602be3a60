#include <stdlib.h>
#include <string.h>

#include "admin_internal.h"
#include "page_parts.h"
#include "waybill/base64.h"

/*
 * Inlines page.css and page.js into page.html, so that the page needs no other
 * file. Its Content-Security-Policy allows exactly these two by their digests,
 * and requests only to its own origin. Text of a registry or an event can
 * therefore never run as a script.
 */

static unsigned char nibble(char digit)
{
    return (unsigned char)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
}

/* Appends a hash source of the policy: the base64 of the SHA-256 (CSP 3,
 * section 2.3.1). */
static void append_hash_source(struct str *out, const char *text, size_t len)
{
    unsigned char sum[DIGEST_HEX / 2];
    struct digest digest;
    const char *hex;

    digest_of(text, len, &digest);
    hex = digest_hex(&digest);
    for (size_t i = 0; i < sizeof(sum); i++) {
        sum[i] =
            (unsigned char)(nibble(hex[2 * i]) << 4 | nibble(hex[2 * i + 1]));
    }
    str_append_text(out, "'sha256-");
    base64_encode(out, sum, sizeof(sum));
    str_append_text(out, "'");
}

/* Appends the template up to `mark`, then `part`, and returns the template
 * after `mark`. */
static const char *append_part(struct str *out, const char *from,
                               const char *mark, const char *part, size_t len)
{
    const char *at = strstr(from, mark);

    if (at == NULL) {
        abort(); /* page.html is part of the program */
    }
    str_append(out, from, (size_t)(at - from));
    str_append(out, part, len);
    return at + strlen(mark);
}

void page_make(struct page *page)
{
    size_t css = sizeof(page_css) - 1;
    size_t js = sizeof(page_js) - 1;
    const char *remainder;

    str_init(&page->html, STR_UNLIMITED);
    str_init(&page->policy, STR_UNLIMITED);
    remainder = append_part(&page->html, page_html, "@style@", page_css, css);
    remainder = append_part(&page->html, remainder, "@script@", page_js, js);
    str_append_text(&page->html, remainder);
    str_append_text(&page->policy,
                    "default-src 'none'; connect-src 'self'; style-src ");
    append_hash_source(&page->policy, page_css, css);
    str_append_text(&page->policy, "; script-src ");
    append_hash_source(&page->policy, page_js, js);
    str_append_text(
        &page->policy,
        "; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
}

void page_release(struct page *page)
{
    str_release(&page->html);
    str_release(&page->policy);
}
