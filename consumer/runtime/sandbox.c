#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "sandbox_internal.h"

void sandbox_close(const struct access *access, struct sandbox *ret_sandbox)
{
    *ret_sandbox = (struct sandbox){
        .proc = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC)};
    /* Landlock and, without privileges, seccomp require it. */
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    landlock_close(access, ret_sandbox);
    seccomp_close(access->writable != NULL, ret_sandbox);
}

void sandbox_release(struct sandbox *sandbox)
{
    if (sandbox->proc >= 0) {
        close(sandbox->proc);
        sandbox->proc = -1;
    }
}
