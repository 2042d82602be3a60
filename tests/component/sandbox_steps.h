#ifndef WAYBILL_TESTS_SANDBOX_STEPS_H
#define WAYBILL_TESTS_SANDBOX_STEPS_H

#include "asserts.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <netdb.h>
#include <netinet/in.h>
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
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

/* The steps that are tried in the sandbox. Each returns 0, or errno. */

static char root[] = "/tmp/waybill-sandbox-XXXXXX";

/* The configuration names one of the two directories there. */
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

static int reported(long result)
{
    return result >= 0 ? 0 : errno;
}

static int read_file(const char *path)
{
    return reported(open(path, O_RDONLY | O_CLOEXEC));
}

/* If a child was created nevertheless, it must not run the rest of this
 * program. */
static int made(long pid)
{
    if (pid == 0) {
        _exit(0);
    }
    return reported(pid);
}

static int run_program(void)
{
    char name[] = "true";
    char *argv[] = {name, NULL};

    execve("/bin/true", argv, NULL);
    return errno; /* otherwise the exit status of `true` */
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
    return reported(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
}

static int trace_parent(void)
{
    return reported(ptrace(PTRACE_SEIZE, getppid(), NULL, NULL));
}

static int read_memory_of_parent(void)
{
    char byte;
    struct iovec here = {&byte, 1};
    struct iovec there = {root, 1}; /* at the same address */

    return reported(process_vm_readv(getppid(), &here, 1, &there, 1, 0));
}

static int read_environment_of_parent(void)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d/environ", (int)getppid());
    return read_file(path);
}

static int signal_parent(void)
{
    return reported(kill(getppid(), 0));
}

