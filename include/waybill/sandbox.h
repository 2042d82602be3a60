#ifndef WAYBILL_SANDBOX_H
#define WAYBILL_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>

#include "waybill/access.h"

/*
 * The sandbox: privileges that a running service gives up for ever, so that an
 * attacker who gains code execution through a parser or a TLS library can do
 * little with it. It consists of three parts, each of which is effective
 * without the others:
 *
 * no_new_privs   set-user-id programs gain no privileges.
 *
 * seccomp        System calls that the service never makes and that exploits
 *                depend on fail with EPERM: starting programs and processes;
 *                ptrace, and the memory, signals, limits, priorities and
 *                processors of other processes; memory
 *                that is writable and executable; opening files for writing,
 *                creating, renaming, removing files and passing them on; other
 *                user ids; namespaces, mounts, modules, BPF, io_uring, keys,
 *                performance counters; System V IPC; all sockets but those of
 *                TCP and UDP, route netlink (getaddrinfo() queries the
 *                addresses of the machine) and, only where name resolution
 *                needs them, Unix stream sockets; ABIs other than the native
 *                one.
 *
 * Landlock       Only these files can be read: the files of the access list
 *                (access.h), what is in their directories, and what name
 *                resolution, TLS, time zones and libraries that are loaded late
 *                need. Only the writable files of the list can be written.
 *                From ABI 6 on, no outside process can be signalled.
 *
 * Nothing can be written unless an integration names a directory or a file
 * (access_allow_writing()). If one does, seccomp has to allow opening files for
 * writing, creating, renaming and removing them, because it cannot inspect
 * their names, and Landlock alone restricts these calls to the named paths. On
 * a kernel without Landlock every file that the permissions allow can then be
 * written, which `waybill run` warns of at startup. Owners, modes, times and
 * attributes cannot be changed in either case, nor can links, devices or
 * sockets be created. Such a directory has two consequences: what an attacker
 * writes to it can be mapped and executed like a library, unless its file
 * system is mounted noexec; and readers of the directory must not trust its
 * contents more than their source.
 *
 * Why a deny list: an allow list would have to name every call that libc,
 * OpenSSL and librdkafka make on each architecture, kernel and release, and a
 * missing call would show in production, in a service that fails partially. The
 * price is that system calls of future kernels are allowed. The systemd unit
 * adds an allow list (SystemCallFilter=@system-service), which systemd
 * maintains, and container runtimes have their own.
 *
 * Why directories: Kubernetes updates what it mounts by replacing a symbolic
 * link in the same directory, and other tools rename a new file over the old
 * one. A directory that holds far more than the file (/, /etc, /usr, /home and
 * its children, /tmp, ...) is not opened for the sake of a single file: only
 * the file itself is readable, and once it has been replaced it becomes
 * readable only after a restart. This applies to /etc/resolv.conf, too, where
 * it is neither a link nor a mount.
 *
 * What remains possible: network access (the configuration names registries and
 * brokers, but token servers and redirects lead elsewhere, and Landlock's TCP
 * rules know only ports); connecting to Unix stream sockets that the file
 * permissions allow, if this machine resolves names through one (nscd, or a
 * module of nsswitch.conf other than files, dns and myhostname); sending
 * datagrams to Unix sockets if systemd started the service, through the socket
 * of its notifications; changing routes as far as the capabilities allow;
 * reading the process's own memory, including the credentials in use; asking
 * the runner (subprocess.h) for credential helpers, and only for those.
 * tests/component/test_sandbox.c attempts what is denied, and nothing is
 * claimed here that it does not attempt, except where a row of a whole group of
 * calls stands for the others.
 *
 * Paths are resolved when the sandbox is closed; a file that does not exist yet
 * is allowed if its directory is. If the kernel or a container's seccomp
 * profile lacks seccomp or Landlock, that part is skipped and the reason is
 * recorded. Builds with a sanitizer keep ptrace and clone, which LeakSanitizer
 * needs; builds that measure coverage can write files.
 */
struct sandbox {
    bool seccomp;
    int landlock;    /* the kernel's Landlock ABI; 0: none */
    size_t files;    /* number of readable files and directories */
    size_t writable; /* number of writable ones among them */
    /* Why a part is missing; "" if it is active */
    char no_seccomp[80];
    char no_landlock[80];
    /* Keeps the inode of /proc/self in memory; otherwise the kernel drops it
     * together with its Landlock rule; -1: none */
    int proc;
};

/* Closes the sandbox for the calling thread and the threads that it starts
 * later, so no other thread may exist yet. This cannot be undone. */
void sandbox_close(const struct access *access, struct sandbox *ret_sandbox);
void sandbox_release(struct sandbox *sandbox); /* the sandbox stays closed */

#endif
