#include "asserts.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <netdb.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "waybill/needs.h"
#include "waybill/sandbox.h"

/*
 * An exploit's first steps. Each is tried by a process of its own, once in the
 * sandbox and, where anybody may do it, once outside: a step that fails there
 * as well would prove nothing. Built without sanitizers, whatever the rest is
 * built with, since the sandbox is wider there.
 */

static char root[] = "/tmp/waybill-sandbox-XXXXXX";

/* Of the two folders there, one is named by the configuration. */
static const char *in(const char *below)
{
    static char paths[4][256];
    static unsigned next;
    char *path = paths[next++ % 4];

    snprintf(path, sizeof(paths[0]), "%s/%s", root, below);
    return path;
}

/* --- steps: 0, or errno ----------------------------------------------------
 */

static int told(long result)
{
    return result >= 0 ? 0 : errno;
}

static int read_file(const char *path)
{
    return told(open(path, O_RDONLY | O_CLOEXEC));
}

/* A child that was made after all must not run the rest of this program. */
static int made(long pid)
{
    if (pid == 0) {
        _exit(0);
    }
    return told(pid);
}

static int run_program(void)
{
    char name[] = "true";
    char *argv[] = {name, NULL};

    execve("/bin/true", argv, NULL);
    return errno; /* else the status of `true` */
}

static int run_descriptor(void)
{
    char name[] = "true";
    char *argv[] = {name, NULL};
    int fd = open("/bin/true", O_PATH | O_CLOEXEC);

    syscall(SYS_execveat, fd, "", argv, NULL, AT_EMPTY_PATH);
    return errno;
}

static int spawn_program(void)
{
    char name[] = "true";
    char *argv[] = {name, NULL};
    pid_t pid;

    return posix_spawnp(&pid, "true", NULL, NULL, argv, NULL);
}

static int make_process(void)
{
    return made(fork());
}

static int make_process_by_clone3(void)
{
    unsigned long long arguments[8] = {[4] = SIGCHLD};

    return made(syscall(SYS_clone3, arguments, sizeof(arguments)));
}

static int be_traced(void)
{
    return told(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
}

static int trace_parent(void)
{
    return told(ptrace(PTRACE_SEIZE, getppid(), NULL, NULL));
}

static int read_memory_of_parent(void)
{
    char byte;
    struct iovec here = {&byte, 1};
    struct iovec there = {root, 1}; /* at the same address */

    return told(process_vm_readv(getppid(), &here, 1, &there, 1, 0));
}

static int read_environment_of_parent(void)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d/environ", (int)getppid());
    return read_file(path);
}

static int signal_parent(void)
{
    return told(kill(getppid(), 0));
}

static int open_parent(void)
{
    return told(syscall(SYS_pidfd_open, getppid(), 0));
}

static int read_shadow(void)
{
    return read_file("/etc/shadow");
}

static int read_shadow_by_another_way(void)
{
    return read_file("/proc/self/root/etc/shadow");
}

static int read_other_file(void)
{
    return read_file(in("other/secret"));
}