static int open_parent(void)
{
    return reported(syscall(SYS_pidfd_open, getppid(), 0));
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
    return reported(open(in("other"), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

static int write_named_file(void)
{
    return reported(open(in("named/config"), O_WRONLY | O_CLOEXEC));
}

static int truncate_named_file(void)
{
    return reported(truncate(in("named/config"), 0));
}

static int make_file(void)
{
    return reported(
        open(in("named/new"), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
}

static int make_folder(void)
{
    return reported(mkdir(in("named/folder"), 0700));
}

static int make_link(void)
{
    return reported(symlink("/etc/shadow", in("named/link")));
}

static int remove_file(void)
{
    return reported(unlink(in("named/victim")));
}

static int move_file(void)
{
    return reported(rename(in("named/config"), in("named/victim")));
}

static int change_mode(void)
{
    return reported(chmod(in("named/config"), 0666));
}

static int change_time(void)
{
    return reported(utimensat(AT_FDCWD, in("named/config"), NULL, 0));
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

    return reported(mprotect(at, 4096, PROT_READ | PROT_EXEC));
}

static int make_memory_file(void)
{
    return reported(memfd_create("code", MFD_CLOEXEC));
}

static int open_packet_socket(void)
{
    return reported(socket(AF_PACKET, SOCK_RAW, 0));
}

static int open_crypto_socket(void)
{
    return reported(socket(AF_ALG, SOCK_SEQPACKET, 0));
}

static int open_raw_socket(void)
{
    return reported(socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP));
}

/* The kernel opens a packet socket, although the family is that of IPv4. */
static int open_old_packet_socket(void)
{
    return reported(socket(AF_INET, SOCK_PACKET, htons(0x0003)));
}

static int open_raw_socket_of_ipv6(void)
{
    return reported(socket(AF_INET6, SOCK_RAW | SOCK_NONBLOCK, IPPROTO_ICMPV6));
}

static int open_ping_socket(void)
{
    return reported(socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP));
}

static int open_sctp_socket(void)
{
    return reported(socket(AF_INET, SOCK_STREAM, IPPROTO_SCTP));
}

static int open_unix_stream(void)
{
    return reported(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

static int open_unix_datagrams(void)
{
    return reported(socket(AF_UNIX, SOCK_DGRAM, 0));
}

static int open_unix_packets(void)
{
    return reported(socket(AF_UNIX, SOCK_SEQPACKET, 0));
}

static int make_pair_of_datagram_sockets(void)
{
    int pair[2];

    return reported(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
}

static int limit_parent(void)
{
    struct rlimit limit;
    int result = reported(getrlimit(RLIMIT_NOFILE, &limit));

    return result != 0
               ? result
               : reported(prlimit(getppid(), RLIMIT_NOFILE, &limit, NULL));
}

static int read_limit_of_parent(void)
{
    struct rlimit limit;

    return reported(prlimit(getppid(), RLIMIT_NOFILE, NULL, &limit));
}

static int move_parent_to_a_processor(void)
{
    cpu_set_t all;

    CPU_ZERO(&all);
    sched_getaffinity(0, sizeof(all), &all);
    return reported(sched_setaffinity(getppid(), sizeof(all), &all));
}

static int schedule_parent(void)
{
    const struct sched_param param = {0};

    return reported(sched_setscheduler(getppid(), SCHED_OTHER, &param));
}

static int set_priority_of_parent(void)
{
    return reported(setpriority(PRIO_PROCESS, (id_t)getppid(),
                                getpriority(PRIO_PROCESS, 0)));
}

static int set_priority_of_group(void)
{
    return reported(setpriority(PRIO_PGRP, 0, getpriority(PRIO_PROCESS, 0)));
}

static int set_io_priority_of_parent(void)
{
    return reported(syscall(SYS_ioprio_set, 1, getppid(), 0));
}

/* SIGIO, or any other signal, when data is written to the pipe */
static int signal_parent_through_a_pipe(void)
{
    int pair[2];

    return reported(pipe(pair) < 0 ? -1 : fcntl(pair[0], F_SETOWN, getppid()));
}

static int read_foreign_queue(void)
{
    return reported(syscall(SYS_msgctl, 0, 13 /* MSG_STAT_ANY */, NULL));
}

static int open_netfilter_socket(void)
{
    return reported(socket(AF_NETLINK, SOCK_RAW, 12));
}

/* The kernel reads the family as an int. */
static int open_disguised_socket(void)
{
    return reported(
        syscall(SYS_socket, 0x100000000L + AF_ALG, SOCK_SEQPACKET, 0));
}

static int make_namespace(void)
{
    return reported(unshare(CLONE_NEWUSER));
}

static int mount_something(void)
{
    return reported(mount("none", "/tmp", "tmpfs", MS_RDONLY, NULL));
}

static int set_up_ring(void)
{
    char parameters[256] = {0};

    return reported(syscall(SYS_io_uring_setup, 1, parameters));
}

static int load_bpf(void)
{
    return reported(syscall(SYS_bpf, 0, NULL, 0));
}

static int catch_faults(void)
{
    return reported(syscall(SYS_userfaultfd, 1 /* UFFD_USER_MODE_ONLY */));
}

static int count_cycles(void)
{
    return reported(syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0));
}

static int read_keys(void)
{
    return reported(syscall(SYS_keyctl, 0, -3, 0));
}

static int become_somebody(void)
{
    return reported(syscall(SYS_setuid, getuid()));
}

static int change_personality(void)
{
    return reported(personality(0xffffffff));
}

static int be_dumpable(void)
{
    return reported(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
}

static int type_into_terminal(void)
{
    return reported(ioctl(0, TIOCSTI, "x"));
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
    return reported(syscall(0x40000000L + SYS_getpid));
}
#endif

/* --- with a directory and a file that are written ----------------------------
 */

static int open_to_write(const char *path, int more)
{
    return reported(open(path, O_WRONLY | O_CLOEXEC | more, 0600));
}

static int write_in_directory(void)
{
    int result = open_to_write(in("written/new"), O_CREAT | O_EXCL);

    return result != 0 ? result : open_to_write(in("written/old"), O_TRUNC);
}

static int write_below_directory(void)
{
    int result = reported(mkdir(in("written/folder"), 0700));

    return result != 0 ? result
                       : open_to_write(in("written/folder/new"), O_CREAT);
}

/* As a file is replaced: another file is renamed over it. */
static int replace_in_directory(void)
{
    int result = open_to_write(in("written/new"), O_CREAT | O_EXCL);

    return result != 0 ? result
                       : reported(rename(in("written/new"), in("written/old")));
}

static int move_below_directory(void)
{
    return reported(rename(in("written/old"), in("written/below/old")));
}

static int remove_in_directory(void)
{
    int result = reported(unlink(in("written/old")));

    return result != 0 ? result : reported(rmdir(in("written/below")));
}

static int write_single_file(void)
{
    return open_to_write(in("other/log"), O_APPEND | O_TRUNC);
}

static int replace_single_file(void)
{
    return reported(rename(in("written/old"), in("other/log")));
}

static int make_neighbour_of_single_file(void)
{
    return open_to_write(in("other/new"), O_CREAT);
}

static int write_through_link(void)
{
    return open_to_write(in("written/link"), 0);
}

static int cut_while_reading(void)
{
    return reported(open(in("named/config"), O_RDONLY | O_TRUNC | O_CLOEXEC));
}

static int cut_while_doing_neither(void)
{
    return reported(open(in("named/config"), O_ACCMODE | O_TRUNC | O_CLOEXEC));
}

static int move_out_of_directory(void)
{
    return reported(rename(in("written/old"), in("named/victim")));
}

static int move_into_directory(void)
{
    return reported(rename(in("named/victim"), in("written/old")));
}

static int link_into_directory(void)
{
    return reported(link(in("named/victim"), in("written/new")));
}

static int make_link_in_directory(void)
{
    return reported(symlink("/etc/shadow", in("written/new")));
}

static int make_fifo_in_directory(void)
{
    return reported(mkfifo(in("written/new"), 0600));
}

static int change_mode_in_directory(void)
{
    return reported(chmod(in("written/old"), 0777));
}

static int write_own_memory(void)
{
    return open_to_write("/proc/self/mem", 0);
}

/* --- what must continue to work ----------------------------------------------
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
    return reported(open(in("folder"), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
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

static int open_sockets(void)
{
    int pair[2];

    return reported(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP)) +
           reported(socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0)) +
           reported(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDP)) +
           reported(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
}

static int limit_itself(void)
{
    struct rlimit limit;

    return reported(getrlimit(RLIMIT_NOFILE, &limit)) +
           reported(setrlimit(RLIMIT_NOFILE, &limit)) +
           reported(setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0)));
}

static int signal_itself(void)
{
    return reported(kill(getpid(), 0));
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

#endif
