#include "emulated.h"
#include "keychain_sources.h"

/* --- the chain ------------------------------------------------------------ */

static void keychain__takes_the_first_that_has_one(void **state)
{
    struct world *world = *state;
    const struct credential_source sources[] = {
        {.source = "env", .name = "WAYBILL_NOT_SET"},
        {.source = "file", .path = in_folder(world, "gone")},
        PASSWORD("first"),
        PASSWORD("second"),
        {.source = "docker-helper", .name = "fake"},
    };

    helper_says(world, "third");
    world_open(world, sources, ARRAY_SIZE(sources));
    assert_string_equal(answer(world), "user=unset pass=first");
    assert_int_equal(runs(world), 0);
    assert_string_equal(keychain_last(world->keychain)->origin, "static");
    check_contains("story", keychain_report(world->keychain),
                   "env WAYBILL_NOT_SET: not set; file ");
    check_contains("story", keychain_report(world->keychain),
                   "gone: not there; static: found");
}

static void keychain__puts_the_parts_of_several_together(void **state)
{
    static const struct {
        struct credential_source sources[4];
        size_t count;
        const char *expected;
    } rows[] = {
        {{USERNAME("u"), PASSWORD("p")}, 2, "user=u pass=p"},
        {{PASSWORD("p"), USERNAME("u")}, 2, "user=u pass=p"},
        {{PASSWORD("p"), PASSWORD("q"), USERNAME("u"), USERNAME("v")},
         4,
         "user=u pass=p"},
        {{USERNAME("u"), BOUND(BINDING_AUTH, "dXNlcjpwYXNz")},
         2,
         "user=u pass=pass"},
        {{BOUND(BINDING_AUTH, "dXNlcjpwYXNz"), USERNAME("u")},
         2,
         "user=user pass=pass"},
        {{BOUND(BINDING_IDENTITY_TOKEN, "i"), PASSWORD("p")}, 2, " identity=i"},
        {{BOUND(BINDING_REGISTRY_TOKEN, "r"), PASSWORD("p")}, 2, " registry=r"},
        {{USERNAME("<token>"), PASSWORD("t")}, 2, " identity=t"},
        {{PASSWORD("t"), USERNAME("<token>")}, 2, " identity=t"},
        /* <token>:t */
        {{USERNAME("u"), BOUND(BINDING_AUTH, "PHRva2VuPjp0")},
         2,
         "user=u identity=t"},
        {{USERNAME("u")},
         1,
         "failed: there is a username but no password (static: found)"},
    };
    struct world *world = *state;

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        world_open(world, rows[i].sources, rows[i].count);
        check_text(rows[i].expected, answer(world), rows[i].expected);
    }
}

static void keychain__begins_with_the_registrations_own(void **state)
{
    struct world *world = *state;
    const struct credential_source sources[] = {USERNAME("x"), PASSWORD("y")};

    world->options.password = "p";
    world_open(world, sources, 2);
    assert_string_equal(answer(world), "user=x pass=p");
    world->options.username = "u";
    world_open(world, sources, 2);
    assert_string_equal(answer(world), "user=u pass=p");
    world->options.password = NULL;
    world_open(world, sources, 2);
    assert_string_equal(answer(world), "user=u pass=y");
}

static void keychain__has_the_registrations_own_password_at_once(void **state)
{
    static const struct {
        const char *username;
        const char *password;
        const char *expected; /* NULL: a source has to be queried */
    } rows[] = {
        {"u", "p", "user=u pass=p"},
        {"<token>", "t", " identity=t"},
        {NULL, "p", "user=unset pass=p"},
        {"", "p", "user=unset pass=p"},
        {"u", NULL, NULL},
        {"u", "", NULL},
        {NULL, NULL, NULL},
    };
    struct world *world = *state;

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        world->options.username = rows[i].username;
        world->options.password = rows[i].password;
        world_open(world, &scripted, 1);
        check_text("at once", cached(world), rows[i].expected);
        assert_false(loop_turn(world->loop, false));
        assert_int_equal(script.started, 0);
    }
}