static int list_other_folder(void)
{
    return told(open(in("other"), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

static int write_named_file(void)
{
    return told(open(in("named/config"), O_WRONLY | O_CLOEXEC));
}

static int truncate_named_file(void)
{
    return told(truncate(in("named/config"), 0));
}

static int make_file(void)
{
    return told(
        open(in("named/new"), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
}

static int make_folder(void)
{
    return told(mkdir(in("named/folder"), 0700));
}

static int make_link(void)
{
    return told(symlink("/etc/shadow", in("named/link")));
}

static int remove_file(void)
{
    return told(unlink(in("named/victim")));
}

static int move_file(void)
{
    return told(rename(in("named/config"), in("named/victim")));
}

static int change_mode(void)
{
    return told(chmod(in("named/config"), 0666));
}

static int change_time(void)
{
    return told(utimensat(AT_FDCWD, in("named/config"), NULL, 0));
}

static int map_writable_code(void)
{
    void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return at == MAP_FAILED ? errno : 0;
}

static int make_data_code(void)
{
    void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return told(mprotect(at, 4096, PROT_READ | PROT_EXEC));
}

static int make_memory_file(void)
{
    return told(memfd_create("code", MFD_CLOEXEC));
}

static int open_packet_socket(void)
{
    return told(socket(AF_PACKET, SOCK_RAW, 0));
}

static int open_crypto_socket(void)
{
    return told(socket(AF_ALG, SOCK_SEQPACKET, 0));
}

static int open_raw_socket(void)
{
    return told(socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP));
}

static int open_netfilter_socket(void)
{
    return told(socket(AF_NETLINK, SOCK_RAW, 12));
}

/* The kernel takes the family for an int. */
static int open_disguised_socket(void)
{
    return told(syscall(SYS_socket, 0x100000000L + AF_ALG, SOCK_SEQPACKET, 0));
}

static int make_namespace(void)
{
    return told(unshare(CLONE_NEWUSER));
}

static int mount_something(void)
{
    return told(mount("none", "/tmp", "tmpfs", MS_RDONLY, NULL));
}

static int set_up_ring(void)
{
    char parameters[256] = {0};

    return told(syscall(SYS_io_uring_setup, 1, parameters));
}

static int load_bpf(void)
{
    return told(syscall(SYS_bpf, 0, NULL, 0));
}

static int catch_faults(void)
{
    return told(syscall(SYS_userfaultfd, 1 /* UFFD_USER_MODE_ONLY */));
}

static int count_cycles(void)
{
    return told(syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0));
}

static int read_keys(void)
{
    return told(syscall(SYS_keyctl, 0, -3, 0));
}

static int become_somebody(void)
{
    return told(syscall(SYS_setuid, getuid()));
}

static int change_personality(void)
{
    return told(personality(0xffffffff));
}

static int be_dumpable(void)
{
    return told(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
}

static int type_into_terminal(void)
{
    return told(ioctl(0, TIOCSTI, "x"));
}

#if defined(__x86_64__)
static int call_by_i386(void)
{
    long result;

    __asm__ volatile("int $0x80"
                     : "=a"(result)
                     : "a"(20L /* getpid */)
                     : "memory", "r8", "r9", "r10", "r11");
    return result >= 0 ? 0 : (int)-result;
}

static int call_by_x32(void)
{
    return told(syscall(0x40000000L + SYS_getpid));
}
#endif

/* --- what goes on working ---------------------------------------------------
 */

static int read_named_file(void)
{
    return read_file(in("named/config"));
}

static int read_neighbour(void)
{
    return read_file(in("named/victim"));
}

static int read_where_links_lead(void)
{
    return read_file(in("links/config"));
}

static int list_named_folder(void)
{
    return told(open(in("folder"), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

static int read_own_numbers(void)
{
    return read_file("/proc/self/stat");
}

static int resolve_name(void)
{
    struct addrinfo *found = NULL;

    if (getaddrinfo("localhost", "443", NULL, &found) != 0) {
        return ENOENT;
    }
    freeaddrinfo(found);
    return 0;
}

static int load_library(void)
{
    return dlopen("libresolv.so.2", RTLD_NOW) != NULL ? 0 : ENOENT;
}

static int signal_itself(void)
{
    return told(kill(getpid(), 0));
}

static void *in_thread(void *payload)
{
    int *result = payload;

    /* Both parts: seccomp, and Landlock, which a thread inherits */
    *result =
        run_program() == EPERM && read_other_file() == EACCES ? 0 : EINVAL;
    return NULL;
}

static int bind_its_threads(void)
{
    pthread_t thread;
    int result = EINVAL;
    int status = pthread_create(&thread, NULL, in_thread, &result);

    if (status != 0) {
        return status;
    }
    pthread_join(thread, NULL);
    return result;
}

/* --- trying -----------------------------------------------------------------
 */

enum part { SECCOMP = 1, LANDLOCK = 2 };

struct step {
    const char *name;
    int (*go)(void);
    int expected;                        /* in the sandbox */
    unsigned needs;                      /* parts, one of which will do */
    enum { NOBODY, ROOT, ANYBODY } free; /* who can do it outside for sure */
};

static void enter(struct sandbox *ret_sandbox)
{
    struct needs needs = {.arena = arena_new()};

    needs_file(&needs, in("named/config"));
    needs_file(&needs, in("links/config"));
    needs_file(&needs, in("folder"));
    needs_file(&needs, in("gone/later"));
    needs_file(&needs, "/etc/hostname");
    sandbox_close(needs.files, ret_sandbox);
    arena_free(needs.arena);
}

/* What the step came to, as an exit status; 255: no sandbox to try it in */
static int try_step(const struct step *step, bool sandboxed)
{
    struct sandbox sandbox;
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        if (sandboxed) {
            enter(&sandbox);
            if (step->needs != 0 &&
                !((step->needs & SECCOMP) && sandbox.seccomp) &&
                !((step->needs & LANDLOCK) && sandbox.landlock > 0)) {
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

static int fill_root(void **state)
{
    (void)state;
    mkdir(in("named"), 0700);
    mkdir(in("other"), 0700);
    mkdir(in("links"), 0700);
    mkdir(in("target"), 0700);
    mkdir(in("folder"), 0700);
    fill(in("named/config"), "a: b");
    fill(in("named/victim"), "");
    fill(in("other/secret"), "");
    fill(in("target/config"), "");
    unlink(in("links/config"));
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

#define BOTH (SECCOMP | LANDLOCK)

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
        enter(&sandbox);
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

/* /etc/hostname is named, and that is no reason to open /etc. */
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
