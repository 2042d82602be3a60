#include "keychain_sources.h"

/* How long a result is cached, and what follows it */

/* --- the cache ------------------------------------------------------------ */

static void keychain__keeps_what_has_no_end(void **state)
{
    struct world *world = *state;

    setenv("WAYBILL_UNIT", "p", 1);
    world_open(world, &variable, 1);
    assert_null(cached(world));
    assert_string_equal(answer(world), "user=unset pass=p");
    setenv("WAYBILL_UNIT", "q", 1);
    pass(world, UINT64_C(365) * 86400000);
    assert_string_equal(cached(world), "user=unset pass=p");
    unsetenv("WAYBILL_UNIT");
}

static void keychain__walks_again_when_it_has_ended(void **state)
{
    struct world *world = *state;
    uint64_t id;

    helper_says(world, "one");
    assert_string_equal(answer_of(world, &helper), "user=u pass=one");
    id = keychain_last(world->keychain)->id;
    pass(world, 3599999);
    assert_string_equal(cached(world), "user=u pass=one");
    pass(world, 1);
    assert_null(cached(world));
    /* An identical result is not a new credential. */
    assert_string_equal(answer(world), "user=u pass=one");
    assert_int_equal(keychain_last(world->keychain)->id, id);
    assert_int_equal(runs(world), 2);
    pass(world, 3600000);
    helper_says(world, "two");
    assert_null(cached(world));
    assert_string_equal(answer(world), "user=u pass=two");
    assert_true(keychain_last(world->keychain)->id != id);
}

static void keychain__reads_both_files_again(void **state)
{
    struct world *world = *state;
    const struct credential_source sources[] = {
        {.source = "file",
         .binding = BINDING_USERNAME,
         .path = write_file(world, "user", "u\n")},
        {.source = "file", .path = write_file(world, "password", "p\n")},
    };

    world_open(world, sources, 2);
    assert_string_equal(answer(world), "user=u pass=p");
    assert_string_equal(cached(world), "user=u pass=p");
    write_file(world, "password", "q\n");
    assert_null(cached(world));
    assert_string_equal(answer(world), "user=u pass=q");
    write_file(world, "user", "v\n");
    assert_null(cached(world));
    assert_string_equal(answer(world), "user=v pass=q");
    /* The same content in another file */
    write_file(world, "user", "v\n");
    assert_null(cached(world));
    assert_string_equal(answer(world), "user=v pass=q");
    assert_string_equal(cached(world), "user=v pass=q");
}

/* The secrets are the same, but from another file: the old file must not be
 * watched any more. */
static void keychain__forgets_a_file_that_does_not_count_any_more(void **state)
{
    struct world *world = *state;
    const struct credential_source sources[] = {
        {.source = "file", .path = write_file(world, "one", "p")},
        {.source = "file", .path = write_file(world, "two", "p")},
    };

    world_open(world, sources, 2);
    assert_string_equal(answer(world), "user=unset pass=p");
    unlink(sources[0].path);
    assert_null(cached(world));
    assert_string_equal(answer(world), "user=unset pass=p");
    assert_string_equal(cached(world), "user=unset pass=p");
    write_file(world, "two", "q");
    assert_null(cached(world));
    assert_string_equal(answer(world), "user=unset pass=q");
}

static void keychain__asks_sooner_again_where_a_failure_passes(void **state)
{
    struct world *world = *state;

    check_contains("first", answer_of(world, &scripted), "not now");
    script.password = "one";
    pass(world, 999);
    check_contains("too soon", answer(world), "not now");
    assert_int_equal(script.started, 1);
    pass(world, 1);
    assert_string_equal(answer(world), "user=unset pass=one");
}

