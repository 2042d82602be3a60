#include "decoded_event.h"
#include "integration/chainloop_message.h"

/* The member names are those of Chainloop's Go structs, and their order is that
 * of encoding/json; app/controlplane/plugins/core/webhook/v1/webhook.go and
 * sdk/v1/fanout.go of chainloop-dev/chainloop. */

static void append_message(const struct event *event, const char *content,
                           struct str *out)
{
    const struct template_message message = {
        .event = event,
        .kind = "SBOM_SPDX_JSON",
        .content = bytes_of(content),
    };

    chainloop_append_message(&message, out);
}

static void message__is_the_one_that_chainloops_plugin_sends(void **state)
{
    CLEANUP(decoded_event_release) struct decoded_event decoded;
    CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);

    decoded_event_init(
        &decoded,
        "{\"workflow\":{\"id\":\"w-1\",\"name\":\"build\",\"project\":\"shop\","
        "\"team\":\"core\"},\"run\":{\"id\":\"r-1\",\"state\":\"success\","
        "\"started_at\":\"2026-01-02T03:04:05.678Z\",\"finished_at\":"
        "\"2026-01-02T03:05:06Z\",\"runner_type\":\"GITHUB_ACTION\","
        "\"run_url\":\"https://ci.example/1\"},\"attestation\":{\"envelope\":"
        "{\"payloadType\":\"t\",\"payload\":\"e30=\",\"signatures\":[]}}}");
    append_message(&decoded.event, "{\"bom\":\"\xC3\xA9\"}", &out);
    assert_string_equal(
        out.data,
        "{\"Metadata\":{\"Workflow\":{\"ID\":\"w-1\",\"Name\":\"build\","
        "\"Team\":\"core\",\"Project\":\"shop\"},\"WorkflowRun\":{\"ID\":"
        "\"r-1\",\"State\":\"success\",\"StartedAt\":"
        "\"2026-01-02T03:04:05.678Z\",\"FinishedAt\":\"2026-01-02T03:05:06Z\","
        "\"RunnerType\":\"GITHUB_ACTION\",\"RunURL\":\"https://ci.example/1\","
        "\"AttestationDigest\":\"sha256:"
        "658ed14a184609aa5f09e034fafcfcd07e158abf4d946ec2840c1e91ace1a4c1\"}},"
        "\"Data\":\"eyJib20iOiLDqSJ9\",\"Kind\":\"SBOM_SPDX_JSON\"}");
}

/* Go cannot parse an empty text as a time. */
static void message__leaves_blank_what_the_event_does_not_say(void **state)
{
    CLEANUP(decoded_event_release) struct decoded_event decoded;
    CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);

    decoded_event_of(&decoded, STATEMENT, "");
    append_message(&decoded.event, "", &out);
    check_contains("workflow", out.data,
                   "{\"ID\":\"w\",\"Name\":\"\",\"Team\":\"\",\"Project\":"
                   "\"\"},\"WorkflowRun\":{\"ID\":\"\",\"State\":\"\","
                   "\"StartedAt\":\"0001-01-01T00:00:00Z\",\"FinishedAt\":"
                   "\"0001-01-01T00:00:00Z\",\"RunnerType\":\"\",\"RunURL\":"
                   "\"\",");
    check_contains("data", out.data, ",\"Data\":\"\",");
}

static void attestation__has_envelope_statement_and_predicate(void **state)
{
    CLEANUP(decoded_event_release) struct decoded_event decoded;
    CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);
    CLEANUP(str_release) struct str expected = STR_INIT(STR_UNLIMITED);

    decoded_event_of(&decoded, STATEMENT, "");
    chainloop_append_attestation(&decoded.event, &out);
    str_printf(&expected,
               "{\"Envelope\":%.*s,\"Hash\":\"%s\",\"Statement\":{\"type\":"
               "\"https://in-toto.io/Statement/v1\",\"subject\":[{\"name\":"
               "\"a\",\"digest\":{\"sha256\":\"2\"},\"media_type\":\"m\","
               "\"download_location\":\"d\"}],\"predicate_type\":\"p\","
               "\"predicate\":{\"x\":[1,2.5]}},\"Predicate\":{\"x\":[1,2.5]}}",
               (int)decoded.event.envelope.len,
               (const char *)decoded.event.envelope.data,
               decoded.event.envelope_digest.text);
    assert_string_equal(out.data, expected.data);
}

static void attestation__does_without_a_statement(void **state)
{
    CLEANUP(decoded_event_release) struct decoded_event decoded;
    CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);

    decoded_event_of(&decoded, "\"no statement\"", "");
    chainloop_append_attestation(&decoded.event, &out);
    check_contains("nulls", out.data,
                   ",\"Statement\":null,\"Predicate\":null}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(message__is_the_one_that_chainloops_plugin_sends),
        cmocka_unit_test(message__leaves_blank_what_the_event_does_not_say),
        cmocka_unit_test(attestation__has_envelope_statement_and_predicate),
        cmocka_unit_test(attestation__does_without_a_statement),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