/* For reports, as before the first source was queried */
static void keychain__says_where_its_own_password_stands(void **state)
{
    struct world *world = *state;

    world->options.username = "u";
    world->options.password = "p";
    world->options.with_defaults = true;
    world_open(world, NULL, 0);
    assert_string_equal(keychain_report(world->keychain), "");
    assert_string_equal(cached(world), "user=u pass=p");
    assert_string_equal(keychain_last(world->keychain)->origin,
                        "the registration's password");
    assert_string_equal(keychain_report(world->keychain),
                        "the registration's username: found; the "
                        "registration's password: found");
    world->options.username = "";
    world_open(world, NULL, 0);
    assert_string_equal(answer(world), "user=unset pass=p");
    assert_string_equal(keychain_report(world->keychain),
                        "the registration's username: empty; the "
                        "registration's password: found");
}

static void keychain__asks_for_the_user_of_its_own_password(void **state)
{
    struct world *world = *state;
    const struct credential_source sources[] = {PASSWORD("q"), USERNAME("u")};

    world->options.password = "p";
    world_open(world, sources, 2);
    assert_null(cached(world));
    assert_string_equal(answer(world), "user=u pass=p");
    assert_string_equal(keychain_last(world->keychain)->origin,
                        "the registration's password");
}

/* There is no other credential, but the same one may be accepted the next time.
 */
static void keychain__keeps_its_own_password_though_it_is_refused(void **state)
{
    struct world *world = *state;
    uint64_t id;

    world->options.username = "u";
    world->options.password = "p";
    world_open(world, NULL, 0);
    assert_string_equal(cached(world), "user=u pass=p");
    id = keychain_last(world->keychain)->id;
    assert_false(keychain_reject(world->keychain, id));
    assert_string_equal(cached(world), "user=u pass=p");
    pass(world, 10000);
    assert_true(keychain_reject(world->keychain, id));
    assert_string_equal(cached(world), "user=u pass=p");
    assert_false(keychain_reject(world->keychain, id));
    assert_int_equal(keychain_last(world->keychain)->id, id);
}

/* A waiter that is queued nevertheless is called once, later. */
static void keychain__tells_its_own_password_to_who_waits(void **state)
{
    struct world *world = *state;
    struct reported reported = {0};

    world->options.username = "u";
    world->options.password = "p";
    world_open(world, NULL, 0);
    begin_to_wait(world, &reported);
    assert_null(cached(world));
    assert_int_equal(reported.times, 0);
    assert_true(loop_turn(world->loop, false));
    assert_int_equal(reported.times, 1);
    assert_string_equal(describe_credential(&reported.credential),
                        "user=u pass=p");
    turn_until_idle(world);
    assert_int_equal(reported.times, 1);
    told_release(&reported);
}

static void keychain__asks_as_nobody_where_there_is_nothing(void **state)
{
    struct world *world = *state;
    struct reported reported;

    world_open(world, NULL, 0);
    assert_null(keychain_cached(world->keychain));
    reported = ask(world);
    assert_false(reported.failed);
    assert_true(credential_is_empty(&reported.credential));
    assert_non_null(keychain_cached(world->keychain));
    told_release(&reported);
}

static void keychain__says_what_failed_when_nobody_had_one(void **state)
{
    struct world *world = *state;
    const struct credential_source sources[] = {
        {.source = "docker-helper", .name = "no-such-helper"},
        {.source = "file", .path = world->folder},
        VARIABLE,
    };

    skip_if_spawn_is_a_fork();
    unsetenv("WAYBILL_UNIT");
    world_open(world, sources, 3);
    assert_string_equal(answer(world),
                        "failed: credentials from docker-helper "
                        "no-such-helper: 'docker-credential-no-such-helper' "
                        "is not on PATH");
    check_contains("story", keychain_report(world->keychain),
                   "is not on PATH; file ");
    check_contains("story", keychain_report(world->keychain),
                   "; env WAYBILL_UNIT: not set");
    /* It does not apply if there is an explicit credential. */
    setenv("WAYBILL_UNIT", "p", 1);
    world_open(world, sources, 3);
    assert_string_equal(answer(world), "user=unset pass=p");
    unsetenv("WAYBILL_UNIT");
}

