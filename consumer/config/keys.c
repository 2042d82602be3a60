#include <string.h>

#include "config_internal.h"
#include "waybill/suggest.h"

/* What is known about a key that its place does not have: whether it belongs
 * elsewhere, is spelled otherwise, is a property of librdkafka, or existed in
 * an earlier version. */

/* A key is sought in all tables. */
struct search {
    const char *key;
    const char *path;          /* "kafka.topics.outcomes": sought as a whole */
    bool exact;                /* else '-', '_', '.' and case are ignored */
    const struct field *found; /* the first one */
    char place[160];           /* of the first one: "delivery" */
    const char *integration;   /* whose table has it, or NULL */
    bool has_secret;           /* one of them is secret */
};

static bool is_sought(const struct search *search, const struct field *field,
                      const char *place)
{
    size_t len = strlen(place);

    if (search->path != NULL) {
        return len > 0 && strncmp(search->path, place, len) == 0 &&
               search->path[len] == '.' &&
               strcmp(search->path + len + 1, field->key) == 0;
    }
    return search->exact ? strcmp(field->key, search->key) == 0
                         : suggest_is_same_word(field->key, search->key);
}

static void search_table(struct search *search, const struct field *fields,
                         const char *place, const char *integration)
{
    for (const struct field *field = fields; field->key != NULL; field++) {
        char inner[sizeof(search->place)];

        if (field->removed == NULL && is_sought(search, field, place)) {
            search->has_secret |=
                (field->flags & (FIELD_SECRET | FIELD_HIDDEN)) != 0;
            if (search->found == NULL) {
                search->found = field;
                search->integration = integration;
                snprintf(search->place, sizeof(search->place), "%s", place);
            }
        }
        if (field->fields != NULL) {
            snprintf(inner, sizeof(inner), "%s%s%s%s", place,
                     *place != '\0' ? "." : "", field->key,
                     field->type == FIELD_LIST ? "[]" : "");
            search_table(search, field->fields, inner, integration);
        }
    }
}

static void search_all(struct search *search, const struct config_rules *rules)
{
    search_table(search, settings_fields, "", NULL);
    for (size_t i = 0; rules->integrations[i] != NULL; i++) {
        const struct integration_fields *kind = rules->integrations[i];

        search_table(search, kind->registration, "registrations[]", kind->kind);
        search_table(search, kind->attachment, "attachments[]", kind->kind);
    }
}

bool keys_may_show(const struct config_rules *rules, const char *key)
{
    struct search search = {.key = key, .exact = true};

    search_all(&search, rules);
    return search.found != NULL && !search.has_secret;
}

const struct field *keys_find(const struct field *fields, const char *key)
{
    for (const struct field *field = fields; field->key != NULL; field++) {
        if (field->removed == NULL && strcmp(field->key, key) == 0) {
            return field;
        }
    }
    return NULL;
}

void keys_append(struct str *out, const struct field *fields)
{
    bool is_first = true;

    for (const struct field *field = fields; field->key != NULL; field++) {
        if (field->removed == NULL) {
            str_printf(out, "%s%s", is_first ? "" : ", ", field->key);
            is_first = false;
        }
    }
}

/* --- the explanations, the most certain one first --------------------------
 */

struct unknown {
    const struct node *node;
    const char *path;
    const struct field_set *sets;
    size_t count;
    struct faults *faults;
};

static bool report_removed(const struct unknown *unknown)
{
    for (size_t i = 0; i < unknown->count; i++) {
        for (const struct field *field = unknown->sets[i].fields; field->key;
             field++) {
            if (field->removed == NULL ||
                strcmp(field->key, unknown->node->key) != 0) {
                continue;
            }
            fault_add(unknown->faults, &unknown->node->key_location,
                      "%s: this key was introduced in Waybill %s and removed "
                      "in %s; %s%s",
                      unknown->path, field->since, field->removed,
                      field->instead != NULL ? "use " : "remove it",
                      field->instead != NULL ? field->instead : "");
            return true;
        }
    }
    return false;
}

static void report_spelling(const struct unknown *unknown,
                            const struct field *field)
{
    fault_add(unknown->faults, &unknown->node->key_location,
              "%s: unknown key; did you mean '%s' (since %s)?", unknown->path,
              field->key, field->since);
}

static bool report_same_word(const struct unknown *unknown)
{
    for (size_t i = 0; i < unknown->count; i++) {
        for (const struct field *field = unknown->sets[i].fields; field->key;
             field++) {
            if (field->removed == NULL &&
                suggest_is_same_word(field->key, unknown->node->key)) {
                report_spelling(unknown, field);
                return true;
            }
        }
    }
    return false;
}

/* A property of librdkafka that is not below kafka.properties. Outside of the
 * section kafka only a compound name is taken for one. */
static bool report_property(const struct unknown *unknown)
{
    const struct config_rules *rules = unknown->faults->rules;
    const char *key = unknown->node->key;
    bool is_compound = strpbrk(key, "._-") != NULL;
    bool is_here = strncmp(unknown->path, "kafka.", 6) == 0 ||
                   (strcmp(unknown->path, key) == 0 && is_compound);
    const char *reason = NULL;
    const char *property = NULL;

    if (is_here && rules->find_property != NULL) {
        property = rules->find_property(key, &reason);
    }
    if (property == NULL) {
        return false;
    }
    if (reason != NULL) {
        fault_add(unknown->faults, &unknown->node->key_location,
                  "%s: unknown key; librdkafka's property '%s' cannot be set: "
                  "%s",
                  unknown->path, property, reason);
    } else {
        fault_add(unknown->faults, &unknown->node->key_location,
                  "%s: unknown key; it is a property of librdkafka: write "
                  "'%s' under kafka.properties",
                  unknown->path, property);
    }
    return true;
}

