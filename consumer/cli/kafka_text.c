#include "kafka_text.h"

#include <string.h>

#include "cli_internal.h"
#include "waybill/limits.h"
#include "waybill/utf8.h"

#define LINE_WIDTH 80
/* The commands in a table are long. */
#define TABLE_WIDTH 120
#define UNKNOWN_PRINCIPAL "User:PRINCIPAL"

/* --- the script ----------------------------------------------------------- */

/* The text must not end the comment, so that its control characters are
 * escaped. The lines after the first one are indented further. */
static void append_comment(struct str *out, size_t indent, const char *text)
{
    CLEANUP(str_release) struct str safe = STR_INIT(STR_UNLIMITED);
    CLEANUP(str_release) struct str lines = STR_INIT(STR_UNLIMITED);
    size_t len;

    utf8_append_printable(&safe, text, strlen(text), LIMIT_MESSAGE);
    append_wrapped(&lines, safe.data, 0, LINE_WIDTH - 2 - indent);
    for (const char *at = lines.data; *at != '\0'; at += len) {
        len = strcspn(at, "\n") + 1;
        str_printf(out, "# %*s", (int)indent, "");
        str_append(out, at, len);
    }
}

/* The length of the text before the next option, or of all of it. An option
 * begins after a blank outside of quotes. */
static size_t part_length(const char *command)
{
    bool quoted = false;
    size_t len = 0;

    for (; command[len] != '\0'; len++) {
        quoted ^= command[len] == '\'';
        if (!quoted && len > 0 && strncmp(command + len, " --", 3) == 0) {
            break;
        }
    }
    return len;
}

static void append_command(struct str *out, const char *command)
{
    size_t start = out->len;

    while (*command != '\0') {
        size_t len = part_length(command);

        if (out->len > start && out->len - start + len + 2 > LINE_WIDTH) {
            str_append_text(out, " \\\n   ");
            start = out->len - 3;
        }
        str_append(out, command, len);
        command += len;
    }
    str_append_char(out, '\n');
}

static void append_topic(struct str *out, const struct prepare_request *request,
                         const struct kafka_topic_plan *plan)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);

    str_printf(&text, "%s (%s): %s", plan->name, plan->key, plan->purpose);
    append_comment(out, 0, text.data);
    append_comment(out, 2, plan->partitions_reason);
    for (size_t i = 0; i < plan->setting_count; i++) {
        str_clear(&text);
        str_printf(&text, "%s=%s: %s", plan->settings[i].name,
                   plan->settings[i].value, plan->settings[i].reason);
        append_comment(out, 2, text.data);
    }
    str_clear(&text);
    kafka_append_create(&text, &request->tools, plan);
    append_command(out, text.data);
    str_append_char(out, '\n');
}

static const char *principal_of(const struct prepare_request *request,
                                enum kafka_user user)
{
    return request->principals[user] != NULL ? request->principals[user]
                                             : UNKNOWN_PRINCIPAL;
}

static void append_operations(struct str *out,
                              const struct kafka_permission *permission)
{
    for (size_t i = 0; i < KAFKA_MAX_OPERATIONS; i++) {
        if (permission->operations[i] != NULL) {
            str_printf(out, "%s%s", i > 0 ? ", " : "",
                       permission->operations[i]);
        }
    }
}

static void append_permissions(struct str *out,
                               const struct prepare_request *request,
                               const struct kafka_permission *permissions,
                               size_t count)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);

    for (size_t i = 0; i < count; i++) {
        str_clear(&text);
        append_operations(&text, &permissions[i]);
        str_printf(&text, " on %s%s '%s': %s", permissions[i].resource,
                   permissions[i].is_prefix ? "s that begin with" : "",
                   permissions[i].name, permissions[i].reason);
        append_comment(out, 0, text.data);
    }
    str_clear(&text);
    kafka_append_grant(&text, &request->tools,
                       principal_of(request, permissions[0].user), permissions,
                       count);
    append_command(out, text.data);
}

