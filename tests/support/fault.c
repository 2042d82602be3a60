#include "waybill/fault.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * fault.h for the tests, by the environment:
 *
 *     WAYBILL_FAULT_POINT=NAME[@N]   kill -9 at the N-th passing (1)
 *     WAYBILL_BREAK=RULE             that rule is broken
 *
 * Linked by the preset `faults` only (WAYBILL_FAULTS).
 */

static unsigned long countdown_of(const char *text, const char *name)
{
    size_t len = strlen(name);

    if (text == NULL || strncmp(text, name, len) != 0 ||
        (text[len] != '\0' && text[len] != '@')) {
        return 0;
    }
    return text[len] == '@' ? strtoul(text + len + 1, NULL, 10) : 1;
}

void fault_point(const char *name)
{
    static atomic_ulong passed;
    unsigned long wanted = countdown_of(getenv("WAYBILL_FAULT_POINT"), name);

    if (wanted > 0 && atomic_fetch_add(&passed, 1) + 1 == wanted) {
        kill(getpid(), SIGKILL);
    }
}

bool fault_is_broken(const char *rule)
{
    const char *broken = getenv("WAYBILL_BREAK");

    return broken != NULL && strcmp(broken, rule) == 0;
}
