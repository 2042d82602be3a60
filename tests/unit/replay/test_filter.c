#include "dead_letter_list.h"

#define NOW 1767323049000 /* when the sample failed */

static const char plain[] =
    "{\"workflow\": {\"id\": \"w-1\", \"project\": \"shop\", \"name\": "
    "\"build-api\"}}";
static const char structured[] =
    "{\"specversion\": \"1.0\", \"data\": {\"workflow\": {\"project\": "
    "\"shop\", \"name\": \"build-api\"}}}";

struct row {
    const char *option;
    const char *value;
    bool matches;
};

static bool sample_matches(const struct filter *filter, const char *value)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    struct sample sample;
    struct dead_letter dead_letter;

    sample_init(&sample);
    sample.input.message.value = bytes_of(value);
    dead_letter_read(&sample.input, arena, &dead_letter);
    return filter_matches(filter, &dead_letter, &sample.input.message);
}

static void filter__looks_at_what_its_name_says(void **state)
{
    static const struct row rows[] = {
        {"--class", "not_found", true},
        {"--class", "schema", false},
        {"--code", "NAME_UNKNOWN", true},
        {"--code", "name_unknown", false},
        {"--since", "2026-01-02T03:04:09Z", true},
        {"--since", "2026-01-02T03:04:10Z", false},
        {"--since", "0s", true},
        {"--until", "0s", false},
        {"--until", "2026-01-02T03:04:10Z", true},
        {"--until", "7d", false},
        {"--since", "7d", true},
        {"--topic", "in", true},
        {"--topic", "dead", false},
        {"--partition", "3", true},
        {"--partition", "2", false},
        {"--offset", "42", true},
        {"--offset", "40", false},
        {"--offset", "40-42", true},
        {"--offset", "43-", false},
        {"--offset", "42-", true},
        {"--dead-letter", "2/40", true},
        {"--dead-letter", "3/42", false},
        {"--key", "k", true},
        {"--key", "", false},
        {"--event-id", "e1", true},
        {"--event-id", "e", false},
        {"--workflow", "w-1", true},
        {"--workflow", "shop/build-api", true},
        {"--workflow", "shop/*", true},
        {"--workflow", "lab/*", false},
        {"--integration", "oci-registry", true},
        {"--integration", "webhook", false},
        {"--registration", "ghcr", true},
        {"--registration", "quay", false},
        {"--attachment", "ghcr:w1", true},
        {"--attachment", "ghcr", false},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct filter filter = {0};
        struct error err = ERROR_UNTOUCHED;

        check_number(
            rows[i].value,
            filter_add(&filter, rows[i].option, rows[i].value, NOW, &err), 0);
        check_untouched(rows[i].value, &err);
        check(rows[i].value, filter_is_option(rows[i].option));
        check_number(rows[i].value, sample_matches(&filter, plain),
                     rows[i].matches);
    }
}

static void add(struct filter *filter, const char *option, const char *value)
{
    struct error err;

    assert_int_equal(filter_add(filter, option, value, NOW, &err), 0);
}

static void filter__takes_any_of_a_kind_and_all_kinds(void **state)
{
    struct filter filter = {0};

    assert_true(sample_matches(&filter, plain)); /* none: everything */
    add(&filter, "--class", "schema");
    assert_false(sample_matches(&filter, plain));
    add(&filter, "--class", "not_found");
    assert_true(sample_matches(&filter, plain));
    add(&filter, "--key", "another");
    assert_false(sample_matches(&filter, plain));
}

static void filter__finds_a_workflow_in_whatever_is_there(void **state)
{
    static const struct {
        const char *value;
        bool matches;
    } rows[] = {
        {plain, true},
        {structured, true},
        {NULL, false},
        {"", false},
        {"not JSON", false},
        {"[]", false},
        {"null", false},
        {"{\"workflow\": 7}", false},
        {"{\"workflow\": {\"project\": 7, \"name\": []}}", false},
        {"{\"data\": \"shop/build-api\"}", false},
        {"{\"data\": {\"workflow\": null}}", false},
    };
    struct filter filter = {0};

    add(&filter, "--workflow", "shop/build-*");
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        check_number(rows[i].value ? rows[i].value : "(tombstone)",
                     sample_matches(&filter, rows[i].value), rows[i].matches);
    }
}

static void filter__refuses_what_cannot_be_one(void **state)
{
    static const struct row rows[] = {
        {"--yes", "", false},
        {"--since", "yesterday", false},
        {"--since", "", false},
        {"--since", "5", false},
        {"--since", "5w", false},
        {"--since", "99999999999999999999d", false},
        {"--until", "2026-13-01T00:00:00Z", false},
        {"--partition", "-1", false},
        {"--partition", "x", false},
        {"--partition", "2147483648", false},
        {"--offset", "", false},
        {"--offset", "-5", false},
        {"--offset", "9-5", false},
        {"--offset", "1-2-3", false},
        {"--offset", "99999999999999999999", false},
        {"--dead-letter", "5", false},
        {"--dead-letter", "5/", false},
        {"--dead-letter", "5/6/7", false},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct filter filter = {0};
        struct error err;

        check_number(
            rows[i].value,
            filter_add(&filter, rows[i].option, rows[i].value, NOW, &err), -1);
        check_kind(rows[i].value, &err, ERROR_USAGE);
        check_contains(rows[i].value, err.message, rows[i].option);
        check_number(rows[i].value, filter.count, 0);
    }
}

static void filter__has_room_for_so_many(void **state)
{
    struct filter filter = {0};
    struct error err;

    for (size_t i = 0; i < FILTER_MAX_TERMS; i++) {
        add(&filter, "--class", "schema");
    }
    assert_int_equal(filter_add(&filter, "--class", "x", NOW, &err), -1);
    assert_error_kind(&err, ERROR_USAGE);
    assert_false(filter_is_option("--yes"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(filter__looks_at_what_its_name_says),
        cmocka_unit_test(filter__takes_any_of_a_kind_and_all_kinds),
        cmocka_unit_test(filter__finds_a_workflow_in_whatever_is_there),
        cmocka_unit_test(filter__refuses_what_cannot_be_one),
        cmocka_unit_test(filter__has_room_for_so_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
