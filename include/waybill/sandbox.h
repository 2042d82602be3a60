#ifndef WAYBILL_SANDBOX_H
#define WAYBILL_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>

#include "waybill/access.h"

/*
 * The sandbox: what a service that has started gives up for ever, so that
 * whoever gets to run code in it through a parser or a TLS library finds little
 * to do there. Three parts, of which each holds without the others:
 *
 * no_new_privs   a set-user-id program would not help either.
 *
 * seccomp        system calls that the service never makes and an exploit wants
 *                first fail with EPERM: to run a program or another process;
 *                ptrace, and other processes' memory and signals; memory that
 *                can be written and run; files opened for writing, made, moved,
 *                removed or handed to others; other users' ids; namespaces,
 *                mounts, modules, BPF, io_uring, keys, performance counters;
 *                sockets of other families than IPv4, IPv6, Unix and route
 *                netlink, raw ones of those; another ABI than the native one.
 *
 * Landlock       no file can be read but those of the list (needs.h), what is
 *                in the folders these are in, and what names, TLS, time zones
 *                and late libraries need; none can be written but those of the
 *                list. Where the kernel knows how (ABI 6), no process outside
 *                can be signalled.
 *
 * What is written: nothing, unless an integration names a directory or a file
 * (access_allow_writing()). If one does, seccomp has to let files be opened for
 * writing, created, renamed and removed, since it cannot see their names, and
 * Landlock alone limits that to what was named. So on a kernel without Landlock
 * every file that the permissions allow can then be written, which `waybill
 * run` warns of when it starts. Owners, modes, times and attributes cannot be
 * changed either way, nor can links, devices or sockets be created. Two
 * consequences of such a directory: what an attacker writes there can be mapped
 * and run as if it were a library, unless it is on a file system that is
 * mounted noexec; and whoever reads it later must not trust it more than its
 * source.
 *
 * Why a list of what is forbidden: one of what is allowed must name what libc,
 * OpenSSL and librdkafka call on every architecture, kernel and release; a call
 * that it misses is found at night, by a service that half works. So what the
 * next kernel brings is open here. The unit of systemd lays a list of what is
 * allowed over it (SystemCallFilter=@system-service), which others keep up to
 * date, and container runtimes have one of their own.
 *
 * Why the folders: Kubernetes replaces what it mounts by turning a link in the
 * same folder, and others rename a new file over the old one. A folder that
 * holds far more (/, /etc, /usr, /home and its children, /tmp, ...) is not
 * opened for the sake of one file: that file alone is, and once it is replaced
 * it can only be read after a restart. This goes for /etc/resolv.conf, too,
 * where it is neither a link nor mounted.
 *
 * What stays open: the network (registries and brokers are named by the
 * configuration, but tokens and redirects lead elsewhere, and Landlock's rules
 * for TCP know ports only); Unix sockets of others that the file permissions
 * let it reach; its own memory, with the credentials that it has in use; the
 * runner (subprocess.h), which still runs credential helpers, and only those.
 *
 * Files' names are looked at once: one that is not there yet is allowed when
 * its folder is. A kernel, or a container's own filter, that has no seccomp or
 * no Landlock: the part is left out, and says why. Builds with a sanitizer keep
 * ptrace and clone, which LeakSanitizer needs; those that measure coverage keep
 * files, which they write.
 */
struct sandbox {
    bool seccomp;
    int landlock;   /* its ABI as the kernel has it; 0: none */
    size_t files;   /* and folders that may be read */
    size_t written; /* of these, and what may be written as well */
    /* Why a part is missing; "" */
    char no_seccomp[80];
    char no_landlock[80];
    /* Keeps /proc/self in the kernel's memory, without which the rule for it
     * would be forgotten; -1: none */
    int proc;
};

/* From now on, for this thread and those that it starts; so there may be no
 * other yet. There is no way back. */
void sandbox_close(const struct access *access, struct sandbox *ret_sandbox);
void sandbox_release(struct sandbox *sandbox); /* it stays closed */

#endif