/* --- waiters -------------------------------------------------------------- */

static void keychain__walks_once_for_all_who_wait(void **state)
{
    struct world *world = *state;
    struct reported reported[3] = {0};

    helper_says(world, "s");
    world_open(world, &helper, 1);
    for (size_t i = 0; i < 3; i++) {
        begin_to_wait(world, &reported[i]);
    }
    keychain_cancel_wait(&reported[1].waiter);
    keychain_cancel_wait(&reported[1].waiter);
    wait_for(world, &reported[2]);
    turn_until_idle(world);
    assert_int_equal(reported[0].times, 1);
    assert_int_equal(reported[1].times, 0);
    assert_int_equal(runs(world), 1);
    assert_int_equal(reported[0].credential.id, reported[2].credential.id);
    for (size_t i = 0; i < 3; i++) {
        told_release(&reported[i]);
    }
}

struct again {
    struct world *world;
    struct reported reported;
    unsigned times;
};

static void on_again(void *payload, const struct credential *credential,
                     const struct error *err)
{
    struct again *again = payload;

    (void)credential;
    (void)err;
    if (again->times++ == 0) {
        begin_to_wait(again->world, &again->reported);
    }
}

static void keychain__lets_one_that_is_told_wait_again(void **state)
{
    struct world *world = *state;
    struct again again = {.world = world};
    struct keychain_waiter waiter = {.ready = on_again, .payload = &again};

    world_open(world, &variable, 1);
    keychain_wait(world->keychain, &waiter);
    wait_for(world, &again.reported);
    assert_int_equal(again.times, 1);
    told_release(&again.reported);
}

static void keychain__may_go_at_any_turn_of_a_walk(void **state)
{
    static const struct credential_source sources[] = {
        VARIABLE, {.source = "docker-helper", .name = "fake"}, PASSWORD("p")};
    struct world *world = *state;

    helper_says(world, "s");
    for (unsigned turns = 0; turns < 12; turns++) {
        struct reported reported = {0};

        world_open(world, sources, 3);
        begin_to_wait(world, &reported);
        for (unsigned i = 0; i < turns && reported.times == 0; i++) {
            loop_turn(world->loop, i % 2 == 0);
        }
        keychain_cancel_wait(&reported.waiter);
        keychain_free(world->keychain);
        world->keychain = NULL;
        turn_until_idle(world);
        told_release(&reported);
    }
    keychain_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(keychain__takes_the_first_that_has_one),
        WORLD_TEST(keychain__puts_the_parts_of_several_together),
        WORLD_TEST(keychain__begins_with_the_registrations_own),
        SCRIPTED_TEST(keychain__has_the_registrations_own_password_at_once),
        WORLD_TEST(keychain__says_where_its_own_password_stands),
        WORLD_TEST(keychain__asks_for_the_user_of_its_own_password),
        WORLD_TEST(keychain__keeps_its_own_password_though_it_is_refused),
        WORLD_TEST(keychain__tells_its_own_password_to_who_waits),
        WORLD_TEST(keychain__asks_as_nobody_where_there_is_nothing),
        WORLD_TEST(keychain__says_what_failed_when_nobody_had_one),
        WORLD_TEST(keychain__walks_once_for_all_who_wait),
        WORLD_TEST(keychain__lets_one_that_is_told_wait_again),
        WORLD_TEST(keychain__may_go_at_any_turn_of_a_walk),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
