#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config_internal.h"
#include "waybill/config_edit.h"

#define SYSTEM_CONFIG "/etc/waybill/config.yaml"

const char *config_path(const char *argument)
{
    const char *variable = getenv("WAYBILL_CONFIG");

    if (argument != NULL) {
        return argument;
    }
    if (variable != NULL && *variable != '\0') {
        return variable;
    }
    return access("config.yaml", F_OK) == 0 || access(SYSTEM_CONFIG, F_OK) != 0
               ? "config.yaml"
               : SYSTEM_CONFIG;
}

bool config_find(const char *argument, struct str *searched)
{
    const char *variable = getenv("WAYBILL_CONFIG");
    char *directory;

    if (argument != NULL || (variable != NULL && *variable != '\0') ||
        access(config_path(NULL), F_OK) == 0) {
        return true;
    }
    directory = getcwd(NULL, 0);
    str_printf(searched,
               "--config is not given, WAYBILL_CONFIG is not set, and neither "
               "%s/config.yaml nor " SYSTEM_CONFIG " exists",
               directory != NULL ? directory : ".");
    free(directory);
    return false;
}

static bool has_section(const struct node *root, const char *key)
{
    const struct node *node = tree_member(root, key);

    /* A scalar in its place is another fault, which has been reported. */
    return node != NULL &&
           (node->first != NULL || (node->kind == NODE_SCALAR && !node->null));
}

static void check_required_sections(const struct node *root, unsigned required,
                                    const struct settings *settings,
                                    struct faults *faults)
{
    if ((required & CONFIG_REQUIRES_KAFKA) &&
        tree_member(root, "kafka") == NULL) {
        fault_add(faults, &root->location,
                  "kafka: is required; add the section with its brokers, for "
                  "example brokers: 127.0.0.1:9092");
    }
    if ((required & ~CONFIG_CHECKS_CLIENTS) == 0 && faults->count == 0 &&
        !has_section(root, "kafka") && !has_section(root, "registrations")) {
        fault_add(faults, &root->location, NOTHING_CONFIGURED);
    }
    if ((required & CONFIG_REQUIRES_REGISTRATIONS) &&
        !has_section(root, "registrations")) {
        fault_add(
            faults, &root->location,
            "registrations: is required, because nothing can be delivered "
            "without one; add at least one, with a name and a "
            "repository");
    }
}

bool is_file_property(const char *property)
{
    static const char end[] = ".location";
    size_t len = strlen(property);

    return len >= strlen(end) && strcmp(property + len - strlen(end), end) == 0;
}

/* Only certificates and keys (ssl.key.pem, ...) have several lines. */
static bool has_control(const struct node *node)
{
    size_t len = strlen(node->key);

    for (const char *at = node->text; *at != '\0'; at++) {
        if (iscntrl((unsigned char)*at)) {
            return len < 4 || strcmp(node->key + len - 4, ".pem") != 0;
        }
    }
    return false;
}

static void check_properties(const struct node *root,
                             const struct config_rules *rules,
                             struct faults *faults)
{
    const struct node *kafka = tree_member(root, "kafka");
    const struct node *list =
        kafka != NULL ? tree_member(kafka, "properties") : NULL;
    struct error err;

    if (list == NULL || list->kind != NODE_MAPPING) {
        return;
    }
    for (const struct node *node = list->first; node; node = node->next) {
        if (node->kind != NODE_SCALAR || node->fault || node->null) {
            continue;
        }
        if (keys_find(settings_fields[0].fields, node->key) != NULL) {
            fault_add(faults, &node->key_location,
                      "kafka.properties.%s: librdkafka has no such property; "
                      "'%s' is a key of kafka: write it one level higher",
                      node->key, node->key);
        } else if (has_control(node)) {
            fault_add(faults, &node->location,
                      "kafka.properties.%s: the value contains a line break or "
                      "another control character; remove it",
                      node->key);
        } else if (rules->check_property(node->key, node->text, &err) < 0) {
            fault_add(faults, &node->key_location, "kafka.properties.%s: %s",
                      node->key, err.message);
        }
        if (is_file_property(node->key)) {
            access_allow_file(faults->access, node->text);
            files_add(faults->files, node->text, NULL);
        }
    }
}

/* The position of the property, or else of the section */
static const struct location *find_property(const struct node *kafka,
                                            const char *key)
{
    const struct node *list = tree_member(kafka, "properties");
    const struct node *node =
        list != NULL && key != NULL ? tree_member(list, key) : NULL;

    return node != NULL   ? &node->key_location
           : list != NULL ? &list->location
                          : &kafka->location;
}

