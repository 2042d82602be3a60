#include "sandbox_steps.h"

#include "runtime/nsswitch.h"
#include "waybill/access.h"
#include "waybill/file.h"
#include "waybill/sandbox.h"

/* The first steps of an exploit. Each is attempted by a process of its own,
 * once in the sandbox and, if any user may do it, once outside: a step that
 * fails there as well would prove nothing. This is built without sanitizers in
 * every build, because the sandbox permits more with them. */

/* --- attempts ----------------------------------------------------------------
 */

/* WRITES is no part: with it, a directory and a file are written, too. UNIX is
 * seccomp if name resolution needs no Unix socket. */
enum part { SECCOMP = 1, LANDLOCK = 2, WRITES = 4, UNIX = 8 | SECCOMP };

#define BOTH (SECCOMP | LANDLOCK)

struct step {
    const char *name;
    int (*go)(void);
    int expected;    /* in the sandbox */
    unsigned access; /* parts, one of which suffices */
    enum {
        NOBODY,
        ROOT,
        ANYBODY
    } free; /* users who can do it outside of the sandbox */
};

static void enter(bool writes, struct sandbox *ret_sandbox)
{
    struct access access = {.arena = arena_new()};

    access_allow_file(&access, in("named/config"));
    access_allow_file(&access, in("links/config"));
    access_allow_file(&access, in("folder"));
    access_allow_file(&access, in("gone/later"));
    access_allow_file(&access, "/etc/hostname");
    if (writes) {
        access_allow_writing(&access, in("written"));
        access_allow_writing(&access, in("other/log"));
        access_allow_writing(&access, in("gone/later"));
    }
    sandbox_close(&access, ret_sandbox);
    arena_free(access.arena);
}

static bool resolves_through_sockets(void)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    struct error err;

    return access("/run/nscd/socket", F_OK) == 0 ||
           (file_read("/etc/nsswitch.conf", 0, &text, NULL, &err) == 0 &&
            nsswitch_uses_sockets(text.data));
}

/* Returns the result of the step as an exit status; 255: there is no sandbox to
 * attempt it in */
