#include "predicate.h"

#include <stdlib.h>
#include <string.h>

#include "go_value.h"
#include "waybill/base64.h"
#include "waybill/event_content.h"
#include "waybill/utf8.h"

#define MATERIAL_NAME "chainloop.material.name"
#define MATERIAL_TYPE "chainloop.material.type"

/* --- pairs -------------------------------------------------------------------
 */

static const struct json *member_of(const struct json *value, const char *name)
{
    return value != NULL && json_is_object(value) ? json_member(value, name)
                                                  : NULL;
}

/* "" if it is no string */
static const char *text_of(const struct json *value)
{
    return value != NULL && json_is_string(value) ? json_text(value) : "";
}

static int compare_names(const void *a, const void *b)
{
    const struct annotation *first = a;
    const struct annotation *second = b;

    return strcmp(first->name, second->name);
}

static struct pairs read_pairs(const struct json *object, struct arena *arena)
{
    struct annotation *items;
    size_t count = 0;

    if (object == NULL || !json_is_object(object)) {
        return (struct pairs){0};
    }
    items = arena_alloc(arena, (json_count(object) + 1) * sizeof(*items));
    for (const struct json *member = json_first(object); member != NULL;
         member = json_next(member)) {
        items[count++] = (struct annotation){
            .name = json_name(member),
            .value = go_value_text(member, arena),
        };
    }
    qsort(items, count, sizeof(*items), compare_names);
    return (struct pairs){items, count};
}

/* --- materials ---------------------------------------------------------------
 */

/* NULL if there is no content, and "" if it is no text */
static const char *read_content(const struct json *descriptor,
                                struct arena *arena)
{
    CLEANUP(str_release) struct str content = STR_INIT(STR_UNLIMITED);
    const struct json *member = member_of(descriptor, "content");
    const char *text = text_of(member);

    if (member == NULL || !json_is_string(member)) {
        return NULL;
    }
    if (!base64_decode(text, strlen(text), BASE64_STANDARD, &content) ||
        !utf8_is_text(content.data, content.len)) {
        return "";
    }
    return arena_strdup(arena, content.data);
}

/* Returns false for a material that Chainloop omits. */
static bool read_material(const struct json *descriptor, struct arena *arena,
                          struct predicate_material *material)
{
    const struct json *annotations = member_of(descriptor, "annotations");
    const struct json *type = member_of(annotations, MATERIAL_TYPE);
    const struct json *name = member_of(annotations, MATERIAL_NAME);
    const struct json *digest =
        member_of(member_of(descriptor, "digest"), "sha256");

    if (type == NULL || name == NULL) {
        return false;
    }
    *material = (struct predicate_material){
        .name = text_of(name),
        .type = text_of(type),
        .value = text_of(member_of(descriptor, "name")),
        .digest = digest != NULL
                      ? arena_printf(arena, "sha256:%s", text_of(digest))
                      : NULL,
        .annotations = read_pairs(annotations, arena),
    };
    if (strcmp(material->type, "STRING") == 0) {
        material->value = read_content(descriptor, arena);
        return material->value != NULL;
    }
    return digest != NULL && *material->value != '\0';
}

static void read_materials(const struct json *list, struct arena *arena,
                           struct predicate *predicate)
{
    struct predicate_material *materials;

    if (list == NULL || !json_is_array(list)) {
        return;
    }
    materials = arena_alloc(arena, (json_count(list) + 1) * sizeof(*materials));
    for (const struct json *item = json_first(list); item != NULL;
         item = json_next(item)) {
        predicate->material_count +=
            read_material(item, arena, &materials[predicate->material_count]);
    }
    predicate->materials = materials;
}

/* --- policies ----------------------------------------------------------------
 */

static size_t number_of(const struct json *value)
{
    double number;

    return value != NULL && json_number(value, &number) && number >= 1 &&
                   number < 1e9
               ? (size_t)number
               : 0;
}

static size_t length_of(const struct json *list)
{
    return list != NULL && json_is_array(list) ? json_count(list) : 0;
}

static void add_violations(const struct json *evaluation,
                           struct predicate *predicate,
                           struct predicate_violation *violations)
{
    const struct json *list = member_of(evaluation, "violations");

    if (length_of(list) == 0) {
        return;
    }
    for (const struct json *item = json_first(list); item != NULL;
         item = json_next(item)) {
        violations[predicate->violations_listed++] =
            (struct predicate_violation){
                .policy = text_of(member_of(evaluation, "name")),
                .message = text_of(member_of(item, "message")),
            };
    }
}

/* The evaluations are lists, one for each material. This function is called
 * with `violations` NULL to count, and again to read. */
static size_t each_violation(const struct json *evaluations,
                             struct predicate *predicate,
                             struct predicate_violation *violations)
{
    size_t count = 0;

    if (evaluations == NULL || !json_is_object(evaluations)) {
        return 0;
    }
    for (const struct json *list = json_first(evaluations); list != NULL;
         list = json_next(list)) {
        const struct json *item = length_of(list) > 0 ? json_first(list) : NULL;

        for (; item != NULL; item = json_next(item)) {
            count += length_of(member_of(item, "violations"));
            if (violations != NULL) {
                add_violations(item, predicate, violations);
            }
        }
    }
    return count;
}

static void read_policies(const struct json *source, struct arena *arena,
                          struct predicate *predicate)
{
    const struct json *evaluations = member_of(source, "policyEvaluations");
    const struct json *blocked = member_of(source, "policyAttBlocked");
    bool is_blocked = false;
    struct json_at at = json_at_root(blocked);
    struct error ignored;
    size_t count;

    if (json_at_boolean(&at, &is_blocked, &ignored) < 0) {
        is_blocked = false;
    }
    if (evaluations == NULL) {
        evaluations = member_of(source, "policy_evaluations"); /* older */
    }
    predicate->evaluation_count =
        number_of(member_of(source, "policyEvaluationsCount"));
    predicate->violation_count =
        number_of(member_of(source, "policyViolationsCount"));
    predicate->is_blocked = is_blocked;
    count = each_violation(evaluations, predicate, NULL);
    if (count > 0) {
        struct predicate_violation *violations =
            arena_alloc(arena, count * sizeof(*violations));

        each_violation(evaluations, predicate, violations);
        predicate->violations = violations;
    }
    if (predicate->violation_count < count) {
        predicate->violation_count = count;
    }
    predicate->has_policies =
        predicate->evaluation_count > 0 || evaluations != NULL;
}

/* --- the whole ---------------------------------------------------------------
 */

void predicate_read(const struct event *event, struct arena *arena,
                    struct predicate *ret_predicate)
{
    struct error ignored;
    const struct statement *statement = event_statement(event, &ignored);
    const struct json *source = statement != NULL ? statement->predicate : NULL;

    *ret_predicate = (struct predicate){0};
    if (source == NULL) {
        return;
    }
    ret_predicate->annotations =
        read_pairs(member_of(source, "annotations"), arena);
    ret_predicate->environment = read_pairs(member_of(source, "env"), arena);
    read_materials(member_of(source, "materials"), arena, ret_predicate);
    read_policies(source, arena, ret_predicate);
}