static void keychain__keeps_a_failure_for_a_moment(void **state)
{
    struct world *world = *state;
    struct reported reported[2] = {0};

    write_program(world, "docker-credential-fake",
                  "echo x >>\"$HOME/calls\"; exit 1");
    check_contains("first", answer_of(world, &helper), "exit code 1");
    pass(world, 4999);
    begin_to_wait(world, &reported[0]);
    begin_to_wait(world, &reported[1]);
    wait_for(world, &reported[0]);
    wait_for(world, &reported[1]);
    assert_true(reported[0].failed && reported[1].failed);
    assert_message_contains(&reported[1].err, "exit code 1");
    assert_int_equal(runs(world), 1);
    pass(world, 1);
    helper_says(world, "s");
    assert_string_equal(answer(world), "user=u pass=s");
    assert_int_equal(runs(world), 2);
}

/* --- refusals ------------------------------------------------------------- */

static void keychain__walks_again_for_what_was_refused(void **state)
{
    struct world *world = *state;
    uint64_t id;

    helper_says(world, "one");
    assert_string_equal(answer_of(world, &helper), "user=u pass=one");
    id = keychain_last(world->keychain)->id;
    pass(world, 10000);
    assert_true(keychain_reject(world->keychain, id + 1));
    assert_string_equal(cached(world), "user=u pass=one");
    helper_says(world, "two");
    assert_true(keychain_reject(world->keychain, id));
    assert_null(cached(world));
    assert_string_equal(answer(world), "user=u pass=two");
    assert_string_equal(cached(world), "user=u pass=two");
    /* A refusal of the old credential says nothing about the new one. */
    assert_true(keychain_reject(world->keychain, id));
    pass(world, 10000);
    assert_string_equal(cached(world), "user=u pass=two");
}

static void keychain__walks_no_more_often_though_it_is_refused(void **state)
{
    struct world *world = *state;
    uint64_t id;

    helper_says(world, "one");
    assert_string_equal(answer_of(world, &helper), "user=u pass=one");
    id = keychain_last(world->keychain)->id;
    for (unsigned i = 0; i < 100; i++) {
        bool more = keychain_reject(world->keychain, id);

        assert_int_equal(more, cached(world) == NULL);
        if (more) {
            assert_string_equal(answer(world), "user=u pass=one");
            assert_int_equal(keychain_last(world->keychain)->id, id);
        }
        pass(world, 1000);
    }
    assert_int_equal(runs(world), 10);
}

/* --- tokens that a server replaces ---------------------------------------- */

static void keychain__keeps_a_rotated_token_in_mind(void **state)
{
    struct world *world = *state;
    uint64_t id;

    write_program(world, "docker-credential-fake",
                  "echo '{\"Username\":\"<token>\",\"Secret\":\"one\"}'");
    assert_string_equal(answer_of(world, &helper), " identity=one");
    id = keychain_last(world->keychain)->id;
    keychain_rotate(world->keychain, id + 1, "not mine");
    assert_string_equal(cached(world), " identity=one");
    keychain_rotate(world->keychain, id, "two");
    assert_string_equal(cached(world), " identity=two");
    assert_int_equal(keychain_last(world->keychain)->id, id);
    /* The source returns the same as before: the newer token remains. */
    pass(world, 3600000);
    assert_null(cached(world));
    assert_string_equal(answer(world), " identity=two");
    assert_int_equal(keychain_last(world->keychain)->id, id);
    /* When it is refused, the token that it replaced is tried again. */
    pass(world, 10000);
    keychain_reject(world->keychain, id);
    assert_null(cached(world));
    assert_string_equal(answer(world), " identity=one");
    assert_true(keychain_last(world->keychain)->id != id);
}

/* --- renewal -------------------------------------------------------------- */

