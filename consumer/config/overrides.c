#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config_internal.h"
#include "waybill/suggest.h"

/*
 * WAYBILL_<SECTION>_<KEY> and WAYBILL_<REGISTRATION>_<KEY>: the environment
 * variables are inserted into the tree, with a location of their own, before
 * the field tables read it. They are therefore validated and reported like the
 * file.
 */

#define PREFIX "WAYBILL_"

struct override_context {
    struct node *root;
    struct faults *faults;
    /* Recognized names, to suggest one for a mistyped name */
    struct str known; /* NUL-separated */
};

static void append_upper(struct str *out, const char *text)
{
    for (; *text != '\0'; text++) {
        str_append_char(out, isalnum((unsigned char)*text)
                                 ? (char)toupper((unsigned char)*text)
                                 : '_');
    }
}

static void overrides_append_name(struct str *out, const char *first,
                                  const char *second, const char *third)
{
    str_append_text(out, PREFIX);
    append_upper(out, first);
    str_append_char(out, '_');
    append_upper(out, second);
    if (third != NULL) {
        str_append_char(out, '_');
        append_upper(out, third);
    }
}

static const char *value_of(struct override_context *context, const char *name)
{
    const char *value = getenv(name);
    size_t mark = value != NULL ? text_mark_length(value, strlen(value)) : 0;
    size_t len = value != NULL ? without_line_end(value, strlen(value)) : 0;

    str_append(&context->known, name, strlen(name) + 1);
    /* Compose files and CI systems set unset variables to the empty string. */
    return len > mark ? arena_printf(context->faults->arena, "%.*s",
                                     (int)(len - mark), value + mark)
                      : NULL;
}

static void append_scalar(struct override_context *context,
                          struct node *mapping, const char *key,
                          const char *name, const char *value)
{
    struct arena *arena = context->faults->arena;
    struct location location = {
        .file = arena_printf(arena, "environment variable %s", name)};
    struct node *node = tree_add(arena, mapping, key, NODE_SCALAR, &location);

    node->text = arena_strdup(arena, value);
    node->null = false;
    node->expanded = true;
}

/* The section, which is created if the file lacks it or leaves it empty */
static struct node *section(struct override_context *context,
                            struct node *parent, const char *key,
                            const char *name)
{
    struct location location = {.file = arena_printf(context->faults->arena,
                                                     "environment variable %s",
                                                     name)};
    struct node *node = tree_member(parent, key);

    if (node != NULL && node->kind == NODE_MAPPING) {
        return node;
    }
    if (node != NULL && !node->null) {
        return NULL; /* not a mapping, which the field table reports */
    }
    return tree_add(context->faults->arena, parent, key, NODE_MAPPING,
                    &location);
}

static void apply_field(struct override_context *context, const char *first,
                        const char *second, const struct field *field)
{
    CLEANUP(str_release) struct str name = STR_INIT(256);
    const char *value;
    struct node *node;

    if (second != NULL) {
        overrides_append_name(&name, first, second, field->key);
    } else {
        overrides_append_name(&name, first, field->key, NULL);
    }
    value = value_of(context, name.data);
    if (value == NULL) {
        return;
    }
    node = section(context, context->root, first, name.data);
    if (node != NULL && second != NULL) {
        node = section(context, node, second, name.data);
    }
    if (node != NULL) {
        append_scalar(context, node, field->key, name.data, value);
    }
}

/* A top-level key without a section */
static void apply_single(struct override_context *context,
                         const struct field *field)
{
    CLEANUP(str_release) struct str name = STR_INIT(256);
    const char *value;

    str_append_text(&name, PREFIX);
    append_upper(&name, field->key);
    value = value_of(context, name.data);
    if (value != NULL) {
        append_scalar(context, context->root, field->key, name.data, value);
    }
}

