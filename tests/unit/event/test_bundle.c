#include "decoding.h"

struct bundle {
    const char *text;
    const char *why; /* NULL: it is valid */
};

#define TYPE "\"mediaType\":\"application/vnd.dev.sigstore.bundle"

static const struct bundle bundles[] = {
    {"{" TYPE ".v0.3+json\",\"dsseEnvelope\":" ENVELOPE "}", NULL},
    {"{" TYPE "+json;version=0.1\",\"dsseEnvelope\":" ENVELOPE "}", NULL},
    {"{\"dsseEnvelope\":" ENVELOPE "}", NULL},
    {"{\"mediaType\":null,\"dsseEnvelope\":" ENVELOPE "}", NULL},
    {"[]", ".bundle: expected an object, not an array"},
    {"{}", ".bundle: has no dsseEnvelope"},
    {"{\"dsseEnvelope\":null}", ".bundle: has no dsseEnvelope"},
    {"{\"messageSignature\":{}}", ".bundle: holds a messageSignature"},
    {"{\"mediaType\":1,\"dsseEnvelope\":" ENVELOPE "}",
     ".bundle.mediaType: expected a string, not a number"},
    {"{\"mediaType\":\"text/plain\",\"dsseEnvelope\":" ENVELOPE "}",
     ".bundle.mediaType: is not that of a Sigstore bundle"},
    {"{\"mediaType\":\"\",\"dsseEnvelope\":" ENVELOPE "}",
     ".bundle.mediaType: is not"},
};

static void bundle__gives_its_envelope_or_says_why_not(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(bundles); i++) {
        const struct bundle *row = &bundles[i];
        CLEANUP(release_arena) struct arena *arena = arena_new();
        struct error err = ERROR_UNTOUCHED;
        struct event event;
        int result = decode_attestation("bundle", bytes_of(row->text), arena,
                                        &event, &err);

        if (row->why == NULL) {
            check_number(row->text, result, 0);
            check_untouched(row->text, &err);
            check_bytes(row->text, event.envelope.data, event.envelope.len,
                        ENVELOPE, strlen(ENVELOPE));
        } else {
            check_number(row->text, result, -1);
            check_kind(row->text, &err, ERROR_SCHEMA);
            check_contains(row->text, err.message, row->why);
            check_number(row->text, event.envelope.len, 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bundle__gives_its_envelope_or_says_why_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
