#include "asserts.h"
#include "emulated.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "waybill/subprocess.h"

struct outcome {
    struct loop *loop;
    unsigned calls;
    int exit_code;
    char output[8192];
    char errors[8192];
    struct error err;
};

static void on_done(void *payload, const struct subprocess_result *result,
                    const struct error *err)
{
    struct outcome *outcome = payload;

    outcome->calls++;
    assert_true((result == NULL) != (err == NULL));
    if (result != NULL) {
        outcome->exit_code = result->exit_code;
        snprintf(outcome->output, sizeof(outcome->output), "%s",
                 result->output.data);
        snprintf(outcome->errors, sizeof(outcome->errors), "%s",
                 result->errors.data);
    } else {
        outcome->err = *err;
    }
    loop_stop(outcome->loop);
}

static struct outcome run_request(const struct subprocess_request *request)
{
    struct outcome outcome = {.loop = loop_new(clock_system()),
                              .exit_code = -1};

    subprocess_start(outcome.loop, request, on_done, &outcome);
    assert_int_equal(outcome.calls, 0);
    loop_run(outcome.loop);
    /* Not called again */
    while (loop_turn(outcome.loop, false)) {
    }
    loop_free(outcome.loop);
    assert_int_equal(outcome.calls, 1);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
    return outcome;
}

static struct outcome run_shell(const char *script, const char *input)
{
    const char *const argv[] = {"sh", "-c", script, NULL};

    return run_request(&(struct subprocess_request){
        .argv = argv,
        .input = input,
        .max_output = 4096,
        .timeout_ms = 30000,
    });
}

static void subprocess__gives_both_outputs_and_the_exit_code(void **state)
{
    struct outcome outcome = run_shell("echo out; echo err >&2; exit 3", NULL);

    (void)state;
    assert_int_equal(outcome.exit_code, 3);
    assert_string_equal(outcome.output, "out\n");
    assert_string_equal(outcome.errors, "err\n");
}

static void subprocess__puts_the_input_on_standard_input(void **state)
{
    const char *const argv[] = {"/bin/cat", NULL};
    struct outcome outcome = run_request(&(struct subprocess_request){
        argv, "https://registry.test/\nand more", 4096, 30000});

    (void)state;
    assert_int_equal(outcome.exit_code, 0);
    assert_string_equal(outcome.output, "https://registry.test/\nand more");
}

static void subprocess__gives_an_empty_input_where_there_is_none(void **state)
{
    struct outcome outcome = run_shell("cat; echo end", NULL);

    (void)state;
    assert_string_equal(outcome.output, "end\n");
}

static void subprocess__can_open_its_standard_input_by_name(void **state)
{
    struct outcome outcome = run_shell("cat /dev/stdin", "text");

    (void)state;
    assert_string_equal(outcome.output, "text");
}

static void subprocess__does_not_mind_a_program_that_reads_nothing(void **state)
{
    static char input[SUBPROCESS_MAX_INPUT + 1];
    struct outcome outcome;

    (void)state;
    memset(input, 'x', sizeof(input) - 1);
    outcome = run_shell("exec <&-; echo deaf", input);
    assert_int_equal(outcome.exit_code, 0);
    assert_string_equal(outcome.output, "deaf\n");
}

static void subprocess__refuses_an_input_that_no_pipe_would_take(void **state)
{
    static char input[SUBPROCESS_MAX_INPUT + 2];
    struct outcome outcome;

    (void)state;
    memset(input, 'x', sizeof(input) - 1);
    outcome = run_shell("true", input);
    assert_error_kind(&outcome.err, ERROR_CONFIG);
    assert_message_contains(&outcome.err, "the input is too long");
}

static void subprocess__takes_words_as_they_are(void **state)
{
    const char *const argv[] = {"printf", "%s|", "$HOME", "a b",
                                "`id`",   "*",   "",      NULL};
    struct outcome outcome =
        run_request(&(struct subprocess_request){argv, NULL, 4096, 30000});

    (void)state;
    assert_string_equal(outcome.output, "$HOME|a b|`id`|*||");
}