static void append_user(struct str *out, const struct prepare_request *request,
                        enum kafka_user user)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);

    str_printf(&text, "--- The principal of `waybill %s`: %s ---",
               kafka_user_name(user), principal_of(request, user));
    str_append_char(out, '\n');
    append_comment(out, 0, text.data);
    if (request->principals[user] == NULL) {
        append_comment(out, 0,
                       "The configuration does not name it. Replace "
                       "PRINCIPAL, or use the option --principal.");
    }
    if (user == KAFKA_PUBLISH) {
        append_comment(out, 0,
                       "Brokers before 2.8 also require IdempotentWrite "
                       "on the cluster.");
    }
}

void append_prepare_script(struct str *out,
                           const struct prepare_request *request)
{
    CLEANUP(str_release) struct str title = STR_INIT(STR_UNLIMITED);
    struct kafka_topic_plan plans[KAFKA_TOPICS];
    const struct kafka_permission *permissions;
    struct arena *arena = arena_new();
    size_t count = kafka_permissions(request->kafka, arena, &permissions);
    size_t together;

    str_printf(&title,
               "What Waybill needs on Kafka, by the configuration %s. Run "
               "this as an administrator of the cluster. It may be repeated: "
               "it changes no topic that exists.",
               request->config);
    append_comment(out, 0, title.data);
    str_append_text(out, "set -e\n\n# --- Topics ---\n");
    kafka_plan_topics(request->kafka, &request->sizes, plans);
    for (size_t i = 0; i < KAFKA_TOPICS; i++) {
        append_topic(out, request, &plans[i]);
    }
    str_cut(out, out->len - 1);
    for (size_t i = 0; i < count; i += together) {
        if (i == 0 || permissions[i].user != permissions[i - 1].user) {
            append_user(out, request, permissions[i].user);
        }
        together = kafka_permissions_together(&permissions[i], count - i);
        append_permissions(out, request, &permissions[i], together);
    }
    arena_free(arena);
}

/* --- JSON ----------------------------------------------------------------- */

static void append_topic_json(struct json_writer *json,
                              const struct prepare_request *request,
                              const struct kafka_topic_plan *plan)
{
    CLEANUP(str_release) struct str command = STR_INIT(STR_UNLIMITED);

    json_open(json, NULL, '{');
    json_append_string(json, "topic", plan->name);
    json_append_string(json, "key", plan->key);
    json_append_string(json, "purpose", plan->purpose);
    json_append_integer(json, "partitions", plan->partitions);
    json_open(json, "settings", '[');
    for (size_t i = 0; i < plan->setting_count; i++) {
        json_open(json, NULL, '{');
        json_append_string(json, "setting", plan->settings[i].name);
        json_append_string(json, "value", plan->settings[i].value);
        json_append_string(json, "reason", plan->settings[i].reason);
        json_close(json, '}');
    }
    json_close(json, ']');
    kafka_append_create(&command, &request->tools, plan);
    json_append_string(json, "command", command.data);
    json_close(json, '}');
}

static void append_permission_json(struct json_writer *json,
                                   const struct prepare_request *request,
                                   const struct kafka_permission *permission)
{
    CLEANUP(str_release) struct str command = STR_INIT(STR_UNLIMITED);
    const char *principal = principal_of(request, permission->user);

    json_open(json, NULL, '{');
    json_append_string(json, "for", kafka_user_name(permission->user));
    json_append_string(json, "principal", principal);
    json_append_string(json, "resource", permission->resource);
    json_append_string(json, "name", permission->name);
    json_append_string(json, "pattern",
                       permission->is_prefix ? "prefixed" : "literal");
    json_append_string(json, "key", permission->key);
    json_open(json, "operations", '[');
    for (size_t i = 0; i < KAFKA_MAX_OPERATIONS; i++) {
        if (permission->operations[i] != NULL) {
            json_append_string(json, NULL, permission->operations[i]);
        }
    }
    json_close(json, ']');
    json_append_string(json, "reason", permission->reason);
    kafka_append_grant(&command, &request->tools, principal, permission, 1);
    json_append_string(json, "command", command.data);
    json_close(json, '}');
}

