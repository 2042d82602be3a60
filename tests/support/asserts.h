#ifndef WAYBILL_TESTS_ASSERTS_H
#define WAYBILL_TESTS_ASSERTS_H

/* cmocka.h requires the first three headers before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "waybill/arena.h"
#include "waybill/error.h"
#include "waybill/str.h"

/* Checks for table-driven tests: a failure names the row. */
#define check(label, condition)                                                \
    do {                                                                       \
        if (!(condition)) {                                                    \
            print_error("in case '%s': not so: %s\n", (label), #condition);    \
            fail();                                                            \
        }                                                                      \
    } while (0)

#define check_text(label, actual, expected)                                    \
    do {                                                                       \
        const char *actual_ = (actual);                                        \
        const char *expected_ = (expected);                                    \
                                                                               \
        if ((actual_ == NULL) != (expected_ == NULL) ||                        \
            (actual_ != NULL && strcmp(actual_, expected_) != 0)) {            \
            print_error("in case '%s':\n     got: %s\nexpected: %s\n",         \
                        (label), actual_ ? actual_ : "(nothing)",              \
                        expected_ ? expected_ : "(nothing)");                  \
            fail();                                                            \
        }                                                                      \
    } while (0)

#define check_contains(label, text, part)                                      \
    do {                                                                       \
        const char *text_ = (text);                                            \
        const char *part_ = (part);                                            \
                                                                               \
        if (strstr(text_, part_) == NULL) {                                    \
            print_error("in case '%s': '%s' does not hold '%s'\n", (label),    \
                        text_, part_);                                         \
            fail();                                                            \
        }                                                                      \
    } while (0)

#define check_number(label, actual, expected)                                  \
    do {                                                                       \
        long long actual_ = (long long)(actual);                               \
        long long expected_ = (long long)(expected);                           \
                                                                               \
        if (actual_ != expected_) {                                            \
            print_error("in case '%s': got %lld, expected %lld\n", (label),    \
                        actual_, expected_);                                   \
            fail();                                                            \
        }                                                                      \
    } while (0)

#define check_bytes(label, actual, actual_len, expected, expected_len)         \
    do {                                                                       \
        size_t len_ = (actual_len);                                            \
                                                                               \
        check_number(label, len_, expected_len);                               \
        check(label, memcmp((actual), (expected), len_) == 0);                 \
    } while (0)

/* The initial value of an error that a successful call must leave unchanged. */
#define ERROR_UNTOUCHED                                                        \
    {                                                                          \
        .kind = ERROR_FATAL, .http_status = -7, .message = "untouched"         \
    }

#define check_untouched(label, err)                                            \
    check(label, (err)->kind == ERROR_FATAL && (err)->http_status == -7 &&     \
                     strcmp((err)->message, "untouched") == 0)

#define check_kind(label, err, expected)                                       \
    check_number(label, (err)->kind, expected)

#define assert_error_kind(err, expected) check_kind(__func__, err, expected)
#define assert_message_contains(err, part)                                     \
    check_contains(__func__, (err)->message, part)
#define assert_untouched(err) check_untouched(__func__, err)

static inline void release_arena(struct arena **arena)
{
    arena_free(*arena);
}

/* The path of a fixture, whether or not it exists */
static inline const char *fixture_path(struct arena *arena, const char *name)
{
    const char *source = getenv("WAYBILL_TEST_SOURCE");

    if (source == NULL) {
        print_error("set WAYBILL_TEST_SOURCE to the checkout (ctest does)\n");
        fail();
    }
    return arena_printf(arena, "%s/tests/fixtures/%s", source, name);
}

static inline struct bytes fixture_if_there(struct arena *arena,
                                            const char *name)
{
    FILE *file = fopen(fixture_path(arena, name), "rb");
    CLEANUP(str_release) struct str content = STR_INIT(STR_UNLIMITED);
    char buffer[4096];
    size_t got;

    if (file == NULL) {
        return (struct bytes){NULL, 0};
    }
    while ((got = fread(buffer, 1, sizeof(buffer), file)) > 0) {
        str_append(&content, buffer, got);
    }
    fclose(file);
    return arena_bytes(arena, str_bytes(&content));
}

static inline struct bytes fixture(struct arena *arena, const char *name)
{
    struct bytes content = fixture_if_there(arena, name);

    if (content.data == NULL) {
        print_error("no fixture '%s'\n", name);
        fail();
    }
    return content;
}

/* A fixture as text that ends with a NUL */
static inline char *fixture_text(struct arena *arena, const char *name)
{
    struct bytes content = fixture(arena, name);

    return arena_printf(arena, "%.*s", (int)content.len,
                        (const char *)content.data);
}

#endif
