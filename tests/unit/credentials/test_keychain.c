#include "keychain_world.h"

#include "credentials/source.h"

#define USERNAME(text)                                                         \
    {                                                                          \
        .source = "static", .binding = BINDING_USERNAME, .value = (text)       \
    }
#define PASSWORD(text)                                                         \
    {                                                                          \
        .source = "static", .value = (text)                                    \
    }
#define BOUND(to, text)                                                        \
    {                                                                          \
        .source = "static", .binding = (to), .value = (text)                   \
    }
#define VARIABLE                                                               \
    {                                                                          \
        .source = "env", .name = "WAYBILL_UNIT"                                \
    }

static const struct credential_source variable = VARIABLE;

/* A helper whose credentials end after an hour, and which counts its runs */
static const struct credential_source helper = {.source = "docker-helper",
                                                .name = "fake"};

static void helper_says(const struct world *world, const char *secret)
{
    char script[512];

    snprintf(script, sizeof(script),
             "echo x >>\"$HOME/calls\"\n"
             "echo '{\"Username\":\"u\",\"Secret\":\"%s\"}'",
             secret);
    write_program(world, "docker-credential-fake", script);
}

static size_t runs(const struct world *world)
{
    return strlen(read_file(world, "calls")) / 2;
}

static void pass(struct world *world, uint64_t ms)
{
    world->time.monotonic += ms;
}

/* In place of the keyring's: does what the test says. */
static struct {
    const char *password; /* NULL: it fails */
    enum error_kind kind; /* so; ERROR_NONE: as unavailable */
    const char *why;      /* NULL: "not now" */
    bool late;            /* answers when the test says */
    uint64_t lifetime_ms;
    uint64_t renew_ms;
    struct source_job *job; /* while it is asked */
    unsigned started;
    unsigned cancelled;
} script;

static void script_answer(void)
{
    struct source_job *job = script.job;
    struct credential credential = {.lifetime_ms = script.lifetime_ms,
                                    .renew_ms = script.renew_ms};
    struct error err;

    script.job = NULL;
    if (script.password != NULL) {
        secret_assign(&credential.password, script.password);
        source_found(job, &credential);
    } else {
        error_fill(&err,
                   script.kind != ERROR_NONE ? script.kind : ERROR_UNAVAILABLE,
                   "%s", script.why != NULL ? script.why : "not now");
        source_failed(job, &err);
    }
}

static void script_start(struct source_job *job)
{
    assert_null(script.job);
    script.job = job;
    script.started++;
    if (!script.late) {
        script_answer();
    }
}

static void script_cancel(struct source_job *job)
{
    assert_ptr_equal(job, script.job);
    script.job = NULL;
    script.cancelled++;
}

const struct source_class keyring_source = {
    .name = "keyring",
    .takes = KEY_SERVICE,
    .start = script_start,
    .cancel = script_cancel,
};

static const struct credential_source scripted = {.source = "keyring"};

static int scripted_begin(void **state)
{
    memset(&script, 0, sizeof(script));
    return world_begin(state);
}

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
         "failed: there is a username and no password (static: found)"},
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
        const char *expected; /* NULL: somebody has to be asked */
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

/* For people, as before the first source was asked */
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

/* There is no other, but the same may count the next time. */
static void keychain__keeps_its_own_password_though_it_is_refused(void **state)
{
    struct world *world = *state;
    uint64_t id;

    world->options.username = "u";
    world->options.password = "p";
    world_open(world, NULL, 0);
    assert_string_equal(cached(world), "user=u pass=p");
    id = keychain_last(world->keychain)->id;
    assert_false(keychain_refuse(world->keychain, id));
    assert_string_equal(cached(world), "user=u pass=p");
    pass(world, 10000);
    assert_true(keychain_refuse(world->keychain, id));
    assert_string_equal(cached(world), "user=u pass=p");
    assert_false(keychain_refuse(world->keychain, id));
    assert_int_equal(keychain_last(world->keychain)->id, id);
}

/* Whoever waits all the same is told once, later. */
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
    assert_string_equal(describe_credential(&reported.credential), "user=u pass=p");
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
    /* It does not count where somebody has one. */
    setenv("WAYBILL_UNIT", "p", 1);
    world_open(world, sources, 3);
    assert_string_equal(answer(world), "user=unset pass=p");
    unsetenv("WAYBILL_UNIT");
}

/* --- those who wait ------------------------------------------------------- */

static void keychain__walks_once_for_all_who_wait(void **state)
{
    struct world *world = *state;
    struct reported reported[3] = {0};

    helper_says(world, "s");
    world_open(world, &helper, 1);
    for (size_t i = 0; i < 3; i++) {
        begin_to_wait(world, &reported[i]);
    }
    keychain_forget_waiter(&reported[1].waiter);
    keychain_forget_waiter(&reported[1].waiter);
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
        keychain_forget_waiter(&reported.waiter);
        keychain_free(world->keychain);
        world->keychain = NULL;
        turn_until_idle(world);
        told_release(&reported);
    }
    keychain_free(NULL);
}

/* --- what is kept --------------------------------------------------------- */

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
    /* The same again is no news. */
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

/* The same secrets as before, from elsewhere: the file that they are not read
 * from any more must not be looked at for ever. */
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

/* --- what is refused ------------------------------------------------------ */

static void keychain__walks_again_for_what_was_refused(void **state)
{
    struct world *world = *state;
    uint64_t id;

    helper_says(world, "one");
    assert_string_equal(answer_of(world, &helper), "user=u pass=one");
    id = keychain_last(world->keychain)->id;
    pass(world, 10000);
    assert_true(keychain_refuse(world->keychain, id + 1));
    assert_string_equal(cached(world), "user=u pass=one");
    helper_says(world, "two");
    assert_true(keychain_refuse(world->keychain, id));
    assert_null(cached(world));
    assert_string_equal(answer(world), "user=u pass=two");
    assert_string_equal(cached(world), "user=u pass=two");
    /* Who was refused with the old one says nothing about the new one. */
    assert_true(keychain_refuse(world->keychain, id));
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
        bool more = keychain_refuse(world->keychain, id);

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
    /* The source says what it said before: the younger one stays. */
    pass(world, 3600000);
    assert_null(cached(world));
    assert_string_equal(answer(world), " identity=two");
    assert_int_equal(keychain_last(world->keychain)->id, id);
    /* When it is refused, what it grew from is tried again. */
    pass(world, 10000);
    keychain_refuse(world->keychain, id);
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
    /* Counted from when it was got */
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
    /* One every ten seconds */
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

/* Whatever a source cannot do is for a person to mend, or passes: the record
 * is not to blame. */
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
    keychain_forget_waiter(&reported.waiter);
    keychain_free(world->keychain);
    world->keychain = NULL;
    assert_int_equal(script.cancelled, 1);
}

/* It has answered, and nobody has heard it yet: there is nothing to cancel, but
 * a credential to wipe. */
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
    keychain_forget_waiter(&reported.waiter);
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

/* What passes by itself is retried by the pipeline, and held by nobody. */
static void keychain__passes_on_what_kind_of_failure_it_was(void **state)
{
    struct world *world = *state;
    struct reported reported;

    world_open(world, &scripted, 1);
    reported = ask(world);
    assert_error_kind(&reported.err, ERROR_UNAVAILABLE);
    told_release(&reported);
}

#define SCRIPTED_TEST(name)                                                    \
    cmocka_unit_test_setup_teardown(name, scripted_begin, world_finish)

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
