#include <ctype.h>
#include <string.h>

#include "integration_internal.h"
#include "waybill/error.h"
#include "waybill/glob.h"
#include "waybill/suggest.h"

/* `waybill integration attached` */

static struct table new_table(void)
{
    return (struct table){
        .headers = {"ID", "INTEGRATION", "KIND", "CONFIG", "WORKFLOW"},
        .columns = 5,
    };
}

static void append_workflow(struct str *out,
                            const struct workflow_selector *workflow)
{
    if (workflow->id != NULL) {
        str_append_text(out, workflow->id);
    } else {
        str_printf(out, "%s/%s", workflow->project ? workflow->project : "*",
                   workflow->name ? workflow->name : "*");
    }
}

static void add_attachment(struct table *table,
                           const struct attachment *attachment)
{
    const struct registration *registration = attachment->registration;
    CLEANUP(str_release) struct str config = STR_INIT(STR_UNLIMITED);
    CLEANUP(str_release) struct str workflow = STR_INIT(STR_UNLIMITED);
    struct arena *arena = arena_new();

    append_registration_options(&config, registration, arena);
    append_options(&config,
                   integration_class_for(registration)->fields.attachment,
                   attachment->options);
    append_workflow(&workflow, &attachment->workflow);
    table_add(table, (const char *const[]){attachment->name, registration->name,
                                           registration->integration,
                                           config.data, workflow.data});
    arena_free(arena);
}

static void append_json(struct json_writer *json,
                        const struct attachment *attachment)
{
    const struct workflow_selector *workflow = &attachment->workflow;

    json_open(json, NULL, '{');
    json_append_string(json, "id", attachment->name);
    json_append_string(json, "integration", attachment->registration->name);
    json_append_string(json, "kind", attachment->registration->integration);
    append_registration_config(json, attachment->registration, attachment);
    json_open(json, "workflow", '{');
    json_append_optional(json, "id", workflow->id);
    json_append_optional(json, "project", workflow->project);
    json_append_optional(json, "name", workflow->name);
    json_close(json, '}');
    json_close(json, '}');
}

/* --- workflows --------------------------------------------------------------
 */

/* Ids of workflows are UUIDs, and names are not. */
static bool is_uuid(const char *text)
{
    for (size_t i = 0; i < 36; i++) {
        bool is_hyphen = i == 8 || i == 13 || i == 18 || i == 23;

        if (is_hyphen ? text[i] != '-' : !isxdigit((unsigned char)text[i])) {
            return false;
        }
    }
    return text[36] == '\0';
}

/* --workflow is an id, a name, or PROJECT/NAME. Patterns are allowed. */
static int read_workflow(const struct cli_args *args, struct arena *arena,
                         struct workflow_selector *ret_workflow)
{
    const char *workflow = args_option(args, "--workflow");
    const char *project = args_option(args, "--project");
    const char *slash = workflow != NULL ? strchr(workflow, '/') : NULL;

    *ret_workflow = (struct workflow_selector){.project = project};
    if (slash != NULL && project != NULL) {
        usage_error(INTEGRATION, "--workflow PROJECT/NAME already names a "
                                 "project; leave out --project");
        return -1;
    }
    if (slash != NULL && (slash == workflow || slash[1] == '\0')) {
        usage_error(INTEGRATION,
                    "--workflow must be an id, a name or "
                    "PROJECT/NAME, not '%s'",
                    workflow);
        return -1;
    }
    if (slash != NULL) {
        ret_workflow->project =
            arena_printf(arena, "%.*s", (int)(slash - workflow), workflow);
        ret_workflow->name = slash + 1;
    } else if (workflow != NULL && project == NULL && is_uuid(workflow)) {
        ret_workflow->id = workflow;
    } else {
        ret_workflow->name = workflow;
    }
    return 0;
}

static bool part_matches(const char *pattern, const char *text)
{
    return text == NULL || pattern == NULL || glob_matches(pattern, text) ||
           strcmp(pattern, text) == 0;
}

/* Whether the attachment concerns the workflows that were asked for */
static bool matches(const struct workflow_selector *selector,
                    const struct workflow_selector *wanted)
{
    if (wanted->id != NULL) {
        return text_equal(selector->id, wanted->id);
    }
    if (selector->id != NULL) {
        return wanted->project == NULL && wanted->name == NULL;
    }
    return part_matches(selector->project, wanted->project) &&
           part_matches(selector->name, wanted->name);
}

/* --- list -------------------------------------------------------------------
 */

static void print_all(const struct settings *settings,
                      const struct workflow_selector *wanted)
{
    CLEANUP(table_release) struct table table = new_table();

    for (size_t i = 0; i < settings->attachment_count; i++) {
        if (matches(&settings->attachments[i].workflow, wanted)) {
            add_attachment(&table, &settings->attachments[i]);
        }
    }
    if (table.count == 0) {
        print_out("there are no integrations attached\n");
    } else {
        table_print(&table);
    }
}

static void print_all_json(const struct settings *settings,
                           const struct workflow_selector *wanted)
{
    CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);
    struct json_writer json = {.out = &out};

    json_open(&json, NULL, '[');
    for (size_t i = 0; i < settings->attachment_count; i++) {
        if (matches(&settings->attachments[i].workflow, wanted)) {
            append_json(&json, &settings->attachments[i]);
        }
    }
    json_close(&json, ']');
    str_append_char(&out, '\n');
    print_str(&out);
}

static int list(const struct cli_args *args,
                const struct workflow_selector *wanted)
{
    struct settings *settings = load_settings(args, 0);

    if (settings == NULL) {
        return EXIT_CONFIG;
    }
    if (args_option(args, "--json") != NULL) {
        print_all_json(settings, wanted);
    } else {
        print_all(settings, wanted);
    }
    settings_free(settings);
    return EXIT_OK;
}

