#include <ctype.h>
#include <string.h>

#include "config_internal.h"
#include "waybill/suggest.h"

/* registrations[] and attachments[]: each item is read by two tables, the
 * common one and that of its integration. */

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
    const struct field field = {.key = path, .type = FIELD_LIST};

    if (list == NULL || (list->kind == NODE_SCALAR && list->null)) {
        return 0;
    }
    if (list->kind != NODE_SEQUENCE) {
        values_report_kind(&field, list, path, faults);
        return 0;
    }
    return list->count;
}

static bool is_mapping(const struct node *item, const char *path,
                       struct faults *faults)
{
    const struct field field = {.key = path, .type = FIELD_OBJECT};

    if (item->kind == NODE_MAPPING) {
        return true;
    }
    values_report_kind(&field, item, path, faults);
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

/* `key` is "integration" or "registration"; `nearest` is NULL if no name of the
 * list resembles the value. */
static void report_unknown_name(struct faults *faults, const struct node *node,
                                const char *path, const char *key,
                                const char *nearest, const char *list)
{
    const char *advice =
        nearest != NULL
            ? arena_printf(faults->arena, "write %s: %s", key, nearest)
            : arena_printf(faults->arena, "the %ss are %s", key, list);

    fault_add(faults, &node->location, "%s.%s: there is no %s '%s'; %s", path,
              key, key, node->text, advice);
}

static void report_unknown_kind(
    const struct node *item, const char *path,
    const struct integration_fields *const *integrations, struct faults *faults)
{
    const struct node *node = tree_member(item, "integration");
    CLEANUP(str_release) struct str list = STR_INIT(LIMIT_MESSAGE / 2);
    struct suggestion suggestion;

    for (size_t i = 0; integrations[i] != NULL; i++) {
        str_printf(&list, "%s%s", i > 0 ? ", " : "", integrations[i]->kind);
    }
    if (node->expanded) {
        fault_add(faults, &node->location,
                  "%s.integration: the value names no integration; the "
                  "integrations are %s",
                  path, list.data);
        return;
    }
    suggest_init(&suggestion, node->text);
    for (size_t i = 0; integrations[i] != NULL; i++) {
        suggest_offer(&suggestion, integrations[i]->kind);
    }
    report_unknown_name(faults, node, path, "integration", suggestion.nearest,
                        list.data);
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
            fault_add(
                faults, location_of(item, "name"),
                "%s.name: '%s' is already the name of registrations[%zu]; "
                "give each registration its own name",
                path, name, i);
            return;
        }
        if (other != NULL && have_same_variables(other, name)) {
            fault_add(
                faults, location_of(item, "name"),
                "%s.name: '%s' and '%s' would have the same environment "
                "variables (WAYBILL_<NAME>_...); use names that differ in "
                "letters or digits",
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

/* An invalid name may be a value that does not belong there. */
static void append_name(struct str *out, const char *name)
{
    struct error err;

    if (registration_name_check(name, &err) == 0) {
        str_printf(out, "%s%s", out->len > 0 ? ", " : "", name);
    }
}

static void report_unknown_registration(const struct settings *settings,
                                        const struct node *node,
                                        const char *path, struct faults *faults)
{
    CLEANUP(str_release) struct str list = STR_INIT(LIMIT_MESSAGE / 2);
    struct suggestion suggestion;

    if (settings->registration_count == 0) {
        fault_add(faults, &node->location,
                  "%s.registration: there are no registrations; add one with "
                  "this name to registrations",
                  path);
        return;
    }
    suggest_init(&suggestion, node->text);
    for (size_t i = 0; i < settings->registration_count; i++) {
        if (settings->registrations[i].name != NULL) {
            suggest_offer(&suggestion, settings->registrations[i].name);
            append_name(&list, settings->registrations[i].name);
        }
    }
    if (node->expanded) {
        fault_add(faults, &node->location,
                  "%s.registration: the value is not the name of a "
                  "registration",
                  path);
        return;
    }
    report_unknown_name(faults, node, path, "registration", suggestion.nearest,
                        list.data);
}

static void check_workflow(const struct workflow_selector *workflow,
                           const struct node *item, const char *path,
                           struct faults *faults)
{
    const struct node *node = tree_member(item, "workflow");

    if (!workflow->id && !workflow->project && !workflow->name) {
        fault_add(faults, &node->location,
                  "%s.workflow: selects no workflow; write an id, or a project "
                  "and a name, for example {project: shop, name: '*'}",
                  path);
    }
    if (workflow->id && (workflow->project || workflow->name)) {
        fault_add(faults, &node->location,
                  "%s.workflow: has both an id and a project or name; remove "
                  "one of them",
                  path);
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
            fault_add(
                faults, location_of(item, "name"),
                "%s: attachments[%zu] has the same name, '%s'; remove one "
                "of the two, or give them different names",
                path, i, attachment->name);
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
