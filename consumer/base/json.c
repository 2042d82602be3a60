#include "waybill/json.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "waybill/limits.h"
#include "waybill/utf8.h"

/* struct json is never defined; it hides cJSON's type. */
static const cJSON *item_of(const struct json *json)
{
    return (const cJSON *)json;
}

static const struct json *json_of(const cJSON *item)
{
    return (const struct json *)item;
}

static int check_end(const char *text, size_t len, size_t end,
                     struct error *err)
{
    while (end < len && text[end] != '\0' &&
           strchr(" \t\r\n", text[end]) != NULL) {
        end++;
    }
    if (end < len) {
        return error_set(err, ERROR_SCHEMA,
                         "not JSON: more text after the value, at byte %zu",
                         end);
    }
    return 0;
}

/* `clean` receives the clean copy of the text, which cJSON parses. */
static int parse(const char *text, size_t len, struct str *clean,
                 cJSON **ret_item, struct error *err)
{
    size_t end;

    if (json_scan(text, len, clean, &end, err) < 0 ||
        check_end(text, len, end, err) < 0) {
        return -1;
    }
    *ret_item = cJSON_ParseWithLength(clean->data, clean->len + 1);
    return *ret_item != NULL
               ? 0
               : error_set(err, ERROR_SCHEMA, "not JSON: it cannot be parsed");
}

int json_parse(const char *text, size_t len, struct json **ret_json,
               struct error *err)
{
    CLEANUP(str_release) struct str clean = STR_INIT(STR_UNLIMITED);
    cJSON *item;

    if (parse(text, len, &clean, &item, err) < 0) {
        return -1;
    }
    *ret_json = (struct json *)item;
    return 0;
}

/* Set in the type of the root. cJSON uses only the lowest ten bits. */
#define IS_SECRET (1 << 16)

int json_parse_secret(const char *text, size_t len, struct json **ret_json,
                      struct error *err)
{
    CLEANUP(str_release) struct str clean = STR_INIT_SECRET(STR_UNLIMITED);
    size_t mark = text_mark_length(text, len);
    cJSON *item;

    if (parse(text + mark, len - mark, &clean, &item, err) < 0) {
        return -1;
    }
    item->type |= IS_SECRET;
    *ret_json = (struct json *)item;
    return 0;
}

static void wipe(const cJSON *item)
{
    if (item->valuestring != NULL) {
        explicit_bzero(item->valuestring, strlen(item->valuestring));
    }
    for (const cJSON *child = item->child; child != NULL; child = child->next) {
        wipe(child);
    }
}

void json_free(struct json *json)
{
    if (json != NULL && (item_of(json)->type & IS_SECRET) != 0) {
        wipe(item_of(json));
    }
    cJSON_Delete((cJSON *)json);
}

bool json_is_object(const struct json *json)
{
    return cJSON_IsObject(item_of(json));
}

bool json_is_array(const struct json *json)
{
    return cJSON_IsArray(item_of(json));
}

bool json_is_string(const struct json *json)
{
    return cJSON_IsString(item_of(json));
}

static bool json_is_boolean(const struct json *json)
{
    return json != NULL && cJSON_IsBool(item_of(json));
}

bool json_is_null(const struct json *json)
{
    return cJSON_IsNull(item_of(json));
}

const char *json_type_name(const struct json *json)
{
    if (json == NULL) {
        return "nothing";
    }
    if (json_is_object(json)) {
        return "an object";
    }
    if (json_is_array(json)) {
        return "an array";
    }
    if (json_is_string(json)) {
        return "a string";
    }
    if (cJSON_IsNumber(item_of(json))) {
        return "a number";
    }
    return json_is_null(json) ? "null" : "a boolean";
}

const struct json *json_member(const struct json *object, const char *name)
{
    const struct json *found = NULL;

    if (!json_is_object(object)) {
        return NULL;
    }
    for (const struct json *item = json_first(object); item != NULL;
         item = json_next(item)) {
        if (strcmp(json_name(item), name) == 0) {
            found = item;
        }
    }
    return found;
}

const struct json *json_first(const struct json *container)
{
    return json_of(item_of(container)->child);
}

const struct json *json_next(const struct json *item)
{
    return json_of(item_of(item)->next);
}

const char *json_name(const struct json *item)
{
    return item_of(item)->string;
}

size_t json_count(const struct json *container)
{
    size_t count = 0;

    for (const struct json *item = json_first(container); item != NULL;
         item = json_next(item)) {
        count++;
    }
    return count;
}

const char *json_text(const struct json *string)
{
    return cJSON_GetStringValue(item_of(string));
}

bool json_number(const struct json *json, double *ret_number)
{
    if (!cJSON_IsNumber(item_of(json))) {
        return false;
    }
    *ret_number = item_of(json)->valuedouble;
    return true;
}

struct json_at json_at_root(const struct json *json)
{
    return (struct json_at){.value = json, .name = "$"};
}

