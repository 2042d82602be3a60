#include <errno.h>
#include <fcntl.h>
#include <linux/ioprio.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <unistd.h>

#include "nsswitch.h"
#include "sandbox_internal.h"
#include "waybill/compiler.h"
#include "waybill/file.h"

/*
 * The seccomp filter. libseccomp skips system calls that it does not know or
 * that the architecture lacks. The kernel reads an int argument from the lower
 * half of a register whose upper half an attacker controls; such arguments are
 * compared under a mask, or with "not equal".
 */

#define ANY_INT 0xffffffffULL

/* These fail with EPERM, whatever their arguments. */
static const int forbidden[] = {
    /* starting programs */
    SCMP_SYS(execve),
    SCMP_SYS(execveat),
#if !SANDBOX_SANITIZED
    SCMP_SYS(fork),
    SCMP_SYS(vfork),
    SCMP_SYS(ptrace),
#endif
    SCMP_SYS(uselib),
    SCMP_SYS(personality),
    /* other processes */
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(process_vm_writev),
    SCMP_SYS(process_madvise),
    SCMP_SYS(process_mrelease),
    SCMP_SYS(kcmp),
    SCMP_SYS(pidfd_open),
    SCMP_SYS(pidfd_getfd),
    SCMP_SYS(pidfd_send_signal),
    SCMP_SYS(tkill),
    SCMP_SYS(rt_sigqueueinfo),
    /* anonymous memory that could be executed */
    SCMP_SYS(memfd_create),
    SCMP_SYS(memfd_secret),
    SCMP_SYS(shmget),
    SCMP_SYS(shmat),
    SCMP_SYS(modify_ldt),
    SCMP_SYS(userfaultfd),
    /* kernel interfaces that privilege escalation commonly starts from */
    SCMP_SYS(bpf),
    SCMP_SYS(perf_event_open),
    SCMP_SYS(io_uring_setup),
    SCMP_SYS(io_uring_enter),
    SCMP_SYS(io_uring_register),
    SCMP_SYS(add_key),
    SCMP_SYS(request_key),
    SCMP_SYS(keyctl),
    SCMP_SYS(fanotify_init),
    SCMP_SYS(lookup_dcookie),
    SCMP_SYS(msgget),
    SCMP_SYS(msgsnd),
    SCMP_SYS(msgrcv),
    SCMP_SYS(msgctl),
    SCMP_SYS(semget),
    SCMP_SYS(semop),
    SCMP_SYS(semtimedop),
    SCMP_SYS(semctl),
    SCMP_SYS(shmctl),
    SCMP_SYS(mq_open),
    SCMP_SYS(vmsplice),
    SCMP_SYS(move_pages),
    SCMP_SYS(migrate_pages),
    /* namespaces and mounts */
    SCMP_SYS(unshare),
    SCMP_SYS(setns),
    SCMP_SYS(mount),
    SCMP_SYS(umount),
    SCMP_SYS(umount2),
    SCMP_SYS(pivot_root),
    SCMP_SYS(chroot),
    SCMP_SYS(open_tree),
    SCMP_SYS(move_mount),
    SCMP_SYS(fsopen),
    SCMP_SYS(fsconfig),
    SCMP_SYS(fsmount),
    SCMP_SYS(fspick),
    SCMP_SYS(mount_setattr),
    SCMP_SYS(open_by_handle_at),
    SCMP_SYS(name_to_handle_at),
    /* the whole machine */
    SCMP_SYS(kexec_load),
    SCMP_SYS(kexec_file_load),
    SCMP_SYS(init_module),
    SCMP_SYS(finit_module),
    SCMP_SYS(delete_module),
    SCMP_SYS(reboot),
    SCMP_SYS(swapon),
    SCMP_SYS(swapoff),
    SCMP_SYS(acct),
    SCMP_SYS(quotactl),
    SCMP_SYS(quotactl_fd),
    SCMP_SYS(syslog),
    SCMP_SYS(sethostname),
    SCMP_SYS(setdomainname),
    SCMP_SYS(settimeofday),
    SCMP_SYS(clock_settime),
    SCMP_SYS(clock_adjtime),
    SCMP_SYS(adjtimex),
    SCMP_SYS(iopl),
    SCMP_SYS(ioperm),
    SCMP_SYS(vhangup),
    SCMP_SYS(nfsservctl),
    /* other users */
    SCMP_SYS(setuid),
    SCMP_SYS(setgid),
    SCMP_SYS(setreuid),
    SCMP_SYS(setregid),
    SCMP_SYS(setresuid),
    SCMP_SYS(setresgid),
    SCMP_SYS(setgroups),
    SCMP_SYS(setfsuid),
    SCMP_SYS(setfsgid),
    SCMP_SYS(capset),
};

