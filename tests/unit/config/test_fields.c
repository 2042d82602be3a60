#include "config/config_internal.h"
#include "config_file.h"

struct number {
    enum field_type type;
    const char *text;
    bool good;
    uint64_t value;
};

static const struct number numbers[] = {
    {FIELD_INTEGER, "0", true, 0},
    {FIELD_INTEGER, "42", true, 42},
    {FIELD_INTEGER, "0042", true, 42},
    {FIELD_INTEGER, "999999999999999", true, 999999999999999},
    {FIELD_INTEGER, "", false, 0},
    {FIELD_INTEGER, "-1", false, 0},
    {FIELD_INTEGER, "+1", false, 0},
    {FIELD_INTEGER, " 1", false, 0},
    {FIELD_INTEGER, "1 ", false, 0},
    {FIELD_INTEGER, "1.0", false, 0},
    {FIELD_INTEGER, "1e3", false, 0},
    {FIELD_INTEGER, "0x10", false, 0},
    {FIELD_INTEGER, "1_000", false, 0},
    {FIELD_INTEGER, "1s", false, 0},
    {FIELD_DURATION, "500ms", true, 500},
    {FIELD_DURATION, "30s", true, 30000},
    {FIELD_DURATION, "10m", true, 600000},
    {FIELD_DURATION, "24h", true, 86400000},
    {FIELD_DURATION, "7d", true, 604800000},
    {FIELD_DURATION, "0s", true, 0},
    {FIELD_DURATION, "0", false, 0},
    {FIELD_DURATION, "30", false, 0},
    {FIELD_DURATION, "s", false, 0},
    {FIELD_DURATION, "30S", false, 0},
    {FIELD_DURATION, "30 s", false, 0},
    {FIELD_DURATION, "1h30m", false, 0},
    {FIELD_DURATION, "1.5h", false, 0},
    {FIELD_DURATION, "1w", false, 0},
    {FIELD_SIZE, "65536", true, 65536},
    {FIELD_SIZE, "64KiB", true, 65536},
    {FIELD_SIZE, "16MiB", true, 16 << 20},
    {FIELD_SIZE, "1GiB", true, 1 << 30},
    {FIELD_SIZE, "64KB", false, 0},
    {FIELD_SIZE, "64kib", false, 0},
    {FIELD_SIZE, "64K", false, 0},
    {FIELD_SIZE, "64 KiB", false, 0},
    {FIELD_SIZE, "1TiB", false, 0},
};

static void fields__read_numbers_with_their_units(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
        const struct number *row = &numbers[i];
        struct field field = {.type = row->type};
        uint64_t value = 77;

        check_number(row->text, field_number(&field, row->text, &value),
                     row->good);
        check_number(row->text, value, row->good ? row->value : 77);
    }
}

/* 2^64 is 213503982334.6 days and 17179869184 GiB. */
static void fields__never_wrap_a_number_around(void **state)
{
    static const struct number rows[] = {
        {FIELD_DURATION, "213503982335d", true, 0},
        {FIELD_DURATION, "999999999999999h", true, 0},
        {FIELD_SIZE, "17179869184GiB", true, 0},
        {FIELD_SIZE, "17179869185GiB", true, 0},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct field field = {.type = rows[i].type};
        uint64_t value = UINT64_MAX;

        field_number(&field, rows[i].text, &value);
        check(rows[i].text, value >= 1ULL << 60);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields__read_numbers_with_their_units),
        cmocka_unit_test(fields__never_wrap_a_number_around),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