static int try_step(const struct step *step, bool sandboxed)
{
    struct sandbox sandbox;
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        if (sandboxed) {
            if ((step->access & UNIX) == UNIX && resolves_through_sockets()) {
                _exit(255);
            }
            enter(step->access & WRITES, &sandbox);
            if ((step->access & BOTH) != 0 &&
                !((step->access & SECCOMP) && sandbox.seccomp) &&
                !((step->access & LANDLOCK) && sandbox.landlock > 0)) {
                fprintf(stderr, "%s %s\n", sandbox.no_seccomp,
                        sandbox.no_landlock);
                _exit(255);
            }
        }
        _exit(step->go());
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void fill(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

/* Resets the state, as if no step had been attempted yet. */
static int fill_root(void **state)
{
    char command[128];

    (void)state;
    snprintf(command, sizeof(command), "rm -rf %s/*", root);
    if (system(command) != 0) {
        return -1;
    }
    mkdir(in("named"), 0700);
    mkdir(in("other"), 0700);
    mkdir(in("links"), 0700);
    mkdir(in("target"), 0700);
    mkdir(in("folder"), 0700);
    mkdir(in("written"), 0700);
    mkdir(in("written/below"), 0700);
    fill(in("named/config"), "a: b");
    fill(in("named/victim"), "");
    fill(in("other/secret"), "");
    fill(in("other/log"), "");
    fill(in("target/config"), "");
    fill(in("written/old"), "");
    symlink(in("other/secret"), in("written/link"));
    return symlink(in("target/config"), in("links/config"));
}

static void sandbox__holds(void **state)
{
    const struct step *step = *state;
    int result = try_step(step, true);

    if (result == 255) {
        print_message("SKIPPED: the kernel lacks that part of the sandbox\n");
        skip();
    }
    if (result != step->expected) {
        print_error("%s: %s\n", step->name, strerror(result));
    }
    assert_int_equal(result, step->expected);
    fill_root(NULL);
    if (step->free == ANYBODY || (step->free == ROOT && geteuid() == 0)) {
        assert_int_equal(try_step(step, false), 0);
    }
}

static struct step steps[] = {
    {"refuses_to_run_a_program", run_program, EPERM, SECCOMP, ANYBODY},
    {"refuses_to_run_a_descriptor", run_descriptor, EPERM, SECCOMP, ANYBODY},
    {"refuses_to_spawn_a_program", spawn_program, EPERM, SECCOMP, ANYBODY},
    {"refuses_to_fork", make_process, EPERM, SECCOMP, ANYBODY},
    {"denies_that_there_is_clone3", make_process_by_clone3, ENOSYS, SECCOMP,
     ANYBODY},
    {"refuses_to_be_traced", be_traced, EPERM, SECCOMP, ANYBODY},
    {"refuses_to_trace", trace_parent, EPERM, SECCOMP, ROOT},
    {"refuses_to_read_another_process", read_memory_of_parent, EPERM, SECCOMP,
     ROOT},
    {"refuses_to_read_anothers_environment", read_environment_of_parent, EACCES,
     LANDLOCK, ROOT},
    {"refuses_to_signal_another_process", signal_parent, EPERM, BOTH, ANYBODY},
    {"refuses_to_open_another_process", open_parent, EPERM, SECCOMP, ANYBODY},
    {"refuses_to_read_etc_shadow", read_shadow, EACCES, LANDLOCK, ROOT},
    {"refuses_to_read_it_by_another_way", read_shadow_by_another_way, EACCES,
     LANDLOCK, ROOT},
    {"refuses_to_read_what_was_not_named", read_other_file, EACCES, LANDLOCK,
     ANYBODY},
    {"refuses_to_list_what_was_not_named", list_other_folder, EACCES, LANDLOCK,
     ANYBODY},
    {"refuses_to_write_a_file", write_named_file, EPERM, SECCOMP, ANYBODY},
    {"refuses_to_cut_a_file", truncate_named_file, EPERM, SECCOMP, ANYBODY},
    {"refuses_to_make_a_file", make_file, EPERM, SECCOMP, ANYBODY},
    {"refuses_to_make_a_folder", make_folder, EPERM, SECCOMP, ANYBODY},
    {"refuses_to_make_a_link", make_link, EPERM, SECCOMP, ANYBODY},
    {"refuses_to_remove_a_file", remove_file, EPERM, SECCOMP, ANYBODY},
    {"refuses_to_move_a_file", move_file, EPERM, SECCOMP, ANYBODY},
    {"refuses_to_change_a_mode", change_mode, EPERM, SECCOMP, ANYBODY},
    {"refuses_to_change_a_time", change_time, EPERM, SECCOMP, ANYBODY},
    {"refuses_memory_to_write_and_run", map_writable_code, EPERM, SECCOMP,
     ANYBODY},
    {"refuses_to_run_what_was_written", make_data_code, EPERM, SECCOMP,
     ANYBODY},
    {"refuses_a_file_in_memory", make_memory_file, EPERM, SECCOMP, ANYBODY},
    {"refuses_a_packet_socket", open_packet_socket, EPERM, SECCOMP, ROOT},
    {"refuses_a_crypto_socket", open_crypto_socket, EPERM, SECCOMP, NOBODY},
    {"refuses_a_raw_socket", open_raw_socket, EPERM, SECCOMP, ROOT},
    {"refuses_an_old_packet_socket", open_old_packet_socket, EPERM, SECCOMP,
     ROOT},
    {"refuses_a_raw_socket_of_ipv6", open_raw_socket_of_ipv6, EPERM, SECCOMP,
     ROOT},
    {"refuses_a_ping_socket", open_ping_socket, EPERM, SECCOMP, NOBODY},
    {"refuses_an_sctp_socket", open_sctp_socket, EPERM, SECCOMP, NOBODY},
    {"refuses_a_unix_socket", open_unix_stream, EPERM, UNIX, ANYBODY},
    {"refuses_a_unix_datagram_socket", open_unix_datagrams, EPERM, SECCOMP,
     ANYBODY},
    {"refuses_a_unix_packet_socket", open_unix_packets, EPERM, SECCOMP,
     ANYBODY},
    {"refuses_a_pair_of_datagram_sockets", make_pair_of_datagram_sockets, EPERM,
     SECCOMP, ANYBODY},
    {"refuses_to_limit_another_process", limit_parent, EPERM, SECCOMP, ANYBODY},
    {"refuses_to_read_limits_of_another_process", read_limit_of_parent, EPERM,
     SECCOMP, ANYBODY},
    {"refuses_to_move_another_process", move_parent_to_a_processor, EPERM,
     SECCOMP, ANYBODY},
    {"refuses_to_schedule_another_process", schedule_parent, EPERM, SECCOMP,
     ANYBODY},
    {"refuses_to_set_the_priority_of_another_process", set_priority_of_parent,
     EPERM, SECCOMP, ANYBODY},
    {"refuses_to_set_the_priority_of_a_group", set_priority_of_group, EPERM,
     SECCOMP, ANYBODY},
    {"refuses_to_set_the_io_priority_of_another_process",
     set_io_priority_of_parent, EPERM, SECCOMP, ANYBODY},
    {"refuses_to_signal_another_process_through_a_pipe",
     signal_parent_through_a_pipe, EPERM, SECCOMP, ANYBODY},
    {"refuses_the_message_queues_of_others", read_foreign_queue, EPERM, SECCOMP,
     NOBODY},
    {"refuses_a_netfilter_socket", open_netfilter_socket, EPERM, SECCOMP,
     NOBODY},
    {"refuses_a_disguised_socket", open_disguised_socket, EPERM, SECCOMP,
     NOBODY},
    {"refuses_a_namespace", make_namespace, EPERM, SECCOMP, NOBODY},
    {"refuses_a_mount", mount_something, EPERM, SECCOMP, NOBODY},
    {"refuses_io_uring", set_up_ring, EPERM, SECCOMP, NOBODY},
    {"refuses_bpf", load_bpf, EPERM, SECCOMP, NOBODY},
    {"refuses_userfaultfd", catch_faults, EPERM, SECCOMP, NOBODY},
    {"refuses_perf", count_cycles, EPERM, SECCOMP, NOBODY},
    {"refuses_keyrings", read_keys, EPERM, SECCOMP, ANYBODY},
    {"refuses_another_user", become_somebody, EPERM, SECCOMP, ANYBODY},
    {"refuses_another_personality", change_personality, EPERM, SECCOMP,
     ANYBODY},
    {"refuses_to_be_dumped", be_dumpable, EPERM, SECCOMP, ANYBODY},
    {"refuses_to_type_into_the_terminal", type_into_terminal, EPERM, SECCOMP,
     NOBODY},
#if defined(__x86_64__)
    {"refuses_the_abi_of_i386", call_by_i386, EPERM, SECCOMP, NOBODY},
    {"refuses_the_abi_of_x32", call_by_x32, EPERM, SECCOMP, NOBODY},
#endif
    {"binds_the_threads_that_start_later", bind_its_threads, 0, SECCOMP,
     NOBODY},
    {"lets_the_named_file_be_read", read_named_file, 0, 0, NOBODY},
    {"lets_its_neighbour_be_read", read_neighbour, 0, 0, NOBODY},
    {"lets_be_read_where_links_lead", read_where_links_lead, 0, 0, NOBODY},
    {"lets_a_named_folder_be_listed", list_named_folder, 0, 0, NOBODY},
    {"lets_it_read_its_own_numbers", read_own_numbers, 0, 0, NOBODY},
    {"lets_it_resolve_names", resolve_name, 0, 0, NOBODY},
    {"lets_it_load_a_library", load_library, 0, 0, NOBODY},
    {"lets_it_signal_itself", signal_itself, 0, 0, NOBODY},
    {"lets_it_limit_itself", limit_itself, 0, 0, NOBODY},
    {"lets_it_open_sockets", open_sockets, 0, 0, NOBODY},
    {"lets_files_be_written_in_a_directory", write_in_directory, 0, WRITES,
     NOBODY},
    {"lets_files_be_written_below_it", write_below_directory, 0, WRITES,
     NOBODY},
    {"lets_files_be_replaced_there", replace_in_directory, 0, WRITES, NOBODY},
    {"lets_files_be_moved_there", move_below_directory, 0, WRITES, NOBODY},
    {"lets_files_be_removed_there", remove_in_directory, 0, WRITES, NOBODY},
    {"lets_a_single_file_be_written", write_single_file, 0, WRITES, NOBODY},
    {"refuses_to_write_there_without_that", write_in_directory, EPERM, SECCOMP,
     ANYBODY},
    {"refuses_to_replace_the_single_file", replace_single_file, EACCES,
     LANDLOCK | WRITES, ANYBODY},
    {"refuses_to_write_beside_the_single_file", make_neighbour_of_single_file,
     EACCES, LANDLOCK | WRITES, ANYBODY},
    {"refuses_to_write_another_file", write_named_file, EACCES,
     LANDLOCK | WRITES, ANYBODY},
    {"refuses_to_write_where_a_link_leads", write_through_link, EACCES,
     LANDLOCK | WRITES, ANYBODY},
    {"refuses_to_cut_another_file", truncate_named_file, EPERM,
     SECCOMP | WRITES, ANYBODY},
    {"refuses_to_cut_another_while_reading", cut_while_reading, EPERM,
     SECCOMP | WRITES, ANYBODY},
    {"refuses_to_cut_another_in_no_mode", cut_while_doing_neither, EPERM,
     SECCOMP | WRITES, ANYBODY},
    {"refuses_to_make_a_file_elsewhere", make_file, EACCES, LANDLOCK | WRITES,
     ANYBODY},
    {"refuses_to_make_a_folder_elsewhere", make_folder, EACCES,
     LANDLOCK | WRITES, ANYBODY},
    {"refuses_to_remove_a_file_elsewhere", remove_file, EACCES,
     LANDLOCK | WRITES, ANYBODY},
    {"refuses_to_move_a_file_elsewhere", move_file, EACCES, LANDLOCK | WRITES,
     ANYBODY},
    {"refuses_to_move_a_file_out", move_out_of_directory, EACCES,
     LANDLOCK | WRITES, ANYBODY},
    {"refuses_to_move_a_file_in", move_into_directory, EACCES,
     LANDLOCK | WRITES, ANYBODY},
    {"refuses_to_link_a_file_in", link_into_directory, EPERM, SECCOMP | WRITES,
     ANYBODY},
    {"refuses_to_make_a_link_there", make_link_in_directory, EPERM,
     SECCOMP | WRITES, ANYBODY},
    {"refuses_to_make_a_fifo_there", make_fifo_in_directory, EPERM,
     SECCOMP | WRITES, ANYBODY},
    {"refuses_to_change_a_mode_there", change_mode_in_directory, EPERM,
     SECCOMP | WRITES, ANYBODY},
    {"refuses_to_write_its_own_memory", write_own_memory, EACCES,
     LANDLOCK | WRITES, ANYBODY},
    {"refuses_to_run_a_program_all_the_same", run_program, EPERM,
     SECCOMP | WRITES, ANYBODY},
};

/* --- files that are replaced ------------------------------------------------
 */

/* Runs `change` while a sandboxed process waits, which then reads `path`. */
static int read_after(void (*change)(void), const char *path)
{
    struct sandbox sandbox;
    int ready[2];
    int go[2];
    int status;
    char byte = 0;
    pid_t pid;

    assert_int_equal(pipe(ready) + pipe(go), 0);
    pid = fork();
    if (pid == 0) {
        enter(false, &sandbox);
        if (write(ready[1], &byte, 1) != 1 || read(go[0], &byte, 1) != 1) {
            _exit(254);
        }
        path = path[0] == '/' ? path : in(path);
        _exit(sandbox.landlock > 0 ? read_file(path) : 255);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    change();
    assert_int_equal(write(go[1], &byte, 1), 1);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    for (int i = 0; i < 2; i++) {
        close(ready[i]);
        close(go[i]);
    }
    if (WEXITSTATUS(status) == 255) {
        print_message("SKIPPED: the kernel has no Landlock\n");
        skip();
    }
    return WEXITSTATUS(status);
}

static void rename_over(void)
{
    fill(in("named/config.new"), "a: c");
    rename(in("named/config.new"), in("named/config"));
}

static void sandbox__sees_a_file_that_was_renamed_over_it(void **state)
{
    (void)state;
    assert_int_equal(read_after(rename_over, "named/config"), 0);
}

/* As Kubernetes does: config -> ..data/config, ..data -> a new folder */
static void turn_link(void)
{
    mkdir(in("named/..2"), 0700);
    fill(in("named/..2/config"), "a: d");
    symlink("..2", in("named/..new"));
    rename(in("named/..new"), in("named/..data"));
    unlink(in("named/config"));
    symlink("..data/config", in("named/config"));
}

static void sandbox__sees_what_a_turned_link_leads_to(void **state)
{
    (void)state;
    assert_int_equal(read_after(turn_link, "named/config"), 0);
    unlink(in("named/config"));
}

static void do_nothing(void)
{
}

/* /etc/hostname is named, which is no reason to permit reading all of /etc. */
static void sandbox__opens_no_broad_folder_for_one_file(void **state)
{
    (void)state;
    assert_int_equal(read_after(do_nothing, "/etc/hostname"), 0);
    assert_int_equal(read_after(do_nothing, "/etc/passwd"), EACCES);
}

int main(void)
{
    enum { TABLE = ARRAY_SIZE(steps), MORE = 3 };
    static char names[TABLE][96];
    struct CMUnitTest tests[TABLE + MORE] = {
        cmocka_unit_test_setup(sandbox__sees_a_file_that_was_renamed_over_it,
                               fill_root),
        cmocka_unit_test_setup(sandbox__sees_what_a_turned_link_leads_to,
                               fill_root),
        cmocka_unit_test_setup(sandbox__opens_no_broad_folder_for_one_file,
                               fill_root),
    };
    char command[128];
    int failed;

    assert_non_null(mkdtemp(root));
    for (size_t i = 0; i < TABLE; i++) {
        snprintf(names[i], sizeof(names[i]), "sandbox__%s", steps[i].name);
        tests[MORE + i] = (struct CMUnitTest){names[i], sandbox__holds,
                                              fill_root, NULL, &steps[i]};
    }
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    snprintf(command, sizeof(command), "rm -rf %s", root);
    return system(command) == 0 ? failed : 1;
}