/* Changes to files that Landlock does not cover: owners, modes, times,
 * attributes. Landlock before Linux 6.2 does not cover truncate() either. */
static const int changing[] = {
    SCMP_SYS(link),         SCMP_SYS(linkat),       SCMP_SYS(symlink),
    SCMP_SYS(symlinkat),    SCMP_SYS(mknod),        SCMP_SYS(mknodat),
    SCMP_SYS(chmod),        SCMP_SYS(fchmod),       SCMP_SYS(fchmodat),
    SCMP_SYS(chown),        SCMP_SYS(lchown),       SCMP_SYS(fchown),
    SCMP_SYS(fchownat),     SCMP_SYS(utime),        SCMP_SYS(utimes),
    SCMP_SYS(futimesat),    SCMP_SYS(utimensat),    SCMP_SYS(setxattr),
    SCMP_SYS(lsetxattr),    SCMP_SYS(fsetxattr),    SCMP_SYS(removexattr),
    SCMP_SYS(lremovexattr), SCMP_SYS(fremovexattr), SCMP_SYS(truncate),
};

/* The calls of a delivery to a directory, which Landlock restricts to that
 * directory */
static const int writing[] = {
    SCMP_SYS(creat),     SCMP_SYS(rename),  SCMP_SYS(renameat),
    SCMP_SYS(renameat2), SCMP_SYS(unlink),  SCMP_SYS(unlinkat),
    SCMP_SYS(mkdir),     SCMP_SYS(mkdirat), SCMP_SYS(rmdir),
    SCMP_SYS(fallocate),
};

/* Denies a call for some arguments only. The functions below return the first
 * failure of libseccomp, which is negative. */
#define DENY(context, call, ...)                                               \
    seccomp_rule_add(context, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(call),           \
                     sizeof((struct scmp_arg_cmp[]){__VA_ARGS__}) /            \
                         sizeof(struct scmp_arg_cmp),                          \
                     __VA_ARGS__)
#define TRY(expression)                                                        \
    do {                                                                       \
        int result_ = (expression);                                            \
                                                                               \
        if (result_ < 0) {                                                     \
            return result_;                                                    \
        }                                                                      \
    } while (0)

static int deny_all(scmp_filter_ctx context, const int *calls, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        TRY(seccomp_rule_add(context, SCMP_ACT_ERRNO(EPERM), calls[i], 0));
    }
    return 0;
}

/* Allows threads, but no processes. clone3() takes its flags in memory, which a
 * filter cannot read; with ENOSYS the C library falls back to clone(). */
static int deny_processes(scmp_filter_ctx context)
{
    if (SANDBOX_SANITIZED) {
        return 0;
    }
    TRY(seccomp_rule_add(context, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0));
    return DENY(context, clone, SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0));
}

/* Memory that was written cannot be executed. Libraries that are loaded late
 * are files, which are mapped readable and executable only. */
static int deny_new_code(scmp_filter_ctx context)
{
    const scmp_datum_t both = PROT_WRITE | PROT_EXEC;

    TRY(DENY(context, mmap, SCMP_A2(SCMP_CMP_MASKED_EQ, both, both)));
    TRY(DENY(context, mmap, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, PROT_EXEC),
             SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, MAP_ANONYMOUS)));
    TRY(DENY(context, mprotect,
             SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, PROT_EXEC)));
    return DENY(context, pkey_mprotect,
                SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, PROT_EXEC));
}

static int deny_opening(scmp_filter_ctx context, scmp_datum_t mask,
                        scmp_datum_t flags)
{
    TRY(DENY(context, openat, SCMP_A2(SCMP_CMP_MASKED_EQ, mask, flags)));
    return DENY(context, open, SCMP_A1(SCMP_CMP_MASKED_EQ, mask, flags));
}

/* openat2() takes its flags in memory as well. */
static int deny_changing(scmp_filter_ctx context)
{
    if (SANDBOX_COVERAGE) {
        return 0;
    }
    TRY(seccomp_rule_add(context, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(openat2),
                         0));
    return deny_all(context, changing, ARRAY_SIZE(changing));
}

static int deny_writing(scmp_filter_ctx context)
{
    const scmp_datum_t flags[] = {O_WRONLY, O_RDWR, O_CREAT, O_TRUNC};

    if (SANDBOX_COVERAGE) {
        return 0;
    }
    for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
        TRY(deny_opening(context, flags[i], flags[i]));
    }
    return deny_all(context, writing, ARRAY_SIZE(writing));
}

