#include <string.h>

#include "integration_internal.h"
#include "waybill/error.h"
#include "waybill/suggest.h"

/* `waybill integration registered` */

static struct table new_table(void)
{
    return (struct table){
        .headers = {"NAME", "DESCRIPTION", "KIND", "CONFIG"},
        .columns = 4,
    };
}

static void add_registration(struct table *table,
                             const struct registration *registration)
{
    CLEANUP(str_release) struct str config = STR_INIT(STR_UNLIMITED);
    struct arena *arena = arena_new();

    append_registration_options(&config, registration, arena);
    table_add(table, (const char *const[]){
                         registration->name, registration->description,
                         registration->integration, config.data});
    arena_free(arena);
}

/* In Waybill the name is the id. */
static void append_json(struct json_writer *json,
                        const struct registration *registration)
{
    json_open(json, NULL, '{');
    json_append_string(json, "id", registration->name);
    json_append_string(json, "name", registration->name);
    json_append_optional(json, "description", registration->description);
    json_append_string(json, "kind", registration->integration);
    append_registration_config(json, registration, NULL);
    json_close(json, '}');
}

/* --- list -------------------------------------------------------------------
 */

static void print_all(const struct settings *settings)
{
    CLEANUP(table_release) struct table table = new_table();

    if (settings->registration_count == 0) {
        print_out("there are no third party integrations configured\n");
        return;
    }
    for (size_t i = 0; i < settings->registration_count; i++) {
        add_registration(&table, &settings->registrations[i]);
    }
    table_print(&table);
}

static void print_all_json(const struct settings *settings)
{
    CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);
    struct json_writer json = {.out = &out};

    json_open(&json, NULL, '[');
    for (size_t i = 0; i < settings->registration_count; i++) {
        append_json(&json, &settings->registrations[i]);
    }
    json_close(&json, ']');
    str_append_char(&out, '\n');
    print_str(&out);
}

int registered_list(const struct cli_args *args, const char *operand)
{
    struct settings *settings = load_settings(args, 0);

    if (settings == NULL) {
        return EXIT_CONFIG;
    }
    if (args_option(args, "--json") != NULL) {
        print_all_json(settings);
    } else {
        print_all(settings);
    }
    settings_free(settings);
    return EXIT_OK;
}

/* --- add --------------------------------------------------------------------
 */

/* A DNS label (RFC 1123), as Chainloop wants it */
static const char *read_name(const struct cli_args *args)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    const char *name = args_option(args, "--name");
    size_t len = name != NULL ? strlen(name) : 0;

    if (name == NULL) {
        usage_error(INTEGRATION, "'registered add' needs --name NAME, a unique "
                                 "name for the registration");
        return NULL;
    }
    if (len > 63 ||
        name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-")] != '\0' ||
        strchr(letters, name[0]) == NULL ||
        strchr(letters, name[len - 1]) == NULL) {
        usage_error(INTEGRATION,
                    "--name must be a DNS label, with lower-case letters, "
                    "digits and '-' inside, and at most 63 characters, not "
                    "'%s'",
                    name);
        return NULL;
    }
    return name;
}

static int ask(const struct change *change, const char *name)
{
    const struct settings *settings = change->settings;
    CLEANUP(str_release) struct str findings = STR_INIT(STR_UNLIMITED);
    int status;

    if (args_option(change->args, "--no-check") != NULL) {
        return EXIT_OK;
    }
    status = check_registration(
        settings, &settings->registrations[settings->registration_count - 1],
        &findings);
    if (findings.len > 0) {
        print_err("%s", findings.data);
    }
    if (status != EXIT_OK) {
        print_err("waybill " INTEGRATION ": '%s' was not registered, because "
                  "its endpoint does not accept deliveries; --no-check "
                  "registers it anyway\n",
                  name);
    }
    return status;
}

static void print_added(const struct change *change)
{
    const struct settings *settings = change->settings;
    const struct registration *registration =
        &settings->registrations[settings->registration_count - 1];
    CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);
    CLEANUP(table_release) struct table table = new_table();
    struct json_writer json = {.out = &out};

    if (args_option(change->args, "--json") != NULL) {
        append_json(&json, registration);
        str_append_char(&out, '\n');
        print_str(&out);
        return;
    }
    add_registration(&table, registration);
    table_print(&table);
}

