#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "config_internal.h"
#include "waybill/suggest.h"

static void *member_of(void *base, const struct field *field)
{
    return (char *)base + field->offset;
}

bool field_is_scalar(const struct field *field)
{
    return field->type < FIELD_OBJECT;
}

bool field_takes_scalar(const struct field *field)
{
    return field_is_scalar(field) || (field->flags & FIELD_SINGLE);
}

struct unit {
    const char *suffix;
    uint64_t factor;
};

static const struct unit durations[] = {
    {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}, {0},
};

static const struct unit sizes[] = {
    {"", 1}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {0},
};

static const struct unit counts[] = {{"", 1}, {0}};

static const struct unit *units_of(const struct field *field)
{
    if (field->type == FIELD_DURATION) {
        return durations;
    }
    return field->type == FIELD_SIZE ? sizes : counts;
}

bool field_number(const struct field *field, const char *text,
                  uint64_t *ret_number)
{
    size_t digits = strspn(text, "0123456789");
    uint64_t number;

    if (digits == 0) {
        return false;
    }
    number = strtoull(text, NULL, 10); /* saturates */
    for (const struct unit *unit = units_of(field); unit->suffix; unit++) {
        if (strcmp(text + digits, unit->suffix) == 0) {
            if (__builtin_mul_overflow(number, unit->factor, ret_number)) {
                *ret_number = UINT64_MAX; /* outside all bounds */
            }
            return true;
        }
    }
    return false;
}

const char *field_type_name(const struct field *field)
{
    switch (field->type) {
    case FIELD_STRING:
        return "text";
    case FIELD_INTEGER:
        return "a whole number";
    case FIELD_DURATION:
        return "a duration (500ms, 30s, 10m, 24h, 7d)";
    case FIELD_SIZE:
        return "a size (65536, 64KiB, 16MiB, 1GiB)";
    case FIELD_BOOLEAN:
        return "true or false";
    case FIELD_ENUM:
        return "one of a list";
    case FIELD_STRINGS:
        return field->flags & FIELD_SINGLE ? "text, or a list of texts"
                                           : "a list of texts";
    case FIELD_LIST:
        return "a list";
    case FIELD_OBJECT:
    case FIELD_MAP:
        break;
    }
    return "a mapping";
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

/* Formats a bound with the largest unit that divides it. */
static const char *bound_text(const struct field *field, uint64_t bound,
                              struct arena *arena)
{
    const struct unit *best = units_of(field);

    for (const struct unit *unit = units_of(field); unit->suffix; unit++) {
        if (bound > 0 && bound % unit->factor == 0) {
            best = unit;
        }
    }
    return arena_printf(arena, "%" PRIu64 "%s", bound / best->factor,
                        best->suffix);
}

static void report_choices(const struct field *field, const struct node *node,
                           const char *path, struct faults *faults)
{
    CLEANUP(str_release) struct str list = STR_INIT(LIMIT_MESSAGE);
    struct suggestion suggestion;

    suggest_init(&suggestion, node->text);
    for (size_t i = 0; field->choices[i] != NULL; i++) {
        str_printf(&list, "%s%s", i > 0 ? ", " : "", field->choices[i]);
        suggest_offer(&suggestion, field->choices[i]);
    }
    if (suggestion.nearest != NULL && !node->expanded) {
        fault_add(faults, &node->location,
                  "%s: '%s' is none of %s (did you mean '%s'?)", path,
                  node->text, list.data, suggestion.nearest);
    } else {
        fault_add(faults, &node->location, "%s: expected one of %s", path,
                  list.data);
    }
}

static void report_wrong_type(const struct field *field,
                              const struct node *node, const char *path,
                              struct faults *faults)
{
    if (field->type == FIELD_ENUM) {
        report_choices(field, node, path, faults);
    } else if (node->expanded || (field->flags & FIELD_SECRET)) {
        fault_add(faults, &node->location, "%s: expected %s", path,
                  field_type_name(field));
    } else {
        fault_add(faults, &node->location, "%s: expected %s, not '%s'", path,
                  field_type_name(field), node->text);
    }
}

static void check_string(const struct field *field, const struct node *node,
                         const char *text, const char *path,
                         struct faults *faults)
{
    struct error err;

    if (node->text[0] == '\0') {
        fault_add(faults, &node->location, "%s: must not be empty", path);
    } else if (field->check != NULL && field->check(text, &err) < 0) {
        fault_add(faults, &node->location, "%s: %s", path, err.message);
    }
}

static const char *node_kind_name(const struct node *node)
{
    if (node->kind == NODE_MAPPING) {
        return "a mapping";
    }
    return node->kind == NODE_SEQUENCE ? "a list" : "a single value";
}

static void read_scalar(const struct node *node, const char *path,
                        const struct field *field, void *base,
                        struct faults *faults)
{
    bool is_path = node->kind == NODE_SCALAR && (field->flags & FIELD_PATH);
    const char *text = is_path ? path_text(node, faults->arena) : node->text;

    if (node->kind != NODE_SCALAR) {
        fault_add(faults, &node->location, "%s: expected %s, not %s", path,
                  field_type_name(field), node_kind_name(node));
    } else if (node->fault != NULL) {
        fault_add(faults, &node->location, "%s: %s", path, node->fault);
    } else if (node->null) {
        fault_add(faults, &node->location,
                  "%s: has no value (leave the key out, or give it one)", path);
    } else if (!set_scalar(field, base, text)) {
        report_wrong_type(field, node, path, faults);
    } else if (field->type == FIELD_STRING) {
        if (is_path) {
            access_allow_file(faults->access, text);
        }
        check_string(field, node, text, path, faults);
    } else if (out_of_bounds(field, base)) {
        fault_add(faults, &node->location, "%s: must be from %s to %s", path,
                  bound_text(field, field->min, faults->arena),
                  bound_text(field, field->max, faults->arena));
    }
}

static void read_map(const struct node *node, const char *path,
                     struct field_map *ret_map, struct faults *faults)
{
    struct field_pair *pairs =
        arena_alloc(faults->arena, node->count * sizeof(*pairs));
    ret_map->pairs = pairs;
    for (const struct node *item = node->first; item; item = item->next) {
        if (item->kind != NODE_SCALAR || item->null || item->fault) {
            fault_add(faults, &item->location, "%s.%s: %s", path, item->key,
                      item->fault ? item->fault : "expected text");
            continue;
        }
        pairs->key = item->key;
        pairs->value = item->text;
        pairs++;
        ret_map->count++;
    }
}

static bool is_list(const struct node *node, const char *path,
                    struct faults *faults)
{
    if (node->kind == NODE_SEQUENCE ||
        (node->kind == NODE_SCALAR && node->null)) {
        return true;
    }
    fault_add(faults, &node->location, "%s: expected a list, not %s", path,
              node_kind_name(node));
    return false;
}

static void read_strings(const struct node *list, const char *path,
                         const struct field *field, void *base,
                         struct faults *faults)
{
    struct field_strings *strings = member_of(base, field);
    const char **items =
        arena_alloc(faults->arena, list->count * sizeof(*items));
    const struct field item_field = {.key = field->key, .check = field->check};
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
    const struct field item_field = {.key = field->key, .check = field->check};

    read_scalar(node, path, &item_field, items, faults);
    *strings = (struct field_strings){items, 1};
}

/* A list below the top level: each item is read by the table and then validated
 * as a whole. */
static void read_list(const struct node *list, const char *path,
                      const struct field *field, void *base,
                      struct faults *faults)
{
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
            fault_add(faults, &item->location, "%s: expected a mapping, not %s",
                      full, node_kind_name(item));
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
                       struct faults *faults)
{
    if (node->kind == NODE_MAPPING ||
        (node->kind == NODE_SCALAR && node->null)) {
        return true;
    }
    fault_add(faults, &node->location, "%s: expected a mapping, not %s", path,
              node_kind_name(node));
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
        } else if (is_list(node, path, faults)) {
            read_strings(node, path, field, base, faults);
        }
    } else if (field->type == FIELD_LIST) {
        /* registrations.c reads the top-level lists, together with the rows of
         * the integration. */
        if (field->item_size > 0 && is_list(node, path, faults)) {
            read_list(node, path, field, base, faults);
        }
    } else if (is_mapping(node, path, faults)) {
        struct field_set set = {field->fields, member_of(base, field)};

        if (field->type == FIELD_MAP) {
            read_map(node, path, member_of(base, field), faults);
        } else {
            fields_read(node, path, &set, 1, faults);
        }
    }
}