void append_prepare_json(struct str *out, const struct prepare_request *request)
{
    struct json_writer json = {.out = out};
    struct kafka_topic_plan plans[KAFKA_TOPICS];
    const struct kafka_permission *permissions;
    struct arena *arena = arena_new();
    size_t count = kafka_permissions(request->kafka, arena, &permissions);

    kafka_plan_topics(request->kafka, &request->sizes, plans);
    json_open(&json, NULL, '{');
    json_open(&json, "topics", '[');
    for (size_t i = 0; i < KAFKA_TOPICS; i++) {
        append_topic_json(&json, request, &plans[i]);
    }
    json_close(&json, ']');
    json_open(&json, "permissions", '[');
    for (size_t i = 0; i < count; i++) {
        append_permission_json(&json, request, &permissions[i]);
    }
    json_close(&json, ']');
    json_close(&json, '}');
    str_append_char(out, '\n');
    arena_free(arena);
}

/* --- what --apply has found ----------------------------------------------- */

static const char *const result_names[] = {
    [KAFKA_TOPIC_CREATED] = "created", [KAFKA_TOPIC_SUITS] = "ok",
    [KAFKA_TOPIC_DIFFERS] = "differs", [KAFKA_TOPIC_UNKNOWN] = "unknown",
    [KAFKA_TOPIC_FAILED] = "failed",
};

bool findings_are_ok(const struct kafka_topic_finding *findings, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (findings[i].result != KAFKA_TOPIC_CREATED &&
            findings[i].result != KAFKA_TOPIC_SUITS) {
            return false;
        }
    }
    return true;
}

static void append_padded(struct str *out, const char *text, size_t width)
{
    size_t len = strlen(text);

    str_append_text(out, text);
    str_printf(out, "%*s", (int)(len < width ? width - len : 1), "");
}

static void append_finding(struct str *out,
                           const struct kafka_topic_finding *finding,
                           size_t width, size_t result_width)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);

    append_padded(out, finding->topic, width);
    append_padded(out, result_names[finding->result], result_width);
    utf8_append_printable(&text, finding->text, strlen(finding->text),
                          LIMIT_MESSAGE);
    if (finding->command != NULL) {
        str_printf(&text, ": %s", finding->command);
    }
    append_wrapped(out, text.data, width + result_width, TABLE_WIDTH);
}

void append_findings_table(struct str *out,
                           const struct kafka_topic_finding *findings,
                           size_t count)
{
    size_t result_width = strlen("created") + 2;
    size_t width = strlen("TOPIC") + 2;

    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(findings[i].topic) + 2;

        width = len > width ? len : width;
    }
    append_padded(out, "TOPIC", width);
    append_padded(out, "RESULT", result_width);
    str_append_text(out, "DETAIL\n");
    for (size_t i = 0; i < count; i++) {
        append_finding(out, &findings[i], width, result_width);
    }
}

void append_findings_json(struct str *out,
                          const struct kafka_topic_finding *findings,
                          size_t count)
{
    struct json_writer json = {.out = out};

    json_open(&json, NULL, '{');
    json_append_bool(&json, "ok", findings_are_ok(findings, count));
    json_open(&json, "topics", '[');
    for (size_t i = 0; i < count; i++) {
        json_open(&json, NULL, '{');
        json_append_string(&json, "topic", findings[i].topic);
        json_append_string(&json, "key", findings[i].key);
        json_append_string(&json, "result", result_names[findings[i].result]);
        json_append_optional(&json, "setting", findings[i].setting);
        json_append_optional(&json, "value", findings[i].value);
        json_append_string(&json, "detail", findings[i].text);
        json_append_optional(&json, "command", findings[i].command);
        json_close(&json, '}');
    }
    json_close(&json, ']');
    json_close(&json, '}');
    str_append_char(out, '\n');
}
