#include "decoding.h"
#include "waybill/event_form.h"

#define BUNDLE                                                                 \
    "{\"mediaType\":\"application/vnd.dev.sigstore.bundle.v0.3+json\","        \
    "\"verificationMaterial\":{},\"dsseEnvelope\":" ENVELOPE "}"
#define STATEMENT                                                              \
    "{\"_type\":\"https://in-toto.io/Statement/v1\",\"subject\":[],"           \
    "\"predicateType\":\"p\",\"predicate\":{}}"

struct sent {
    const char *value;
    const char *what;
    const char *advice;
};

static const struct sent sent_instead[] = {
    {ENVELOPE, "$: this is a bare DSSE envelope, not an attestation event: ",
     "--workflow P/N"},
    {BUNDLE, "$: this is a bare Sigstore bundle", "--workflow P/N"},
    {"{\"verificationMaterial\":{},\"messageSignature\":{}}",
     "a bare Sigstore bundle", "bundle"},
    {"{\"dsse_envelope\":{}}", "a bare Sigstore bundle", "bundle"},
    {STATEMENT, "an in-toto statement without its signed envelope",
     "attestation.envelope"},
    {"{\"attestations\":[{\"predicateType\":\"https://slsa.dev/provenance/v1\","
     "\"bundle\":" BUNDLE "}]}",
     "npm's attestations API", "one event for each"},
    {"{\"attestations\":[{\"bundle\":" BUNDLE ",\"repository_id\":1,"
     "\"bundle_url\":\"u\"}]}",
     "GitHub's attestations API", "one event for each"},
    {"{\"attestations\":[{\"bundle\":{}}]}", "GitHub's attestations API",
     "one event for each"},
    {"{\"attestations\":[{\"bundle_url\":\"u\"}]}", "GitHub's attestations API",
     "one event for each"},
    {"{\"attestations\":[{\"bundle\":null,\"bundle_url\":\"u\"}]}",
     "GitHub's attestations API", "one event for each"},
    {"[{\"attestation\":{\"bundle\":" BUNDLE "},\"verificationResult\":{}}]",
     "`gh attestation verify`", "one event for each"},
    {"{\"Gitoid\":\"g\",\"Payload\":\"e30=\"}", "a message of Archivista",
     "Payload (base64)"},
    {"{\"Metadata\":{\"Workflow\":{\"Name\":\"n\"}},\"Data\":\"e30=\","
     "\"Kind\":\"ATTESTATION\"}",
     "Chainloop's webhook integration", "Data (base64)"},
    {"{\"EventType\":\"AUDIT_EVENT\",\"Data\":{}}",
     "an audit event of Chainloop", "no attestation"},
    {"{\"schema\":{\"type\":\"struct\"},\"payload\":" EVENT "}",
     "Kafka Connect's schema wrapper", "schemas.enable=false"},
    {"{\"schema\":null,\"payload\":\"{}\"}", "Kafka Connect's schema wrapper",
     "schemas.enable=false"},
    {"[{\"specversion\":\"1.0\"}]", "a batch of CloudEvents",
     "a record of its own"},
    {"[" EVENT "]", "$: this is an array", "a record of its own"},
    {"{\"id\":\"1\",\"source\":\"s\",\"data\":" EVENT "}",
     "a CloudEvent without specversion", "\"specversion\": \"1.0\""},
    {"{\"events\":[{\"action\":\"push\",\"target\":{}}]}",
     "a notification of a registry", "no attestation"},
    {"{\"apiVersion\":\"tekton.dev/v1\",\"kind\":\"TaskRun\"}",
     "a Kubernetes object", "no attestation"},
    {"\"{\\\"workflow\\\":{}}\"", "$: this is a string that holds JSON",
     "encodes the event twice"},
    {"\"eyJ3b3JrZmxvdyI6e319\"", "a string that holds JSON", "twice"},
    /* inside a CloudEvent */
    {"{\"specversion\":\"1.0\",\"type\":\"" EVENT_TYPE "\",\"data\":" BUNDLE
     "}",
     "$.data: this is a bare Sigstore bundle", "attestation"},
    {"{\"specversion\":\"1.0\",\"type\":\"" EVENT_TYPE
     "\",\"data\":\" {\\\"a\\\":1}\"}",
     "$.data: this is a string that holds JSON", "twice"},
    /* at a wrong position */
    {"{" WORKFLOW ",\"attestation\":" ENVELOPE "}",
     "$.attestation: this is a bare DSSE envelope; it belongs in "
     "attestation.envelope",
     ""},
    {"{" WORKFLOW ",\"attestation\":" BUNDLE "}",
     "$.attestation: this is a bare Sigstore bundle; it belongs in "
     "attestation.bundle",
     ""},
    {"{" WORKFLOW ",\"attestation\":{\"envelope\":" BUNDLE "}}",
     "$.attestation.envelope: this is a bare Sigstore bundle; it belongs in "
     "attestation.bundle",
     ""},
    {"{" WORKFLOW ",\"attestation\":{\"bundle\":" ENVELOPE "}}",
     "$.attestation.bundle: this is a bare DSSE envelope; it belongs in "
     "attestation.envelope",
     ""},
    {"{" WORKFLOW ",\"attestation\":{\"envelope\":" STATEMENT "}}",
     "$.attestation.envelope: this is an in-toto statement", "signs it"},
    {"{" WORKFLOW ",\"attestation\":{\"envelope\":\"{}\"}}",
     "$.attestation.envelope: this is a string that holds JSON", "twice"},
    {"{" WORKFLOW ",\"envelope\":" ENVELOPE "}",
     "$.attestation: is missing; 'envelope' belongs in it", ""},
    {"{" WORKFLOW ",\"bundle\":" BUNDLE "}",
     "$.attestation: is missing; 'bundle' belongs in it", ""},
};