static void keychain__renews_while_the_old_one_serves(void **state)
{
    struct world *world = *state;

    script.password = "one";
    script.lifetime_ms = 100000;
    script.renew_ms = 50000;
    assert_string_equal(answer_of(world, &scripted), "user=unset pass=one");
    pass(world, 49999);
    assert_string_equal(cached(world), "user=unset pass=one");
    turn_until_idle(world);
    assert_int_equal(script.started, 1);
    pass(world, 1);
    script.late = true;
    script.password = "two";
    for (unsigned i = 0; i < 3; i++) {
        assert_string_equal(cached(world), "user=unset pass=one");
        turn_until_idle(world);
    }
    assert_int_equal(script.started, 2);
    script_answer();
    assert_string_equal(cached(world), "user=unset pass=one");
    turn_until_idle(world);
    assert_string_equal(cached(world), "user=unset pass=two");
    /* Counted from the time of acquisition */
    pass(world, 49999);
    assert_string_equal(cached(world), "user=unset pass=two");
    turn_until_idle(world);
    assert_int_equal(script.started, 2);
}

static void keychain__serves_the_old_one_while_it_cannot_be_renewed(
    void **state)
{
    struct world *world = *state;

    script.password = "one";
    script.lifetime_ms = 100000;
    script.renew_ms = 50000;
    assert_string_equal(answer_of(world, &scripted), "user=unset pass=one");
    script.password = NULL;
    pass(world, 50000);
    for (unsigned i = 0; i < 50; i++) {
        assert_string_equal(cached(world), "user=unset pass=one");
        turn_until_idle(world);
        pass(world, 1000);
    }
    /* At most one every ten seconds */
    assert_int_equal(script.started, 1 + 5);
    assert_null(cached(world));
    assert_string_equal(answer(world),
                        "failed: credentials from keyring: not now");
    script.password = "two";
    pass(world, 5000);
    assert_string_equal(answer(world), "user=unset pass=two");
}

static void keychain__lets_waiters_join_a_renewal(void **state)
{
    struct world *world = *state;
    struct reported reported = {0};

    script.password = "one";
    script.lifetime_ms = 100000;
    script.renew_ms = 50000;
    assert_string_equal(answer_of(world, &scripted), "user=unset pass=one");
    script.late = true;
    script.password = "two";
    pass(world, 99999);
    assert_non_null(cached(world));
    turn_until_idle(world);
    pass(world, 1);
    assert_null(cached(world));
    begin_to_wait(world, &reported);
    turn_until_idle(world);
    assert_int_equal(reported.times, 0);
    assert_int_equal(script.started, 2);
    script_answer();
    assert_int_equal(reported.times, 0);
    wait_for(world, &reported);
    assert_string_equal(describe_credential(&reported.credential),
                        "user=unset pass=two");
    told_release(&reported);
}

/* A failure of a source is temporary or has to be corrected by an operator: it
 * is never attributed to the record. */
static void keychain__blames_no_record_for_what_a_source_cannot_do(void **state)
{
    static const struct {
        enum error_kind kind;
        enum error_kind becomes;
    } rows[] = {
        {ERROR_SCHEMA, ERROR_AUTH},
        {ERROR_CONFIG, ERROR_AUTH},
        {ERROR_NOT_FOUND, ERROR_AUTH},
        {ERROR_INTERRUPTED, ERROR_AUTH},
        {ERROR_AUTH, ERROR_AUTH},
        {ERROR_UNREACHABLE, ERROR_UNREACHABLE},
        {ERROR_UNAVAILABLE, ERROR_UNAVAILABLE},
        {ERROR_RATE_LIMITED, ERROR_RATE_LIMITED},
    };
    struct world *world = *state;

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct reported reported;

        script.kind = rows[i].kind;
        world_open(world, &scripted, 1);
        reported = ask(world);
        assert_true(reported.failed);
        assert_int_equal(reported.err.kind, rows[i].becomes);
        assert_string_equal(keychain_report(world->keychain),
                            "keyring: not now");
        told_release(&reported);
    }
}