/* "kafka.brokers: ..." in one line */
static bool report_dotted(const struct unknown *unknown)
{
    struct search search = {.path = unknown->path};

    if (strchr(unknown->node->key, '.') == NULL) {
        return false;
    }
    search_all(&search, unknown->faults->rules);
    if (search.found == NULL) {
        return false;
    }
    fault_add(
        unknown->faults, &unknown->node->key_location,
        "%s: unknown key; write '%s' on a line of its own, indented under "
        "'%s:'",
        unknown->path, search.found->key,
        strrchr(search.place, '.') != NULL ? strrchr(search.place, '.') + 1
                                           : search.place);
    return true;
}

static bool report_near(const struct unknown *unknown)
{
    struct suggestion suggestion;

    suggest_init(&suggestion, unknown->node->key);
    for (size_t i = 0; i < unknown->count; i++) {
        for (const struct field *field = unknown->sets[i].fields; field->key;
             field++) {
            if (field->removed == NULL) {
                suggest_offer(&suggestion, field->key);
            }
        }
    }
    for (size_t i = 0; suggestion.nearest && i < unknown->count; i++) {
        const struct field *field =
            keys_find(unknown->sets[i].fields, suggestion.nearest);

        if (field != NULL) {
            report_spelling(unknown, field);
            return true;
        }
    }
    return false;
}

static bool report_elsewhere(const struct unknown *unknown)
{
    struct search search = {.key = unknown->node->key};
    const char *end = strrchr(unknown->path, '.');
    bool is_here;

    search_all(&search, unknown->faults->rules);
    if (search.found == NULL) {
        return false;
    }
    /* registrations[3].url is a key of another integration's registrations. */
    is_here =
        end != NULL && search.integration != NULL &&
        strncmp(unknown->path, search.place, strcspn(search.place, "[")) == 0;
    if (is_here) {
        fault_add(unknown->faults, &unknown->node->key_location,
                  "%s: unknown key; '%s' is a key of the integration '%s' "
                  "(since %s), but this is another integration",
                  unknown->path, search.found->key, search.integration,
                  search.found->since);
    } else {
        fault_add(unknown->faults, &unknown->node->key_location,
                  "%s: unknown key; '%s' belongs %s%s (since %s)",
                  unknown->path, search.found->key,
                  *search.place != '\0' ? "under " : "at the top level",
                  search.place, search.found->since);
    }
    return true;
}

/* A hyphen-minus, a colon or a space can be replaced by an editor. */
static bool report_characters(const struct unknown *unknown)
{
    static const struct {
        const char *text;
        const char *advice;
    } look_alikes[] = {
        {"\u2013", "a dash; a list item begins with the hyphen '-'"},
        {"\u2014", "a dash; a list item begins with the hyphen '-'"},
        {"\u2022", "a bullet; a list item begins with the hyphen '-'"},
        {"\u00A0", "a no-break space; use ordinary spaces"},
        {"\u3000", "an ideographic space; use ordinary spaces"},
        {"\u200B", "a space of no width; remove it"},
        {"\uFEFF", "a byte order mark; remove it"},
        {"\u201C", "a typographic quotation mark; use straight ones, or none"},
        {"\u201D", "a typographic quotation mark; use straight ones, or none"},
        {"\u201E", "a typographic quotation mark; use straight ones, or none"},
        {"\u2018", "a typographic quotation mark; use straight ones, or none"},
        {"\u2019", "a typographic quotation mark; use straight ones, or none"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(look_alikes); i++) {
        if (strstr(unknown->node->key, look_alikes[i].text) != NULL) {
            fault_add(unknown->faults, &unknown->node->key_location,
                      "%s: the key contains %s", unknown->path,
                      look_alikes[i].advice);
            return true;
        }
    }
    return false;
}

static void report_list_of_keys(const struct unknown *unknown)
{
    CLEANUP(str_release) struct str list = STR_INIT(LIMIT_MESSAGE / 2);

    for (size_t i = 0; i < unknown->count; i++) {
        str_append_text(&list, i > 0 && list.len > 0 ? ", " : "");
        keys_append(&list, unknown->sets[i].fields);
    }
    fault_add(unknown->faults, &unknown->node->key_location,
              "%s: unknown key; Waybill " WAYBILL_VERSION " has these keys "
              "here: %s",
              unknown->path, list.data);
}

void keys_report_unknown(const struct node *node, const char *path,
                         const struct field_set *sets, size_t count,
                         struct faults *faults)
{
    const struct unknown unknown = {node, *path != '\0' ? path : "''", sets,
                                    count, faults};

    if (!report_removed(&unknown) && !report_characters(&unknown) &&
        !report_same_word(&unknown) && !report_dotted(&unknown) &&
        !report_property(&unknown) && !report_near(&unknown) &&
        !report_elsewhere(&unknown)) {
        report_list_of_keys(&unknown);
    }
}