static void recognize__names_what_was_sent_and_how_to_wrap_it(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(sent_instead); i++) {
        const struct sent *row = &sent_instead[i];
        CLEANUP(release_arena) struct arena *arena = arena_new();
        struct error err;
        struct event event;

        check_number(row->what, decode(row->value, arena, &event, &err), -1);
        check_kind(row->what, &err, ERROR_SCHEMA);
        check_contains(row->value, err.message, row->what);
        check_contains(row->value, err.message, row->advice);
    }
}

static void recognize__knows_the_envelopes_of_tekton_chains(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    const struct header headers[] = {text_header("payload", "e30="),
                                     text_header("signature", "c2ln")};
    struct error err;
    struct event event;

    assert_int_equal(decode_with(ENVELOPE, headers, 2, arena, &event, &err),
                     -1);
    assert_message_contains(&err, "a bare DSSE envelope from Tekton Chains");
}

/* The error of a value that is almost an event is that of the event. */
static void recognize__leaves_events_alone(void **state)
{
    static const struct sent rows[] = {
        {"{}", "$.workflow: is missing", ""},
        {"{\"schema\":1,\"payload\":2,\"workflow\":{}}", "$.workflow: needs",
         ""},
        {"{" WORKFLOW "}", "$.attestation: is missing", ""},
        {"{" WORKFLOW ",\"attestation\":{\"envelope\":{\"payloadType\":\"t\","
         "\"payload\":7}}}",
         "$.attestation.envelope.payload: expected a string", ""},
        {"{" WORKFLOW ",\"attestation\":{\"bundle\":{\"mediaType\":"
         "\"application/vnd.dev.sigstore.bundle.v0.3+json\"}}}",
         "$.attestation.bundle: has no dsseEnvelope", ""},
        {"[]", "$: expected an object, not an array", ""},
        {"\"text\"", "$: expected an object, not a string", ""},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        CLEANUP(release_arena) struct arena *arena = arena_new();
        struct error err;
        struct event event;

        check_number(rows[i].what, decode(rows[i].value, arena, &event, &err),
                     -1);
        check_contains(rows[i].what, err.message, rows[i].what);
    }
}

/* Unknown fields are ignored, whatever their names are. */
static void recognize__refuses_no_event_for_its_unknown_fields(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    struct error err = ERROR_UNTOUCHED;
    struct event event;

    assert_int_equal(
        decode("{\"payloadType\":1,\"payload\":2,\"attestations\":[{\"bundle\":"
               "1}],\"dsseEnvelope\":{}," WORKFLOW
               ",\"attestation\":{\"_type\":1,\"envelope\":{\"dsseEnvelope\":1,"
               "\"payloadType\":\"t\",\"payload\":\"e30=\"}}}",
               arena, &event, &err),
        0);
    assert_untouched(&err);
}

/* --- wrapping ------------------------------------------------------------- */

static const struct workflow workflow = {.project = "shop", .name = "a \"b\""};

static void wrap__makes_an_event_of_what_is_bare(void **state)
{
    static const char *const values[] = {ENVELOPE, BUNDLE};

    for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
        CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
        CLEANUP(release_arena) struct arena *arena = arena_new();
        struct error err = ERROR_UNTOUCHED;
        struct event event;

        check(values[i], event_wrap(bytes_of(values[i]), &workflow, &text));
        check_contains("byte for byte", text.data, values[i]);
        check_number(
            values[i],
            decode_record(str_bytes(&text), NULL, 0, arena, &event, &err), 0);
        check_text("project", event.workflow.project, "shop");
        check_text("name", event.workflow.name, "a \"b\"");
        check_bytes("envelope", event.envelope.data, event.envelope.len,
                    ENVELOPE, strlen(ENVELOPE));
    }
}

static void wrap__leaves_everything_else_as_it_is(void **state)
{
    static const char *const values[] = {
        EVENT,
        STATEMENT,
        "{}",
        "[" ENVELOPE "]",
        "not JSON",
        "",
        "{\"workflow\":{\"id\":\"x\"},\"payloadType\":\"t\",\"payload\":\"\"}",
    };

    for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
        CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);

        check(values[i], !event_wrap(bytes_of(values[i]), &workflow, &text));
        check_number(values[i], text.len, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recognize__names_what_was_sent_and_how_to_wrap_it),
        cmocka_unit_test(recognize__knows_the_envelopes_of_tekton_chains),
        cmocka_unit_test(recognize__leaves_events_alone),
        cmocka_unit_test(recognize__refuses_no_event_for_its_unknown_fields),
        cmocka_unit_test(wrap__makes_an_event_of_what_is_bare),
        cmocka_unit_test(wrap__leaves_everything_else_as_it_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
