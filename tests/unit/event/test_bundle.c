#include "asserts.h"

#include "event/event_internal.h"

struct bundle {
    const char *text;
    const char *why; /* NULL: it opens */
};

#define TYPE "\"mediaType\":\"application/vnd.dev.sigstore.bundle"

static const struct bundle bundles[] = {
    {"{" TYPE ".v0.3+json\",\"dsseEnvelope\":{}}", NULL},
    {"{" TYPE "+json;version=0.1\",\"dsseEnvelope\":{}}", NULL},
    {"{\"dsseEnvelope\":{}}", NULL},
    {"{\"mediaType\":null,\"dsseEnvelope\":{}}", NULL},
    {"[]", "$: expected an object, not an array"},
    {"{}", "$: has no dsseEnvelope"},
    {"{\"dsseEnvelope\":null}", "$: has no dsseEnvelope"},
    {"{\"messageSignature\":{}}", "$: holds a messageSignature"},
    {"{\"mediaType\":1,\"dsseEnvelope\":{}}",
     "$.mediaType: expected a string, not a number"},
    {"{\"mediaType\":\"text/plain\",\"dsseEnvelope\":{}}",
     "$.mediaType: is not a Sigstore bundle's"},
    {"{\"mediaType\":\"\",\"dsseEnvelope\":{}}", "$.mediaType: is not"},
};

static void bundle__gives_its_envelope_or_says_why_not(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(bundles); i++) {
        const struct bundle *row = &bundles[i];
        struct json_at none = {.name = "as it was"};
        struct json_at envelope = none;
        struct error err = ERROR_UNTOUCHED;
        struct json_at at;
        struct json *json;

        assert_int_equal(json_parse(row->text, strlen(row->text), &json, &err),
                         0);
        at = json_at_root(json);
        if (row->why == NULL) {
            check_number(row->text, bundle_open(&at, &envelope, &err), 0);
            check(row->text, json_is_object(envelope.value));
            check_text(row->text, envelope.name, "dsseEnvelope");
            check_untouched(row->text, &err);
        } else {
            check_number(row->text, bundle_open(&at, &envelope, &err), -1);
            check_kind(row->text, &err, ERROR_SCHEMA);
            check_contains(row->text, err.message, row->why);
            check_text(row->text, envelope.name, "as it was");
        }
        json_free(json);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bundle__gives_its_envelope_or_says_why_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
