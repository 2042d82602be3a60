#include <math.h>
#include <string.h>

#include "fuzz.h"
#include "waybill/json.h"
#include "waybill/limits.h"
#include "waybill/utf8.h"

/*
 * - json_parse() accepts every text that json_scan() accepts: the scanner is
 *   never less strict than cJSON.
 * - A clean copy does not change when it is scanned again.
 * - A value that is written is parsed as the same value.
 */

static void write_value(struct json_writer *writer, const char *name,
                        const struct json *json);

static void write_items(struct json_writer *writer, const char *name,
                        const struct json *json, const char *brackets)
{
    json_open(writer, name, brackets[0]);
    for (const struct json *item = json_first(json); item != NULL;
         item = json_next(item)) {
        write_value(writer, json_name(item), item);
    }
    json_close(writer, brackets[1]);
}

static void write_number(struct json_writer *writer, const char *name,
                         double number)
{
    char text[48];

    if (isinf(number)) {
        snprintf(text, sizeof(text), "%s", number > 0 ? "1e999" : "-1e999");
    } else {
        snprintf(text, sizeof(text), "%.17g", number);
    }
    json_append_raw(writer, name, text, strlen(text));
}

static void write_value(struct json_writer *writer, const char *name,
                        const struct json *json)
{
    double number;

    if (json_is_object(json)) {
        write_items(writer, name, json, "{}");
    } else if (json_is_array(json)) {
        write_items(writer, name, json, "[]");
    } else if (json_is_string(json)) {
        json_append_string(writer, name, json_text(json));
    } else if (json_number(json, &number)) {
        CHECK(!isnan(number));
        write_number(writer, name, number);
    } else if (json_is_null(json)) {
        json_append_raw(writer, name, "null", 4);
    } else {
        json_append_bool(writer, name,
                         true); /* the two cannot be distinguished */
    }
}

static void write_document(struct str *out, const struct json *json)
{
    struct json_writer writer = {.out = out};

    write_value(&writer, NULL, json);
}

/* The text is UTF-8, except for U+0000, which has a form of its own. */
static void check_text(const char *text)
{
    CLEANUP(str_release) struct str plain = STR_INIT(STR_UNLIMITED);

    for (const char *at = text; *at != '\0';) {
        if (strncmp(at, UTF8_NUL, 2) == 0) {
            at += 2;
        } else {
            str_append_char(&plain, *at++);
        }
    }
    CHECK(utf8_valid(plain.data, plain.len));
}

static void check_tree(const struct json *json, unsigned depth)
{
    const char *text = json_text(json);
    size_t count = 0;

    CHECK(depth <= LIMIT_JSON_DEPTH + 1);
    CHECK(json_is_string(json) == (text != NULL));
    if (text != NULL) {
        check_text(text);
    }
    if (!json_is_object(json) && !json_is_array(json)) {
        return;
    }
    for (const struct json *item = json_first(json); item != NULL;
         item = json_next(item)) {
        CHECK(json_is_object(json) == (json_name(item) != NULL));
        if (json_name(item) != NULL) {
            check_text(json_name(item));
            CHECK(json_member(json, json_name(item)) != NULL);
        }
        check_tree(item, depth + 1);
        count++;
    }
    CHECK(json_count(json) == count);
}

static void check_round_trip(const struct json *json)
{
    CLEANUP(str_release) struct str once = STR_INIT(STR_UNLIMITED);
    CLEANUP(str_release) struct str twice = STR_INIT(STR_UNLIMITED);
    struct json *again;
    struct error err;

    write_document(&once, json);
    CHECK(utf8_valid(once.data, once.len));
    CHECK(json_parse(once.data, once.len, &again, &err) == 0);
    write_document(&twice, again);
    CHECK(bytes_equal(str_bytes(&once), str_bytes(&twice)));
    json_free(again);
}

static void check_clean(const struct str *clean)
{
    CLEANUP(str_release) struct str again = STR_INIT(STR_UNLIMITED);
    struct error err;
    size_t end;

    if (memmem(clean->data, clean->len, UTF8_NUL, 2) != NULL) {
        return; /* a form that no input has */
    }
    CHECK(utf8_valid(clean->data, clean->len));
    CHECK(json_scan(clean->data, clean->len, &again, &end, &err) == 0);
    CHECK(end == clean->len);
    CHECK(bytes_equal(str_bytes(clean), str_bytes(&again)));
}

static bool is_blank(const char *text, size_t len)
{
    return len == 0 || (strchr(" \t\r\n", *text) != NULL && *text != '\0' &&
                        is_blank(text + 1, len - 1));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(str_release) struct str clean = STR_INIT(STR_UNLIMITED);
    const char *text = (const char *)data;
    struct json *json = NULL;
    struct error err;
    size_t end = 0;
    size_t same_end = 0;
    int scanned = json_scan(text, size, &clean, &end, &err);

    CHECK(end <= size);
    CHECK(json_scan(text, size, NULL, &same_end, &err) == scanned);
    CHECK(end == same_end);
    if (scanned < 0) {
        CHECK(err.kind == ERROR_SCHEMA && err.message[0] != '\0');
        CHECK(json_parse(text, size, &json, &err) < 0);
        return 0;
    }
    check_clean(&clean);
    if (json_parse(text, size, &json, &err) < 0) {
        CHECK(!is_blank(text + end, size - end));
        return 0;
    }
    CHECK(is_blank(text + end, size - end));
    check_tree(json, 1);
    check_round_trip(json);
    json_free(json);
    return 0;
}
