#include "asserts.h"
#include "waybill/alloc.h"
#include "waybill/secret.h"

/* Every block that is freed passes through this function (--wrap,
 * CMakeLists.txt): a watched block must contain only zeros by then. */

static struct {
    const char *block;
    size_t size;
    unsigned freed;
    bool was_clean;
} service_manager;

void __real_free(void *block);
void *__real_realloc(void *block, size_t size);
void __wrap_free(void *block);
void *__wrap_realloc(void *block, size_t size);

void __wrap_free(void *block)
{
    if (block != NULL && block == service_manager.block) {
        service_manager.was_clean = true;
        for (size_t i = 0; i < service_manager.size; i++) {
            service_manager.was_clean =
                service_manager.was_clean && service_manager.block[i] == '\0';
        }
        service_manager.freed++;
    }
    __real_free(block);
}

void *__wrap_realloc(void *block, size_t size)
{
    if (block != NULL && block == service_manager.block) {
        fail_msg("realloc() may leave a copy behind");
    }
    return __real_realloc(block, size);
}

static void watch(const struct secret *secret)
{
    service_manager.block = secret->text.data;
    service_manager.size = secret->text.alloc;
    service_manager.freed = 0;
    service_manager.was_clean = false;
}

static void assert_wiped(void)
{
    service_manager.block = NULL;
    assert_int_equal(service_manager.freed, 1);
    assert_true(service_manager.was_clean);
}

/* --- a single secret ------------------------------------------------------ */

static void secret__wipes_its_old_block_when_it_grows(void **state)
{
    CLEANUP(secret_release) struct secret secret = SECRET_INIT(STR_UNLIMITED);

    str_append_text(&secret.text, "hunter2");
    watch(&secret);
    for (unsigned i = 0; i < 100; i++) {
        str_append_char(&secret.text, 'x');
    }
    assert_wiped();
    assert_int_equal(strncmp(secret.text.data, "hunter2xxx", 10), 0);
    assert_int_equal(secret.text.len, 107);
}

static void secret__wipes_its_old_block_however_it_grows(void **state)
{
    CLEANUP(secret_release) struct secret secret = SECRET_INIT(STR_UNLIMITED);
    char large[5000];

    memset(large, 'y', sizeof(large));
    str_append_text(&secret.text, "hunter2");
    watch(&secret);
    str_append(&secret.text, large, sizeof(large));
    assert_wiped();
    watch(&secret);
    str_printf(&secret.text, "%.*s", (int)sizeof(large), large);
    str_printf(&secret.text, "%.*s", (int)sizeof(large), large);
    assert_wiped();
    assert_int_equal(secret.text.len, 7 + 3 * sizeof(large));
}

static void secret__wipes_itself_when_it_is_released(void **state)
{
    struct secret secret = {0};

    secret_assign(&secret, "hunter2");
    watch(&secret);
    secret_release(&secret);
    assert_wiped();
    assert_null(secret_text(&secret));
    secret_release(&secret);
}

static void secret__wipes_what_it_was_when_it_is_another(void **state)
{
    struct secret secret = {0};

    secret_assign(&secret, "hunter2");
    watch(&secret);
    secret_assign(&secret, secret_text(&secret) + 1);
    assert_wiped();
    assert_string_equal(secret_text(&secret), "unter2");
    watch(&secret);
    secret_assign(&secret, NULL);
    assert_wiped();
    assert_null(secret_text(&secret));
}

static void secret__holds_nothing_of_what_it_was_when_it_is_cleared(
    void **state)
{
    CLEANUP(secret_release) struct secret secret = SECRET_INIT(64);
    const char none[8] = {0};

    str_append_text(&secret.text, "hunter2");
    str_clear(&secret.text);
    assert_memory_equal(secret.text.data, none, sizeof(none));
    str_append_text(&secret.text, "new");
    assert_string_equal(secret_text(&secret), "new");
}

static void secret__tells_no_value_from_an_empty_one(void **state)
{
    CLEANUP(secret_release) struct secret none = {0};
    CLEANUP(secret_release) struct secret also = SECRET_INIT(8);
    CLEANUP(secret_release) struct secret empty = {0};

    secret_assign(&empty, "");
    assert_null(secret_text(&none));
    assert_string_equal(secret_text(&empty), "");
    assert_true(secret_equal(&none, &also));
    assert_false(secret_equal(&none, &empty));
    assert_false(secret_equal(&empty, &none));
}

static void secret__is_what_was_assigned(void **state)
{
    CLEANUP(secret_release) struct secret one = {0};
    CLEANUP(secret_release) struct secret other = {0};

    secret_assign(&one, "hunter2");
    secret_assign_bytes(&other, "hunter2 and more", 7);
    assert_true(secret_equal(&one, &other));
    secret_assign(&other, "hunter3");
    assert_false(secret_equal(&one, &other));
}

static void secret__moves_without_a_copy(void **state)
{
    CLEANUP(secret_release) struct secret from = {0};
    CLEANUP(secret_release) struct secret to = {0};
    const char *block;

    secret_assign(&from, "hunter2");
    secret_assign(&to, "old one");
    block = secret_text(&from);
    watch(&to);
    secret_move(&to, &from);
    assert_wiped();
    assert_ptr_equal(secret_text(&to), block);
    assert_null(secret_text(&from));
    secret_assign(&from, "again");
    assert_string_equal(secret_text(&from), "again");
}

/* The body of a response, for example */
static void str__wipes_when_it_may_hold_a_secret(void **state)
{
    struct str text = STR_INIT_SECRET(STR_UNLIMITED);

    str_append_text(&text, "hunter2");
    watch(&(struct secret){text});
    str_release(&text);
    assert_wiped();
    assert_true(text.is_secret);
    str_append_text(&text, "hunter2");
    watch(&(struct secret){text});
    str_release(&text);
    assert_wiped();
}

static void secrets_equal__compares_all_of_both(void **state)
{
    assert_true(text_equal_constant_time("s3cret", "s3cret"));
    assert_true(text_equal_constant_time("", ""));
    assert_false(text_equal_constant_time("s3cret", "s3creT"));
    assert_false(text_equal_constant_time("s3cret", "s3cre"));
    assert_false(text_equal_constant_time("", "s3cret"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(secret__wipes_its_old_block_when_it_grows),
        cmocka_unit_test(secret__wipes_its_old_block_however_it_grows),
        cmocka_unit_test(secret__wipes_itself_when_it_is_released),
        cmocka_unit_test(secret__wipes_what_it_was_when_it_is_another),
        cmocka_unit_test(
            secret__holds_nothing_of_what_it_was_when_it_is_cleared),
        cmocka_unit_test(secret__tells_no_value_from_an_empty_one),
        cmocka_unit_test(secret__is_what_was_assigned),
        cmocka_unit_test(secret__moves_without_a_copy),
        cmocka_unit_test(str__wipes_when_it_may_hold_a_secret),
        cmocka_unit_test(secrets_equal__compares_all_of_both),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