struct json_at json_at_member(const struct json_at *at, const char *name)
{
    const struct json *value = json_member(at->value, name);

    return (struct json_at){.value = json_is_null(value) ? NULL : value,
                            .parent = at,
                            .name = name};
}

struct json_at json_at_element(const struct json_at *at,
                               const struct json *element, size_t index)
{
    return (struct json_at){.value = element, .parent = at, .index = index};
}

static void append_path(struct str *path, const struct json_at *at)
{
    if (at->parent == NULL) {
        str_append_text(path, at->name);
        return;
    }
    append_path(path, at->parent);
    if (at->name != NULL) {
        str_printf(path, ".%s", at->name);
    } else {
        str_printf(path, "[%zu]", at->index);
    }
}

void json_at_fill(const struct json_at *at, struct error *err,
                  enum error_kind kind, const char *format, ...)
{
    CLEANUP(str_release) struct str path = STR_INIT(LIMIT_MESSAGE);
    char what[LIMIT_MESSAGE];
    va_list args;

    append_path(&path, at);
    va_start(args, format);
    vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    error_fill(err, kind, "%s: %s", path.data, what);
}

int json_at_require(const struct json_at *at, struct error *err)
{
    return at->value != NULL
               ? 0
               : json_at_fault(at, err, ERROR_SCHEMA, "is missing");
}

static int expect(const struct json_at *at, bool (*is)(const struct json *),
                  const char *what, struct error *err)
{
    if (at->value == NULL || is(at->value)) {
        return 0;
    }
    return json_at_fault(at, err, ERROR_SCHEMA, "expected %s, not %s", what,
                         json_type_name(at->value));
}

int json_at_object(const struct json_at *at, struct error *err)
{
    return expect(at, json_is_object, "an object", err);
}

int json_at_array(const struct json_at *at, size_t max, struct error *err)
{
    if (expect(at, json_is_array, "an array", err) < 0) {
        return -1;
    }
    if (at->value != NULL && json_count(at->value) > max) {
        return json_at_fault(at, err, ERROR_SCHEMA, "more than %zu elements",
                             max);
    }
    return 0;
}

int json_at_boolean(const struct json_at *at, bool *ret_boolean,
                    struct error *err)
{
    if (expect(at, json_is_boolean, "true or false", err) < 0) {
        return -1;
    }
    if (at->value != NULL) {
        *ret_boolean = cJSON_IsTrue(item_of(at->value)) != 0;
    }
    return 0;
}

int json_at_string(const struct json_at *at, size_t max, const char **ret_text,
                   struct error *err)
{
    const char *text;

    if (expect(at, json_is_string, "a string", err) < 0) {
        return -1;
    }
    if (at->value == NULL) {
        return 0;
    }
    text = json_text(at->value);
    if (strlen(text) > max) {
        return json_at_fault(at, err, ERROR_SCHEMA, "longer than %zu bytes",
                             max);
    }
    if (strstr(text, UTF8_NUL) != NULL) {
        return json_at_fault(at, err, ERROR_SCHEMA, "holds U+0000");
    }
    *ret_text = text;
    return 0;
}

const char *json_library_version(void)
{
    return cJSON_Version();
}

/* --- writing what was read ------------------------------------------------ */

/* Writes the shortest form that gives the same number when it is parsed. A
 * number outside the range of a double was parsed as infinite, which JSON
 * cannot express. */
static void append_number(struct json_writer *writer, const char *name,
                          double number)
{
    char text[32] = "null";

    if (isfinite(number)) {
        snprintf(text, sizeof(text), "%.15g", number);
        if (strtod(text, NULL) < number || strtod(text, NULL) > number) {
            snprintf(text, sizeof(text), "%.17g", number);
        }
    }
    json_append_raw(writer, name, text, strlen(text));
}

static void append_container(struct json_writer *writer, const char *name,
                             const cJSON *item)
{
    bool object = cJSON_IsObject(item);

    json_open(writer, name, object ? '{' : '[');
    for (const cJSON *child = item->child; child; child = child->next) {
        json_append_value(writer, object ? child->string : NULL,
                          json_of(child));
    }
    json_close(writer, object ? '}' : ']');
}

/* The parser has limited the recursion to LIMIT_JSON_DEPTH. */
void json_append_value(struct json_writer *writer, const char *name,
                       const struct json *value)
{
    const cJSON *item = item_of(value);

    if (cJSON_IsObject(item) || cJSON_IsArray(item)) {
        append_container(writer, name, item);
    } else if (cJSON_IsString(item)) {
        json_append_string(writer, name, item->valuestring);
    } else if (cJSON_IsNumber(item)) {
        append_number(writer, name, item->valuedouble);
    } else if (cJSON_IsBool(item)) {
        json_append_bool(writer, name, cJSON_IsTrue(item));
    } else {
        json_append_raw(writer, name, "null", 4);
    }
}
