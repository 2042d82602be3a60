#include <string.h>
#include <unistd.h>

#include "integration_options.h"
#include "waybill/config_edit.h"
#include "waybill/error.h"
#include "waybill/suggest.h"
#include "waybill/utf8.h"

/* --opt KEY=VALUE: reads the values, finds their rows, and writes YAML. */

/* --- reading ----------------------------------------------------------------
 */

static int fail(const char *key, const char *source, const char *reason)
{
    print_err("waybill " INTEGRATION ": --opt %s: %s cannot be used: %s\n", key,
              source, reason);
    return -1;
}

/* KEY=- or KEY=@FILE */
static int read_source(struct option_inputs *inputs, struct option_input *input)
{
    bool is_stdin = strcmp(input->value, "-") == 0;
    const char *file = input->value + 1;
    const char *source =
        is_stdin ? "standard input"
                 : arena_printf(inputs->arena, "the file '%s'", file);
    CLEANUP(secret_release)
    struct secret value = SECRET_INIT(LIMIT_SECRET_FILE);
    struct error err;

    if ((is_stdin ? file_read_open(STDIN_FILENO, &value.text, &err)
                  : file_read(file, FILE_MAY_BE_PIPE, &value.text, NULL,
                              &err)) < 0) {
        return fail(input->key, source, err.message);
    }
    str_trim_file(&value.text, 0);
    if (strlen(value.text.data) != value.text.len) {
        return fail(input->key, source, "it contains a NUL byte");
    }
    input->value = arena_strdup(inputs->arena, value.text.data);
    return 0;
}

static int read_input(struct option_inputs *inputs, const char *option)
{
    struct option_input *input = &inputs->items[inputs->count++];
    const char *equals = strchr(option, '=');
    char *key;

    if (equals == NULL || equals == option) {
        usage_error(INTEGRATION, "--opt must be KEY=VALUE, KEY=@FILE or KEY=-");
        return -1;
    }
    key = arena_copy(inputs->arena, option, (size_t)(equals - option) + 1);
    key[equals - option] = '\0';
    *input = (struct option_input){.key = key, .value = equals + 1};
    if (strcmp(input->value, "-") == 0 || *input->value == '@') {
        return read_source(inputs, input);
    }
    return 0;
}

static int check_text(const struct option_input *input)
{
    if (!utf8_is_text(input->value, strlen(input->value))) {
        return fail(input->key, "the value", "it is not UTF-8 text");
    }
    return 0;
}

int options_read(const struct cli_args *args, struct option_inputs *inputs)
{
    for (size_t i = 0; i < args->option_count; i++) {
        const struct option_value *option = &args->options[i];

        if (strcmp(option->row->name, "--opt") == 0 &&
            (read_input(inputs, option->value) < 0 ||
             check_text(&inputs->items[inputs->count - 1]) < 0)) {
            return -1;
        }
    }
    return 0;
}

/* --- binding ----------------------------------------------------------------
 */

/* "headers.Authorization" is a key of the mapping headers. */
static const struct field *find_field(const struct field *fields,
                                      struct option_input *input,
                                      struct arena *arena)
{
    size_t len = strcspn(input->key, ".");

    for (; fields->key != NULL; fields++) {
        bool is_same = strlen(fields->key) == len &&
                       strncmp(fields->key, input->key, len) == 0;

        if (is_same && fields->removed == NULL &&
            (fields->type == FIELD_MAP) == (input->key[len] == '.')) {
            if (input->key[len] == '.') {
                input->name = input->key + len + 1;
                input->key = arena_strdup(arena, fields->key);
            }
            return fields;
        }
    }
    return NULL;
}

static int refuse(const char *title, const struct field *fields,
                  const char *const *required, const char *reason)
{
    CLEANUP(str_release) struct str table = STR_INIT(STR_UNLIMITED);

    if (append_inputs_table(&table, title, fields, required)) {
        print_err("%s", table.data);
    }
    usage_error(INTEGRATION, "%s", reason);
    return -1;
}

static const char *describe_unknown(const struct field *fields,
                                    const struct option_input *input,
                                    struct arena *arena)
{
    struct suggestion near;

