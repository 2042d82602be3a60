#include "oci_internal.h"
#include "origin.h"
#include "waybill/alloc.h"
#include "waybill/limits.h"

/*
 * Checks whether a password is valid at a registry that requires it with each
 * request (Basic). Until one response has shown that it is, one request is sent
 * and the others wait. A wrong password is sent once, and not again for
 * LIMIT_REFUSAL_MS, because registries lock accounts after a few failures.
 */

static struct credential_check *credential_check_of(
    struct origin *origin, const struct keychain *keychain)
{
    struct credential_check *credential_check;

    TAILQ_FOREACH(credential_check, &origin->credential_checks, link)
    {
        if (credential_check->keychain == keychain) {
            return credential_check;
        }
    }
    credential_check = mem_zalloc(sizeof(*credential_check));
    credential_check->keychain = keychain;
    TAILQ_INIT(&credential_check->waiters);
    TAILQ_INSERT_TAIL(&origin->credential_checks, credential_check, link);
    return credential_check;
}

void credential_check_free(struct origin *origin,
                           struct credential_check *credential_check)
{
    TAILQ_REMOVE(&origin->credential_checks, credential_check, link);
    mem_free(credential_check);
}

void credential_check_forget_waiter(struct credential_check_waiter *waiter)
{
    if (waiter->credential_check != NULL) {
        TAILQ_REMOVE(&waiter->credential_check->waiters, waiter, link);
        waiter->credential_check = NULL;
    }
}

/* Wakes only the waiters of this round; one of them may start to wait again. */
static void wake(struct credential_check *credential_check)
{
    unsigned round = credential_check->round++;
    struct credential_check_waiter *waiter;

    while ((waiter = TAILQ_FIRST(&credential_check->waiters)) != NULL &&
           waiter->round == round) {
        credential_check_forget_waiter(waiter);
        waiter->ready(waiter->payload);
    }
}

enum credential_check_state credential_check_begin(
    struct origin *origin, const struct keychain *keychain, uint64_t id,
    struct credential_check_waiter *waiter)
{
    struct credential_check *credential_check =
        credential_check_of(origin, keychain);
    uint64_t now = loop_now(origin->client->network->loop);

    if (credential_check->state != CREDENTIAL_RUNNING &&
        (credential_check->id != id ||
         (credential_check->state == CREDENTIAL_REFUSED &&
          now >= credential_check->until_ms))) {
        credential_check->id = id;
        credential_check->state = CREDENTIAL_UNKNOWN;
    }
    if (credential_check->state == CREDENTIAL_UNKNOWN) {
        credential_check->state = CREDENTIAL_RUNNING;
        return CREDENTIAL_UNKNOWN;
    }
    if (credential_check->state == CREDENTIAL_RUNNING) {
        waiter->credential_check = credential_check;
        waiter->round = credential_check->round;
        TAILQ_INSERT_TAIL(&credential_check->waiters, waiter, link);
    }
    return credential_check->state;
}

void credential_check_end(struct origin *origin,
                          const struct keychain *keychain, uint64_t id,
                          bool was_first, enum credential_check_state verdict)
{
    struct credential_check *credential_check =
        credential_check_of(origin, keychain);

    if (credential_check->id != id ||
        (credential_check->state == CREDENTIAL_RUNNING && !was_first)) {
        /* about another password, or a late response to the previous check */
        return;
    }
    /* A password that was valid before is checked again before it is
     * refused. */
    if (verdict == CREDENTIAL_REFUSED && !was_first) {
        verdict = CREDENTIAL_UNKNOWN;
    }
    credential_check->state = verdict;
    credential_check->until_ms =
        loop_now(origin->client->network->loop) + LIMIT_REFUSAL_MS;
    if (was_first) {
        wake(credential_check);
    }
}
