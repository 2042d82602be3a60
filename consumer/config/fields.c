#include <string.h>

#include "config_internal.h"

static void *member_of(void *base, const struct field *field)
{
    return (char *)base + field->offset;
}

static bool set_number(const struct field *field, void *base, const char *text)
{
    return field_number(field, text, member_of(base, field));
}

static bool set_boolean(const struct field *field, void *base, const char *text)
{
    bool is_true = strcmp(text, "true") == 0;

    *(int *)member_of(base, field) = is_true;
    return is_true || strcmp(text, "false") == 0;
}

static bool set_enum(const struct field *field, void *base, const char *text)
{
    for (int i = 0; field->choices[i] != NULL; i++) {
        if (strcmp(field->choices[i], text) == 0) {
            *(int *)member_of(base, field) = i;
            return true;
        }
    }
    return false;
}

/* Relative file names start at the configuration file's directory. */
static const char *path_text(const struct node *node, struct arena *arena)
{
    const char *file = node->location.file;
    const char *slash = strrchr(file, '/');

    if (node->text[0] == '/' || node->location.line == 0 || slash == NULL) {
        return node->text;
    }
    return arena_printf(arena, "%.*s/%s", (int)(slash - file), file,
                        node->text);
}

static bool set_scalar(const struct field *field, void *base, const char *text)
{
    switch (field->type) {
    case FIELD_STRING:
        *(const char **)member_of(base, field) = text;
        return true;
    case FIELD_INTEGER:
    case FIELD_DURATION:
    case FIELD_SIZE:
        return set_number(field, base, text);
    case FIELD_BOOLEAN:
        return set_boolean(field, base, text);
    case FIELD_ENUM:
        return set_enum(field, base, text);
    case FIELD_OBJECT:
    case FIELD_MAP:
    case FIELD_STRINGS:
    case FIELD_LIST:
        break;
    }
    return false;
}

void fields_default(const struct field *fields, void *base)
{
    for (const struct field *field = fields; field->key != NULL; field++) {
        if (field->type == FIELD_OBJECT) {
            fields_default(field->fields, member_of(base, field));
        } else if (field->fallback != NULL) {
            set_scalar(field, base, field->fallback);
        } else if (field->type == FIELD_BOOLEAN) {
            *(int *)member_of(base, field) = -1;
        }
    }
}

static bool out_of_bounds(const struct field *field, void *base)
{
    uint64_t number;

    if (field->max == 0) {
        return false;
    }
    number = *(uint64_t *)member_of(base, field);
    return number < field->min || number > field->max;
}

static void read_scalar(const struct node *node, const char *path,
                        const struct field *field, void *base,
                        struct faults *faults)
{
    bool is_path = node->kind == NODE_SCALAR && (field->flags & FIELD_PATH);
    const char *text = is_path ? path_text(node, faults->arena) : node->text;

    if (node->kind != NODE_SCALAR) {
        values_report_kind(field, node, path, faults);
    } else if (node->fault != NULL) {
        fault_add(faults, &node->location, "%s: %s", path, node->fault);
    } else if (node->null) {
        values_report_null(node, path, faults);
    } else if (!set_scalar(field, base, text)) {
        values_report_type(field, node, path, faults);
    } else if (field->type == FIELD_STRING) {
        if (is_path) {
            access_allow_file(faults->access, text);
        }
        values_check_text(field, node, text, path, faults);
    } else if (out_of_bounds(field, base)) {
        values_report_bounds(field, node, path, faults);
    }
}

static const char *path_of(const struct node *node, const char *parent,
                           struct faults *faults)
{
    return *parent ? arena_printf(faults->arena, "%s.%s", parent, node->key)
                   : node->key;
}

