/* The exact log line of a finished record: the names of its fields are an
 * interface. */

#include "capture.h"
#include "pipeline/audit.h"
#include "waybill/log.h"

static const struct registration registration = {.name = "ghcr",
                                                 .integration = "oci-registry"};
static const struct attachment attachment = {.name = "ghcr:shop/build",
                                             .registration = &registration};
static const struct input input = {
    .message = {.topic = "attestations"}, .partition = 3, .offset = 42};
static const struct event event = {
    .id = "e1",
    .trace = {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "a=1"},
    .workflow = {.id = "w1", .name = "build", .project = "shop"},
};
static const struct event unread = {.id = "attestations/3/42"};

/* The line after the time */
static const char *line_of(const struct outcome *outcome)
{
    static struct capture capture;
    const char *line;

    log_setup(LOG_INFO, LOG_JSON);
    capture_begin(&capture);
    audit_outcome(outcome, "dead");
    line = strstr(capture_end(&capture), "\",\"level\"");
    assert_non_null(line);
    return line + 2;
}

#define PLACE                                                                  \
    "\"topic\":\"attestations\",\"partition\":3,\"offset\":42,\"attempt\":"
#define DELIVERY                                                               \
    "\"event_id\":\"e1\",\"workflow\":\"build\",\"project\":\"shop\","         \
    "\"attachment\":\"ghcr:shop/build\",\"registration\":\"ghcr\","            \
    "\"integration\":\"oci-registry\"," PLACE
#define TRACE "\"trace_id\":\"0af7651916cd43dd8448eb211c80319c\""

static const struct artifact artifact = {
    .reference = "ghcr.io/acme/x@sha256:m",
    .digest = "sha256:m",
};

static void audit__says_where_a_delivery_went(void **state)
{
    struct outcome outcome = {
        .status = OUTCOME_SUCCEEDED,
        .input = &input,
        .event = &event,
        .attachment = &attachment,
        .result = {.reference = "ghcr.io/acme/x@sha256:m",
                   .already_present = true,
                   .artifact = &artifact},
        .attempts = 2,
        .duration_ms = 41,
        .traceparent =
            "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01",
    };

    assert_string_equal(
        line_of(&outcome),
        "\"level\":\"info\",\"msg\":\"delivery succeeded\",\"module\":"
        "\"pipeline\"," DELIVERY
        "2,\"duration_ms\":41,\"reference\":\"ghcr.io/acme/x@sha256:m\","
        "\"digest\":\"sha256:m\",\"already_present\":true," TRACE
        ",\"span_id\":\"00f067aa0ba902b7\"}\n");
}

static void audit__says_why_a_delivery_failed(void **state)
{
    struct outcome outcome = {
        .status = OUTCOME_FAILED,
        .input = &input,
        .event = &event,
        .attachment = &attachment,
        .error = {.kind = ERROR_REJECTED,
                  .http_status = 400,
                  .code = "MANIFEST_INVALID",
                  .message = "push: no"},
        .dead_letter = true,
        .attempts = 1,
    };

    assert_string_equal(
        line_of(&outcome),
        "\"level\":\"warn\",\"msg\":\"delivery failed\",\"module\":"
        "\"pipeline\"," DELIVERY
        "1,\"duration_ms\":0,\"dead_letter\":\"dead\",\"err\":\"push: no\","
        "\"err_class\":\"rejected\",\"err_kind\":\"rejected\","
        "\"err_code\":\"MANIFEST_INVALID\","
        "\"http_status\":400," TRACE "}\n");
}

static void audit__says_little_of_what_could_not_be_read(void **state)
{
    struct outcome outcome = {
        .status = OUTCOME_FAILED,
        .input = &input,
        .event = &unread,
        .error = {.kind = ERROR_SCHEMA, .message = "$: not JSON"},
        .dead_letter = true,
    };

    assert_string_equal(
        line_of(&outcome),
        "\"level\":\"warn\",\"msg\":\"delivery failed\",\"module\":"
        "\"pipeline\",\"event_id\":\"attestations/3/42\"," PLACE
        "0,\"duration_ms\":0,\"dead_letter\":\"dead\",\"err\":\"$: not JSON\","
        "\"err_class\":\"schema\",\"err_kind\":\"schema\"}\n");
}

static void audit__says_that_nothing_was_to_be_done(void **state)
{
    struct outcome outcome = {
        .status = OUTCOME_SKIPPED, .input = &input, .event = &event};

    assert_string_equal(
        line_of(&outcome),
        "\"level\":\"info\",\"msg\":\"event skipped\",\"module\":\"pipeline\","
        "\"event_id\":\"e1\",\"workflow\":\"build\",\"project\":\"shop\"," PLACE
        "0,\"duration_ms\":0," TRACE "}\n");
}

/* An event that tries to make its own line unreadable */
static void audit__keeps_the_coordinates_whatever_an_event_holds(void **state)
{
    char noise[3000];
    struct event hostile = event;
    struct outcome outcome = {
        .status = OUTCOME_SKIPPED, .input = &input, .event = &hostile};

    memset(noise, 1, sizeof(noise));
    noise[sizeof(noise) - 1] = '\0';
    hostile.workflow.name = noise;
    hostile.workflow.project = noise;
    assert_string_equal(
        line_of(&outcome),
        "\"level\":\"info\",\"msg\":\"event skipped\",\"module\":\"pipeline\","
        "\"event_id\":\"e1\"," PLACE "0,\"duration_ms\":0," TRACE "}\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(audit__says_where_a_delivery_went),
        cmocka_unit_test(audit__says_why_a_delivery_failed),
        cmocka_unit_test(audit__says_little_of_what_could_not_be_read),
        cmocka_unit_test(audit__says_that_nothing_was_to_be_done),
        cmocka_unit_test(audit__keeps_the_coordinates_whatever_an_event_holds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
