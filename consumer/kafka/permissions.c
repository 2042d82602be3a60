#include "permissions.h"

#include <string.h>

#include "properties.h"
#include "waybill/alloc.h"

/* Read and Write include Describe, which requests for metadata and offsets
 * need. To write within a transaction takes no permission on the cluster. */
static const struct row {
    enum kafka_user user;
    enum subject subject;
    const char *operations[KAFKA_MAX_OPERATIONS];
    const char *reason;
} rows[] = {
    {KAFKA_RUN,
     SUBJECT_INPUT,
     {"Read", KAFKA_DESCRIBE_CONFIGS},
     "receives events and commits their offsets"},
    {KAFKA_RUN,
     SUBJECT_REPLAYS,
     {"Read", KAFKA_DESCRIBE_CONFIGS},
     "receives replayed records and commits their offsets"},
    {KAFKA_RUN,
     SUBJECT_OUTCOMES,
     {"Write", KAFKA_DESCRIBE_CONFIGS},
     "reports what became of each delivery"},
    {KAFKA_RUN,
     SUBJECT_DEAD_LETTERS,
     {"Write", KAFKA_DESCRIBE_CONFIGS},
     "keeps records that could not be delivered"},
    {KAFKA_RUN,
     SUBJECT_GROUP,
     {"Read"},
     "joins the group and commits its offsets"},
    {KAFKA_RUN,
     SUBJECT_TRANSACTIONAL_ID,
     {"Write"},
     "writes outcomes and offsets in one transaction"},
    {KAFKA_REPLAY,
     SUBJECT_DEAD_LETTERS,
     {"Read", "Delete"},
     "lists dead letters, and `replay purge` deletes them"},
    {KAFKA_REPLAY,
     SUBJECT_OUTCOMES,
     {"Read"},
     "skips records that have been delivered since"},
    {KAFKA_REPLAY,
     SUBJECT_REPLAYS,
     {"Write"},
     "copies dead letters for `waybill run` to deliver again"},
    {KAFKA_REPLAY,
     SUBJECT_REPLAY_GROUP,
     {"Read"},
     "records the progress of replays as the offsets of this group"},
    {KAFKA_REPLAY,
     SUBJECT_REPLAY_ID,
     {"Write"},
     "writes copies and progress in one transaction"},
    {KAFKA_EXPLAIN, SUBJECT_INPUT, {"Read"}, "finds the record"},
    {KAFKA_EXPLAIN, SUBJECT_REPLAYS, {"Read"}, "finds the record's replays"},
    {KAFKA_EXPLAIN, SUBJECT_OUTCOMES, {"Read"}, "finds its outcomes"},
    {KAFKA_EXPLAIN, SUBJECT_DEAD_LETTERS, {"Read"}, "finds its dead letters"},
    {KAFKA_EXPLAIN,
     SUBJECT_GROUP,
     {"Describe"},
     "reads how far the group has come"},
    {KAFKA_EXPLAIN,
     SUBJECT_REPLAY_GROUP,
     {"Describe"},
     "reads which dead letters have been replayed"},
    {KAFKA_PUBLISH, SUBJECT_INPUT, {"Write"}, "writes events"},
};

const char *kafka_user_name(enum kafka_user user)
{
    static const char *const names[] = {
        [KAFKA_RUN] = "run",
        [KAFKA_REPLAY] = "replay",
        [KAFKA_EXPLAIN] = "explain",
        [KAFKA_PUBLISH] = "publish",
    };

    return names[user];
}

const char *kafka_replay_group(const char *group, struct arena *arena)
{
    return arena_printf(arena, "%s-replay", group);
}

const char *kafka_replay_id(const char *group, struct arena *arena)
{
    return arena_printf(arena, "waybill-replay-%s", group);
}

const char *permission_operation(enum kafka_user user, enum subject subject)
{
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        if (rows[i].user == user && rows[i].subject == subject) {
            return rows[i].operations[0];
        }
    }
    return "Describe";
}

const char *permission_group_operation(enum kafka_user user)
{
    return permission_operation(user, user == KAFKA_RUN ? SUBJECT_GROUP
                                                        : SUBJECT_REPLAY_GROUP);
}

/* --- the permissions of a configuration --- */

