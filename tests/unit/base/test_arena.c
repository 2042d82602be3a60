#include "asserts.h"

#include <stdalign.h>

static void arena__gives_zeroed_and_aligned_memory(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    static const size_t sizes[] = {0,    1,    7,    16,   17,   1000,
                                   1016, 1017, 4000, 4096, 70000};

    for (size_t round = 0; round < 20; round++) {
        for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
            unsigned char *block = arena_alloc(arena, sizes[i]);

            assert_non_null(block);
            assert_int_equal((uintptr_t)block % alignof(max_align_t), 0);
            for (size_t at = 0; at < sizes[i]; at++) {
                assert_int_equal(block[at], 0);
            }
            memset(block, 0xA5, sizes[i]);
        }
    }
}

static void arena__never_hands_out_a_byte_twice(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    unsigned char *blocks[300];

    for (size_t i = 0; i < ARRAY_SIZE(blocks); i++) {
        blocks[i] = arena_alloc(arena, i * 7);
        memset(blocks[i], (int)(i & 0xFF), i * 7);
    }
    for (size_t i = 0; i < ARRAY_SIZE(blocks); i++) {
        for (size_t at = 0; at < i * 7; at++) {
            assert_int_equal(blocks[i][at], i & 0xFF);
        }
    }
}

static void arena__copies_texts_and_bytes(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    char text[] = "text";
    char *copy = arena_strdup(arena, text);
    struct bytes bytes =
        arena_bytes(arena, (struct bytes){(const unsigned char *)"a\0b", 3});

    text[0] = 'n';
    assert_string_equal(copy, "text");
    check_bytes("bytes", bytes.data, bytes.len, "a\0b", 3);
    assert_string_equal(arena_printf(arena, "%s-%05d", "x", 42), "x-00042");
    assert_string_equal(arena_printf(arena, "%s", ""), "");
    assert_non_null(arena_copy(arena, NULL, 0));
}

static void arena__keeps_no_value_apart_from_an_empty_one(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();

    assert_null(arena_strdup(arena, NULL));
    assert_null(arena_bytes(arena, bytes_of(NULL)).data);
    assert_non_null(arena_bytes(arena, bytes_of("")).data);
}

static void arena__says_how_much_it_holds(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    size_t small;

    arena_alloc(arena, 1);
    small = arena_size(arena);
    assert_true(small >= 1 && small <= 8192);
    for (int i = 0; i < 10; i++) {
        arena_alloc(arena, 16);
    }
    assert_int_equal(arena_size(arena), small);
    arena_alloc(arena, 100000);
    assert_true(arena_size(arena) >= small + 100000);
    assert_true(arena_size(arena) <= small + 101000);
}

static void arena__goes_on_filling_a_chunk_behind_a_large_block(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    size_t before;

    arena_alloc(arena, 16);
    arena_alloc(arena, 100000);
    before = arena_size(arena);
    arena_alloc(arena, 16);
    assert_int_equal(arena_size(arena), before);
}

static void arena__is_counted_with_others(void **state)
{
    size_t total = 0;
    struct arena *one = arena_new_counted(&total);
    struct arena *other = arena_new_counted(&total);

    assert_int_equal(total, 0);
    arena_alloc(one, 16);
    arena_alloc(other, 100000);
    arena_alloc(one, 5000);
    assert_int_equal(total, arena_size(one) + arena_size(other));
    arena_free(one);
    assert_int_equal(total, arena_size(other));
    arena_wipe_and_free(other);
    assert_int_equal(total, 0);
}

static void arena__may_be_nothing_when_it_is_freed(void **state)
{
    arena_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arena__gives_zeroed_and_aligned_memory),
        cmocka_unit_test(arena__never_hands_out_a_byte_twice),
        cmocka_unit_test(arena__copies_texts_and_bytes),
        cmocka_unit_test(arena__keeps_no_value_apart_from_an_empty_one),
        cmocka_unit_test(arena__says_how_much_it_holds),
        cmocka_unit_test(arena__goes_on_filling_a_chunk_behind_a_large_block),
        cmocka_unit_test(arena__is_counted_with_others),
        cmocka_unit_test(arena__may_be_nothing_when_it_is_freed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
