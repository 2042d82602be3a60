#include "asserts.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "waybill/subprocess.h"

/* One runner, with the programs of the test, and a loop that it serves */
struct world {
    struct access access;
    struct loop *loop;
    struct runner *runner;
    unsigned running;
    int exit_code;
    char output[8192];
    char errors[8192];
    struct error err;
};

static void begin(struct world *world)
{
    world->runner = runner_start(world->access.programs);
    world->loop = loop_new(clock_system());
    runner_attach(world->runner, world->loop);
}

static void allow(struct world *world, const char *command)
{
    if (world->access.arena == NULL) {
        world->access.arena = arena_new();
    }
    access_allow_program(&world->access, command);
}

static void end(struct world *world)
{
    runner_stop(world->runner);
    loop_free(world->loop);
    arena_free(world->access.arena);
    /* Neither the runner nor its program is left. */
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

static void on_done(void *payload, const struct subprocess_result *result,
                    const struct error *err)
{
    struct world *world = payload;

    assert_true((result == NULL) != (err == NULL));
    world->running--;
    world->exit_code = -1;
    world->err = err != NULL ? *err : (struct error){0};
    if (result != NULL) {
        world->exit_code = result->exit_code;
        snprintf(world->output, sizeof(world->output), "%s",
                 result->output.data);
        snprintf(world->errors, sizeof(world->errors), "%s",
                 result->errors.data);
    }
    loop_stop(world->loop);
}

static struct subprocess *ask(struct world *world, const char *const *argv,
                              const char *input)
{
    world->running++;
    return subprocess_start(
        world->loop, &(struct subprocess_request){argv, input, 4096, 30000},
        on_done, world);
}

static void run(struct world *world, const char *const *argv, const char *input)
{
    unsigned before = world->running;

    ask(world, argv, input);
    assert_int_equal(world->running,
                     before + 1); /* not from within the function */
    while (world->running > before) {
        loop_run(world->loop);
    }
}

static void run_shell(struct world *world, const char *script)
{
    const char *const argv[] = {"sh", "-c", script, NULL};

    run(world, argv, NULL);
}

#define TALK "read line; echo \"$line\"; echo err >&2; exit 3"

static void runner__gives_both_outputs_and_the_exit_code(void **state)
{
    const char *const argv[] = {"sh", "-c", TALK, NULL};
    struct world world = {0};

    (void)state;
    allow(&world, "sh\n-c\n" TALK);
    begin(&world);
    assert_true(runner_is_running(world.runner));
    run(&world, argv, "https://registry.test\n");
    assert_int_equal(world.exit_code, 3);
    assert_string_equal(world.output, "https://registry.test\n");
    assert_string_equal(world.errors, "err\n");
    end(&world);
}

static void runner__runs_nothing_that_was_not_named(void **state)
{
    struct world world = {0};

    (void)state;
    allow(&world, "sh\n-c\ntrue");
    begin(&world);
    run_shell(&world, "true; id");
    assert_error_kind(&world.err, ERROR_CONFIG);
    assert_message_contains(
        &world.err,
        "'sh' is not among the programs that the configuration named");
    run_shell(&world, "true");
    assert_int_equal(world.exit_code, 0);
    end(&world);
}

static void runner__is_no_process_where_there_are_no_programs(void **state)
{
    const char *const argv[] = {"docker-credential-nowhere", "get", NULL};
    struct world world = {0};

    (void)state;
    allow(&world, "docker-credential-nowhere\nget");
    begin(&world);
    assert_false(runner_is_running(world.runner));
    run(&world, argv, NULL);
    assert_error_kind(&world.err, ERROR_NOT_FOUND);
    assert_message_contains(&world.err, "is not on PATH");
    end(&world);
}

static void runner__passes_errors_on(void **state)
{
    const char *const argv[] = {"sh", "-c", "sleep 60", NULL};
    struct world world = {0};

    (void)state;
    allow(&world, "sh\n-c\nkill -9 $$");
    allow(&world, "sh\n-c\nhead -c 5000 /dev/zero");
    allow(&world, "sh\n-c\nsleep 60");
    begin(&world);
    run_shell(&world, "kill -9 $$");
    assert_error_kind(&world.err, ERROR_INTERRUPTED);
    assert_message_contains(&world.err, "'sh' was ended by signal 9");
    run_shell(&world, "head -c 5000 /dev/zero");
    assert_error_kind(&world.err, ERROR_TOO_LARGE);
    assert_message_contains(&world.err, "more than 4096 bytes");
    world.running++;
    subprocess_start(world.loop,
                     &(struct subprocess_request){argv, NULL, 4096, 50},
                     on_done, &world);
    loop_run(world.loop);
    assert_error_kind(&world.err, ERROR_INTERRUPTED);
    assert_message_contains(&world.err, "'sh' took longer than 0.05 s");
    end(&world);
}

static void runner__keeps_several_apart(void **state)
{
    const char *const slow[] = {"sh", "-c", "sleep 60", NULL};
    struct subprocess *first;
    struct world world = {0};

    (void)state;
    allow(&world, "sh\n-c\necho one");
    allow(&world, "sh\n-c\necho two");
    allow(&world, "sh\n-c\nsleep 60");
    begin(&world);
    first = ask(&world, slow, NULL);
    run_shell(&world, "echo one");
    assert_string_equal(world.output, "one\n");
    run_shell(&world, "echo two");
    assert_string_equal(world.output, "two\n");
    subprocess_cancel(first);
    end(&world);
}

/* Its parent is the runner. */
static void runner__fails_what_waits_and_what_comes_when_it_dies(void **state)
{
    const char *const slow[] = {"sh", "-c", "exec sleep 1", NULL};
    struct world world = {0};

    (void)state;
    allow(&world, "sh\n-c\nexec sleep 1");
    allow(&world, "sh\n-c\nkill -9 $PPID");
    begin(&world);
    ask(&world, slow, NULL);
    run_shell(&world, "kill -9 $PPID");
    assert_int_equal(world.running, 0);
    assert_error_kind(&world.err, ERROR_INTERRUPTED);
    assert_message_contains(&world.err, "has ended: restart waybill");
    assert_false(runner_is_running(world.runner));
    run_shell(&world, "kill -9 $PPID");
    assert_message_contains(&world.err, "has ended: restart waybill");
    end(&world);
}

/* If the service is killed, its runner sees the end of the socket. The program
 * writes its process id to a file, and then waits. */
static void runner__takes_its_programs_with_it(void **state)
{
    const char *path = getenv("WB_PIDS");
    char script[256];
    char command[300];
    const char *const argv[] = {"sh", "-c", script, NULL};
    struct pollfd gone;
    pid_t service;
    int pid = 0;
    FILE *file;

    (void)state;
    assert_int_equal(mkfifo(path, 0600), 0);
    snprintf(script, sizeof(script), "echo $$ > %s; exec sleep 60", path);
    snprintf(command, sizeof(command), "sh\n-c\n%s", script);
    service = fork();
    if (service == 0) {
        struct world world = {0};

        allow(&world, command);
        begin(&world);
        ask(&world, argv, NULL);
        loop_run(world.loop);
        _exit(1);
    }
    file = fopen(path, "re"); /* waits for the program */
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%d", &pid), 1);
    fclose(file);
    gone = (struct pollfd){(int)syscall(SYS_pidfd_open, pid, 0), POLLIN, 0};
    kill(service, SIGKILL);
    waitpid(service, NULL, 0);
    assert_int_equal(poll(&gone, 1, 20000), 1);
    close(gone.fd);
}

static int set_path(void **state)
{
    static char path[] = "/tmp/waybill-runner-XXXXXX";
    static char file[64];

    (void)state;
    assert_non_null(mkdtemp(path));
    snprintf(file, sizeof(file), "%s/pids", path);
    return setenv("WB_PIDS", file, 1);
}

static int clear_path(void **state)
{
    char *path = getenv("WB_PIDS");

    (void)state;
    unlink(path);
    *strrchr(path, '/') = '\0';
    return rmdir(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runner__gives_both_outputs_and_the_exit_code),
        cmocka_unit_test(runner__runs_nothing_that_was_not_named),
        cmocka_unit_test(runner__is_no_process_where_there_are_no_programs),
        cmocka_unit_test(runner__passes_errors_on),
        cmocka_unit_test(runner__keeps_several_apart),
        cmocka_unit_test(runner__fails_what_waits_and_what_comes_when_it_dies),
        cmocka_unit_test_setup_teardown(runner__takes_its_programs_with_it,
                                        set_path, clear_path),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