static void subprocess__says_that_a_program_is_not_there(void **state)
{
    static const struct {
        const char *program;
        enum error_kind kind;
        const char *says;
    } rows[] = {
        {"no-such-program", ERROR_NOT_FOUND,
         "'no-such-program' is not on PATH"},
        {"/no/such/program", ERROR_NOT_FOUND, "cannot run '/no/such/program'"},
        {"/etc/passwd", ERROR_CONFIG, "cannot run '/etc/passwd'"},
        {"/", ERROR_CONFIG, "cannot run '/'"},
    };

    (void)state;
    skip_if_spawn_is_a_fork();
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const char *const argv[] = {rows[i].program, NULL};
        struct outcome outcome =
            run_request(&(struct subprocess_request){argv, NULL, 10, 1000});

        check_kind(rows[i].program, &outcome.err, rows[i].kind);
        check_contains(rows[i].program, outcome.err.message, rows[i].says);
    }
}

/* Its child belongs to the same group, and holds a FIFO open until it exits. */
static void subprocess__kills_the_whole_group_at_its_limit(void **state)
{
    char folder[] = "/tmp/waybill-unit-XXXXXX";
    char script[256];
    char path[64];
    char byte;
    const char *const argv[] = {"sh", "-c", script, NULL};
    struct outcome outcome;
    struct pollfd fifo = {.events = POLLIN};

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/fifo", folder);
    assert_int_equal(mkfifo(path, 0600), 0);
    fifo.fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    snprintf(script, sizeof(script), "{ echo; exec sleep 50; } >%s & wait",
             path);
    outcome = run_request(&(struct subprocess_request){argv, NULL, 4096, 1000});
    assert_error_kind(&outcome.err, ERROR_INTERRUPTED);
    assert_string_equal(outcome.err.message, "'sh' took longer than 1 s");
    do {
        assert_int_equal(poll(&fifo, 1, 30000), 1);
    } while (read(fifo.fd, &byte, 1) > 0);
    close(fifo.fd);
    unlink(path);
    rmdir(folder);
}

static void subprocess__is_over_though_another_holds_its_output_open(
    void **state)
{
    struct outcome outcome =
        run_shell("sleep 2 & echo $!; echo here >&2; exit 0", NULL);
    long pid = strtol(outcome.output, NULL, 10);

    (void)state;
    assert_int_equal(outcome.exit_code, 0);
    assert_string_equal(outcome.errors, "here\n");
    /* It was left running. */
    assert_true(pid > 0);
    assert_int_equal(kill((pid_t)pid, SIGKILL), 0);
}

static void subprocess__ends_a_program_that_prints_too_much(void **state)
{
    static const char *const scripts[] = {"yes",
                                          "head -c 4097 /dev/zero; exit 0"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(scripts); i++) {
        struct outcome outcome = run_shell(scripts[i], NULL);

        check_kind(scripts[i], &outcome.err, ERROR_TOO_LARGE);
        check_contains(scripts[i], outcome.err.message,
                       "'sh' printed more than 4096 bytes");
    }
}

static void subprocess__takes_as_much_as_is_allowed(void **state)
{
    struct outcome outcome =
        run_shell("head -c 4096 /dev/zero | tr '\\0' x", NULL);

    (void)state;
    assert_int_equal(outcome.exit_code, 0);
    assert_int_equal(strlen(outcome.output), 4096);
}

static void subprocess__keeps_the_start_of_a_long_complaint(void **state)
{
    struct outcome outcome = run_shell(
        "{ echo first; head -c 300000 /dev/zero | tr '\\0' x; } >&2; echo ok",
        NULL);

    (void)state;
    assert_int_equal(outcome.exit_code, 0);
    assert_string_equal(outcome.output, "ok\n");
    assert_int_equal(strlen(outcome.errors), 4096);
    assert_memory_equal(outcome.errors, "first\nxxx", 9);
}

static void subprocess__says_which_signal_ended_a_program(void **state)
{
    struct outcome outcome = run_shell("kill -TERM $$; sleep 1000", NULL);

    (void)state;
    assert_error_kind(&outcome.err, ERROR_INTERRUPTED);
    assert_string_equal(outcome.err.message, "'sh' was ended by signal 15");
}