static void keychain__cuts_a_long_reason_at_a_character(void **state)
{
    struct world *world = *state;
    char why[LIMIT_MESSAGE];
    struct reported reported;
    size_t len;

    for (size_t i = 0; i + 2 < sizeof(why); i += 2) {
        memcpy(why + i, "\xC3\xA9", 3);
    }
    script.why = why;
    world_open(world, &scripted, 1);
    reported = ask(world);
    len = strlen(keychain_report(world->keychain)) - strlen("keyring: ");
    assert_int_equal(len % 2, 0);
    assert_in_range(len, 201, LIMIT_MESSAGE / 4 - 1);
    told_release(&reported);
}

static void keychain__cancels_the_source_that_it_waits_for(void **state)
{
    struct world *world = *state;
    struct reported reported = {0};

    script.late = true;
    world_open(world, &scripted, 1);
    begin_to_wait(world, &reported);
    turn_until_idle(world);
    assert_non_null(script.job);
    keychain_cancel_wait(&reported.waiter);
    keychain_free(world->keychain);
    world->keychain = NULL;
    assert_int_equal(script.cancelled, 1);
}

/* The source has completed, but no waiter was called yet: nothing is cancelled,
 * but a credential must be wiped. */
static void keychain__cancels_no_source_that_has_answered(void **state)
{
    struct world *world = *state;
    struct reported reported = {0};

    script.late = true;
    script.password = "p";
    world_open(world, &scripted, 1);
    begin_to_wait(world, &reported);
    turn_until_idle(world);
    script_answer();
    keychain_cancel_wait(&reported.waiter);
    keychain_free(world->keychain);
    world->keychain = NULL;
    turn_until_idle(world);
    assert_int_equal(script.cancelled, 0);
    assert_int_equal(reported.times, 0);
}

static void keychain__ends_with_the_part_that_ends_first(void **state)
{
    struct world *world = *state;
    const struct credential_source sources[] = {USERNAME("u"),
                                                {.source = "keyring"}};

    script.password = "p";
    script.lifetime_ms = 1000;
    world_open(world, sources, 2);
    assert_string_equal(answer(world), "user=u pass=p");
    pass(world, 999);
    assert_non_null(cached(world));
    pass(world, 1);
    assert_null(cached(world));
}

/* A temporary failure is retried by the pipeline, and holds nothing. */
static void keychain__passes_on_what_kind_of_failure_it_was(void **state)
{
    struct world *world = *state;
    struct reported reported;

    world_open(world, &scripted, 1);
    reported = ask(world);
    assert_error_kind(&reported.err, ERROR_UNAVAILABLE);
    told_release(&reported);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(keychain__keeps_what_has_no_end),
        WORLD_TEST(keychain__walks_again_when_it_has_ended),
        WORLD_TEST(keychain__reads_both_files_again),
        WORLD_TEST(keychain__forgets_a_file_that_does_not_count_any_more),
        WORLD_TEST(keychain__asks_sooner_again_where_a_failure_passes),
        WORLD_TEST(keychain__keeps_a_failure_for_a_moment),
        WORLD_TEST(keychain__walks_again_for_what_was_refused),
        WORLD_TEST(keychain__walks_no_more_often_though_it_is_refused),
        WORLD_TEST(keychain__keeps_a_rotated_token_in_mind),
        SCRIPTED_TEST(keychain__renews_while_the_old_one_serves),
        SCRIPTED_TEST(keychain__serves_the_old_one_while_it_cannot_be_renewed),
        SCRIPTED_TEST(keychain__lets_waiters_join_a_renewal),
        SCRIPTED_TEST(keychain__blames_no_record_for_what_a_source_cannot_do),
        SCRIPTED_TEST(keychain__cuts_a_long_reason_at_a_character),
        SCRIPTED_TEST(keychain__cancels_the_source_that_it_waits_for),
        SCRIPTED_TEST(keychain__cancels_no_source_that_has_answered),
        SCRIPTED_TEST(keychain__ends_with_the_part_that_ends_first),
        SCRIPTED_TEST(keychain__passes_on_what_kind_of_failure_it_was),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