static int add(struct change *change, const char *head, const char *name,
               struct option_inputs *inputs)
{
    int status = change_append(change, REGISTRATIONS, head, inputs);

    if (status == EXIT_OK) {
        status = ask(change, name);
    }
    if (status == EXIT_OK) {
        status =
            change_commit_append(change, REGISTRATIONS, head, inputs, name);
    }
    if (status == EXIT_OK) {
        print_added(change);
    }
    return status;
}

static int add_kind(const struct cli_args *args,
                    const struct integration_fields *kind, const char *name,
                    struct option_inputs *inputs)
{
    CLEANUP(str_release) struct str head = STR_INIT(STR_UNLIMITED);
    struct change change;
    int status;

    if (options_read(args, inputs) < 0 ||
        options_bind(inputs, "Available options", kind->registration,
                     kind->registration_inputs) < 0) {
        return EXIT_USAGE;
    }
    append_key(&head, 0, "name", name);
    append_key(&head, 0, "description", args_option(args, "--description"));
    append_key(&head, 0, "integration", kind->kind);
    status = change_begin(&change, args);
    if (status == EXIT_OK) {
        status = add(&change, head.data, name, inputs);
    }
    change_end(&change);
    return status;
}

int registered_add(const struct cli_args *args, const char *operand)
{
    struct option_inputs inputs = {0};
    const struct integration_fields *kind;
    const char *name;
    int status;

    if (operand == NULL) {
        usage_error(INTEGRATION,
                    "'registered add' needs the ID of an integration, as "
                    "'available list' prints it");
        return EXIT_USAGE;
    }
    kind = integration_kind(operand);
    name = kind != NULL ? read_name(args) : NULL;
    if (name == NULL) {
        return EXIT_USAGE;
    }
    inputs.arena = arena_new();
    status = add_kind(args, kind, name, &inputs);
    arena_wipe_and_free(inputs.arena);
    return status;
}

/* --- delete -----------------------------------------------------------------
 */

static int refuse_unknown(const struct settings *settings, const char *name)
{
    struct suggestion near;

    suggest_init(&near, name);
    for (size_t i = 0; i < settings->registration_count; i++) {
        suggest_offer(&near, settings->registrations[i].name);
    }
    print_err("waybill " INTEGRATION ": there is no registration '%s'", name);
    if (near.nearest != NULL) {
        print_err(" (did you mean '%s'?)", near.nearest);
    }
    print_err("\n");
    return EXIT_FAILED;
}

static int refuse_attached(const struct settings *settings, const char *name)
{
    CLEANUP(str_release) struct str list = STR_INIT(STR_UNLIMITED);

    for (size_t i = 0; i < settings->attachment_count; i++) {
        const struct attachment *attachment = &settings->attachments[i];

        if (strcmp(attachment->registration->name, name) == 0) {
            str_printf(&list, "%s'%s'", list.len > 0 ? ", " : "",
                       attachment->name);
        }
    }
    if (list.len == 0) {
        return EXIT_OK;
    }
    print_err("waybill " INTEGRATION ": '%s' is attached: %s; delete "
              "attachments with 'waybill integration attached delete' first\n",
              name, list.data);
    return EXIT_FAILED;
}

static int delete_name(struct change *change, const char *name)
{
    const struct settings *settings = change->settings;
    size_t index = 0;
    int status;

    while (index < settings->registration_count &&
           strcmp(settings->registrations[index].name, name) != 0) {
        index++;
    }
    if (index == settings->registration_count) {
        return refuse_unknown(settings, name);
    }
    status = refuse_attached(settings, name);
    if (status == EXIT_OK) {
        status = change_remove(change, REGISTRATIONS, index);
    }
    if (status == EXIT_OK) {
        status = change_commit_remove(change, REGISTRATIONS, name);
    }
    return status;
}

int registered_delete(const struct cli_args *args, const char *operand)
{
    static const char *const names[] = {"--name", "--id", NULL};
    const char *name =
        integration_operand(args, operand, names, "the name of a registration");
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
        print_out("Integration deregistered!\n");
    }
    change_end(&change);
    return status;
}
