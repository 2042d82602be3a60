#include <stdio.h>
#include <string.h>
#include <time.h>

#include "command.h"
#include "inspect.h"
#include "permissions.h"
#include "topic_plan.h"
#include "topic_settings.h"
#include "waybill/alloc.h"
#include "waybill/clock.h"

/* `waybill kafka prepare --apply` */

/* How long a broker may need until its metadata has a topic that the controller
 * has created */
#define VISIBLE_MS 10000
#define POLL_MS 100

struct preparation {
    const struct kafka_options *options;
    const struct kafka_tools *tools;
    const struct kafka_sizes *sizes;
    struct arena *arena;
    struct diagnosis diagnosis;
    struct inspector inspector;
    struct kafka_facts facts;
    bool created[TOPIC_ROLES];
    struct kafka_topic_finding *findings; /* allocated with mem_grow() */
    size_t count;
    size_t capacity;
};

/* --- findings --- */

static struct kafka_topic_finding *add_finding(struct preparation *preparation,
                                               enum topic_role role,
                                               enum kafka_topic_result result,
                                               const char *text)
{
    struct kafka_topic_finding *finding;

    preparation->findings =
        mem_grow(preparation->findings, &preparation->capacity,
                 preparation->count + 1, sizeof(preparation->findings[0]));
    finding = &preparation->findings[preparation->count++];
    *finding = (struct kafka_topic_finding){
        .topic = topic_name(preparation->options, role),
        .key = topic_key(role),
        .result = result,
        .text = arena_strdup(preparation->arena, text),
    };
    return finding;
}

/* The permissions that this command needs itself */
static const char *grant_command(const struct preparation *preparation,
                                 enum topic_role role)
{
    CLEANUP(str_release) struct str command = STR_INIT(STR_UNLIMITED);
    const struct kafka_permission needed = {
        .resource = "topic",
        .name = topic_name(preparation->options, role),
        .operations = {"Create", "Describe", KAFKA_DESCRIBE_CONFIGS},
    };
    const char *principal =
        kafka_principal(preparation->options, preparation->arena);

    kafka_append_grant(&command, preparation->tools,
                       principal != NULL ? principal : "User:PRINCIPAL",
                       &needed, 1);
    return arena_strdup(preparation->arena, command.data);
}

static void add_denied(struct preparation *preparation, enum topic_role role,
                       enum kafka_topic_result result, const char *text)
{
    add_finding(preparation, role, result, text)->command =
        grant_command(preparation, role);
}

static void add_difference(void *payload, const struct topic_difference *what)
{
    CLEANUP(str_release) struct str command = STR_INIT(STR_UNLIMITED);
    struct preparation *preparation = payload;
    struct kafka_topic_finding *finding = add_finding(
        preparation, what->role, KAFKA_TOPIC_DIFFERS, what->problem);

    topic_settings_append_change(&command, preparation->tools, finding->topic,
                                 &what->setting);
    finding->setting = what->setting.name;
    finding->value = arena_strdup(preparation->arena, what->setting.value);
    finding->command = arena_strdup(preparation->arena, command.data);
}

/* Only the number that the operator has chosen is compared. */
static void compare_partitions(struct preparation *preparation,
                               enum topic_role role)
{
    CLEANUP(str_release) struct str command = STR_INIT(STR_UNLIMITED);
    int wanted = preparation->sizes->partitions;
    int actual = preparation->facts.topics[role].partitions;
    struct kafka_topic_finding *finding;

    if (role == TOPIC_DEAD_LETTERS || wanted == 0 || actual >= wanted) {
        return;
    }
    finding = add_finding(
        preparation, role, KAFKA_TOPIC_DIFFERS,
        arena_printf(preparation->arena,
                     "has %d partition%s instead of %d. With more, the "
                     "records of most keys go to another partition than "
                     "before",
                     actual, plural_s((uint64_t)actual), wanted));
    append_tool(&command, preparation->tools, "kafka-topics.sh");
    str_append_text(&command, " --alter --topic ");
    str_append_shell_word(&command, finding->topic);
    str_printf(&command, " --partitions %d", wanted);
    finding->setting = "partitions";
    finding->value = arena_printf(preparation->arena, "%d", wanted);
    finding->command = arena_strdup(preparation->arena, command.data);
}

static void compare_replicas(struct preparation *preparation,
                             enum topic_role role)
{
    int wanted = preparation->sizes->replicas;
    int actual = preparation->facts.topics[role].replicas;
    struct kafka_topic_finding *finding;

