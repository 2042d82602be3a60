#include "oci_internal.h"
#include "origin.h"
#include "waybill/alloc.h"
#include "waybill/limits.h"

/*
 * Whether a password counts at a registry that takes it with each request.
 * Until one answer has shown that it does, one request goes ahead and the
 * others wait; a wrong one is shown once, and not again for a while: accounts
 * are locked after a handful.
 */

static struct trial *trial_of(struct origin *origin,
                              const struct keychain *keychain)
{
    struct trial *trial;

    TAILQ_FOREACH(trial, &origin->trials, link)
    {
        if (trial->keychain == keychain) {
            return trial;
        }
    }
    trial = mem_zalloc(sizeof(*trial));
    trial->keychain = keychain;
    TAILQ_INIT(&trial->waiters);
    TAILQ_INSERT_TAIL(&origin->trials, trial, link);
    return trial;
}

void trial_free(struct origin *origin, struct trial *trial)
{
    TAILQ_REMOVE(&origin->trials, trial, link);
    mem_free(trial);
}

void trial_forget_waiter(struct trial_waiter *waiter)
{
    if (waiter->trial != NULL) {
        TAILQ_REMOVE(&waiter->trial->waiters, waiter, link);
        waiter->trial = NULL;
    }
}

/* Those of this round; one that is woken may begin to wait for the next. */
static void wake(struct trial *trial)
{
    unsigned round = trial->round++;
    struct trial_waiter *waiter;

    while ((waiter = TAILQ_FIRST(&trial->waiters)) != NULL &&
           waiter->round == round) {
        trial_forget_waiter(waiter);
        waiter->ready(waiter->payload);
    }
}

enum trial_state trial_begin(struct origin *origin,
                             const struct keychain *keychain, uint64_t id,
                             struct trial_waiter *waiter)
{
    struct trial *trial = trial_of(origin, keychain);
    uint64_t now = loop_now(origin->client->loop);

    if (trial->state != TRIAL_RUNNING &&
        (trial->id != id ||
         (trial->state == TRIAL_REFUSED && now >= trial->until_ms))) {
        trial->id = id;
        trial->state = TRIAL_OPEN;
    }
    if (trial->state == TRIAL_OPEN) {
        trial->state = TRIAL_RUNNING;
        return TRIAL_OPEN;
    }
    if (trial->state == TRIAL_RUNNING) {
        waiter->trial = trial;
        waiter->round = trial->round;
        TAILQ_INSERT_TAIL(&trial->waiters, waiter, link);
    }
    return trial->state;
}

void trial_end(struct origin *origin, const struct keychain *keychain,
               uint64_t id, bool was_first, enum trial_state verdict)
{
    struct trial *trial = trial_of(origin, keychain);

    if (trial->id != id || (trial->state == TRIAL_RUNNING && !was_first)) {
        return; /* of another password, or a straggler of the last trial */
    }
    /* What has counted before, and does not once, is tried again. */
    if (verdict == TRIAL_REFUSED && !was_first) {
        verdict = TRIAL_OPEN;
    }
    trial->state = verdict;
    trial->until_ms = loop_now(origin->client->loop) + LIMIT_REFUSAL_MS;
    if (was_first) {
        wake(trial);
    }
}
