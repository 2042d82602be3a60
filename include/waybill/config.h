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
 * The configuration: config.yaml, what it refers to (${env:NAME},
 * ${file:PATH}) and what overrides it (WAYBILL_<SECTION>_<KEY>,
 * WAYBILL_<REGISTRATION>_<KEY>), checked as a whole.
 *
 * Every fault is reported, each on a line of its own, by position:
 *
 *     config.yaml:12:7: registrations[1].repositry: unknown key (did you mean
 *     'repository'?)
 *
 * YAML is used for what it shows, not for what it can do: one document, no
 * aliases (and so no bombs), no tags beyond the core ones, no key twice.
 */
struct kafka_settings {
    const char *brokers; /* NULL: the file has no kafka section */
    const char *group;
    struct {
        const char *attestations;
        const char *outcomes;
        const char *dead_letters;
    } topics;
    int outcome_mode; /* place in outcome_modes */
    const char *transactional_id;
    const char *instance_id;
    struct field_map properties;
};

enum outcome_mode { OUTCOME_BINARY, OUTCOME_STRUCTURED };

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
    const char *listen; /* NULL: ADMIN_DEFAULT, if that is free */
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
    struct digest revision; /* of the file's bytes */
    struct access access;   /* every file that it names, and the file itself */
    struct arena *arena;    /* owns all of it */
};

/* What the layers above know and this one does not */
struct config_rules {
    const struct integration_fields *const *integrations; /* ends with NULL */
    /* What is wrong with a librdkafka property; -1 and err, or 0 */
    int (*check_property)(const char *key, const char *value,
                          struct error *err);
};

/* What a command cannot do without */
#define CONFIG_REQUIRES_KAFKA 1U
#define CONFIG_REQUIRES_REGISTRATIONS 2U
/* Or the one section that it wants; others may be wrong, and stay as they are
 * by default. */
#define CONFIG_ADMIN_ALONE 4U

/* The file itself, each that it refers to (${file:PATH}), and the certificates
 * of Kafka and of the admin port */
struct config_files {
    struct config_file {
        char *path;
        struct file_stamp stamp; /* as it looked */
    } * items;
    size_t count;
    size_t capacity;
};

/* Reads the file at `path`. On failure every fault has been appended to
 * *faults, a line each; warnings may be there either way. *ret_files, which the
 * caller releases, is what was read, or tried to be, whatever came of it. */
int config_load(const char *path, const struct config_rules *rules,
                unsigned access, struct settings **ret_settings,
                struct str *faults, struct str *warnings,
                struct config_files *ret_files) NODISCARD;
void settings_free(struct settings *settings); /* NULL is fine; wipes */

/* --- while it is in use ------------------------------------------------------
 */

/* The first of them that looks otherwise than the last time, or NULL. Symbolic
 * links are followed, so that one that is bent elsewhere is another file. */
const char *config_files_look(struct config_files *files);
void config_files_release(struct config_files *files);

/* The values that are only read at the start, and what is in the files that
 * Kafka's properties name, as digests: "key HEX", a line each; and the keys in
 * which two of these differ: "kafka.group, admin.listen"
 */
void config_append_marks(const struct settings *settings, struct str *out);
void config_append_changed(const char *marks, const char *others,
                           struct str *out);

/* The command line's FILE: `given`, else WAYBILL_CONFIG, else ./config.yaml,
 * else /etc/waybill/config.yaml */
const char *config_path(const char *given);

/* Generated from the tables: Markdown, and JSON Schema 2020-12 */
void config_append_reference(
    struct str *out, const struct integration_fields *const *integrations);
void config_append_schema(struct str *out,
                          const struct integration_fields *const *integrations);
/* waybill.yaml(5) */
void config_append_manual(struct str *out,
                          const struct integration_fields *const *integrations);

const char *config_library_version(void);

#endif
