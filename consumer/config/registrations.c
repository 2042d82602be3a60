#include <ctype.h>
#include <stddef.h>
#include <string.h>

#include "config_internal.h"
#include "waybill/suggest.h"

/* registrations[] and attachments[]: each item is read by two tables, the
 * common one and that of its integration. */

/* The name is part of environment variable names and of every outcome. */
static int check_registration_name(const char *value, struct error *err)
{
    size_t len = strspn(value, "abcdefghijklmnopqrstuvwxyz"
                               "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.");

    if (value[len] != '\0') {
        return error_set(err, ERROR_CONFIG,
                         "may only hold letters, digits, '-', '_' and '.'");
    }
    if (len > 63) {
        return error_set(err, ERROR_CONFIG, "is longer than 63 characters");
    }
    return 0;
}

static int check_attachment_name(const char *value, struct error *err)
{
    if (strlen(value) > 255) {
        return error_set(err, ERROR_CONFIG, "is longer than 255 bytes");
    }
    for (; *value != '\0'; value++) {
        if ((unsigned char)*value < 0x20 || *value == 0x7F) {
            return error_set(err, ERROR_CONFIG, "holds a control character");
        }
    }
    return 0;
}

const struct field registration_fields[] = {
    {.key = "name",
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct registration, name),
     .check = check_registration_name,
     .doc = "What attachments, outcomes and environment variables call it.",
     .example = "ghcr",
     .since = "0.1"},
    {.key = "integration",
     .offset = offsetof(struct registration, integration),
     .fallback = "oci-registry",
     .doc = "The integration that it is of.",
     .since = "0.1"},
    {0},
};

static const struct field workflow_fields[] = {
    {.key = "id",
     .offset = offsetof(struct workflow_selector, id),
     .doc = "The workflow's id, exactly. Instead of project and name.",
     .example = "8a7f0f46-6c0e-4a5e-9f4f-0a3b1f7f2a11",
     .since = "0.1"},
    {.key = "project",
     .offset = offsetof(struct workflow_selector, project),
     .doc = "The project's name; * stands for any run of characters. Left "
            "out beside a name: any.",
     .example = "shop",
     .since = "0.1"},
    {.key = "name",
     .offset = offsetof(struct workflow_selector, name),
     .doc = "The workflow's name; * stands for any run of characters. Left "
            "out beside a project: any.",
     .example = "build-*",
     .since = "0.1"},
    {0},
};

const struct field attachment_fields[] = {
    {.key = "name",
     .offset = offsetof(struct attachment, name),
     .check = check_attachment_name,
     .doc = "What outcomes and dead letters call it. Left out, it is made of "
            "the registration, the workflow and the options that are given; "
            "give one where those may change while records wait.",
     .example = "shop-to-ghcr",
     .since = "0.1"},
    {.key = "registration",
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct attachment, registration_name),
     .doc = "The name of a registration.",
     .example = "ghcr",
     .since = "0.1"},
    {.key = "workflow",
     .type = FIELD_OBJECT,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct attachment, workflow),
     .fields = workflow_fields,
     .doc = "Whose attestations: by id, or by project and name.",
     .since = "0.1"},
    {0},
};

static const struct integration_fields *integration_find(
    const struct integration_fields *const *integrations, const char *kind)
{
    for (; *integrations != NULL; integrations++) {
        if (strcmp((*integrations)->kind, kind) == 0) {
            return *integrations;
        }
    }
    return NULL;
}

static size_t count_items(const struct node *list, const char *path,
                          struct faults *faults)
{
    if (list == NULL || (list->kind == NODE_SCALAR && list->null)) {
        return 0;
    }
    if (list->kind != NODE_SEQUENCE) {
        fault_add(faults, &list->location, "%s: expected a list", path);
        return 0;
    }
    return list->count;
}

static bool is_mapping(const struct node *item, const char *path,
                       struct faults *faults)
{
    if (item->kind == NODE_MAPPING) {
        return true;
    }
    fault_add(faults, &item->location, "%s: expected a mapping", path);
    return false;
}

static const struct location *location_of(const struct node *item,
                                          const char *key)
{
    const struct node *node = key != NULL ? tree_member(item, key) : NULL;

    return node != NULL ? &node->location : &item->location;
}

const struct integration_fields *integration_of_item(
    const struct node *item,
    const struct integration_fields *const *integrations)
{
    const struct node *node = tree_member(item, "integration");

    if (node == NULL || node->kind != NODE_SCALAR || node->null ||
        node->fault != NULL) {
        return integrations[0]; /* the default; a fault in the key is reported
                                   by its row */
    }
    return integration_find(integrations, node->text);
}

