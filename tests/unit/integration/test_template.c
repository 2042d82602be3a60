#include "decoded_event.h"
#include "integration/template.h"
#include "waybill/json.h"

static const char *const names[] = {
#define VALUE(name, ...) name,
#include "integration/template_values.def"
#undef VALUE
};

/* --- syntax
 * ------------------------------------------------------------------- */

static const char *const good[] = {
    "",
    "{}",
    "}} { } {a}",
    "{{.id}}",
    "{{ .workflow.name }}",
    "{{\t.run.url\n|\r\njson }}",
    "{{.run.url|raw}}",
    "{{ \"{{\" }}",
    "{{\"\"}}",
    "a{{.id}}b{{.kind}}{{.data}}c",
};

struct fault {
    const char *template;
    const char *message;
};

#define EXPECTED                                                               \
    "expected a placeholder, as .workflow.name (there are no conditions, "     \
    "loops or functions)"

static const struct fault faults[] = {
    {"{{", "line 1, column 3: " EXPECTED},
    {"{{ }}", "line 1, column 4: " EXPECTED},
    {"{{ workflow.name }}", "line 1, column 4: " EXPECTED},
    {"{{ if .id }}", "line 1, column 4: " EXPECTED},
    {"{{/* a */}}", "line 1, column 3: " EXPECTED},
    {"{{- .id -}}", "line 1, column 3: " EXPECTED},
    {"{{ . }}", "line 1, column 4: unknown placeholder"},
    {"{{ .Workflow.Name }}",
     "line 1, column 4: unknown placeholder (did you mean .workflow.name?)"},
    {"{{ .workflow }}",
     "line 1, column 4: unknown placeholder (did you mean .workflow.id?)"},
    {"{{ .env.PASSWORD }}", "line 1, column 4: unknown placeholder"},
    {"{{ .workflow.name. }}",
     "line 1, column 4: unknown placeholder (did you mean .workflow.name?)"},
    {"{{ .workflow.nam }}",
     "line 1, column 4: unknown placeholder (did you mean .workflow.name?)"},
    {"{{.id}}\n\n  {{ .run.stat }}",
     "line 3, column 6: unknown placeholder (did you mean .run.state?)"},
    {"\xC3\xA9\xE2\x82\xAC{{ .run.urI }}",
     "line 1, column 6: unknown placeholder (did you mean .run.url?)"},
    {"{{ .id", "line 1, column 1: '{{' is not closed"},
    {"ab{{ .id | json ", "line 1, column 3: '{{' is not closed"},
    {"{{ .id }", "line 1, column 8: expected '}}'"},
    {"{{ .id .kind }}", "line 1, column 8: expected '}}'"},
    {"{{ .id | json | raw }}", "line 1, column 15: expected '}}'"},
    {"{{ .id | jsonx }}", "line 1, column 14: expected '}}'"},
    {"{{ .id | html }}", "line 1, column 10: unknown filter (json or raw)"},
    {"{{ .id | }}", "line 1, column 10: unknown filter (json or raw)"},
    {"{{ \"a }}", "line 1, column 4: the quotation mark is not closed"},
    {"{{ \"a\" | json }}", "line 1, column 8: expected '}}'"},
};

static void template__is_strict_and_says_where_a_fault_is(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        struct error err = ERROR_UNTOUCHED;

        check_number(good[i], template_check(good[i], &err), 0);
        check_untouched(good[i], &err);
    }
    for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
        struct error err;

        check_number(faults[i].template,
                     template_check(faults[i].template, &err), -1);
        check_text(faults[i].template, err.message, faults[i].message);
        check_kind(faults[i].template, &err, ERROR_CONFIG);
    }
}

/* The text may come from a file with confidential content. */
static void template__quotes_nothing_in_a_fault(void **state)
{
    struct error err;

    assert_int_equal(template_check("{{ .s3cret.word }}", &err), -1);
    assert_null(strstr(err.message, "s3cret"));
}