static void subprocess__hands_no_descriptor_of_ours_down(void **state)
{
    /* As a library without O_CLOEXEC opens them */
    int fd = open("/dev/null", O_RDONLY);
    int high = fcntl(fd, F_DUPFD, 100);
    struct outcome outcome;

    (void)state;
    assert_true(fd > 2 && high >= 100);
    /* 3 is the descriptor with which ls itself opens the directory. */
    outcome = run_shell("exec ls /proc/self/fd", NULL);
    assert_string_equal(outcome.output, "0\n1\n2\n3\n");
    close(fd);
    close(high);
}

static void subprocess__starts_with_signals_as_a_login_has_them(void **state)
{
    /* Without a shell, which might reset its mask by itself */
    const char *const argv[] = {"grep", "-E", "Sig(Blk|Ign)",
                                "/proc/self/status", NULL};
    sigset_t blocked;
    sigset_t before;
    unsigned long long mask;
    unsigned long long ignored;
    struct outcome outcome;

    (void)state;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR1);
    sigprocmask(SIG_BLOCK, &blocked, &before);
    signal(SIGPIPE, SIG_IGN);
    outcome =
        run_request(&(struct subprocess_request){argv, NULL, 4096, 30000});
    signal(SIGPIPE, SIG_DFL);
    sigprocmask(SIG_SETMASK, &before, NULL);
    /* 32 and 33 belong to the C library and cannot be set. */
    assert_int_equal(
        sscanf(outcome.output, "SigBlk: %llx SigIgn: %llx", &mask, &ignored),
        2);
    assert_int_equal(mask, 0);
    assert_int_equal(ignored & 0x7FFFFFFF, 0);
}

static void subprocess__passes_the_environment_on_without_our_secrets(
    void **state)
{
    struct outcome outcome;

    (void)state;
    setenv("UNIT_WAYBILL_HERE", "here", 1);
    setenv("WAYBILL_GHCR_PASSWORD", "secret-1", 1);
    outcome = run_shell("echo $UNIT_WAYBILL_HERE; env | grep ^WAYBILL", NULL);
    unsetenv("UNIT_WAYBILL_HERE");
    unsetenv("WAYBILL_GHCR_PASSWORD");
    assert_string_equal(outcome.output, "here\n");
}

/* The loop must continue: a program that is blocked in the kernel does not exit
 * when it is killed. A sleeping thread gives up the processor voluntarily. */
static void subprocess__does_not_wait_for_a_cancelled_program(void **state)
{
    const char *const argv[] = {"sleep", "1000", NULL};
    struct outcome outcome = {.loop = loop_new(clock_system())};
    struct subprocess *programs[20];
    struct rusage before;
    struct rusage after;

    (void)state;
    skip_if_spawn_is_a_fork();
    for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
        programs[i] = subprocess_start(
            outcome.loop, &(struct subprocess_request){argv, NULL, 10, 30000},
            on_done, &outcome);
    }
    getrusage(RUSAGE_THREAD, &before);
    for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
        subprocess_cancel(programs[i]);
    }
    getrusage(RUSAGE_THREAD, &after);
    assert_true(after.ru_nvcsw - before.ru_nvcsw < 5);
    loop_free(outcome.loop);
    while (waitpid(-1, NULL, 0) > 0) {
    }
    assert_int_equal(errno, ECHILD);
}

static void subprocess__is_not_heard_of_after_it_was_cancelled(void **state)
{
    const char *const argv[] = {"sleep", "1000", NULL};
    const char *const nobody[] = {"no-such-program", NULL};
    struct outcome outcome = {.loop = loop_new(clock_system())};

    (void)state;
    skip_if_spawn_is_a_fork();
    subprocess_cancel(subprocess_start(
        outcome.loop, &(struct subprocess_request){argv, NULL, 10, 30000},
        on_done, &outcome));
    /* It is killed; only its exit status has not been collected yet. */
    assert_true(waitpid(-1, NULL, 0) > 0 || errno == ECHILD);
    subprocess_cancel(subprocess_start(
        outcome.loop, &(struct subprocess_request){nobody, NULL, 10, 30000},
        on_done, &outcome));
    while (loop_turn(outcome.loop, false)) {
    }
    assert_int_equal(outcome.calls, 0);
    loop_free(outcome.loop);
}

