#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sandbox_internal.h"
#include "waybill/compiler.h"

/*
 * The filter. A call that libseccomp does not know, or that this architecture
 * has not, is left out by it. Arguments that are an int to the kernel come in a
 * register that is wider, whose upper half an attacker may fill: those are
 * compared under a mask, or by "not equal".
 */

#define ANY_INT 0xffffffffULL

/* Each fails with EPERM, whatever its arguments. */
static const int forbidden[] = {
    /* other programs */
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
    /* memory that is no file's, to be run */
    SCMP_SYS(memfd_create),
    SCMP_SYS(memfd_secret),
    SCMP_SYS(shmget),
    SCMP_SYS(shmat),
    SCMP_SYS(modify_ldt),
    SCMP_SYS(userfaultfd),
    /* the parts of the kernel that exploits of it begin with */
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
    SCMP_SYS(semget),
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

/* What changes files in ways that Landlock does not know: owners, modes, times,
 * attributes. Kernels before 6.2 have nothing to say of truncate() either. */
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

/* What a delivery to a directory takes, and Landlock limits to it */
static const int writing[] = {
    SCMP_SYS(creat),     SCMP_SYS(rename),  SCMP_SYS(renameat),
    SCMP_SYS(renameat2), SCMP_SYS(unlink),  SCMP_SYS(unlinkat),
    SCMP_SYS(mkdir),     SCMP_SYS(mkdirat), SCMP_SYS(rmdir),
    SCMP_SYS(fallocate),
};

/* Forbidden with some arguments only. These and the following return the first
 * failure of libseccomp's, which is negative. */
#define REFUSE(context, call, ...)                                             \
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

static int refuse_all(scmp_filter_ctx context, const int *calls, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        TRY(seccomp_rule_add(context, SCMP_ACT_ERRNO(EPERM), calls[i], 0));
    }
    return 0;
}

/* Threads only. clone3() has its flags in memory, where a filter cannot look:
 * "not in this kernel" makes the C library use clone(). */
static int refuse_processes(scmp_filter_ctx context)
{
    if (SANDBOX_SANITIZED) {
        return 0;
    }
    TRY(seccomp_rule_add(context, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0));
    return REFUSE(context, clone, SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0));
}

/* What is written cannot be run. A library that is loaded late is a file, and
 * is mapped to be read and run only. */
static int refuse_new_code(scmp_filter_ctx context)
{
    const scmp_datum_t both = PROT_WRITE | PROT_EXEC;

    TRY(REFUSE(context, mmap, SCMP_A2(SCMP_CMP_MASKED_EQ, both, both)));
    TRY(REFUSE(context, mmap, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, PROT_EXEC),
               SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, MAP_ANONYMOUS)));
    TRY(REFUSE(context, mprotect,
               SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, PROT_EXEC)));
    return REFUSE(context, pkey_mprotect,
                  SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, PROT_EXEC));
}

static int refuse_opening(scmp_filter_ctx context, scmp_datum_t mask,
                          scmp_datum_t flags)
{
    TRY(REFUSE(context, openat, SCMP_A2(SCMP_CMP_MASKED_EQ, mask, flags)));
    return REFUSE(context, open, SCMP_A1(SCMP_CMP_MASKED_EQ, mask, flags));
}

/* openat2() has its flags in memory, too. */
static int refuse_changing(scmp_filter_ctx context)
{
    if (SANDBOX_COVERAGE) {
        return 0;
    }
    TRY(seccomp_rule_add(context, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(openat2),
                         0));
    return refuse_all(context, changing, ARRAY_SIZE(changing));
}

static int refuse_writing(scmp_filter_ctx context)
{
    const scmp_datum_t flags[] = {O_WRONLY, O_RDWR, O_CREAT, O_TRUNC};

    if (SANDBOX_COVERAGE) {
        return 0;
    }
    for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
        TRY(refuse_opening(context, flags[i], flags[i]));
    }
    return refuse_all(context, writing, ARRAY_SIZE(writing));
}

/* A file that is opened with O_TRUNC, but not to be written, is cut all the
 * same, and Landlock in kernels before 6.2 sees a file that is read. O_ACCMODE
 * itself is such a way to open one, too. */
