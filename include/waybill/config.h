#ifndef WAYBILL_CONFIG_H
#define WAYBILL_CONFIG_H

#include <stdbool.h>

#include "waybill/access.h"
#include "waybill/digest.h"
#include "waybill/field.h"
#include "waybill/file.h"
#include "waybill/plan.h"
#include "waybill/str.h"

/*
 * The configuration: config.yaml, the values that it refers to (${env:NAME},
 * ${file:PATH}) and the environment variables that override it
 * (WAYBILL_<SECTION>_<KEY>, WAYBILL_<REGISTRATION>_<KEY>), validated as a
 * whole.
 *
 * Every fault is reported on a line of its own, in the order of its position:
 *
 *     config.yaml:12:7: registrations[1].repositry: unknown key (did you mean
 *     'repository'?)
 *
 * The YAML subset is small: one document, no aliases (and therefore no alias
 * bombs), no tags other than the core schema's, no duplicate keys.
 */
struct kafka_settings {
    const char *brokers; /* NULL: the file has no kafka section */
    const char *group;
    struct {
        const char *attestations;
        const char *replays;
        const char *outcomes;
        const char *dead_letters;
    } topics;
    int outcome_mode; /* enum outcome_mode */
    int other_types;  /* enum other_types */
    const char *transactional_id;
    const char *instance_id;
    struct field_map properties;
};

enum outcome_mode { OUTCOME_BINARY, OUTCOME_STRUCTURED };

enum other_types { OTHER_TYPES_FAIL, OTHER_TYPES_SKIP };

struct delivery_settings {
    uint64_t concurrency;
    uint64_t max_records;
    uint64_t max_bytes;
    uint64_t max_event_size;
    uint64_t max_attempts;
    uint64_t max_age_ms;
    uint64_t backoff_initial_ms;
    uint64_t backoff_max_ms;
    uint64_t hold_retry_ms;
    uint64_t connect_timeout_ms;
    uint64_t answer_timeout_ms;
    uint64_t drain_ms;
};

struct registries_settings {
    struct field_strings allowed;
    int allow_any;
};

struct log_settings {
    int level;
    int format;
};

struct admin_settings {
    const char *listen; /* NULL: ADMIN_DEFAULT, if that port is free */
    const char *token;
    const char *tls_certificate;
    const char *tls_key;
};

#define ADMIN_DEFAULT "127.0.0.1:9464"
#define ADMIN_OFF "off"

enum sandbox_mode { SANDBOX_OFF, SANDBOX_ON };

struct settings {
    struct kafka_settings kafka;
    struct delivery_settings delivery;
    struct registries_settings registries;
    struct admin_settings admin;
    struct log_settings log;
    int sandbox; /* enum sandbox_mode */
    struct registration *registrations;
    size_t registration_count;
    struct attachment *attachments;
    size_t attachment_count;
    struct digest revision; /* digest of the file's bytes */
    struct access access;   /* every file that it names, and the file itself */
    struct arena *arena;    /* owns everything above */
};

/* Rules that belong to higher modules */
struct config_rules {
    const struct integration_fields *const *integrations; /* NULL-terminated */
    /* Validates a librdkafka property: 0, or -1 and *err */
    int (*check_property)(const char *key, const char *value,
                          struct error *err);
    /* librdkafka's spelling of a property ("security_protocol" is
     * security.protocol), or NULL. For a property that cannot be set,
     * *ret_reason says why, else it is NULL. The result is valid until the next
     * call. */
    const char *(*find_property)(const char *key, const char **ret_reason);
    /* Creates Kafka's clients with these settings, for CONFIG_CHECKS_CLIENTS:
     * 0, or -1, *err, and in *ret_key the property that is at fault, or NULL */
    int (*check_clients)(const struct kafka_settings *kafka,
                         const char **ret_key, struct error *err);
};

/* The sections that a command requires */
#define CONFIG_REQUIRES_KAFKA 1U
#define CONFIG_REQUIRES_REGISTRATIONS 2U
/* The command uses only the admin section: faults in other sections are
 * ignored, and these have their defaults. */
#define CONFIG_ADMIN_ONLY 4U
/* Also detects what only the creation of Kafka's clients shows */
#define CONFIG_CHECKS_CLIENTS 8U

/* The files that the configuration consists of: the file itself, each
 * ${file:PATH}, and the certificates of Kafka and of the admin server */
struct config_files {
    struct config_file {
        char *path;
        struct file_stamp stamp; /* when it was last looked at */
    } * items;
    size_t count;
    size_t capacity;
};

/* Loads the file at `path`; `required` is a set of CONFIG_* flags. On failure
 * one line per fault has been appended to *faults; warnings may be appended in
 * either case. *ret_files, which the caller releases, lists the files that were
 * read or could not be read, also on failure. The caller frees *ret_settings.
 */
int config_load(const char *path, const struct config_rules *rules,
                unsigned required, struct settings **ret_settings,
                struct str *faults, struct str *warnings,
                struct config_files *ret_files) NODISCARD;
/* NULL is allowed; wipes secrets */
void settings_free(struct settings *settings);

/* --- change detection -------------------------------------------------------
 */

/* Returns the first file whose stamp differs from the last call, or NULL, and
 * stores the new stamps. Symbolic links are followed, so a link with another
 * target counts as a change. */
const char *config_files_find_changed(struct config_files *files);
void config_files_release(struct config_files *files);

/* Detects changes that take effect only after a restart. The first function
 * appends one line "key HEX" for each such key, where HEX is the digest of its
 * value and of the files that Kafka's properties name. The second one appends
 * the keys in which two such texts differ: "kafka.group, admin.listen". */
void config_append_restart_digests(const struct settings *settings,
                                   struct str *out);
void config_append_changed_keys(const char *digests, const char *other_digests,
                                struct str *out);

/* The configuration file to load: `argument`, else WAYBILL_CONFIG, else
 * ./config.yaml, else /etc/waybill/config.yaml */
const char *config_path(const char *argument);
/* False if no file was named and none exists in the places that are searched;
 * their list is then appended: "--config is not given, ...". */
bool config_find(const char *argument, struct str *searched);

const char *config_library_version(void);

#endif