static void apply_section(struct override_context *context,
                          const struct field *section)
{
    for (const struct field *field = section->fields; field->key; field++) {
        if (field_is_scalar(field)) {
            apply_field(context, section->key, NULL, field);
        } else if (field->type == FIELD_OBJECT) {
            for (const struct field *inner = field->fields; inner->key;
                 inner++) {
                apply_field(context, section->key, field->key, inner);
            }
        }
    }
}

static void apply_registration(struct override_context *context,
                               struct node *item, const char *registration,
                               const struct field *fields)
{
    for (const struct field *field = fields; field->key != NULL; field++) {
        CLEANUP(str_release) struct str name = STR_INIT(256);
        const char *value;

        if (!field_takes_scalar(field)) {
            continue;
        }
        overrides_append_name(&name, registration, field->key, NULL);
        value = value_of(context, name.data);
        if (value != NULL) {
            append_scalar(context, item, field->key, name.data, value);
        }
    }
}

static void apply_registrations(
    struct override_context *context, struct node *list,
    const struct integration_fields *const *integrations)
{
    for (struct node *item = list->first; item != NULL; item = item->next) {
        const struct node *name =
            item->kind == NODE_MAPPING ? tree_member(item, "name") : NULL;

        const struct integration_fields *kind =
            item->kind == NODE_MAPPING ? integration_of_item(item, integrations)
                                       : NULL;

        if (kind != NULL && name != NULL && name->kind == NODE_SCALAR) {
            apply_registration(context, item, name->text, kind->registration);
        }
    }
}

/* Kubernetes sets these variables for every Service, and one may be called
 * waybill. */
static bool is_service_link(const char *name)
{
    return strstr(name, "_SERVICE_") != NULL || strstr(name, "_PORT") != NULL;
}

static void warn_unknown_variable(const char *name,
                                  struct override_context *context,
                                  struct faults *warnings)
{
    struct location location = {.file = "environment"};
    struct suggestion near;

    suggest_init(&near, name);
    for (size_t at = 0; at < context->known.len;
         at += strlen(context->known.data + at) + 1) {
        if (strcmp(context->known.data + at, name) == 0) {
            return;
        }
        suggest_offer(&near, context->known.data + at);
    }
    if (near.nearest != NULL) {
        fault_add(warnings, &location,
                  "%s: there is no such setting, so the variable is ignored; "
                  "did you mean '%s'?",
                  name, near.nearest);
    } else if (!is_service_link(name)) {
        fault_add(warnings, &location,
                  "%s: there is no such setting, so the variable is ignored",
                  name);
    }
}

static void warn_unknown_variables(struct override_context *context,
                                   struct faults *warnings)
{
    static const char config_file[] = PREFIX "CONFIG";

    str_append(&context->known, config_file, sizeof(config_file));
    for (char **variable = environ; variable && *variable; variable++) {
        const char *equals = strchr(*variable, '=');
        char *name;

        if (equals == NULL ||
            strncmp(*variable, PREFIX, sizeof(PREFIX) - 1) != 0) {
            continue;
        }
        name = arena_printf(warnings->arena, "%.*s", (int)(equals - *variable),
                            *variable);
        warn_unknown_variable(name, context, warnings);
    }
}

void overrides_apply(struct node *root,
                     const struct integration_fields *const *integrations,
                     struct faults *faults, struct faults *warnings)
{
    struct override_context context = {.root = root, .faults = faults};

    str_init(&context.known, STR_UNLIMITED);
    for (const struct field *field = settings_fields; field->key; field++) {
        struct node *node = tree_member(root, field->key);

        if (field_is_scalar(field)) {
            apply_single(&context, field);
        } else if (field->type == FIELD_OBJECT) {
            apply_section(&context, field);
        } else if (node != NULL && node->kind == NODE_SEQUENCE &&
                   strcmp(field->key, "registrations") == 0) {
            apply_registrations(&context, node, integrations);
        }
    }
    warn_unknown_variables(&context, warnings);
    str_release(&context.known);
}