/* Keys of a map have dots, which must not be written as nested mappings. */
static bool is_map_value(const struct node *item, const char *path,
                         struct faults *faults)
{
    if (item->kind == NODE_SCALAR && !item->null && item->fault == NULL) {
        return true;
    }
    if (item->fault != NULL) {
        fault_add(faults, &item->location, "%s: %s", path, item->fault);
    } else if (item->kind == NODE_MAPPING && item->first != NULL) {
        fault_add(faults, &item->location,
                  "%s: must be text, not a mapping; write '%s.%s: ...'", path,
                  item->key, item->first->key);
    } else if (item->kind == NODE_SCALAR) {
        values_report_null(item, path, faults);
    } else {
        fault_add(faults, &item->location,
                  "%s: must be text, not a list; write several values with "
                  "commas between them",
                  path);
    }
    return false;
}

static void read_map(const struct node *node, const char *path,
                     struct field_map *ret_map, struct faults *faults)
{
    struct field_pair *pairs =
        arena_alloc(faults->arena, node->count * sizeof(*pairs));

    /* A key that occurs twice is a fault, but is read twice. */
    *ret_map = (struct field_map){.pairs = pairs};
    for (const struct node *item = node->first; item; item = item->next) {
        const char *full = path_of(item, path, faults);

        if (!is_map_value(item, full, faults)) {
            continue;
        }
        pairs->key = item->key;
        pairs->value = item->text;
        pairs++;
        ret_map->count++;
    }
}

static bool is_list(const struct node *node, const char *path,
                    const struct field *field, struct faults *faults)
{
    if (node->kind == NODE_SEQUENCE ||
        (node->kind == NODE_SCALAR && node->null)) {
        return true;
    }
    values_report_kind(field, node, path, faults);
    return false;
}

static void read_strings(const struct node *list, const char *path,
                         const struct field *field, void *base,
                         struct faults *faults)
{
    struct field_strings *strings = member_of(base, field);
    const char **items =
        arena_alloc(faults->arena, list->count * sizeof(*items));
    const struct field item_field = {
        .key = "",
        .flags = field->flags & FIELD_SECRET,
        .check = field->check,
        .correct = field->correct,
    };
    size_t index = 0;

    for (const struct node *item = list->first; item; item = item->next) {
        const char *full = arena_printf(faults->arena, "%s[%zu]", path, index);

        read_scalar(item, full, &item_field, &items[index++], faults);
    }
    *strings = (struct field_strings){items, list->count};
}

/* A scalar for a FIELD_SINGLE list */
static void read_single(const struct node *node, const char *path,
                        const struct field *field, void *base,
                        struct faults *faults)
{
    struct field_strings *strings = member_of(base, field);
    const char **items = arena_alloc(faults->arena, sizeof(*items));
    const struct field item_field = {
        .key = "",
        .flags = field->flags & FIELD_SECRET,
        .check = field->check,
        .correct = field->correct,
    };

    read_scalar(node, path, &item_field, items, faults);
    *strings = (struct field_strings){items, 1};
}

/* A list below the top level: each item is read by the table and then validated
 * as a whole. */
static void read_list(const struct node *list, const char *path,
                      const struct field *field, void *base,
                      struct faults *faults)
{
    const struct field item_field = {
        .key = field->key, .type = FIELD_OBJECT, .fields = field->fields};
    struct field_list *out = member_of(base, field);
    char *items = arena_alloc(faults->arena, list->count * field->item_size);

    *out = (struct field_list){.items = items};
    for (const struct node *item = list->first; item; item = item->next) {
        const char *full =
            arena_printf(faults->arena, "%s[%zu]", path, out->count++);
        struct field_set set = {field->fields, items};
        size_t before = faults->count;
        const char *key = NULL;
        struct error err;

        fields_default(field->fields, items);
        if (item->kind != NODE_MAPPING) {
            values_report_kind(&item_field, item, full, faults);
            continue;
        }
        fields_read(item, full, &set, 1, faults);
        if (faults->count == before && field->check_item != NULL &&
            field->check_item(items, &key, &err) < 0) {
            const struct node *at = key ? tree_member(item, key) : NULL;

            fault_add(faults, at ? &at->location : &item->location,
                      "%s%s%s: %s", full, key ? "." : "", key ? key : "",
                      err.message);
        }
        items += field->item_size;
    }
}