/* Descriptors run out at the pidfd, which is opened last: this is the situation
 * in a sandbox without pidfds. */
static void subprocess__sees_the_end_without_a_pidfd(void **state)
{
    const char *const argv[] = {"echo", "seen", NULL};
    struct outcome outcome = {.loop = loop_new(clock_system())};
    struct rlimit before;
    struct rlimit few;
    int next = dup(0);
    struct subprocess *subprocess;

    (void)state;
    skip_if_spawn_is_a_fork();
    close(next);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = before;
    few.rlim_cur = (rlim_t)next + 5; /* three ends of the child, two of ours */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    subprocess = subprocess_start(
        outcome.loop, &(struct subprocess_request){argv, NULL, 4096, 30000},
        on_done, &outcome);
    setrlimit(RLIMIT_NOFILE, &before);
    assert_non_null(subprocess);
    loop_run(outcome.loop);
    loop_free(outcome.loop);
    assert_string_equal(outcome.output, "seen\n");
    assert_int_equal(outcome.exit_code, 0);
}

static void subprocess__says_that_no_descriptors_are_left(void **state)
{
    const char *const argv[] = {"true", NULL};
    struct rlimit before;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    for (unsigned i = 0; i < 5; i++) {
        struct outcome outcome = {.loop = loop_new(clock_system())};
        struct rlimit few = before;
        int next = dup(0);

        close(next);
        few.rlim_cur = (rlim_t)next + i;
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
        subprocess_start(outcome.loop,
                         &(struct subprocess_request){argv, NULL, 10, 30000},
                         on_done, &outcome);
        setrlimit(RLIMIT_NOFILE, &before);
        loop_run(outcome.loop);
        assert_message_contains(&outcome.err,
                                "cannot create a pipe: Too many open files");
        assert_int_equal(dup(0), next);
        close(next);
        loop_free(outcome.loop);
    }
}

static void subprocess__says_that_its_end_cannot_be_learnt(void **state)
{
    struct outcome outcome;

    (void)state;
    signal(SIGCHLD, SIG_IGN);
    outcome = run_shell("exit 0", NULL);
    signal(SIGCHLD, SIG_DFL);
    assert_error_kind(&outcome.err, ERROR_CONFIG);
    assert_message_contains(&outcome.err, "SIGCHLD ignored");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(subprocess__gives_both_outputs_and_the_exit_code),
        cmocka_unit_test(subprocess__puts_the_input_on_standard_input),
        cmocka_unit_test(subprocess__gives_an_empty_input_where_there_is_none),
        cmocka_unit_test(subprocess__can_open_its_standard_input_by_name),
        cmocka_unit_test(
            subprocess__does_not_mind_a_program_that_reads_nothing),
        cmocka_unit_test(subprocess__refuses_an_input_that_no_pipe_would_take),
        cmocka_unit_test(subprocess__takes_words_as_they_are),
        cmocka_unit_test(subprocess__says_that_a_program_is_not_there),
        cmocka_unit_test(subprocess__kills_the_whole_group_at_its_limit),
        cmocka_unit_test(
            subprocess__is_over_though_another_holds_its_output_open),
        cmocka_unit_test(subprocess__ends_a_program_that_prints_too_much),
        cmocka_unit_test(subprocess__takes_as_much_as_is_allowed),
        cmocka_unit_test(subprocess__keeps_the_start_of_a_long_complaint),
        cmocka_unit_test(subprocess__says_which_signal_ended_a_program),
        cmocka_unit_test(subprocess__hands_no_descriptor_of_ours_down),
        cmocka_unit_test(subprocess__starts_with_signals_as_a_login_has_them),
        cmocka_unit_test(
            subprocess__passes_the_environment_on_without_our_secrets),
        cmocka_unit_test(subprocess__does_not_wait_for_a_cancelled_program),
        cmocka_unit_test(subprocess__is_not_heard_of_after_it_was_cancelled),
        cmocka_unit_test(subprocess__sees_the_end_without_a_pidfd),
        cmocka_unit_test(subprocess__says_that_no_descriptors_are_left),
        cmocka_unit_test(subprocess__says_that_its_end_cannot_be_learnt),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
