#include <ctype.h>
#include <string.h>

#include "integration_internal.h"
#include "waybill/error.h"
#include "waybill/process.h"

/* A change of the configuration file: it is locked, the new content is
 * validated, and then it is written, or, if the file is read-only, printed. */

#define VOLUME_SECRETS "/run/secrets/waybill"

static int fail(const struct error *err)
{
    print_err("waybill " INTEGRATION ": %s\n", err->message);
    return EXIT_CONFIG;
}

int change_begin(struct change *change, const struct cli_args *args)
{
    CLEANUP(str_release) struct str searched = STR_INIT(STR_UNLIMITED);
    const char *argument = args_option(args, "--config");
    struct error err;

    *change = (struct change){.args = args, .path = config_path(argument)};
    secret_init(&change->text, LIMIT_CONFIG_BYTES);
    if (!config_find(argument, &searched)) {
        print_err("waybill " INTEGRATION ": no configuration was found: %s; "
                  "create one of these files, or name another one with "
                  "--config\n",
                  searched.data);
        return EXIT_CONFIG;
    }
    if (config_edit_begin(change->path, &change->edit, &err) < 0) {
        return fail(&err);
    }
    process_hide_memory();
    return EXIT_OK;
}

void change_end(struct change *change)
{
    config_edit_end(change->edit);
    settings_free(change->settings);
    secret_release(&change->text);
}

/* Loads the text as the content of the file, and prints its faults. */
static int load(struct change *change, struct bytes text)
{
    struct config_report report = {.arena = arena_new()};
    int result;

    settings_free(change->settings);
    change->settings = NULL;
    result = config_edit_load(change->path, &config_rules, text,
                              &change->settings, &report);
    if (result < 0) {
        print_report(&report);
    }
    arena_wipe_and_free(report.arena);
    return result < 0 ? EXIT_CONFIG : EXIT_OK;
}

int change_load(struct change *change)
{
    return load(change, config_edit_content(change->edit));
}

static void append_entry(struct str *out, const char *head,
                         struct option_inputs *inputs)
{
    str_append_text(out, head);
    options_append(inputs, out);
}

int change_append(struct change *change, const char *section, const char *head,
                  struct option_inputs *inputs)
{
    CLEANUP(secret_release) struct secret entry = SECRET_INIT(STR_UNLIMITED);
    struct error err;

    append_entry(&entry.text, head, inputs);
    str_clear(&change->text.text);
    if (config_edit_append(config_edit_content(change->edit), section,
                           entry.text.data, &change->text.text, &err) < 0) {
        return fail(&err);
    }
    return load(change, str_bytes(&change->text.text));
}

int change_remove(struct change *change, const char *section, size_t index)
{
    struct error err;

    if (config_edit_remove(config_edit_content(change->edit), section, index,
                           &change->text.text, &err) < 0) {
        return fail(&err);
    }
    return load(change, str_bytes(&change->text.text));
}

/* --- secrets ----------------------------------------------------------------
 */

/* "ghcr.password", "hook.secret.2", "hook.headers.Authorization" */
static char *name_secret(const struct option_inputs *inputs, size_t index,
                         const char *prefix, char separator)
{
    const struct option_input *input = &inputs->items[index];
    CLEANUP(str_release) struct str name = STR_INIT(STR_UNLIMITED);
    size_t number = 1;

    for (size_t i = 0; i < index; i++) {
        number += inputs->items[i].field == input->field;
    }
    str_printf(&name, "%s%c%s", prefix, separator, input->key);
    if (input->name != NULL) {
        str_printf(&name, "%c%s", separator, input->name);
    } else if (number > 1) {
        str_printf(&name, "%c%zu", separator, number);
    }
    for (char *at = name.data; *at != '\0'; at++) {
        *at = isalnum((unsigned char)*at) || strchr("-._", *at) ? *at : '_';
    }
    return arena_strdup(inputs->arena, name.data);
}

static int write_secrets(struct change *change, struct option_inputs *inputs,
                         const char *prefix)
{
    struct error err;

    for (size_t i = 0; i < inputs->count; i++) {
        struct option_input *input = &inputs->items[i];

        if (option_is_secret(input) &&
            config_edit_write_secret(
                change->edit, name_secret(inputs, i, prefix, '.'), input->value,
                &input->reference, &err) < 0) {
            return fail(&err);
        }
    }
    return EXIT_OK;
}

