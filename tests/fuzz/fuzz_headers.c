#include <string.h>
#include <time.h>

#include "fuzz.h"
#include "oci/content_digest.h"
#include "oci/trust.h"
#include "waybill/clock.h"
#include "waybill/http.h"

/*
 * The headers of a response:
 *
 * - A Retry-After is not longer than its maximum. If it is a date, the date can
 *   be written and is parsed as the same time.
 * - A Location is refused, or it gives a URL that is parsed as the same URL,
 *   and that has https if the registry was contacted by https; credentials are
 *   sent to the origin only.
 * - A digest is the same, another one, or not known.
 */

#define WALL 1767323045678

static void check_date(const char *text)
{
    int64_t ms = clock_parse_http_date(text);
    time_t seconds = (time_t)(ms / 1000);
    struct tm parts;
    char again[64];

    CHECK(ms >= -1);
    if (ms < 0) {
        return;
    }
    CHECK(ms % 1000 == 0 && gmtime_r(&seconds, &parts) != NULL);
    CHECK(strftime(again, sizeof(again), "%a, %d %b %Y %H:%M:%S GMT", &parts) >
          0);
    CHECK(clock_parse_http_date(again) == ms);
}

static void check_location(const char *text)
{
    static const struct oci_target target;
    struct error err;
    struct url from;
    struct url to;
    struct url again;
    enum trust trust;

    CHECK(url_parse("https://reg.example:5000/v2/a/blobs/uploads/", NULL, &from,
                    &err) == 0);
    if (url_parse(text, &from, &to, &err) == 0) {
        trust = trust_of(&from, &target, &to, REDIRECT_UPLOAD);
        CHECK(url_parse(to.text, NULL, &again, &err) == 0);
        CHECK(strcmp(again.text, to.text) == 0);
        CHECK(strcmp(again.host, to.host) == 0 && again.port == to.port);
        CHECK(trust == TRUST_REFUSED || to.https);
        CHECK(trust != TRUST_CREDENTIALS ||
              (strcmp(to.host, "reg.example") == 0 && to.port == 5000));
        url_release(&again);
        url_release(&to);
    }
    url_release(&from);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    struct http_response response = {.status = 201};
    struct digest digest;

    str_init(&response.headers, STR_UNLIMITED);
    str_append(&response.headers, data, strnlen((const char *)data, size));
    digest_of("", 0, &digest);
    CHECK(http_retry_after_ms(&response, WALL) <= HTTP_MAX_RETRY_AFTER_MS);
    if (http_header(&response, "Retry-After", 0, &text)) {
        CHECK(text.len <= response.headers.len);
        check_date(text.data);
    }
    str_clear(&text);
    if (http_header(&response, "Location", 0, &text)) {
        check_location(text.data);
    }
    if (content_digest_compare(&response, &digest) == CONTENT_DIGEST_SAME) {
        CHECK(strcasestr(response.headers.data, digest_hex(&digest)) != NULL);
    }
    str_release(&response.headers);
    return 0;
}