static void report_unknown_kind(
    const struct node *item, const char *path,
    const struct integration_fields *const *integrations, struct faults *faults)
{
    const struct node *node = tree_member(item, "integration");
    struct suggestion suggestion;

    if (node->expanded) {
        fault_add(faults, &node->location,
                  "%s.integration: no such integration", path);
        return;
    }
    suggest_init(&suggestion, node->text);
    for (size_t i = 0; integrations[i] != NULL; i++) {
        suggest_offer(&suggestion, integrations[i]->kind);
    }
    fault_add(faults, &node->location,
              "%s.integration: no integration '%s'%s%s%s", path, node->text,
              suggestion.nearest ? " (did you mean '" : "",
              suggestion.nearest ? suggestion.nearest : "",
              suggestion.nearest ? "'?)" : "");
}

/* If the kind is unknown, only the keys that all kinds share can be read. */
static void read_by_kind(struct settings *settings, const struct node *item,
                         const char *path,
                         const struct integration_fields *kind,
                         struct registration *registration,
                         struct faults *faults)
{
    struct field_set sets[] = {{registration_fields, registration}, {0}};

    fields_default(registration_fields, registration);
    if (kind == NULL) {
        fields_read_some(item, path, sets, 1, faults);
        return;
    }
    registration->options =
        arena_alloc(settings->arena, kind->registration_size);
    fields_default(kind->registration, registration->options);
    sets[1] = (struct field_set){kind->registration, registration->options};
    fields_read(item, path, sets, ARRAY_SIZE(sets), faults);
}

static void read_registration(
    struct settings *settings, const struct node *item, const char *path,
    const struct integration_fields *const *integrations, struct faults *faults)
{
    struct registration *registration =
        &settings->registrations[settings->registration_count];
    const struct integration_fields *kind;
    const char *key = NULL;
    size_t before = faults->count;
    struct error err;

    if (!is_mapping(item, path, faults)) {
        return;
    }
    kind = integration_of_item(item, integrations);
    if (kind == NULL) {
        report_unknown_kind(item, path, integrations, faults);
    }
    read_by_kind(settings, item, path, kind, registration, faults);
    settings->registration_count++;
    if (kind != NULL && faults->count == before && kind->check != NULL &&
        kind->check(registration->options, NULL, &key, &err) < 0) {
        fault_add(faults, location_of(item, key), "%s.%s: %s", path, key,
                  err.message);
    }
}

/* Names that differ only in '-' and '_' would map to the same environment
 * variables. */
static bool have_same_variables(const char *a, const char *b)
{
    for (; *a != '\0' && *b != '\0'; a++, b++) {
        bool both_alphanumeric =
            isalnum((unsigned char)*a) && isalnum((unsigned char)*b);

        if (both_alphanumeric
                ? toupper((unsigned char)*a) != toupper((unsigned char)*b)
                : isalnum((unsigned char)*a) || isalnum((unsigned char)*b)) {
            return false;
        }
    }
    return *a == *b;
}

static void check_name_is_new(const struct settings *settings,
                              const struct node *item, const char *path,
                              struct faults *faults)
{
    const char *name =
        settings->registrations[settings->registration_count - 1].name;

    for (size_t i = 0; name && i + 1 < settings->registration_count; i++) {
        const char *other = settings->registrations[i].name;

        if (other != NULL && strcmp(other, name) == 0) {
            fault_add(faults, location_of(item, "name"),
                      "%s.name: '%s' is taken by another registration", path,
                      name);
            return;
        }
        if (other != NULL && have_same_variables(other, name)) {
            fault_add(faults, location_of(item, "name"),
                      "%s.name: '%s' and '%s' would share their environment "
                      "variables",
                      path, name, other);
            return;
        }
    }
}

void registrations_read(struct settings *settings, const struct node *list,
                        const struct integration_fields *const *integrations,
                        struct faults *faults)
{
    size_t count = count_items(list, "registrations", faults);
    size_t index = 0;

    settings->registrations = arena_alloc(
        settings->arena, count * sizeof(settings->registrations[0]));
    for (const struct node *item = count > 0 ? list->first : NULL; item;
         item = item->next) {
        const char *path =
            arena_printf(settings->arena, "registrations[%zu]", index++);
        size_t before = settings->registration_count;

        read_registration(settings, item, path, integrations, faults);
        if (settings->registration_count > before) {
            check_name_is_new(settings, item, path, faults);
        }
    }
}

static const struct registration *find_registration(
    const struct settings *settings, const char *name)
{
    for (size_t i = 0; i < settings->registration_count; i++) {
        const struct registration *registration = &settings->registrations[i];

        if (registration->name && strcmp(registration->name, name) == 0) {
            return registration;
        }
    }
    return NULL;
}

static void report_unknown_registration(const struct settings *settings,
                                        const struct node *node,
                                        const char *path, struct faults *faults)
{
    struct suggestion suggestion;

    if (node->expanded) {
        fault_add(faults, &node->location,
                  "%s.registration: no such registration", path);
        return;
    }
    suggest_init(&suggestion, node->text);
    for (size_t i = 0; i < settings->registration_count; i++) {
        if (settings->registrations[i].name != NULL) {
            suggest_offer(&suggestion, settings->registrations[i].name);
        }
    }
    fault_add(faults, &node->location,
              "%s.registration: no registration '%s'%s%s%s", path, node->text,
              suggestion.nearest ? " (did you mean '" : "",
              suggestion.nearest ? suggestion.nearest : "",
              suggestion.nearest ? "'?)" : "");
}

