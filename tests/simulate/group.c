#include "broker.h"
#include "waybill/alloc.h"

/* The group coordinator, with the assignment that the leader would make
 * (cooperative-sticky): a member that has too many partitions gives some back
 * and joins again, and only then another one gets them. */

static void prepare(struct broker *broker, const char *why);

struct member *broker_member(struct broker *broker, uint64_t id)
{
    struct member *member;

    TAILQ_FOREACH(member, &broker->members, link)
    {
        if (member->id == id) {
            return member;
        }
    }
    return NULL;
}

static void remove_member(struct member *member, const char *why)
{
    struct broker *broker = member->broker;

    sim_trace(broker->sim, "member %llu is out: %s",
              (unsigned long long)member->id, why);
    loop_disarm(broker->sim->loop, &member->session);
    if (member->join != NULL) {
        call_answer(member->join, CALL_UNKNOWN_MEMBER);
    }
    TAILQ_REMOVE(&broker->members, member, link);
    mem_free(member);
}

void group_free(struct broker *broker)
{
    struct member *member;

    loop_disarm(broker->sim->loop, &broker->deadline);
    while ((member = TAILQ_FIRST(&broker->members)) != NULL) {
        loop_disarm(broker->sim->loop, &member->session);
        TAILQ_REMOVE(&broker->members, member, link);
        mem_free(member);
    }
}

static void on_session_over(void *payload)
{
    struct member *member = payload;
    struct broker *broker = member->broker;
    struct loop *loop = broker->sim->loop;

    /* A member that waits for the rebalance sends nothing; its open connection
     * shows that it is alive. A member that cannot be reached receives nothing.
     */
    if ((member->join != NULL && member->join->instance != NULL &&
         !instance_is_frozen(member->join->instance)) ||
        broker_is_away(broker, ROLE_GROUP)) {
        loop_arm(loop, &member->session, broker->session_ms);
        return;
    }
    remove_member(member, "not heard of");
    prepare(broker, "a member is gone");
}

static struct member *add_member(struct broker *broker)
{
    struct member *member = mem_zalloc(sizeof(*member));

    member->broker = broker;
    member->id = ++broker->member_count;
    timer_init(&member->session, on_session_over, member);
    TAILQ_INSERT_TAIL(&broker->members, member, link);
    return member;
}

/* --- assignment -------------------------------------------------------------
 */

static unsigned count_bits(unsigned bits)
{
    unsigned count = 0;

    for (; bits != 0; bits &= bits - 1) {
        count++;
    }
    return count;
}

/* Keeps its partitions, up to its share. */
static unsigned keep_share(unsigned owned, unsigned share)
{
    while (count_bits(owned) > share) {
        owned &= owned - 1;
    }
    return owned;
}

/* Assigns the free partitions one by one to the member with the fewest. */
static void hand_out(struct broker *broker, unsigned free_ones)
{
    for (unsigned bit = 0; bit < broker->known_partitions; bit++) {
        struct member *poorest = TAILQ_FIRST(&broker->members);
        struct member *member;

        if ((free_ones >> bit & 1U) == 0) {
            continue;
        }
        TAILQ_FOREACH(member, &broker->members, link)
        {
            if (count_bits(member->assigned) < count_bits(poorest->assigned)) {
                poorest = member;
            }
        }
        poorest->assigned |= 1U << bit;
    }
}

static void assign(struct broker *broker)
{
    unsigned members = 0;
    unsigned claimed = 0;
    unsigned all = (1U << broker->known_partitions) - 1;
    struct member *member;
    unsigned share;

    TAILQ_FOREACH(member, &broker->members, link)
    {
        members++;
    }
    share = ((unsigned)broker->known_partitions + members - 1) / members;
    TAILQ_FOREACH(member, &broker->members, link)
    {
        /* If two members claim the same partition, the first is right: the
         * claim of the other one is from before it was removed. */
        unsigned owned = member->owned & ~claimed;

        claimed |= owned;
        member->assigned = keep_share(owned, share);
    }
    hand_out(broker, all & ~claimed);
}

/* --- rebalance --------------------------------------------------------------
 */

static void complete(struct broker *broker)
{
    struct member *member;

    loop_disarm(broker->sim->loop, &broker->deadline);
    broker->group = GROUP_STABLE;
    broker->generation++;
    broker->stable_ms = broker->sim->now_ms;
    broker->sim->counts.rebalances++;
    if (TAILQ_EMPTY(&broker->members)) {
        return;
    }
    assign(broker);
    TAILQ_FOREACH(member, &broker->members, link)
    {
        struct call *call = member->join;

        sim_trace(broker->sim, "generation %lld: member %llu has %#x",
                  (long long)broker->generation, (unsigned long long)member->id,
                  member->assigned);
        member->join = NULL;
        loop_arm(broker->sim->loop, &member->session, broker->session_ms);
        call->generation = broker->generation;
        call->assigned = member->assigned;
        call_answer(call, CALL_OK);
    }
}

static void complete_if_all_joined(struct broker *broker)
{
    const struct member *member;

    TAILQ_FOREACH(member, &broker->members, link)
    {
        if (member->join == NULL) {
            return;
        }
    }
    complete(broker);
}

static void on_deadline(void *payload)
{
    struct broker *broker = payload;
    struct member *member = TAILQ_FIRST(&broker->members);

    while (member != NULL) {
        struct member *next = TAILQ_NEXT(member, link);

        if (member->join == NULL) {
            remove_member(member, "did not join in time");
        }
        member = next;
    }
    complete(broker);
}

static void prepare(struct broker *broker, const char *why)
{
    if (broker->group == GROUP_STABLE) {
        sim_trace(broker->sim, "rebalance: %s", why);
        broker->group = GROUP_PREPARING;
        timer_init(&broker->deadline, on_deadline, broker);
        loop_arm(broker->sim->loop, &broker->deadline, broker->rebalance_ms);
    }
    complete_if_all_joined(broker);
}

/* The leader checks the topic periodically. */
void group_found_more(struct broker *broker)
{
    if (!TAILQ_EMPTY(&broker->members)) {
        prepare(broker, "there are more partitions");
    }
}

static void serve_join(struct broker *broker, struct call *call)
{
    struct member *member = broker_member(broker, call->member);

    if (call->member != 0 && member == NULL) {
        call_answer(call, CALL_UNKNOWN_MEMBER);
        return;
    }
    member = member != NULL ? member : add_member(broker);
    call->member = member->id;
    call->shed = true;
    member->join = call;
    member->owned = call->owned;
    loop_arm(broker->sim->loop, &member->session, broker->session_ms);
    prepare(broker, "a member joins");
}

static void serve_heartbeat(struct broker *broker, struct call *call,
                            struct member *member)
{
    loop_arm(broker->sim->loop, &member->session, broker->session_ms);
    call_answer(call, broker->group == GROUP_PREPARING ||
                              call->generation != broker->generation
                          ? CALL_REBALANCING
                          : CALL_OK);
}

void group_serve(struct broker *broker, struct call *call)
{
    struct member *member = broker_member(broker, call->member);

    if (call->kind == CALL_JOIN) {
        serve_join(broker, call);
    } else if (member == NULL) {
        call_answer(call, CALL_UNKNOWN_MEMBER);
    } else if (call->kind == CALL_HEARTBEAT) {
        serve_heartbeat(broker, call, member);
    } else {
        remove_member(member, "leaves");
        prepare(broker, "a member leaves");
        call_answer(call, CALL_OK);
    }
}