    suggest_init(&near, input->key);
    for (; fields->key != NULL; fields++) {
        if (strcmp(fields->key, input->key) == 0 && fields->type == FIELD_MAP) {
            return arena_printf(arena,
                                "'%s' is a mapping; write --opt %s.NAME=VALUE",
                                input->key, input->key);
        }
        if (fields->removed == NULL) {
            suggest_offer(&near, fields->key);
        }
    }
    return near.nearest != NULL
               ? arena_printf(arena,
                              "there is no option '%s' (did you mean '%s'?)",
                              input->key, near.nearest)
               : arena_printf(arena, "there is no option '%s'", input->key);
}

/* Values like those of Go's ParseBool, which Chainloop's program accepts */
static const char *boolean_of(const char *value)
{
    static const char *const forms[][5] = {
        {"1", "t", "T", "TRUE", "True"},
        {"0", "f", "F", "FALSE", "False"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
        for (size_t j = 0; j < ARRAY_SIZE(forms[i]); j++) {
            if (strcmp(forms[i][j], value) == 0) {
                return i == 0 ? "true" : "false";
            }
        }
    }
    return value;
}

/* A key of a service account is JSON of several lines, but a password has one.
 * Within JSON, line breaks are only between its parts. */
static const char *join_lines(const char *value, struct arena *arena)
{
    struct error ignored;
    struct json *json;
    char *joined;

    if (*value != '{' ||
        json_parse_secret(value, strlen(value), &json, &ignored) < 0) {
        return value;
    }
    json_free(json);
    joined = arena_strdup(arena, value);
    for (char *at = joined; *at != '\0'; at++) {
        *at = strchr("\r\n\t", *at) != NULL ? ' ' : *at;
    }
    return joined;
}

static void normalize(struct option_input *input, struct arena *arena)
{
    if (input->field->type == FIELD_BOOLEAN) {
        input->value = boolean_of(input->value);
    } else if ((input->field->flags & FIELD_SECRET) &&
               !(input->field->flags & FIELD_MULTILINE)) {
        input->value = join_lines(input->value, arena);
    }
}

/* The last value of a key applies, except for lists, which collect them. */
static bool is_superseded(const struct option_inputs *inputs, size_t index)
{
    const struct option_input *input = &inputs->items[index];

    for (size_t i = index + 1; i < inputs->count; i++) {
        const struct option_input *later = &inputs->items[i];

        if (later->field == input->field &&
            text_equal(later->name, input->name) &&
            input->field->type != FIELD_STRINGS) {
            return true;
        }
    }
    return false;
}

static void drop_superseded(struct option_inputs *inputs)
{
    size_t kept = 0;

    for (size_t i = 0; i < inputs->count; i++) {
        if (!is_superseded(inputs, i)) {
            inputs->items[kept++] = inputs->items[i];
        }
    }
    inputs->count = kept;
}

static bool is_given(const struct option_inputs *inputs,
                     const struct field *field)
{
    for (size_t i = 0; i < inputs->count; i++) {
        if (inputs->items[i].field == field) {
            return true;
        }
    }
    return false;
}

/* Only what must be in the file is missed: credentials may come from another
 * source. */
static const char *describe_missing(const struct option_inputs *inputs,
                                    const struct field *fields)
{
    CLEANUP(str_release) struct str missing = STR_INIT(STR_UNLIMITED);

    for (; fields->key != NULL; fields++) {
        if ((fields->flags & FIELD_REQUIRED) && fields->removed == NULL &&
            !is_given(inputs, fields)) {
            str_printf(&missing, "%s%s", missing.len > 0 ? ", " : "",
                       fields->key);
        }
    }
    return missing.len > 0 ? arena_printf(inputs->arena,
                                          "missing options: %s; give each with "
                                          "--opt KEY=VALUE",
                                          missing.data)
                           : NULL;
}

int options_bind(struct option_inputs *inputs, const char *title,
                 const struct field *fields, const char *const *required)
{
    const char *missing;

    for (size_t i = 0; i < inputs->count; i++) {
        struct option_input *input = &inputs->items[i];

        input->field = find_field(fields, input, inputs->arena);
        if (input->field == NULL) {
            return refuse(title, fields, required,
                          describe_unknown(fields, input, inputs->arena));
        }
        if (input->field->type == FIELD_LIST ||
            input->field->type == FIELD_OBJECT) {
            usage_error(INTEGRATION,
                        "'%s' cannot be given with --opt; write it into the "
                        "configuration file",
                        input->key);
            return -1;
        }
        normalize(input, inputs->arena);
    }
    drop_superseded(inputs);
    missing = describe_missing(inputs, fields);
    return missing != NULL ? refuse(title, fields, required, missing) : 0;
}

/* --- writing ----------------------------------------------------------------
 */

static bool is_reference(const char *value)
{
    return strstr(value, "${env:") != NULL || strstr(value, "${file:") != NULL;
}

bool option_is_secret(const struct option_input *input)
{
    return (input->field->flags & FIELD_SECRET) && !is_reference(input->value);
}

/* A literal "${" must not be taken for a reference. */
static const char *escape(const char *value, struct arena *arena)
{
    CLEANUP(secret_release) struct secret out = SECRET_INIT(STR_UNLIMITED);

    if (is_reference(value)) {
        return value;
    }
    for (; *value != '\0'; value++) {
        if (strncmp(value, "${", 2) == 0) {
            str_append_char(&out.text, '$');
        }
        str_append_char(&out.text, *value);
    }
    return arena_strdup(arena, out.text.data);
}

static void append_value(struct str *out, const struct option_input *input,
                         struct arena *arena)
{
    bool is_word =
        input->field->type != FIELD_STRING &&
        input->field->type != FIELD_STRINGS &&
        input->field->type != FIELD_MAP && *input->value != '\0' &&
        input->value[strspn(input->value, "abcdefghijklmnopqrstuvwxyz"
                                          "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                          "0123456789")] == '\0';

    if (input->reference != NULL) {
        config_edit_append_text(
            out, arena_printf(arena, "${file:%s}", input->reference));
    } else if (is_word) {
        str_append_text(out, input->value);
    } else {
        config_edit_append_text(out, escape(input->value, arena));
    }
    str_append_char(out, '\n');
}

void append_key(struct str *out, size_t column, const char *key,
                const char *value)
{
    if (value != NULL) {
        str_printf(out, "%*s%s: ", (int)column, "", key);
        config_edit_append_text(out, value);
        str_append_char(out, '\n');
    }
}

static size_t count_of(const struct option_inputs *inputs,
                       const struct field *field)
{
    size_t count = 0;

    for (size_t i = 0; i < inputs->count; i++) {
        count += inputs->items[i].field == field;
    }
    return count;
}

/* All inputs of a list or a mapping */
static void append_members(struct option_inputs *inputs,
                           const struct field *field, struct str *out)
{
    str_printf(out, "%s:\n", field->key);
    for (size_t i = 0; i < inputs->count; i++) {
        const struct option_input *input = &inputs->items[i];

        if (input->field != field) {
            continue;
        }
        str_append_text(out, "  ");
        if (input->name != NULL) {
            config_edit_append_text(out, input->name);
            str_append_text(out, ": ");
        } else {
            str_append_text(out, "- ");
        }
        append_value(out, input, inputs->arena);
    }
}

static bool is_first(const struct option_inputs *inputs, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (inputs->items[i].field == inputs->items[index].field) {
            return false;
        }
    }
    return true;
}

void options_append(struct option_inputs *inputs, struct str *out)
{
    for (size_t i = 0; i < inputs->count; i++) {
        const struct option_input *input = &inputs->items[i];
        const struct field *field = input->field;
        bool is_single =
            (field->flags & FIELD_SINGLE) && count_of(inputs, field) == 1;

        if (field->type == FIELD_MAP ||
            (field->type == FIELD_STRINGS && !is_single)) {
            if (is_first(inputs, i)) {
                append_members(inputs, field, out);
            }
        } else {
            str_printf(out, "%s: ", field->key);
            append_value(out, input, inputs->arena);
        }
    }
}