static void name_subject(const struct kafka_options *options,
                         enum subject subject, struct arena *arena,
                         struct kafka_permission *permission)
{
    const char *id = options->transactional_id;

    switch (subject) {
    case SUBJECT_INPUT:
    case SUBJECT_OUTCOMES:
    case SUBJECT_DEAD_LETTERS:
    case SUBJECT_REPLAYS:
        permission->resource = "topic";
        permission->name = topic_name(options, (enum topic_role)subject);
        permission->key = topic_key((enum topic_role)subject);
        break;
    case SUBJECT_GROUP:
    case SUBJECT_REPLAY_GROUP:
        permission->resource = "group";
        permission->name = subject == SUBJECT_GROUP
                               ? options->group
                               : kafka_replay_group(options->group, arena);
        permission->key = "kafka.group";
        break;
    case SUBJECT_TRANSACTIONAL_ID:
    case SUBJECT_REPLAY_ID:
        permission->resource = "transactional-id";
        permission->key = "kafka.group";
        permission->name = kafka_replay_id(options->group, arena);
        if (subject == SUBJECT_TRANSACTIONAL_ID) {
            permission->key = "kafka.transactional_id";
            permission->is_prefix = id == NULL;
            permission->name =
                id != NULL
                    ? id
                    : arena_printf(arena, PERMISSION_ID_PREFIX, options->group);
        }
        break;
    }
}

size_t kafka_permissions(const struct kafka_options *options,
                         struct arena *arena,
                         const struct kafka_permission **ret_permissions)
{
    struct kafka_permission *permissions =
        arena_alloc(arena, ARRAY_SIZE(rows) * sizeof(permissions[0]));

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        permissions[i] = (struct kafka_permission){
            .user = rows[i].user,
            .reason = rows[i].reason,
        };
        memcpy(permissions[i].operations, rows[i].operations,
               sizeof(rows[i].operations));
        name_subject(options, rows[i].subject, arena, &permissions[i]);
    }
    *ret_permissions = permissions;
    return ARRAY_SIZE(rows);
}

/* --- commands --- */

static bool have_same_operations(const struct kafka_permission *a,
                                 const struct kafka_permission *b)
{
    for (size_t i = 0; i < KAFKA_MAX_OPERATIONS; i++) {
        if (!text_equal(a->operations[i], b->operations[i])) {
            return false;
        }
    }
    return true;
}

size_t kafka_permissions_together(const struct kafka_permission *permissions,
                                  size_t count)
{
    size_t together = 1;

    while (
        together < count && permissions[together].user == permissions[0].user &&
        permissions[together].is_prefix == permissions[0].is_prefix &&
        strcmp(permissions[together].resource, permissions[0].resource) == 0 &&
        have_same_operations(&permissions[together], &permissions[0])) {
        together++;
    }
    return together;
}

void append_tool(struct str *out, const struct kafka_tools *tools,
                 const char *tool)
{
    str_printf(out, "%s --bootstrap-server ", tool);
    str_append_shell_word(out, tools->brokers);
    if (tools->command_config != NULL) {
        str_append_text(out, " --command-config ");
        str_append_shell_word(out, tools->command_config);
    }
}

void kafka_append_grant(struct str *out, const struct kafka_tools *tools,
                        const char *principal,
                        const struct kafka_permission *permissions,
                        size_t count)
{
    append_tool(out, tools, "kafka-acls.sh");
    str_append_text(out, " --add --allow-principal ");
    str_append_shell_word(out, principal);
    for (size_t i = 0; i < KAFKA_MAX_OPERATIONS; i++) {
        if (permissions[0].operations[i] != NULL) {
            str_printf(out, " --operation %s", permissions[0].operations[i]);
        }
    }
    for (size_t i = 0; i < count; i++) {
        str_printf(out, " --%s ", permissions[i].resource);
        str_append_shell_word(out, permissions[i].name);
    }
    if (permissions[0].is_prefix) {
        str_append_text(out, " --resource-pattern-type prefixed");
    }
}

const char *kafka_principal(const struct kafka_options *options,
                            struct arena *arena)
{
    const char *user = client_user_property(options, "sasl.username");

    user = user != NULL ? user : client_user_property(options, "sasl.user");
    return user != NULL ? arena_printf(arena, "User:%s", user) : NULL;
}