static const struct field *find(const struct field *fields, const char *key)
{
    for (const struct field *field = fields; field->key != NULL; field++) {
        if (strcmp(field->key, key) == 0) {
            return field;
        }
    }
    return NULL;
}

static void report_unknown(const struct node *node, const char *path,
                           const struct field_set *sets, size_t count,
                           struct faults *faults)
{
    struct suggestion suggestion;

    suggest_init(&suggestion, node->key);
    for (size_t i = 0; i < count; i++) {
        for (const struct field *field = sets[i].fields; field->key; field++) {
            suggest_offer(&suggestion, field->key);
        }
    }
    if (suggestion.nearest != NULL) {
        fault_add(faults, &node->key_location,
                  "%s: unknown key (did you mean '%s'?)", path,
                  suggestion.nearest);
    } else {
        fault_add(faults, &node->key_location, "%s: unknown key", path);
    }
}

static void report_missing_key(const struct node *mapping, const char *path,
                               const struct field_set *set,
                               struct faults *faults)
{
    for (const struct field *field = set->fields; field->key; field++) {
        if ((field->flags & FIELD_REQUIRED) &&
            tree_member(mapping, field->key) == NULL) {
            fault_add(faults, &mapping->location, "%s.%s: is required", path,
                      field->key);
        }
    }
}

static const struct field_set *set_of(const struct field_set *sets,
                                      size_t count, const char *key,
                                      const struct field **ret_field)
{
    for (size_t i = 0; i < count; i++) {
        *ret_field = find(sets[i].fields, key);
        if (*ret_field != NULL) {
            return &sets[i];
        }
    }
    return NULL;
}

static const char *path_of(const struct node *node, const char *parent,
                           struct faults *faults)
{
    return *parent ? arena_printf(faults->arena, "%s.%s", parent, node->key)
                   : node->key;
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
            report_unknown(node, path_of(node, path, faults), sets, count,
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