int attached_list(const struct cli_args *args, const char *operand)
{
    struct arena *arena = arena_new();
    struct workflow_selector wanted;
    int status = read_workflow(args, arena, &wanted) < 0 ? EXIT_USAGE
                                                         : list(args, &wanted);

    arena_free(arena);
    return status;
}

/* --- add --------------------------------------------------------------------
 */

struct request {
    const char *integration; /* the registration */
    struct workflow_selector workflow;
    struct option_inputs inputs;
};

static void append_head(struct str *out, const struct cli_args *args,
                        const struct request *request)
{
    append_key(out, 0, "name", args_option(args, "--name"));
    append_key(out, 0, "registration", request->integration);
    str_append_text(out, "workflow:\n");
    append_key(out, 2, "id", request->workflow.id);
    append_key(out, 2, "project", request->workflow.project);
    append_key(out, 2, "name", request->workflow.name);
}

static const struct registration *find(const struct settings *settings,
                                       const char *name)
{
    struct suggestion near;

    suggest_init(&near, name);
    for (size_t i = 0; i < settings->registration_count; i++) {
        if (strcmp(settings->registrations[i].name, name) == 0) {
            return &settings->registrations[i];
        }
        suggest_offer(&near, settings->registrations[i].name);
    }
    print_err("waybill " INTEGRATION ": there is no registration '%s'%s%s%s\n",
              name, near.nearest != NULL ? " (did you mean '" : "",
              near.nearest != NULL ? near.nearest
                                   : "; 'waybill integration registered list' "
                                     "shows them",
              near.nearest != NULL ? "'?)" : "");
    return NULL;
}

static void print_added(const struct change *change)
{
    const struct settings *settings = change->settings;
    const struct attachment *attachment =
        &settings->attachments[settings->attachment_count - 1];
    CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);
    CLEANUP(table_release) struct table table = new_table();
    struct json_writer json = {.out = &out};

    if (args_option(change->args, "--json") != NULL) {
        append_json(&json, attachment);
        str_append_char(&out, '\n');
        print_str(&out);
        return;
    }
    add_attachment(&table, attachment);
    table_print(&table);
}

static int add(struct change *change, struct request *request)
{
    CLEANUP(str_release) struct str head = STR_INIT(STR_UNLIMITED);
    const struct registration *registration =
        find(change->settings, request->integration);
    const struct integration_fields *kind;
    int status;

    if (registration == NULL) {
        return EXIT_FAILED;
    }
    kind = &integration_class_for(registration)->fields;
    if (options_bind(&request->inputs, "Available options", kind->attachment,
                     kind->attachment_inputs) < 0) {
        return EXIT_USAGE;
    }
    append_head(&head, change->args, request);
    status = change_append(change, ATTACHMENTS, head.data, &request->inputs);
    if (status == EXIT_OK) {
        status = change_commit_append(
            change, ATTACHMENTS, head.data, &request->inputs,
            arena_printf(request->inputs.arena, "%s.attachment",
                         request->integration));
    }
    if (status == EXIT_OK) {
        print_added(change);
    }
    return status;
}

static int read_request(const struct cli_args *args, struct request *request)
{
    request->integration = args_option(args, "--integration");
    if (request->integration == NULL ||
        args_option(args, "--workflow") == NULL) {
        usage_error(INTEGRATION,
                    "'attached add' needs --workflow, and --integration with "
                    "the name of a registration");
        return -1;
    }
    return read_workflow(args, request->inputs.arena, &request->workflow) < 0 ||
                   options_read(args, &request->inputs) < 0
               ? -1
               : 0;
}

int attached_add(const struct cli_args *args, const char *operand)
{
    struct request request = {.inputs = {.arena = arena_new()}};
    struct change change = {0};
    int status = EXIT_USAGE;

    if (read_request(args, &request) == 0) {
        status = change_begin(&change, args);
        if (status == EXIT_OK) {
            status = change_load(&change);
        }
        if (status == EXIT_OK) {
            status = add(&change, &request);
        }
        change_end(&change);
    }
    arena_wipe_and_free(request.inputs.arena);
    return status;
}

/* --- delete -----------------------------------------------------------------
 */

static int delete_name(struct change *change, const char *name)
{
    const struct settings *settings = change->settings;
    struct suggestion near;
    int status;

    suggest_init(&near, name);
    for (size_t i = 0; i < settings->attachment_count; i++) {
        suggest_offer(&near, settings->attachments[i].name);
        if (strcmp(settings->attachments[i].name, name) == 0) {
            status = change_remove(change, ATTACHMENTS, i);
            return status == EXIT_OK
                       ? change_commit_remove(change, ATTACHMENTS, NULL)
                       : status;
        }
    }
    print_err("waybill " INTEGRATION ": there is no attachment '%s'%s%s%s\n",
              name, near.nearest != NULL ? " (did you mean '" : "",
              near.nearest != NULL
                  ? near.nearest
                  : "; 'waybill integration attached list' shows them",
              near.nearest != NULL ? "'?)" : "");
    return EXIT_FAILED;
}

int attached_delete(const struct cli_args *args, const char *operand)
{
    static const char *const names[] = {"--id", "--name", NULL};
    const char *name =
        integration_operand(args, operand, names, "the ID of an attachment");
    struct change change;
    int status;

    if (name == NULL) {
        return EXIT_USAGE;
    }
    status = change_begin(&change, args);
    if (status == EXIT_OK) {
        status = change_load(&change);
    }
    if (status == EXIT_OK) {
        status = delete_name(&change, name);
    }
    if (status == EXIT_OK) {
        print_out("integration detached!\n");
    }
    change_end(&change);
    return status;
}