static void check_clients(const struct node *root,
                          const struct config_rules *rules,
                          const struct settings *settings,
                          struct faults *faults)
{
    const struct node *kafka = tree_member(root, "kafka");
    const char *key;
    struct error err;

    if (kafka != NULL && faults->count == 0 &&
        rules->check_clients(&settings->kafka, &key, &err) < 0) {
        fault_add(faults, find_property(kafka, key), "kafka.properties%s%s: %s",
                  key != NULL ? "." : "", key != NULL ? key : "", err.message);
    }
}

/* Kerberos runs kinit and stores tickets in files, which the sandbox forbids.
 * It is librdkafka's default mechanism. */
static void check_sandbox(const struct node *root,
                          const struct settings *settings,
                          struct faults *faults)
{
    const char *protocol = "";
    const char *mechanism = "GSSAPI";
    const struct field_map *properties = &settings->kafka.properties;

    for (size_t i = 0; i < properties->count; i++) {
        const struct field_pair *pair = &properties->pairs[i];

        if (strcmp(pair->key, "security.protocol") == 0) {
            protocol = pair->value;
        } else if (strcmp(pair->key, "sasl.mechanism") == 0 ||
                   strcmp(pair->key, "sasl.mechanisms") == 0) {
            mechanism = pair->value;
        }
    }
    if (settings->sandbox == SANDBOX_ON &&
        strncasecmp(protocol, "sasl", 4) == 0 &&
        strcasecmp(mechanism, "GSSAPI") == 0) {
        fault_add(faults, &tree_member(root, "kafka")->location,
                  "kafka.properties: Kerberos (sasl.mechanism GSSAPI, "
                  "librdkafka's default) runs other programs, which the "
                  "sandbox forbids; set sandbox: off, or another "
                  "sasl.mechanism");
    }
}

/* Each topic has a meaning of its own. Above all, whoever may write to the
 * attestations topic must not be able to write to the replays topic. */
static void check_topics(const struct node *root,
                         const struct settings *settings, struct faults *faults)
{
    const struct kafka_settings *kafka = &settings->kafka;
    const struct {
        const char *key;
        const char *name;
    } topics[] = {
        {"attestations", kafka->topics.attestations},
        {"replays", kafka->topics.replays},
        {"outcomes", kafka->topics.outcomes},
        {"dead_letters", kafka->topics.dead_letters},
    };
    const struct node *node = tree_member(root, "kafka");
    const struct node *inner =
        node != NULL ? tree_member(node, "topics") : NULL;

    node = inner != NULL ? inner : node;
    for (size_t i = 1; node != NULL && i < ARRAY_SIZE(topics); i++) {
        for (size_t j = 0; j < i; j++) {
            if (topics[i].name != NULL && topics[j].name != NULL &&
                strcmp(topics[i].name, topics[j].name) == 0) {
                fault_add(faults, &node->location,
                          "kafka.topics.%s: '%s' is also the topic of "
                          "kafka.topics.%s; give each its own topic",
                          topics[i].key, topics[i].name, topics[j].key);
            }
        }
    }
}

static void check_admin(const struct node *root,
                        const struct admin_settings *admin,
                        struct faults *faults)
{
    const struct node *node = tree_member(root, "admin");
    bool has_no_key = admin->tls_key == NULL;

    if (admin->tls_certificate != NULL && !has_no_key) {
        files_add(faults->files, admin->tls_certificate, NULL);
        files_add(faults->files, admin->tls_key, NULL);
    }

    if (node != NULL && has_no_key != (admin->tls_certificate == NULL)) {
        fault_add(faults, &node->location,
                  "admin.%s: is required, because TLS needs a certificate and "
                  "its key; add it, or remove admin.%s",
                  has_no_key ? "tls_key" : "tls_certificate",
                  has_no_key ? "tls_certificate" : "tls_key");
    }
}

static void read_admin(struct settings *settings, const struct node *root,
                       struct faults *faults)
{
    const struct node *node = tree_member(root, "admin");
    const struct field *field = settings_fields;
    struct field_set set = {NULL, &settings->admin};

    while (strcmp(field->key, "admin") != 0) {
        field++;
    }
    set.fields = field->fields;
    if (node != NULL && node->kind == NODE_MAPPING) {
        fields_read(node, "admin", &set, 1, faults);
    }
    check_admin(root, &settings->admin, faults);
}

