#include "asserts.h"
#include "waybill/config_documents.h"

struct options {
    const char *text;
    uint64_t count;
    uint64_t duration;
    uint64_t size;
    int boolean;
    int choice;
    struct field_strings list;
    struct field_map map;
};

static const char *const choices[] = {"one", "two", NULL};

#define AT(member) .offset = offsetof(struct options, member)

static const struct field fields[] = {
    {.key = "text", AT(text)},
    {.key = "count", .type = FIELD_INTEGER, AT(count), .fallback = "7"},
    {.key = "duration", .type = FIELD_DURATION, AT(duration)},
    {.key = "size", .type = FIELD_SIZE, AT(size), .fallback = "64KiB"},
    {.key = "boolean", .type = FIELD_BOOLEAN, AT(boolean)},
    {.key = "choice",
     .type = FIELD_ENUM,
     AT(choice),
     .choices = choices,
     .fallback = "one"},
    {.key = "list", .type = FIELD_STRINGS, AT(list)},
    {.key = "map", .type = FIELD_MAP, AT(map)},
    {.key = "old", .removed = "0.1.0", AT(text)},
    {.key = "objects", .type = FIELD_LIST, AT(list)},
    {0},
};

static void check_options(const struct options *options, const char *expected)
{
    CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);

    for (const struct field *field = fields; field->key != NULL; field++) {
        CLEANUP(str_release) struct str value = STR_INIT(STR_UNLIMITED);

        if (config_append_option(&value, field, options)) {
            str_printf(&out, "%s=%s;", field->key, value.data);
        } else {
            assert_int_equal(value.len, 0);
        }
    }
    assert_string_equal(out.data, expected);
}

static void options__that_are_set_are_written_as_in_the_file(void **state)
{
    const char *const items[] = {"a", "b"};
    const struct field_pair pairs[] = {{"x", "y"}, {"z", "u"}};
    const struct options options = {
        .text = "t",
        .duration = 90000,
        .size = 3 << 20,
        .boolean = 0,
        .choice = 1,
        .list = {items, 2},
        .map = {pairs, 2},
    };

    check_options(&options,
                  "text=t;count=0;duration=90s;size=3MiB;boolean=false;"
                  "choice=two;list=a, b;map=x=y, z=u;");
}

static void options__that_are_not_set_are_nothing(void **state)
{
    const struct options options = {
        .count = 7, .size = 65536, .boolean = -1, .choice = 0};

    check_options(&options, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options__that_are_set_are_written_as_in_the_file),
        cmocka_unit_test(options__that_are_not_set_are_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