    if (wanted == 0 || actual >= wanted) {
        return;
    }
    finding = add_finding(
        preparation, role, KAFKA_TOPIC_DIFFERS,
        arena_printf(preparation->arena,
                     "has %d replica%s instead of %d. Change it with "
                     "kafka-reassign-partitions.sh",
                     actual, plural_s((uint64_t)actual), wanted));
    finding->setting = "replication factor";
    finding->value = arena_printf(preparation->arena, "%d", wanted);
}

static void compare_topic(struct preparation *preparation, enum topic_role role)
{
    const struct topic_facts *facts = &preparation->facts.topics[role];
    size_t before = preparation->count;

    if (facts->fault == TOPIC_HIDDEN) {
        add_denied(preparation, role, KAFKA_TOPIC_FAILED,
                   "the permission Describe is missing, so it is not known "
                   "whether the topic exists. Use the credentials of an "
                   "administrator, or grant it");
        return;
    }
    if (facts->fault == TOPIC_MISSING) {
        return; /* why it could not be created has been reported */
    }
    topic_settings_compare(preparation->options, &preparation->facts, role,
                           add_difference, preparation);
    compare_partitions(preparation, role);
    compare_replicas(preparation, role);
    if (!facts->config.known) {
        add_denied(preparation, role, KAFKA_TOPIC_UNKNOWN,
                   "exists, but its settings cannot be read: the permission "
                   "DescribeConfigs is missing. Use the credentials of an "
                   "administrator, or grant it");
    } else if (preparation->count == before && !preparation->created[role]) {
        add_finding(preparation, role, KAFKA_TOPIC_SUITS,
                    arena_printf(preparation->arena,
                                 "exists with %d partition%s",
                                 facts->partitions,
                                 plural_s((uint64_t)facts->partitions)));
    }
}

/* --- creating --- */

static int inspect(struct preparation *preparation, struct error *err)
{
    if (inspect_topics(&preparation->inspector, &preparation->facts, err) ==
        0) {
        return 0;
    }
    rd_kafka_poll(preparation->inspector.client, 0);
    if (preparation->diagnosis.text[0] != '\0') {
        diagnosis_set_error(&preparation->diagnosis, "asking for the topics",
                            RD_KAFKA_RESP_ERR__TRANSPORT, err);
    }
    return -1;
}

static void report_created(struct preparation *preparation,
                           enum topic_role role,
                           const struct kafka_topic_plan *plan)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);

    preparation->created[role] = true;
    str_printf(&text, "created with %d partition%s", plan->partitions,
               plural_s((uint64_t)plan->partitions));
    for (size_t i = 0; i < plan->setting_count; i++) {
        str_printf(&text, ", %s=%s", plan->settings[i].name,
                   plan->settings[i].value);
    }
    add_finding(preparation, role, KAFKA_TOPIC_CREATED, text.data);
}

static void report_refused(struct preparation *preparation,
                           enum topic_role role,
                           const struct kafka_topic_plan *plan,
                           rd_kafka_resp_err_t code, const char *reason)
{
    CLEANUP(str_release) struct str command = STR_INIT(STR_UNLIMITED);
    const char *text =
        arena_printf(preparation->arena,
                     "does not exist, and could not be created: %s", reason);

    if (is_denied(code)) {
        add_denied(preparation, role, KAFKA_TOPIC_FAILED,
                   arena_printf(preparation->arena,
                                "%s The permission Create is missing. Use the "
                                "credentials of an administrator, or grant it",
                                text));
        return;
    }
    kafka_append_create(&command, preparation->tools, plan);
    add_finding(preparation, role, KAFKA_TOPIC_FAILED, text)->command =
        arena_strdup(preparation->arena, command.data);
}

/* Replays go where their events came from, so that their topic has as many
 * partitions. */
static void make_plan(const struct preparation *preparation,
                      enum topic_role role, struct kafka_topic_plan *ret_plan)
{
    const struct topic_facts *input = &preparation->facts.topics[TOPIC_INPUT];
    struct kafka_sizes sizes = *preparation->sizes;
    struct topic_config usual;

    topic_config_default(&usual);
    if (role == TOPIC_REPLAYS && sizes.partitions == 0) {
        sizes.partitions = input->partitions;
    }
    topic_plan(preparation->options, &sizes, role,
               input->config.known ? &input->config : &usual, ret_plan);
}