static void check_workflow(const struct workflow_selector *workflow,
                           const struct node *item, const char *path,
                           struct faults *faults)
{
    const struct node *node = tree_member(item, "workflow");

    if (!workflow->id && !workflow->project && !workflow->name) {
        fault_add(faults, &node->location,
                  "%s.workflow: needs an id, or a project and a name", path);
    }
    if (workflow->id && (workflow->project || workflow->name)) {
        fault_add(faults, &node->location,
                  "%s.workflow: either an id, or a project and a name", path);
    }
}

static void finish_attachment(struct settings *settings,
                              struct attachment *attachment,
                              const struct integration_fields *kind,
                              const struct node *item, const char *path,
                              struct faults *faults)
{
    if (attachment->name == NULL) {
        attachment->name = attachment_default_name(settings->arena, attachment,
                                                   kind->attachment, item);
    }
    for (size_t i = 0; i < settings->attachment_count; i++) {
        if (strcmp(settings->attachments[i].name, attachment->name) == 0) {
            fault_add(faults, location_of(item, "name"),
                      "%s: the same as another attachment ('%s')", path,
                      attachment->name);
        }
    }
    settings->attachment_count++;
}

/* The integration of the attachment's registration. NULL and a fault if there
 * is none, because the valid keys are then unknown. */
static const struct integration_fields *kind_of_attachment(
    struct settings *settings, struct attachment *attachment,
    const struct node *item, const char *path,
    const struct integration_fields *const *integrations, struct faults *faults)
{
    const struct node *node = tree_member(item, "registration");

    if (node == NULL || node->kind != NODE_SCALAR || node->null ||
        node->fault != NULL) {
        return NULL; /* reported by its row */
    }
    attachment->registration = find_registration(settings, node->text);
    if (attachment->registration == NULL) {
        report_unknown_registration(settings, node, path, faults);
        return NULL;
    }
    /* the registration's kind is unknown */
    return attachment->registration->options != NULL
               ? integration_find(integrations,
                                  attachment->registration->integration)
               : NULL;
}

#define MAX_KINDS 32

/* If the kind is unknown, a key is a fault only if no kind has it. */
static void report_keys_of_unknown_kind(
    const struct node *item, const char *path,
    const struct integration_fields *const *integrations, struct faults *faults)
{
    struct field_set sets[1 + MAX_KINDS] = {{.fields = attachment_fields}};
    size_t count = 1;

    for (; *integrations != NULL && count <= MAX_KINDS; integrations++) {
        sets[count++].fields = (*integrations)->attachment;
    }
    fields_report_unknown(item, path, sets, count, faults);
}

static void read_attachment(
    struct settings *settings, const struct node *item, const char *path,
    const struct integration_fields *const *integrations, struct faults *faults)
{
    struct attachment *attachment =
        &settings->attachments[settings->attachment_count];
    struct field_set sets[] = {{attachment_fields, attachment}, {0}};
    const struct integration_fields *kind;
    const char *key = NULL;
    size_t before = faults->count;
    struct error err;

    if (!is_mapping(item, path, faults)) {
        return;
    }
    *attachment =
        (struct attachment){0}; /* the slot may hold a rejected attachment */
    kind = kind_of_attachment(settings, attachment, item, path, integrations,
                              faults);
    fields_default(attachment_fields, attachment);
    if (kind == NULL) {
        fields_read_some(item, path, sets, 1, faults);
        report_keys_of_unknown_kind(item, path, integrations, faults);
        return;
    }
    attachment->options = arena_alloc(settings->arena, kind->attachment_size);
    fields_default(kind->attachment, attachment->options);
    sets[1] = (struct field_set){kind->attachment, attachment->options};
    fields_read(item, path, sets, ARRAY_SIZE(sets), faults);
    if (faults->count == before) {
        check_workflow(&attachment->workflow, item, path, faults);
    }
    if (faults->count > before) {
        return;
    }
    if (kind->check != NULL &&
        kind->check(attachment->registration->options, attachment->options,
                    &key, &err) < 0) {
        fault_add(faults, location_of(item, key), "%s.%s: %s", path, key,
                  err.message);
    }
    finish_attachment(settings, attachment, kind, item, path, faults);
}

void attachments_read(struct settings *settings, const struct node *list,
                      const struct integration_fields *const *integrations,
                      struct faults *faults)
{
    size_t count = count_items(list, "attachments", faults);
    size_t index = 0;

    settings->attachments =
        arena_alloc(settings->arena, count * sizeof(settings->attachments[0]));
    for (const struct node *item = count > 0 ? list->first : NULL; item;
         item = item->next) {
        read_attachment(
            settings, item,
            arena_printf(settings->arena, "attachments[%zu]", index++),
            integrations, faults);
    }
}
