#include <string.h>

#include "asserts.h"
#include "waybill/trace.h"

#define TRACE "0af7651916cd43dd8448eb211c80319c"
#define SPAN "b7ad6b7169203331"

struct row {
    const char *text;
    const char *parent; /* NULL: it is invalid */
};

static const struct row parents[] = {
    {"00-" TRACE "-" SPAN "-01", "00-" TRACE "-" SPAN "-01"},
    {"00-" TRACE "-" SPAN "-00", "00-" TRACE "-" SPAN "-00"},
    /* The random flag of level 2 is known; other flags are not. */
    {"00-" TRACE "-" SPAN "-ff", "00-" TRACE "-" SPAN "-03"},
    {"00-" TRACE "-" SPAN "-02", "00-" TRACE "-" SPAN "-02"},
    /* A later version is truncated to the fields that are known. */
    {"01-" TRACE "-" SPAN "-01", "00-" TRACE "-" SPAN "-01"},
    {"cc-" TRACE "-" SPAN "-03-what-the future", "00-" TRACE "-" SPAN "-01"},
    {"fe-" TRACE "-" SPAN "-00-", "00-" TRACE "-" SPAN "-00"},
    {"01-" TRACE "-" SPAN "-01.what", NULL},
    {"01-" TRACE "-" SPAN "-012", NULL},
    {"ff-" TRACE "-" SPAN "-01", NULL},
    {"FF-" TRACE "-" SPAN "-01", NULL},
    {"0x-" TRACE "-" SPAN "-01", NULL},
    {"00-" TRACE "-" SPAN "-01-", NULL},
    {"00-" TRACE "-" SPAN "-01 ", NULL},
    {" 00-" TRACE "-" SPAN "-01", NULL},
    {"00-" TRACE "-" SPAN "-1", NULL},
    {"00-" TRACE "-" SPAN "-0g", NULL},
    {"00-" TRACE "-" SPAN, NULL},
    {"00-0AF7651916CD43DD8448EB211C80319C-" SPAN "-01", NULL},
    {"00-" TRACE "-B7ad6b7169203331-01", NULL},
    {"00-00000000000000000000000000000000-" SPAN "-01", NULL},
    {"00-" TRACE "-0000000000000000-01", NULL},
    {"00_" TRACE "-" SPAN "-01", NULL},
    {"00-" TRACE "_" SPAN "-01", NULL},
    {"00-" TRACE "-" SPAN "_01", NULL},
    {"00-" TRACE "-" SPAN "-0\n", NULL},
    {"", NULL},
};

static void trace__reads_a_parent_by_the_letter(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(parents); i++) {
        const struct row *row = &parents[i];
        char parent[TRACE_PARENT_SIZE] = "untouched";
        bool read = trace_parent_read(row->text, strlen(row->text), parent);

        check(row->text, read == (row->parent != NULL));
        check_text(row->text, parent, read ? row->parent : "untouched");
    }
}

static void trace__reads_no_parent_of_another_length(void **state)
{
    char text[600];
    char parent[TRACE_PARENT_SIZE];

    memset(text, 'a', sizeof(text));
    memcpy(text, "01-" TRACE "-" SPAN "-01-", 56);
    assert_false(trace_parent_read(NULL, 0, parent));
    assert_false(trace_parent_read(text, 54, parent));
    assert_true(trace_parent_read(text, 55, parent));
    assert_true(trace_parent_read(text, 512, parent));
    assert_false(trace_parent_read(text, 513, parent));
}

static void trace__renews_the_parent_within_the_trace(void **state)
{
    char parent[TRACE_PARENT_SIZE] = "00-" TRACE "-" SPAN "-01";

    trace_parent_renew(parent, 0x1);
    assert_string_equal(parent, "00-" TRACE "-0000000000000001-01");
    trace_parent_renew(parent, UINT64_MAX);
    assert_string_equal(parent, "00-" TRACE "-ffffffffffffffff-01");
    assert_memory_equal(trace_id_of(parent), TRACE, TRACE_ID_LEN);
    assert_memory_equal(trace_span_of(parent), "ffffffffffffffff",
                        TRACE_SPAN_LEN);
}

static void trace__knows_a_state_from_other_text(void **state)
{
    static const struct {
        const char *text;
        bool valid;
    } rows[] = {
        {"rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", true},
        {"a=1", true},
        {"1a-_*/b=x y", true},
        {"tenant@system=!~", true},
        {"a=1 ,\t b=2,", true},
        {",,a=1", true},
        {"a= 1", true},
        {"a=1\t", true},
        {"", false},
        {" , ", false},
        {"a", false},
        {"a=", false},
        {"=1", false},
        {"A=1", false},
        {"_a=1", false},
        {"a.b=1", false},
        {"a b=1", false},
        {"a=1=2", false},
        {"a=\x7F", false},
        {"a=\xC3\xA9", false},
        {"a=1\r\nX-Evil: 1", false},
        {"a=1;b=2", false},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        check(rows[i].text,
              trace_state_is_valid(rows[i].text, strlen(rows[i].text)) ==
                  rows[i].valid);
    }
    assert_false(trace_state_is_valid(NULL, 0));
    assert_false(trace_state_is_valid("a=\0", 3));
    assert_false(trace_state_is_valid("a\0=1", 4));
}

/* "a=1,a=1,..." */
static void fill(char *text, size_t members)
{
    for (size_t i = 0; i < members; i++) {
        memcpy(text + i * 4, "a=1,", 4);
    }
}

static void trace__takes_no_state_without_an_end(void **state)
{
    char text[1100];

    fill(text, 33);
    assert_true(trace_state_is_valid(text, (size_t)32 * 4));
    assert_false(trace_state_is_valid(text, (size_t)33 * 4));
    memset(text, 'a', 260);
    memcpy(text + 256, "=1", 2);
    assert_true(trace_state_is_valid(text, 258));
    assert_false(trace_state_is_valid("a", 1));
    memset(text, 'a', 260);
    text[1] = '=';
    assert_true(trace_state_is_valid(text, 258));
    assert_false(trace_state_is_valid(text, 259));
    memset(text, ',', sizeof(text));
    memcpy(text, "a=1", 3);
    assert_true(trace_state_is_valid(text, 1024));
    assert_false(trace_state_is_valid(text, 1025));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trace__reads_a_parent_by_the_letter),
        cmocka_unit_test(trace__reads_no_parent_of_another_length),
        cmocka_unit_test(trace__renews_the_parent_within_the_trace),
        cmocka_unit_test(trace__knows_a_state_from_other_text),
        cmocka_unit_test(trace__takes_no_state_without_an_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
