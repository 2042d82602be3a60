#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runner_internal.h"
#include "waybill/alloc.h"

/* Starting and stopping the runner process */

/* --- the search on PATH -----------------------------------------------------
 */

static bool contains_program(const char *directory, size_t len,
                             const struct access_entry *programs)
{
    CLEANUP(str_release) struct str path = STR_INIT(STR_UNLIMITED);
    struct dirent **names;
    bool found = false;
    int count;

    str_append(&path, directory, len);
    count = len > 0 ? scandir(path.data, &names, NULL, NULL) : -1;
    for (int i = 0; i < count; i++) {
        found = found || access_has_program(programs, names[i]->d_name);
        free(names[i]);
    }
    if (count >= 0) {
        free(names);
    }
    return found;
}

static bool any_is_on_path(const struct access_entry *programs)
{
    const char *path = getenv("PATH");

    for (size_t len; programs != NULL && path != NULL; path += len) {
        path += *path == ':';
        len = strcspn(path, ":");
        if (contains_program(path, len, programs)) {
            return true;
        }
        if (path[len] == '\0') {
            break;
        }
    }
    return false;
}

/* --- the process ------------------------------------------------------------
 */

struct runner *runner_start(const struct access_entry *programs)
{
    struct runner *runner = mem_zalloc(sizeof(*runner));
    int pair[2];

    runner->fd = -1;
    TAILQ_INIT(&runner->pending);
    if (!any_is_on_path(programs)) {
        return runner;
    }
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
        abort(); /* as when memory is exhausted: nothing works without
                    descriptors */
    }
    runner->pid = fork();
    if (runner->pid == 0) {
        close(pair[0]); /* otherwise it would never read an end of file */
        runner_serve(pair[1], programs);
    }
    if (runner->pid < 0) {
        abort();
    }
    close(pair[1]);
    runner->fd = pair[0];
    return runner;
}

void runner_stop(struct runner *runner)
{
    if (runner == NULL) {
        return;
    }
    runner_disconnect(runner);
    if (runner->loop != NULL) {
        loop_set_runner(runner->loop, NULL);
    }
    while (runner->pid > 0 && waitpid(runner->pid, NULL, 0) < 0 &&
           errno == EINTR) {
    }
    mem_free(runner);
}