/* A section that contains nothing but comments is null, and valid. */
static bool is_mapping(const struct node *node, const char *path,
                       const struct field *field, struct faults *faults)
{
    if (node->kind == NODE_MAPPING ||
        (node->kind == NODE_SCALAR && node->null)) {
        return true;
    }
    values_report_kind(field, node, path, faults);
    return false;
}

static void read_field(const struct node *node, const char *path,
                       const struct field *field, void *base,
                       struct faults *faults)
{
    if (field_is_scalar(field)) {
        read_scalar(node, path, field, base, faults);
    } else if (field->type == FIELD_STRINGS) {
        if (field_takes_scalar(field) && node->kind == NODE_SCALAR) {
            read_single(node, path, field, base, faults);
        } else if (is_list(node, path, field, faults)) {
            read_strings(node, path, field, base, faults);
        }
    } else if (field->type == FIELD_LIST) {
        /* registrations.c reads the top-level lists, together with the rows of
         * the integration. */
        if (field->item_size > 0 && is_list(node, path, field, faults)) {
            read_list(node, path, field, base, faults);
        }
    } else if (is_mapping(node, path, field, faults)) {
        struct field_set set = {field->fields, member_of(base, field)};

        if (field->type == FIELD_MAP) {
            read_map(node, path, member_of(base, field), faults);
        } else {
            fields_read(node, path, &set, 1, faults);
        }
    }
}

static void report_missing_key(const struct node *mapping, const char *path,
                               const struct field_set *set,
                               struct faults *faults)
{
    for (const struct field *field = set->fields; field->key; field++) {
        if ((field->flags & FIELD_REQUIRED) && field->removed == NULL &&
            tree_member(mapping, field->key) == NULL) {
            fault_add(faults, &mapping->location,
                      "%s.%s: is required; add it%s%s%s%s", path, field->key,
                      field->example != NULL ? ", for example " : "",
                      field->example != NULL ? field->key : "",
                      field->example != NULL ? ": " : "",
                      field->example != NULL ? field->example : "");
        }
    }
}

static const struct field_set *set_of(const struct field_set *sets,
                                      size_t count, const char *key,
                                      const struct field **ret_field)
{
    for (size_t i = 0; i < count; i++) {
        *ret_field = keys_find(sets[i].fields, key);
        if (*ret_field != NULL) {
            return &sets[i];
        }
    }
    return NULL;
}

static void read_known(const struct node *mapping, const char *path,
                       const struct field_set *sets, size_t count,
                       struct faults *faults)
{
    const struct field *field;

    for (const struct node *node = mapping->first; node; node = node->next) {
        const struct field_set *set = set_of(sets, count, node->key, &field);

        if (set != NULL) {
            read_field(node, path_of(node, path, faults), field, set->base,
                       faults);
        }
    }
}

static void report_missing(const struct node *mapping, const char *path,
                           const struct field_set *sets, size_t count,
                           struct faults *faults)
{
    for (size_t i = 0; i < count; i++) {
        report_missing_key(mapping, path, &sets[i], faults);
    }
}

void fields_read_some(const struct node *mapping, const char *path,
                      const struct field_set *sets, size_t count,
                      struct faults *faults)
{
    read_known(mapping, path, sets, count, faults);
    report_missing(mapping, path, sets, count, faults);
}

void fields_report_unknown(const struct node *mapping, const char *path,
                           const struct field_set *sets, size_t count,
                           struct faults *faults)
{
    const struct field *field;

    for (const struct node *node = mapping->first; node; node = node->next) {
        if (set_of(sets, count, node->key, &field) == NULL) {
            keys_report_unknown(node, path_of(node, path, faults), sets, count,
                                faults);
        }
    }
}

void fields_read(const struct node *mapping, const char *path,
                 const struct field_set *sets, size_t count,
                 struct faults *faults)
{
    read_known(mapping, path, sets, count, faults);
    fields_report_unknown(mapping, path, sets, count, faults);
    report_missing(mapping, path, sets, count, faults);
}
