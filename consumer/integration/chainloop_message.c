#include "chainloop_message.h"

#include <string.h>

#include "waybill/base64.h"
#include "waybill/event_content.h"
#include "waybill/json.h"

/* Go's zero time. Receivers parse the field as time.Time, which an empty string
 * is not. */
#define NO_TIME "0001-01-01T00:00:00Z"

static void append_text(struct json_writer *json, const char *name,
                        const char *text)
{
    json_append_string(json, name, text != NULL ? text : "");
}

static void append_time(struct json_writer *json, const char *name,
                        const char *time)
{
    json_append_string(json, name, time != NULL ? time : NO_TIME);
}

static void append_metadata(struct json_writer *json, const struct event *event)
{
    const struct workflow *workflow = &event->workflow;
    const struct run *run = &event->run;

    json_open(json, "Metadata", '{');
    json_open(json, "Workflow", '{');
    append_text(json, "ID", workflow->id);
    append_text(json, "Name", workflow->name);
    append_text(json, "Team", workflow->team);
    append_text(json, "Project", workflow->project);
    json_close(json, '}');
    json_open(json, "WorkflowRun", '{');
    append_text(json, "ID", run->id);
    append_text(json, "State", run->state);
    append_time(json, "StartedAt", run->started_at);
    append_time(json, "FinishedAt", run->finished_at);
    append_text(json, "RunnerType", run->runner_type);
    append_text(json, "RunURL", run->url);
    append_text(json, "AttestationDigest", event->envelope_digest.text);
    json_close(json, '}');
    json_close(json, '}');
}

void chainloop_append_message(const struct template_message *message,
                              struct str *out)
{
    struct json_writer json = {.out = out};

    json_open(&json, NULL, '{');
    append_metadata(&json, message->event);
    json_append_raw(&json, "Data", "\"", 1);
    base64_encode(out, message->content.data, message->content.len);
    str_append_char(out, '"');
    json_append_string(&json, "Kind", message->kind);
    json_close(&json, '}');
}

/* --- the attestation ---------------------------------------------------------
 */

/* encoding/json uses the names of the protobuf definition for these fields, not
 * the JSON names of in-toto. */
static const char *go_name(const char *name)
{
    static const char *const names[][2] = {
        {"downloadLocation", "download_location"},
        {"mediaType", "media_type"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (strcmp(name, names[i][0]) == 0) {
            return names[i][1];
        }
    }
    return name;
}

static void append_subjects(struct json_writer *json,
                            const struct json *subjects)
{
    json_open(json, "subject", '[');
    for (const struct json *subject = json_first(subjects); subject != NULL;
         subject = json_next(subject)) {
        json_open(json, NULL, '{');
        for (const struct json *member = json_first(subject); member != NULL;
             member = json_next(member)) {
            json_append_value(json, go_name(json_name(member)), member);
        }
        json_close(json, '}');
    }
    json_close(json, ']');
}

static void append_statement(struct json_writer *json,
                             const struct statement *statement)
{
    const struct json *subjects = json_member(statement->document, "subject");

    json_open(json, "Statement", '{');
    json_append_string(json, "type", statement->type);
    if (json_is_array(subjects)) {
        append_subjects(json, subjects);
    }
    json_append_string(json, "predicate_type", statement->predicate_type);
    if (statement->predicate != NULL) {
        json_append_value(json, "predicate", statement->predicate);
    }
    json_close(json, '}');
}

static void append_null(struct json_writer *json, const char *name)
{
    json_append_raw(json, name, "null", 4);
}

void chainloop_append_attestation(const struct event *event, struct str *out)
{
    struct json_writer json = {.out = out};
    struct error err;
    const struct statement *statement = event_statement(event, &err);

    json_open(&json, NULL, '{');
    json_append_raw(&json, "Envelope", (const char *)event->envelope.data,
                    event->envelope.len);
    json_append_string(&json, "Hash", event->envelope_digest.text);
    if (statement != NULL) {
        append_statement(&json, statement);
    } else {
        append_null(&json, "Statement");
    }
    if (statement != NULL && statement->predicate != NULL) {
        json_append_value(&json, "Predicate", statement->predicate);
    } else {
        append_null(&json, "Predicate");
    }
    json_close(&json, '}');
}