/* The service may run as another user than the owner. */
static void report_secrets(const struct option_inputs *inputs)
{
    for (size_t i = 0; i < inputs->count; i++) {
        const struct option_input *input = &inputs->items[i];

        if (input->reference != NULL) {
            print_err("The value of '%s' is in the file '%s', which belongs to "
                      "the owner of the configuration. The service must be "
                      "able to read it.\n",
                      input->key, input->reference);
        }
    }
}

/* --- what has to be done by hand -------------------------------------------
 */

static void append_indented(struct str *out, const char *text, size_t column,
                            const char *hyphen)
{
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");

        str_printf(out, "%*s%s%.*s\n", (int)column, "", hyphen, (int)len, text);
        text += len + (text[len] == '\n');
        hyphen = "  ";
    }
}

/* The references that the reader then makes valid */
static void refer_to_secrets(const struct change *change,
                             struct option_inputs *inputs, const char *prefix)
{
    bool is_volume = config_edit_is_volume(change->edit);

    for (size_t i = 0; i < inputs->count; i++) {
        struct option_input *input = &inputs->items[i];
        const char *name =
            name_secret(inputs, i, prefix, is_volume ? '-' : '.');

        if (!option_is_secret(input)) {
            continue;
        }
        input->reference =
            arena_printf(inputs->arena, "%s/%s",
                         is_volume ? VOLUME_SECRETS : "secrets", name);
        print_err("Store the value of '%s' %s '%s'.\n", input->key,
                  is_volume ? "in the Secret that existingSecret of the Helm "
                              "chart names, under the key"
                            : "beside the configuration in the file",
                  is_volume ? name : input->reference);
    }
}

static void report_read_only(const struct change *change, const char *section,
                             const char *what)
{
    print_err("waybill " INTEGRATION ": '%s' cannot be changed, because %s. "
              "%s its section '%s'.\n",
              change->path, config_edit_read_only(change->edit), what, section);
}

static int print_entry(struct change *change, const char *section,
                       const char *head, struct option_inputs *inputs,
                       const char *prefix)
{
    CLEANUP(str_release) struct str entry = STR_INIT_SECRET(STR_UNLIMITED);
    CLEANUP(str_release) struct str out = STR_INIT_SECRET(STR_UNLIMITED);
    bool is_volume = config_edit_is_volume(change->edit);

    report_read_only(change, section,
                     is_volume ? "Add this to the values of the Helm chart, or "
                                 "what is below 'config:' to"
                               : "Add this to");
    refer_to_secrets(change, inputs, prefix);
    append_entry(&entry, head, inputs);
    str_printf(&out, "%s%s%s:\n", is_volume ? "config:\n" : "",
               is_volume ? "  " : "", section);
    append_indented(&out, entry.data, is_volume ? 4 : 2, "- ");
    print_str(&out);
    return EXIT_READ_ONLY;
}

/* --- committing -------------------------------------------------------------
 */

int change_commit_append(struct change *change, const char *section,
                         const char *head, struct option_inputs *inputs,
                         const char *prefix)
{
    bool is_inline = args_option(change->args, "--inline") != NULL;
    struct error err;
    int status = EXIT_OK;

    if (config_edit_read_only(change->edit) != NULL) {
        return print_entry(change, section, head, inputs, prefix);
    }
    if (!is_inline) {
        status = write_secrets(change, inputs, prefix);
    }
    /* The service will read the files, so they are validated, too. */
    if (status == EXIT_OK) {
        status = change_append(change, section, head, inputs);
    }
    if (status != EXIT_OK) {
        return status;
    }
    if (config_edit_commit(change->edit, str_bytes(&change->text.text), &err) ==
        0) {
        report_secrets(inputs);
        return EXIT_OK;
    }
    return config_edit_read_only(change->edit) != NULL
               ? print_entry(change, section, head, inputs, prefix)
               : fail(&err);
}

int change_commit_remove(struct change *change, const char *section,
                         const char *name)
{
    struct bytes text = str_bytes(&change->text.text);
    struct error err = {.kind = ERROR_NONE};

    if (config_edit_read_only(change->edit) == NULL &&
        config_edit_commit(change->edit, text, &err) == 0) {
        config_edit_remove_secrets(change->edit, text, name);
        return EXIT_OK;
    }
    if (config_edit_read_only(change->edit) == NULL) {
        return fail(&err);
    }
    report_read_only(change, section, "Remove the item from");
    return EXIT_READ_ONLY;
}