static void template__knows_each_of_its_names(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
        struct error err;

        str_printf(&text, "{{ .%s }}", names[i]);
        check_number(text.data, template_check(text.data, &err), 0);
        check(text.data, template_uses(text.data, names[i]));
        check(text.data, !template_uses(text.data, "none"));
    }
}

/* --- rendering
 * ---------------------------------------------------------------- */

#define MORE                                                                   \
    ",\"organization\":\"acme\",\"id\":\"e-1\",\"time\":"                      \
    "\"2026-01-02T03:04:05Z\",\"run\":{\"id\":\"r\",\"state\":\"success\","    \
    "\"started_at\":\"s\",\"finished_at\":\"f\",\"runner_type\":\"GITHUB\","   \
    "\"run_url\":\"https://ci.example/1?a=b&c\"},\"subjects\":[{\"ref\":"      \
    "\"ghcr.io/a\",\"digest\":\"sha256:"                                       \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}]"

struct rendering {
    const char *template;
    const char *text;
};

static const struct rendering renderings[] = {
    {"", ""},
    {"plain \"text\" }}", "plain \"text\" }}"},
    {"{{ \"{{ .id }}\" }}", "{{ .id }}"},
    {"{{.id}} {{ .kind }}", "msg_1 SBOM"},
    {"{{ .data }}", "Y29udGVudA=="},
    {"{{ .event.id }} {{ .event.time }}", "e-1 2026-01-02T03:04:05Z"},
    {"{{ .organization }}", "acme"},
    {"{{ .run.id }}/{{ .run.state }}", "r/success"},
    {"{{ .run.started_at }}-{{ .run.finished_at }}", "s-f"},
    {"{{ .run.runner_type }}", "GITHUB"},
    {"{{ .run.url | raw }}", "https://ci.example/1?a=b&c"},
    {"{{ .subject.ref | json }}", "\"ghcr.io/a\""},
    {"{{ .attestation.predicate_type }}", "p"},
    {"{{ .attestation.statement | json }}", STATEMENT},
    {"{{ .attestation.statement | raw }}", STATEMENT},
    {"{{ .material.name }}", "a\\\"b\\\\\\n\xC3\xA9"},
    {"{{ .material.name | json }}", "\"a\\\"b\\\\\\n\xC3\xA9\""},
    {"{{ .material.name | raw }}", "a\"b\\\n\xC3\xA9"},
    {"{{ .material.type }}", "SBOM"},
    {"{{ .attachment }} {{ .registration }}", "hook:x hook"},
    /* values that the event does not have */
    {"<{{ .workflow.name }}>", "<>"},
    {"<{{ .workflow.name | raw }}>", "<>"},
    {"{\"a\":{{ .workflow.name | json }}}", "{\"a\":null}"},
    {"{{ .material.filename | json }}", "null"},
};

static const struct registration registration = {.name = "hook"};
static const struct attachment attachment = {.name = "hook:x",
                                             .registration = &registration};

static void render(const struct event *event, const char *template,
                   struct str *out)
{
    static const struct material material = {.name = "a\"b\\\n\xC3\xA9",
                                             .type = "SBOM"};
    struct template_message message = {
        .event = event,
        .attachment = &attachment,
        .material = &material,
        .id = "msg_1",
        .kind = "SBOM",
        .content = bytes_of("content"),
    };
    struct error err;

    check_number(template, template_check(template, &err), 0);
    template_render(template, &message, out);
}

static void template__puts_values_where_they_belong(void **state)
{
    CLEANUP(decoded_event_release) struct decoded_event decoded;

    decoded_event_of(&decoded, STATEMENT, MORE);
    for (size_t i = 0; i < ARRAY_SIZE(renderings); i++) {
        CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);

        render(&decoded.event, renderings[i].template, &out);
        check_text(renderings[i].template, out.data, renderings[i].text);
    }
}

static void template__shows_the_envelope_as_it_is_stored(void **state)
{
    CLEANUP(decoded_event_release) struct decoded_event decoded;
    CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);
    CLEANUP(str_release) struct str digest = STR_INIT(STR_UNLIMITED);

    decoded_event_of(&decoded, STATEMENT, "");
    render(&decoded.event, "{{ .attestation.envelope | json }}", &out);
    check_bytes("envelope", out.data, out.len, decoded.event.envelope.data,
                decoded.event.envelope.len);
    render(&decoded.event, "{{ .attestation.digest }}", &digest);
    assert_string_equal(digest.data, decoded.event.envelope_digest.text);
}

