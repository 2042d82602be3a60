#include "go_value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "waybill/alloc.h"

/* --- numbers -----------------------------------------------------------------
 */

/* A number as -d.ddde+xx, with the fewest digits from which the same number is
 * read: 17 always do. */
struct decimal {
    char text[32];
    int exponent;
    int digits;
};

static void decimal_of(double number, struct decimal *decimal)
{
    decimal->digits = 0;
    do {
        snprintf(decimal->text, sizeof(decimal->text), "%.*e", decimal->digits,
                 number);
        decimal->digits++;
    } while (decimal->digits < 17 && strtod(decimal->text, NULL) != number);
    decimal->exponent = (int)strtol(strchr(decimal->text, 'e') + 1, NULL, 10);
}

/* strconv.FormatFloat: with an exponent below `low` and from `high` on */
static void append_number(struct str *out, double number, int low, int high)
{
    struct decimal decimal;
    int places;

    decimal_of(number, &decimal);
    if (number != 0 && (decimal.exponent < low || decimal.exponent >= high)) {
        str_append_text(out, decimal.text);
        return;
    }
    places = decimal.digits - 1 - decimal.exponent;
    str_printf(out, "%.*f", places > 0 ? places : 0, number);
}

/* encoding/json writes 1e-7 where strconv writes 1e-07. */
static void append_json_number(struct str *out, double number)
{
    size_t start = out->len;
    char *zero;

    append_number(out, number, -6, 21);
    zero = strstr(out->data + start, "e-0");
    if (zero != NULL) {
        zero[2] = zero[3];
        str_cut(out, out->len - 1);
    }
}

/* --- objects and lists -------------------------------------------------------
 */

static void append_json(struct str *out, const struct json *value);

static int compare_names(const void *a, const void *b)
{
    const struct json *const *first = a;
    const struct json *const *second = b;

    return strcmp(json_name(*first), json_name(*second));
}

static void append_object(struct str *out, const struct json *object)
{
    size_t count = json_count(object);
    const struct json **members = mem_zalloc((count + 1) * sizeof(*members));
    size_t index = 0;

    for (const struct json *member = json_first(object); member != NULL;
         member = json_next(member)) {
        members[index++] = member;
    }
    qsort(members, count, sizeof(struct json *), compare_names);
    for (size_t i = 0; i < count; i++) {
        str_append_char(out, i == 0 ? '{' : ',');
        json_append_go_string(out, json_name(members[i]));
        str_append_char(out, ':');
        append_json(out, members[i]);
    }
    str_append_text(out, count == 0 ? "{}" : "}");
    mem_free(members);
}

static void append_list(struct str *out, const struct json *list)
{
    const char *separator = "";

    str_append_char(out, '[');
    for (const struct json *item = json_first(list); item != NULL;
         item = json_next(item)) {
        str_append_text(out, separator);
        append_json(out, item);
        separator = ",";
    }
    str_append_char(out, ']');
}

static void append_plain(struct str *out, const struct json *value)
{
    struct json_writer json = {.out = out};

    json_append_value(&json, NULL, value); /* true, false or null */
}

static void append_json(struct str *out, const struct json *value)
{
    double number;

    if (json_is_string(value)) {
        json_append_go_string(out, json_text(value));
    } else if (json_number(value, &number)) {
        append_json_number(out, number);
    } else if (json_is_object(value)) {
        append_object(out, value);
    } else if (json_is_array(value)) {
        append_list(out, value);
    } else {
        append_plain(out, value);
    }
}

const char *go_value_text(const struct json *value, struct arena *arena)
{
    CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);
    double number;

    if (json_is_string(value)) {
        return json_text(value);
    }
    if (json_is_null(value)) {
        return "";
    }
    if (json_number(value, &number)) {
        append_number(&out, number, -4, 6);
    } else {
        append_json(&out, value);
    }
    return arena_strdup(arena, out.data);
}