static int refuse_cutting(scmp_filter_ctx context)
{
    const scmp_datum_t mask = O_ACCMODE | O_TRUNC;

    TRY(refuse_opening(context, mask, O_RDONLY | O_TRUNC));
    return refuse_opening(context, mask, O_ACCMODE | O_TRUNC);
}

/* Its own threads may be signalled: abort(), and a test that kills itself. */
static int refuse_signals(scmp_filter_ctx context)
{
    const scmp_datum_t own = (scmp_datum_t)getpid();

    TRY(REFUSE(context, kill, SCMP_A0(SCMP_CMP_NE, own, 0)));
    TRY(REFUSE(context, tgkill, SCMP_A0(SCMP_CMP_NE, own, 0)));
    return REFUSE(context, rt_tgsigqueueinfo, SCMP_A0(SCMP_CMP_NE, own, 0));
}

#define MAX_FAMILY 45U /* AF_MCTP, today's last */

static int refuse_family(scmp_filter_ctx context, unsigned family)
{
    switch (family) {
    case AF_UNIX:
        return 0;
    case AF_INET:
    case AF_INET6: /* no packets of one's own making */
        return REFUSE(context, socket,
                      SCMP_A0(SCMP_CMP_MASKED_EQ, ANY_INT, family),
                      SCMP_A1(SCMP_CMP_MASKED_EQ, 0xf, SOCK_RAW));
    case AF_NETLINK: /* getaddrinfo() asks for the machine's addresses */
        return REFUSE(context, socket,
                      SCMP_A0(SCMP_CMP_MASKED_EQ, ANY_INT, family),
                      SCMP_A2(SCMP_CMP_NE, NETLINK_ROUTE, 0));
    default:
        return REFUSE(context, socket,
                      SCMP_A0(SCMP_CMP_MASKED_EQ, ANY_INT, family));
    }
}

static int refuse_sockets(scmp_filter_ctx context)
{
    for (unsigned family = 0; family <= MAX_FAMILY; family++) {
        TRY(refuse_family(context, family));
    }
    return REFUSE(context, socket, SCMP_A0(SCMP_CMP_GT, MAX_FAMILY, 0));
}

/* Typing into the terminal that it was started from; being dumped after all */
static int refuse_oddities(scmp_filter_ctx context)
{
    TRY(REFUSE(context, ioctl, SCMP_A1(SCMP_CMP_MASKED_EQ, ANY_INT, TIOCSTI)));
    TRY(REFUSE(context, ioctl,
               SCMP_A1(SCMP_CMP_MASKED_EQ, ANY_INT, TIOCLINUX)));
    if (SANDBOX_SANITIZED) {
        return 0;
    }
    return REFUSE(context, prctl,
                  SCMP_A0(SCMP_CMP_MASKED_EQ, ANY_INT, PR_SET_DUMPABLE),
                  SCMP_A1(SCMP_CMP_NE, 0, 0));
}

static int refuse_always(scmp_filter_ctx context)
{
    return refuse_all(context, forbidden, ARRAY_SIZE(forbidden));
}

static int (*const parts[])(scmp_filter_ctx) = {
    refuse_always,  refuse_processes, refuse_new_code, refuse_changing,
    refuse_signals, refuse_sockets,   refuse_oddities,
};

/* A foreign ABI has other numbers: all of it fails. Threads there are none yet,
 * but for a sanitizer's own. */
static int load(scmp_filter_ctx context, bool writes)
{
    TRY(seccomp_attr_set(context, SCMP_FLTATR_ACT_BADARCH,
                         SCMP_ACT_ERRNO(EPERM)));
    TRY(seccomp_attr_set(context, SCMP_FLTATR_CTL_TSYNC, 1));
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
        TRY(parts[i](context));
    }
    TRY(writes ? refuse_cutting(context) : refuse_writing(context));
    return seccomp_load(context);
}

void seccomp_close(bool writes, struct sandbox *sandbox)
{
    scmp_filter_ctx context = seccomp_init(SCMP_ACT_ALLOW);
    int result = context != NULL ? load(context, writes) : -ENOMEM;

    sandbox->seccomp = result == 0;
    if (result < 0) {
        snprintf(sandbox->no_seccomp, sizeof(sandbox->no_seccomp),
                 "seccomp: %s", strerror(-result));
    }
    seccomp_release(context);
}