static void template__has_no_statement_where_there_is_none(void **state)
{
    CLEANUP(decoded_event_release) struct decoded_event decoded;
    CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);

    decoded_event_of(&decoded, "no JSON at all", "");
    render(&decoded.event,
           "{{ .attestation.statement | json }}"
           "{{ .attestation.predicate_type | json }}"
           "{{ .material.filename }}",
           &out);
    assert_string_equal(out.data, "nullnull");
}

static void template__stops_at_the_limit_of_its_output(void **state)
{
    CLEANUP(decoded_event_release) struct decoded_event decoded;
    CLEANUP(str_release) struct str out = STR_INIT(9);

    decoded_event_of(&decoded, STATEMENT, "");
    render(&decoded.event, "{{.id}}{{.id}}", &out);
    assert_true(out.overflow);
}

/* --- templates that always produce JSON
 * ---------------------------------------- */

static const char *const json[] = {
    "{}",
    "\"{{ .id }}\"",
    "{\"a\": \"x {{ .id }} y {{ .kind }}\"}",
    "{\"a\": {{ .id | json }}, \"b\": [{{ .data | json }}]}",
    "{\"{{ .id }}\": 1}",
    "{\"a\": {{ .id | raw }}, \"b\": \"{{ .id | raw }}\"}",
    "{\"a\": \"{{\"{{\"}}\"}",
};

static const char *const no_json[] = {
    "",
    "{{ .id }}",
    "{\"a\": {{ .id }}}",
    "{\"a\": \"{{ .id | json }}\"}",
    "{\"a\": \"x {{ .id | json }} y\"}",
    "{\"a\": \"{{ .id | json }}, {{ .id | json }}\"}",
    "{\"a\": \"{{ .id }}\"",
    "{{ .id | json }}{{ .id | json }}",
    "{\"a\": 1,}",
};

static void template__tells_what_makes_json(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(json); i++) {
        check(json[i], template_makes_json(json[i]));
    }
    for (size_t i = 0; i < ARRAY_SIZE(no_json); i++) {
        check(no_json[i], !template_makes_json(no_json[i]));
    }
}

/* Also for an event with every member, for one with none, and with characters
 * that end a string. */
static void template__makes_json_of_any_event(void **state)
{
    static const char *const payloads[] = {STATEMENT, "\"", ""};

    for (size_t i = 0; i < ARRAY_SIZE(payloads); i++) {
        CLEANUP(decoded_event_release) struct decoded_event decoded;
        CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
        CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);
        struct error err;
        struct json *read;

        decoded_event_of(&decoded, payloads[i],
                         i == 0 ? ",\"run\":{\"id\":\"\\\"\\\\\\u001f\"}" : "");
        str_append_text(&text, "{");
        for (size_t name = 0; name < ARRAY_SIZE(names); name++) {
            str_printf(&text, "%s\"{{ .%s }}\":{{ .%s | json }}",
                       name > 0 ? "," : "", names[name], names[name]);
        }
        str_append_text(&text, "}");
        assert_true(template_makes_json(text.data));
        render(&decoded.event, text.data, &out);
        check_number(out.data, json_parse(out.data, out.len, &read, &err), 0);
        json_free(read);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(template__is_strict_and_says_where_a_fault_is),
        cmocka_unit_test(template__quotes_nothing_in_a_fault),
        cmocka_unit_test(template__knows_each_of_its_names),
        cmocka_unit_test(template__puts_values_where_they_belong),
        cmocka_unit_test(template__shows_the_envelope_as_it_is_stored),
        cmocka_unit_test(template__has_no_statement_where_there_is_none),
        cmocka_unit_test(template__stops_at_the_limit_of_its_output),
        cmocka_unit_test(template__tells_what_makes_json),
        cmocka_unit_test(template__makes_json_of_any_event),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
