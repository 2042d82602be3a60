#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config_internal.h"
#include "waybill/suggest.h"

/*
 * WAYBILL_<SECTION>_<KEY> and WAYBILL_<REGISTRATION>_<KEY>: what the
 * environment says is put into the tree, under a place of its own, before the
 * tables read it. So it is checked, and complained about, like the file.
 */

#define PREFIX "WAYBILL_"

struct overriding {
    struct node *root;
    struct faults *faults;
    /* Names that mean something, to tell a mistyped one */
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

static const char *value_of(struct overriding *over, const char *name)
{
    const char *value = getenv(name);
    size_t len = value != NULL ? without_line_end(value, strlen(value)) : 0;

    str_append(&over->known, name, strlen(name) + 1);
    /* Empty is how compose files and CI systems write "not set". */
    return len > 0 ? arena_printf(over->faults->arena, "%.*s", (int)len, value)
                   : NULL;
}

static void append_scalar(struct overriding *over, struct node *mapping,
                          const char *key, const char *name, const char *value)
{
    struct arena *arena = over->faults->arena;
    struct location location = {
        .file = arena_printf(arena, "environment variable %s", name)};
    struct node *node = tree_add(arena, mapping, key, NODE_SCALAR, &location);

    node->text = arena_strdup(arena, value);
    node->null = false;
    node->expanded = true;
}

/* A section that the file does not have, or has empty */
static struct node *section(struct overriding *over, struct node *parent,
                            const char *key, const char *name)
{
    struct location location = {
        .file =
            arena_printf(over->faults->arena, "environment variable %s", name)};
    struct node *node = tree_member(parent, key);

    if (node != NULL && node->kind == NODE_MAPPING) {
        return node;
    }
    if (node != NULL && !node->null) {
        return NULL; /* not a mapping: the table will say so */
    }
    return tree_add(over->faults->arena, parent, key, NODE_MAPPING, &location);
}

static void apply_field(struct overriding *over, const char *first,
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
    value = value_of(over, name.data);
    if (value == NULL) {
        return;
    }
    node = section(over, over->root, first, name.data);
    if (node != NULL && second != NULL) {
        node = section(over, node, second, name.data);
    }
    if (node != NULL) {
        append_scalar(over, node, field->key, name.data, value);
    }
}

/* A setting that stands by itself */
static void apply_single(struct overriding *over, const struct field *field)
{
    CLEANUP(str_release) struct str name = STR_INIT(256);
    const char *value;

    str_append_text(&name, PREFIX);
    append_upper(&name, field->key);
    value = value_of(over, name.data);
    if (value != NULL) {
        append_scalar(over, over->root, field->key, name.data, value);
    }
}

static void apply_section(struct overriding *over, const struct field *section)
{
    for (const struct field *field = section->fields; field->key; field++) {
        if (field_is_scalar(field)) {
            apply_field(over, section->key, NULL, field);
        } else if (field->type == FIELD_OBJECT) {
            for (const struct field *inner = field->fields; inner->key;
                 inner++) {
                apply_field(over, section->key, field->key, inner);
            }
        }
    }
}

static void apply_registration(struct overriding *over, struct node *item,
                               const char *registration,
                               const struct field *fields)
{
    for (const struct field *field = fields; field->key != NULL; field++) {
        CLEANUP(str_release) struct str name = STR_INIT(256);
        const char *value;

        if (!field_takes_scalar(field)) {
            continue;
        }
        overrides_append_name(&name, registration, field->key, NULL);
        value = value_of(over, name.data);
        if (value != NULL) {
            append_scalar(over, item, field->key, name.data, value);
        }
    }
}

static void apply_registrations(
    struct overriding *over, struct node *list,
    const struct integration_fields *const *integrations)
{
    for (struct node *item = list->first; item != NULL; item = item->next) {
        const struct node *name =
            item->kind == NODE_MAPPING ? tree_member(item, "name") : NULL;

        const struct integration_fields *kind =
            item->kind == NODE_MAPPING ? integration_of_item(item, integrations)
                                       : NULL;

        if (kind != NULL && name != NULL && name->kind == NODE_SCALAR) {
            apply_registration(over, item, name->text, kind->registration);
        }
    }
}

/* Kubernetes sets these for every Service, and one may be called waybill. */
static bool is_service_link(const char *name)
{
    return strstr(name, "_SERVICE_") != NULL || strstr(name, "_PORT") != NULL;
}

static void warn_about(const char *name, struct overriding *over,
                       struct faults *warnings)
{
    struct location location = {.file = "environment"};
    struct suggestion near;

    suggest_init(&near, name);
    for (size_t at = 0; at < over->known.len;
         at += strlen(over->known.data + at) + 1) {
        if (strcmp(over->known.data + at, name) == 0) {
            return;
        }
        suggest_offer(&near, over->known.data + at);
    }
    if (near.nearest != NULL) {
        fault_add(warnings, &location,
                  "%s: no such setting (did you mean '%s'?), ignoring", name,
                  near.nearest);
    } else if (!is_service_link(name)) {
        fault_add(warnings, &location, "%s: no such setting, ignoring", name);
    }
}

static void warn_about_others(struct overriding *over, struct faults *warnings)
{
    static const char config_file[] = PREFIX "CONFIG";

    str_append(&over->known, config_file, sizeof(config_file));
    for (char **variable = environ; variable && *variable; variable++) {
        const char *equals = strchr(*variable, '=');
        char *name;

        if (equals == NULL ||
            strncmp(*variable, PREFIX, sizeof(PREFIX) - 1) != 0) {
            continue;
        }
        name = arena_printf(warnings->arena, "%.*s", (int)(equals - *variable),
                            *variable);
        warn_about(name, over, warnings);
    }
}

void overrides_apply(struct node *root,
                     const struct integration_fields *const *integrations,
                     struct faults *faults, struct faults *warnings)
{
    struct overriding over = {.root = root, .faults = faults};

    str_init(&over.known, STR_UNLIMITED);
    for (const struct field *field = settings_fields; field->key; field++) {
        struct node *node = tree_member(root, field->key);

        if (field_is_scalar(field)) {
            apply_single(&over, field);
        } else if (field->type == FIELD_OBJECT) {
            apply_section(&over, field);
        } else if (node != NULL && node->kind == NODE_SEQUENCE &&
                   strcmp(field->key, "registrations") == 0) {
            apply_registrations(&over, node, integrations);
        }
    }
    warn_about_others(&over, warnings);
    str_release(&over.known);
}