static void read_tree(struct settings *settings, struct node *root,
                      const struct config_rules *rules, unsigned required,
                      struct faults *faults, struct faults *warnings)
{
    const struct integration_fields *const *integrations = rules->integrations;
    struct field_set set = {settings_fields, settings};

    if (root->kind == NODE_SCALAR && root->null) {
        fault_add(faults, &root->location, NOTHING_CONFIGURED);
        return;
    }
    if (root->kind != NODE_MAPPING) {
        fault_add(faults, &root->location,
                  "the file must be a mapping; begin it with 'kafka:' or "
                  "'registrations:'");
        return;
    }
    if (root->first == NULL) {
        fault_add(faults, &root->location, NOTHING_CONFIGURED);
        return;
    }
    overrides_apply(root, integrations, faults, warnings);
    if (required & CONFIG_ADMIN_ONLY) {
        read_admin(settings, root, faults);
        return;
    }
    fields_read(root, "", &set, 1, faults);
    settings->sandbox &= 1; /* sandbox_modes lists each mode twice */
    registrations_read(settings, tree_member(root, "registrations"),
                       integrations, faults);
    attachments_read(settings, tree_member(root, "attachments"), integrations,
                     faults);
    check_properties(root, rules, faults);
    check_admin(root, &settings->admin, faults);
    check_topics(root, settings, faults);
    check_sandbox(root, settings, faults);
    check_required_sections(root, required, settings, faults);
    if (required & CONFIG_CHECKS_CLIENTS) {
        check_clients(root, rules, settings, faults);
    }
    if (settings->registration_count > 0 && settings->attachment_count == 0 &&
        faults->count == 0) {
        fault_add(warnings, &root->location,
                  "attachments: there are none, so every event is skipped; add "
                  "one for each workflow to deliver");
    }
}

static int load(const char *path, struct bytes given,
                const struct config_rules *rules, unsigned required,
                struct settings **ret_settings, struct config_report *report,
                struct config_files *ret_files)
{
    struct arena *arena = arena_new();
    struct settings *settings = arena_alloc(arena, sizeof(*settings));
    struct faults warning_list = {.arena = arena, .rules = rules};
    struct faults fault_list = {
        .arena = arena,
        .warnings = &warning_list,
        .rules = rules,
        .access = &settings->access,
        .files = ret_files,
    };
    struct node *root;

    *ret_files = (struct config_files){0};
    settings->arena = arena;
    settings->access.arena = arena;
    root = tree_load(path, given, ret_files, &fault_list, &settings->revision);
    fields_default(settings_fields, settings);
    if (root != NULL) {
        read_tree(settings, root, rules, required, &fault_list, &warning_list);
    }
    faults_report(&fault_list, false, report);
    faults_report(&warning_list, true, report);
    if (fault_list.count > 0) {
        settings_free(settings);
        return -1;
    }
    *ret_settings = settings;
    return 0;
}

int config_load_reporting(const char *path, const struct config_rules *rules,
                          unsigned required, struct settings **ret_settings,
                          struct config_report *report,
                          struct config_files *ret_files)
{
    return load(path, (struct bytes){0}, rules, required, ret_settings, report,
                ret_files);
}

int config_edit_load(const char *path, const struct config_rules *rules,
                     struct bytes text, struct settings **ret_settings,
                     struct config_report *report)
{
    CLEANUP(config_files_release) struct config_files files;

    return load(path, text, rules, 0, ret_settings, report, &files);
}

int config_load(const char *path, const struct config_rules *rules,
                unsigned required, struct settings **ret_settings,
                struct str *faults, struct str *warnings,
                struct config_files *ret_files)
{
    struct config_report report = {.arena = arena_new()};
    int result = config_load_reporting(path, rules, required, ret_settings,
                                       &report, ret_files);
    struct config_report part = report;

    /* The faults come first. */
    for (part.count = 0;
         part.count < report.count && !report.faults[part.count].is_warning;) {
        part.count++;
    }
    config_report_append_text(&part, faults);
    part.faults += part.count;
    part.count = report.count - part.count;
    part.omitted = 0;
    config_report_append_text(&part, warnings);
    arena_free(report.arena);
    return result;
}

void settings_free(struct settings *settings)
{
    if (settings != NULL) {
        arena_wipe_and_free(settings->arena);
    }
}