/* Opening a file with O_TRUNC truncates it even if it is opened read-only,
 * which Landlock before Linux 6.2 treats as reading. The access mode O_ACCMODE
 * (3) is another way to do so. */
static int deny_truncating(scmp_filter_ctx context)
{
    const scmp_datum_t mask = O_ACCMODE | O_TRUNC;

    TRY(deny_opening(context, mask, O_RDONLY | O_TRUNC));
    return deny_opening(context, mask, O_ACCMODE | O_TRUNC);
}

/* The process may signal its own threads: for abort(), and for tests that kill
 * themselves. */
static int deny_signals(scmp_filter_ctx context)
{
    const scmp_datum_t own = (scmp_datum_t)getpid();

    TRY(DENY(context, kill, SCMP_A0(SCMP_CMP_NE, own, 0)));
    TRY(DENY(context, tgkill, SCMP_A0(SCMP_CMP_NE, own, 0)));
    return DENY(context, rt_tgsigqueueinfo, SCMP_A0(SCMP_CMP_NE, own, 0));
}

/* A process may change its own limits, processors and scheduling, which it
 * names by 0, and not those of others. */
static int deny_control(scmp_filter_ctx context)
{
    static const int calls[] = {
        SCMP_SYS(prlimit64),          SCMP_SYS(sched_setaffinity),
        SCMP_SYS(sched_setattr),      SCMP_SYS(sched_setparam),
        SCMP_SYS(sched_setscheduler), SCMP_SYS(get_robust_list),
    };

    for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
        const struct scmp_arg_cmp other = SCMP_A0(SCMP_CMP_NE, 0, 0);

        TRY(seccomp_rule_add(context, SCMP_ACT_ERRNO(EPERM), calls[i], 1,
                             other));
    }
    return 0;
}

static int deny_priorities(scmp_filter_ctx context)
{
    TRY(DENY(context, setpriority, SCMP_A0(SCMP_CMP_NE, PRIO_PROCESS, 0)));
    TRY(DENY(context, setpriority, SCMP_A1(SCMP_CMP_NE, 0, 0)));
    TRY(DENY(context, ioprio_set, SCMP_A0(SCMP_CMP_NE, IOPRIO_WHO_PROCESS, 0)));
    return DENY(context, ioprio_set, SCMP_A1(SCMP_CMP_NE, 0, 0));
}

/* These choose who receives the signals of a descriptor. */
static int deny_receivers(scmp_filter_ctx context)
{
    TRY(DENY(context, fcntl, SCMP_A1(SCMP_CMP_MASKED_EQ, ANY_INT, F_SETOWN)));
    TRY(DENY(context, fcntl,
             SCMP_A1(SCMP_CMP_MASKED_EQ, ANY_INT, F_SETOWN_EX)));
    TRY(DENY(context, ioctl, SCMP_A1(SCMP_CMP_MASKED_EQ, ANY_INT, FIOSETOWN)));
    return DENY(context, ioctl,
                SCMP_A1(SCMP_CMP_MASKED_EQ, ANY_INT, SIOCSPGRP));
}

/* --- sockets -------------------------------------------------------------- */

#define MAX_FAMILY 45U /* AF_MCTP, the highest that is defined */
#define TYPE_MASK 0xfU /* the kernel's; flags are above it */

static int deny_type(scmp_filter_ctx context, unsigned family, unsigned type)
{
    return DENY(context, socket, SCMP_A0(SCMP_CMP_MASKED_EQ, ANY_INT, family),
                SCMP_A1(SCMP_CMP_MASKED_EQ, TYPE_MASK, type));
}

/* TCP and UDP only: no raw packets, no SOCK_PACKET, which opens a packet socket
 * by the family of IPv4, and no protocol that is seldom used and seldom
 * tested. */
static int deny_inet(scmp_filter_ctx context, unsigned family)
{
    for (unsigned type = 0; type <= TYPE_MASK; type++) {
        if (type != SOCK_STREAM && type != SOCK_DGRAM) {
            TRY(deny_type(context, family, type));
        }
    }
    for (unsigned protocol = 1; protocol < IPPROTO_UDP; protocol++) {
        if (protocol != IPPROTO_TCP) {
            TRY(DENY(context, socket,
                     SCMP_A0(SCMP_CMP_MASKED_EQ, ANY_INT, family),
                     SCMP_A2(SCMP_CMP_MASKED_EQ, ANY_INT, protocol)));
        }
    }
    return DENY(context, socket, SCMP_A0(SCMP_CMP_MASKED_EQ, ANY_INT, family),
                SCMP_A2(SCMP_CMP_GT, IPPROTO_UDP, 0));
}