static void create_topic(struct preparation *preparation, enum topic_role role)
{
    struct kafka_topic_plan plan;
    rd_kafka_resp_err_t code;
    char reason[256];

    if (preparation->facts.topics[role].fault != TOPIC_MISSING) {
        return;
    }
    make_plan(preparation, role, &plan);
    code = command_create_topic(preparation->inspector.client, &plan, reason,
                                sizeof(reason));
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        report_created(preparation, role, &plan);
    } else if (code != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
        report_refused(preparation, role, &plan, code, reason);
    }
}

static bool are_visible(const struct preparation *preparation)
{
    for (enum topic_role role = 0; role < TOPIC_ROLES; role++) {
        if (preparation->created[role] &&
            preparation->facts.topics[role].fault == TOPIC_MISSING) {
            return false;
        }
    }
    return true;
}

/* Until the broker that is asked knows of the topics that were created */
static int inspect_again(struct preparation *preparation, struct error *err)
{
    const struct timespec pause = {.tv_nsec = POLL_MS * 1000000L};
    uint64_t deadline = clock_monotonic_ms(clock_system()) + VISIBLE_MS;

    while (inspect(preparation, err) == 0) {
        if (are_visible(preparation) ||
            clock_monotonic_ms(clock_system()) >= deadline) {
            return 0;
        }
        nanosleep(&pause, NULL);
    }
    return -1;
}

/* The settings of the others follow from those of the attestations topic. */
static int create_all(struct preparation *preparation, struct error *err)
{
    if (inspect(preparation, err) < 0) {
        return -1;
    }
    create_topic(preparation, TOPIC_INPUT);
    if (preparation->created[TOPIC_INPUT] &&
        inspect_again(preparation, err) < 0) {
        return -1;
    }
    for (enum topic_role role = TOPIC_INPUT + 1; role < TOPIC_ROLES; role++) {
        create_topic(preparation, role);
    }
    return inspect_again(preparation, err);
}

/* --- the command --- */

static void on_client_error(rd_kafka_t *client, int code, const char *reason,
                            void *opaque)
{
    diagnosis_note(opaque, (rd_kafka_resp_err_t)code, reason);
}

/* A consumer, because its requests for metadata never make a broker create a
 * topic by itself. */
static int open_client(struct preparation *preparation, struct error *err)
{
    rd_kafka_conf_t *conf =
        command_conf(CLIENT_CONSUMER, preparation->options, err);

    if (conf == NULL) {
        return -1;
    }
    rd_kafka_conf_set_error_cb(conf, on_client_error);
    rd_kafka_conf_set_opaque(conf, &preparation->diagnosis);
    preparation->inspector.client = client_new(RD_KAFKA_CONSUMER, conf, err);
    return preparation->inspector.client != NULL ? 0 : -1;
}

/* In the order of the topics */
static void take_findings(struct preparation *preparation,
                          const struct kafka_topic_finding **ret_findings,
                          size_t *ret_count)
{
    struct kafka_topic_finding *findings = arena_alloc(
        preparation->arena, preparation->count * sizeof(findings[0]));
    size_t count = 0;

    for (enum topic_role role = 0; role < TOPIC_ROLES; role++) {
        for (size_t i = 0; i < preparation->count; i++) {
            if (preparation->findings[i].key == topic_key(role)) {
                findings[count++] = preparation->findings[i];
            }
        }
    }
    *ret_findings = findings;
    *ret_count = count;
}

int kafka_prepare(const struct kafka_options *options,
                  const struct kafka_tools *tools,
                  const struct kafka_sizes *sizes, struct arena *arena,
                  const struct kafka_topic_finding **ret_findings,
                  size_t *ret_count, struct error *err)
{
    struct preparation preparation = {
        .options = options,
        .tools = tools,
        .sizes = sizes,
        .arena = arena,
        .diagnosis = {.options = options},
        .inspector = {.options = options},
    };
    int result = -1;

    if (open_client(&preparation, err) == 0 &&
        create_all(&preparation, err) == 0) {
        for (enum topic_role role = 0; role < TOPIC_ROLES; role++) {
            compare_topic(&preparation, role);
        }
        take_findings(&preparation, ret_findings, ret_count);
        result = 0;
    }
    command_destroy(preparation.inspector.client);
    mem_free(preparation.findings);
    return result;
}