/* Whether getaddrinfo() asks a local service: nscd, if its socket exists, or
 * that of a module. Without the file the modules are files and dns
 * (nsswitch.conf(5)). */
static bool resolves_through_sockets(void)
{
    CLEANUP(str_release) struct str text = STR_INIT((size_t)64 * 1024);
    struct error err;

    if (access("/run/nscd/socket", F_OK) == 0 ||
        access("/var/run/nscd/socket", F_OK) == 0) {
        return true;
    }
    if (file_read("/etc/nsswitch.conf", 0, &text, NULL, &err) < 0) {
        return err.kind != ERROR_NOT_FOUND;
    }
    return nsswitch_uses_sockets(text.data);
}

/* A filter cannot see where a socket is connected to. */
static int deny_unix(scmp_filter_ctx context)
{
    bool needed = resolves_through_sockets();

    for (unsigned type = 0; type <= TYPE_MASK; type++) {
        if (!needed || type != SOCK_STREAM) {
            TRY(deny_type(context, AF_UNIX, type));
        }
    }
    /* One of a pair of datagram sockets can be connected elsewhere. */
    TRY(DENY(context, socketpair,
             SCMP_A1(SCMP_CMP_MASKED_EQ, TYPE_MASK, SOCK_DGRAM)));
    return DENY(context, socketpair,
                SCMP_A1(SCMP_CMP_MASKED_EQ, TYPE_MASK, SOCK_RAW));
}

static int deny_family(scmp_filter_ctx context, unsigned family)
{
    switch (family) {
    case AF_UNIX:
        return deny_unix(context);
    case AF_INET:
    case AF_INET6:
        return deny_inet(context, family);
    case AF_NETLINK: /* getaddrinfo() queries the addresses of the machine */
        return DENY(context, socket,
                    SCMP_A0(SCMP_CMP_MASKED_EQ, ANY_INT, family),
                    SCMP_A2(SCMP_CMP_NE, NETLINK_ROUTE, 0));
    default:
        return DENY(context, socket,
                    SCMP_A0(SCMP_CMP_MASKED_EQ, ANY_INT, family));
    }
}

static int deny_sockets(scmp_filter_ctx context)
{
    for (unsigned family = 0; family <= MAX_FAMILY; family++) {
        TRY(deny_family(context, family));
    }
    return DENY(context, socket, SCMP_A0(SCMP_CMP_GT, MAX_FAMILY, 0));
}

/* Input injection into the controlling terminal, and re-enabling core dumps */
static int deny_misc(scmp_filter_ctx context)
{
    TRY(DENY(context, ioctl, SCMP_A1(SCMP_CMP_MASKED_EQ, ANY_INT, TIOCSTI)));
    TRY(DENY(context, ioctl, SCMP_A1(SCMP_CMP_MASKED_EQ, ANY_INT, TIOCLINUX)));
    if (SANDBOX_SANITIZED) {
        return 0;
    }
    return DENY(context, prctl,
                SCMP_A0(SCMP_CMP_MASKED_EQ, ANY_INT, PR_SET_DUMPABLE),
                SCMP_A1(SCMP_CMP_NE, 0, 0));
}

static int deny_forbidden(scmp_filter_ctx context)
{
    return deny_all(context, forbidden, ARRAY_SIZE(forbidden));
}

static int (*const parts[])(scmp_filter_ctx) = {
    deny_forbidden, deny_processes, deny_new_code,   deny_changing,
    deny_signals,   deny_control,   deny_priorities, deny_receivers,
    deny_sockets,   deny_misc,
};

/* Foreign ABIs have other system call numbers, so all of their calls fail.
 * TSYNC matters only for the threads of a sanitizer: no other threads exist
 * yet. */
static int load(scmp_filter_ctx context, bool allows_writing)
{
    TRY(seccomp_attr_set(context, SCMP_FLTATR_ACT_BADARCH,
                         SCMP_ACT_ERRNO(EPERM)));
    TRY(seccomp_attr_set(context, SCMP_FLTATR_CTL_TSYNC, 1));
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
        TRY(parts[i](context));
    }
    TRY(allows_writing ? deny_truncating(context) : deny_writing(context));
    return seccomp_load(context);
}

void seccomp_close(bool allows_writing, struct sandbox *sandbox)
{
    scmp_filter_ctx context = seccomp_init(SCMP_ACT_ALLOW);
    int result = context != NULL ? load(context, allows_writing) : -ENOMEM;

    sandbox->seccomp = result == 0;
    if (result < 0) {
        snprintf(sandbox->no_seccomp, sizeof(sandbox->no_seccomp),
                 "seccomp: %s", strerror(-result));
    }
    seccomp_release(context);
}
