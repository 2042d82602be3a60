#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "config_internal.h"
#include "waybill/address.h"

/* The sections of the file that are objects. Registrations and attachments are
 * lists whose rows depend on the integration: registrations.c. */

static int refuse_brokers(struct error *err)
{
    return error_set(err, ERROR_CONFIG,
                     "brokers are host:port, with commas between several, IPv6 "
                     "addresses in brackets, and a port for at least one");
}

/* "kafka://a:9092/, b" is a:9092,b. A single host has Kafka's usual port. */
static void correct_brokers(const char *value, struct str *out)
{
    bool has_port = false;

    while (*value != '\0') {
        const char *scheme;
        size_t len;

        value += strspn(value, ", ;");
        scheme = strstr(value, "://");
        value = scheme != NULL && scheme < value + strcspn(value, ",; ")
                    ? scheme + 3
                    : value;
        len = strcspn(value, ",; /");
        if (len > 0) {
            str_append_text(out, out->len > 0 ? "," : "");
            str_append(out, value, len);
            has_port = has_port || memchr(value, ':', len) != NULL;
        }
        value += len + strspn(value + len, "/");
    }
    if (!has_port && out->len > 0) {
        str_append_text(out, ":9092");
    }
}

/* ":9464", "9464" and "localhost:9464" are the loopback address. */
static void correct_listen(const char *value, struct str *out)
{
    static const char *const off[] = {"no", "false", "none", "disabled"};
    const char *scheme = strstr(value, "://");
    const char *colon = strrchr(value, ':');

    if (scheme != NULL) {
        str_append(out, scheme + 3, strcspn(scheme + 3, "/"));
        return;
    }
    for (size_t i = 0; i < ARRAY_SIZE(off); i++) {
        if (strcasecmp(value, off[i]) == 0) {
            str_append_text(out, ADMIN_OFF);
            return;
        }
    }
    if (colon == NULL && value[strspn(value, "0123456789")] != '\0') {
        str_printf(out, "%s:9464",
                   strcmp(value, "localhost") == 0 ? "127.0.0.1" : value);
    } else if (colon != NULL && colon > value &&
               strspn(value, "0123456789abcdefABCDEF:.") == strlen(value)) {
        str_printf(out, "[%s]:9464", value); /* IPv6 without a port */
    } else {
        str_printf(out, "127.0.0.1:%s", colon != NULL ? colon + 1 : value);
    }
}

static int check_brokers(const char *value, struct error *err)
{
    bool has_port = false;

    /* librdkafka defaults to port 9092 and skips empty entries. */
    for (const char *end; *value != '\0'; value = end + (*end == ',')) {
        struct host_port split = {.port = -1};
        char broker[sizeof(split.host) + sizeof("[]:65535")];
        size_t len = strcspn(value, ",");

        end = value + len;
        snprintf(broker, sizeof(broker), "%.*s", (int)len, value);
        if (len >= sizeof(broker) ||
            (len > 0 && !host_port_split(broker, &split))) {
            return refuse_brokers(err);
        }
        has_port = has_port || split.port >= 0;
    }
    return has_port ? 0 : refuse_brokers(err);
}

/* Kafka's rule for topic names. Kafka allows any group name, but here it
 * becomes part of `source` and of the transactional id. */
static int check_name(const char *value, struct error *err)
{
    size_t len = 0;

    for (; value[len] != '\0'; len++) {
        char c = value[len];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-')) {
            return error_set(err, ERROR_CONFIG,
                             "a name may contain only letters, digits, '.', "
                             "'_' and '-'");
        }
    }
    if (len > 249) {
        return error_set(err, ERROR_CONFIG,
                         "a name may have at most 249 characters");
    }
    return 0;
}

static int check_listen(const char *value, struct error *err)
{
    struct address address;

    if (strcmp(value, ADMIN_OFF) == 0) {
        return 0;
    }
    if (address_parse(value, &address, err) < 0) {
        return error_prefix(err,
                            "it is neither '" ADMIN_OFF "' nor an address");
    }
    return 0;
}

/* The characters that an Authorization header can carry (RFC 6750, b64token,
 * and a few more) */
static int check_token(const char *value, struct error *err)
{
    for (; *value != '\0'; value++) {
        if (*value <= ' ' || *value > '~') {
            return error_set(err, ERROR_CONFIG,
                             "a token may contain only visible ASCII "
                             "characters, and no spaces");
        }
    }
    return 0;
}

#define KAFKA(member) offsetof(struct kafka_settings, member)
#define DELIVERY(member) offsetof(struct delivery_settings, member)
#define ADMIN(member) offsetof(struct admin_settings, member)

static const char *const outcome_modes[] = {"binary", "structured", NULL};
static const char *const other_types[] = {"fail", "skip", NULL};
static const char *const log_levels[] = {"debug", "info", "warn", "error",
                                         NULL};
static const char *const log_formats[] = {"auto", "json", "logfmt", NULL};

static const struct field topic_fields[] = {
    {.key = "attestations",
     .offset = KAFKA(topics.attestations) - KAFKA(topics),
     .fallback = "attestations",
     .check = check_name,
     .doc = "The topic that attestation events are read from.",
     .since = "0.1.0"},
    {.key = "replays",
     .offset = KAFKA(topics.replays) - KAFKA(topics),
     .fallback = "attestation-replays",
     .check = check_name,
     .doc = "The topic to which `waybill replay run` writes dead "
            "letters that are to be delivered again. Waybill trusts "
            "the headers of its records, so only the principal of "
            "the replay tool may write to it. It need not exist "
            "before the first replay.",
     .since = "0.3.0"},
    {.key = "outcomes",
     .offset = KAFKA(topics.outcomes) - KAFKA(topics),
     .fallback = "attestation-outcomes",
     .check = check_name,
     .doc = "The topic to which the outcome of every delivery is "
            "written.",
     .since = "0.1.0"},
    {.key = "dead_letters",
     .offset = KAFKA(topics.dead_letters) - KAFKA(topics),
     .fallback = "attestation-dead-letters",
     .check = check_name,
     .doc = "The topic to which records are written that can never "
            "succeed. It must accept slightly larger messages than "
            "the attestations topic, because a dead letter is the "
            "whole record with more headers.",
     .since = "0.1.0"},
    {0},
};

static const struct field kafka_fields[] = {
    {.key = "brokers",
     .flags = FIELD_REQUIRED | FIELD_COMMAS,
     .offset = KAFKA(brokers),
     .check = check_brokers,
     .correct = correct_brokers,
     .doc = "The first brokers to connect to: host:port, separated "
            "by commas.",
     .example = "127.0.0.1:9092",
     .since = "0.1.0"},
    {.key = "group",
     .offset = KAFKA(group),
     .fallback = "waybill",
     .check = check_name,
     .doc = "The consumer group. Instances that share the work have "
            "the same group. A new group starts at the earliest "
            "offset.",
     .since = "0.1.0"},
    {.key = "topics",
     .type = FIELD_OBJECT,
     .offset = KAFKA(topics),
     .fields = topic_fields,
     .doc = "The topics. Waybill creates only the replays topic.",
     .since = "0.1.0"},
    {.key = "outcome_mode",
     .type = FIELD_ENUM,
     .offset = KAFKA(outcome_mode),
     .fallback = "binary",
     .choices = outcome_modes,
     .doc = "The CloudEvents mode of outcomes: binary (attributes in "
            "headers) or structured (everything in the value).",
     .since = "0.1.0"},
    {.key = "other_types",
     .type = FIELD_ENUM,
     .offset = KAFKA(other_types),
     .fallback = "fail",
     .choices = other_types,
     .doc = "What happens to an event of another type than an "
            "attestation event: fail makes it a dead letter and a "
            "failed outcome; skip ignores it without an outcome, for "
            "topics that other events share.",
     .since = "0.3.0"},
    {.key = "transactional_id",
     .offset = KAFKA(transactional_id),
     .doc = "The transactional id of this instance. It must differ "
            "between instances that run at the same time. By default "
            "each process generates one. A stable one (for example "
            "the ordinal of a StatefulSet) lets a restarted instance "
            "immediately abort the transaction that its predecessor "
            "left open.",
     .example = "waybill-0",
     .since = "0.1.0"},
    {.key = "instance_id",
     .offset = KAFKA(instance_id),
     .check = check_name,
     .doc = "Makes this instance a static member of the group "
            "(KIP-345), so that a restart within session.timeout.ms "
            "moves no partitions. It must be unique and stay the "
            "same (for example the ordinal of a StatefulSet). If two "
            "instances have the same one, the second removes the "
            "first from the group, and the first stops. Set "
            "session.timeout.ms in properties to more than a restart "
            "takes.",
     .example = "waybill-0",
     .since = "0.1.0"},
    {.key = "properties",
     .type = FIELD_MAP,
     .offset = KAFKA(properties),
     .doc = "Properties of librdkafka, for the consumer and the "
            "producer: security.protocol, sasl.*, ssl.*, "
            "client.rack, ... Properties that the guarantees of "
            "Waybill depend on are rejected, with the reason. If the "
            "content of a file that they name "
            "(ssl.certificate.location, ...) changes, a restart is "
            "required, which Waybill reports.",
     .example = "{security.protocol: SSL}",
     .since = "0.1.0"},
    {0},
};

static const struct field delivery_fields[] = {
    {.key = "concurrency",
     .type = FIELD_INTEGER,
     .offset = DELIVERY(concurrency),
     .fallback = "32",
     .min = 1,
     .max = 1024,
     .doc = "The maximum number of deliveries in flight for each "
            "registration. Concurrency adapts to what the endpoint "
            "sustains, down to one.",
     .since = "0.1.0"},
    {.key = "max_records",
     .type = FIELD_INTEGER,
     .offset = DELIVERY(max_records),
     .fallback = "1000",
     .min = 1,
     .max = 100000,
     .doc = "The maximum number of records in memory, including "
            "those that wait. At this limit, records that wait for "
            "an endpoint that is down or very slow are dropped and "
            "read again later. Otherwise no more records are "
            "fetched.",
     .since = "0.1.0"},
    {.key = "max_bytes",
     .type = FIELD_SIZE,
     .offset = DELIVERY(max_bytes),
     .fallback = "64MiB",
     .min = 1 << 20,
     .max = 1ULL << 40,
     .doc = "The maximum number of bytes in memory for records. See "
            "max_records.",
     .since = "0.1.0"},
    {.key = "max_event_size",
     .type = FIELD_SIZE,
     .offset = DELIVERY(max_event_size),
     .fallback = "16MiB",
     .min = 1024,
     .max = 512 << 20,
     .doc = "A larger event becomes a dead letter (class too_large).",
     .since = "0.1.0"},
    {.key = "max_attempts",
     .type = FIELD_INTEGER,
     .offset = DELIVERY(max_attempts),
     .fallback = "10",
     .min = 1,
     .max = 1000000,
     .doc = "A temporary failure becomes a dead letter only after "
            "both max_attempts and max_age are exceeded. While an "
            "endpoint is down, nothing is attempted.",
     .since = "0.1.0"},
    {.key = "max_age",
     .type = FIELD_DURATION,
     .offset = DELIVERY(max_age_ms),
     .fallback = "24h",
     .min = 0,
     .max = 365ULL * 86400000,
     .doc = "See max_attempts. The time is counted from the first "
            "attempt.",
     .since = "0.1.0"},
    {.key = "backoff_initial",
     .type = FIELD_DURATION,
     .offset = DELIVERY(backoff_initial_ms),
     .fallback = "500ms",
     .min = 10,
     .max = 3600000,
     .doc = "The pause before attempt n is a random time up to "
            "backoff_initial * 2^(n-2), and at most backoff_max.",
     .since = "0.1.0"},
    {.key = "backoff_max",
     .type = FIELD_DURATION,
     .offset = DELIVERY(backoff_max_ms),
     .fallback = "30s",
     .min = 10,
     .max = 3600000,
     .doc = "See backoff_initial.",
     .since = "0.1.0"},
    {.key = "hold_retry",
     .type = FIELD_DURATION,
     .offset = DELIVERY(hold_retry_ms),
     .fallback = "60s",
     .min = 100,
     .max = 86400000,
     .doc = "How often Waybill tries a registration whose "
            "credentials were rejected again, with one delivery. "
            "Its other deliveries wait. They become dead letters "
            "(class auth) only if they are older than max_age and "
            "other records have to wait for them.",
     .since = "0.1.0"},
    {.key = "connect_timeout",
     .type = FIELD_DURATION,
     .offset = DELIVERY(connect_timeout_ms),
     .fallback = "10s",
     .min = 10,
     .max = 600000,
     .doc = "The limit for name resolution, connection and TLS "
            "handshake together.",
     .since = "0.1.0"},
    {.key = "answer_timeout",
     .type = FIELD_DURATION,
     .offset = DELIVERY(answer_timeout_ms),
     .fallback = "120s",
     .min = 1000,
     .max = 3600000,
     .doc = "The limit for the time in which an endpoint sends "
            "nothing. A large registry may need long to commit an upload.",
     .since = "0.1.0"},
    {.key = "drain",
     .type = FIELD_DURATION,
     .offset = DELIVERY(drain_ms),
     .fallback = "10s",
     .min = 0,
     .max = 600000,
     .doc = "How long an instance that stops waits for attempts in "
            "flight. The instance that takes over the partition "
            "finishes the rest.",
     .since = "0.1.0"},
    {0},
};

static const struct field registries_fields[] = {
    {.key = "allowed",
     .type = FIELD_STRINGS,
     .offset = offsetof(struct registries_settings, allowed),
     .doc = "Hosts (`*` stands for any characters) that a registry "
            "may refer Waybill to: its token server, a redirect, the "
            "location of an upload. Well-known registries, every "
            "host that a registration names, and hosts of the same "
            "registrable domain (by the Public Suffix List) are "
            "permitted without being named.",
     .example = "[auth.example.net]",
     .since = "0.2.0"},
    {.key = "allow_any",
     .type = FIELD_BOOLEAN,
     .offset = offsetof(struct registries_settings, allow_any),
     .fallback = "false",
     .doc = "Permit registries to refer Waybill to any public host.",
     .since = "0.2.0"},
    {0},
};

static const struct field admin_fields[] = {
    {.key = "listen",
     .offset = ADMIN(listen),
     .check = check_listen,
     .correct = correct_listen,
     .doc = "A numeric ADDRESS:PORT, or `off`. Port 0 selects any "
            "free port, which the log line `listening` names. By "
            "default it is `127.0.0.1:9464`, or no port, with a "
            "warning, if another process uses that one. An address "
            "that is given here must be available.",
     .example = ADMIN_DEFAULT,
     .since = "0.3.0"},
    {.key = "token",
     .flags = FIELD_SECRET,
     .offset = ADMIN(token),
     .check = check_token,
     .doc = "The token that /metrics and /status require "
            "(`Authorization: Bearer ...`). The probes (/livez, "
            "/readyz) and the page without its data (/) require "
            "none.",
     .example = "${file:/run/secrets/admin-token}",
     .since = "0.3.0"},
    {.key = "tls_certificate",
     .flags = FIELD_PATH,
     .offset = ADMIN(tls_certificate),
     .doc = "A PEM file with the certificate and its intermediate "
            "certificates. The admin port then serves HTTPS only "
            "(TLS 1.2 or later). A renewed certificate is used "
            "without a restart. A certificate that does not match "
            "the key is rejected, and the previous one stays in use.",
     .example = "/etc/waybill/tls.crt",
     .since = "0.3.0"},
    {.key = "tls_key",
     .flags = FIELD_PATH,
     .offset = ADMIN(tls_key),
     .doc = "A PEM file with the key of tls_certificate.",
     .example = "/etc/waybill/tls.key",
     .since = "0.3.0"},
    {0},
};

static const struct field log_fields[] = {
    {.key = "level",
     .type = FIELD_ENUM,
     .offset = offsetof(struct log_settings, level),
     .fallback = "info",
     .choices = log_levels,
     .doc = "The lowest level that is written.",
     .since = "0.1.0"},
    {.key = "format",
     .type = FIELD_ENUM,
     .offset = offsetof(struct log_settings, format),
     .fallback = "auto",
     .choices = log_formats,
     .doc = "auto is logfmt on a terminal and json elsewhere.",
     .since = "0.1.0"},
    {0},
};

/* YAML 1.1, and thus Helm, turns off and on into false and true before they get
 * here. */
static const char *const sandbox_modes[] = {"off", "on", "false", "true", NULL};

const struct field settings_fields[] = {
    {.key = "kafka",
     .type = FIELD_OBJECT,
     .flags = FIELD_RESTART,
     .offset = offsetof(struct settings, kafka),
     .fields = kafka_fields,
     .doc = "The commands that use Kafka (run, publish, explain, "
            "replay) require this section.",
     .since = "0.1.0"},
    {.key = "registrations",
     .type = FIELD_LIST,
     .fields = registration_fields,
     .doc = "The destinations of attestations: integrations with "
            "their credentials.",
     .since = "0.1.0"},
    {.key = "attachments",
     .type = FIELD_LIST,
     .fields = attachment_fields,
     .doc = "Which workflow's attestations are delivered to which "
            "registration. An event that matches several attachments "
            "is delivered to each of them. An event that matches "
            "none is skipped, and its outcome says so.",
     .since = "0.1.0"},
    {.key = "delivery",
     .type = FIELD_OBJECT,
     .offset = offsetof(struct settings, delivery),
     .fields = delivery_fields,
     .doc = "Retries and limits.",
     .since = "0.1.0"},
    {.key = "registries",
     .type = FIELD_OBJECT,
     .offset = offsetof(struct settings, registries),
     .fields = registries_fields,
     .doc = "Which hosts a registry may refer Waybill to. A registry "
            "that tries to obtain credentials for another host, or "
            "to reach into the internal network, gets an error that "
            "names this section.",
     .since = "0.2.0"},
    {.key = "admin",
     .type = FIELD_OBJECT,
     .flags = FIELD_RESTART,
     .offset = offsetof(struct settings, admin),
     .fields = admin_fields,
     .doc = "The admin port of `waybill run`: /livez, /readyz, "
            "/metrics (Prometheus), /status (JSON), and a page with "
            "the same information (/).",
     .since = "0.3.0"},
    {.key = "log",
     .type = FIELD_OBJECT,
     .offset = offsetof(struct settings, log),
     .fields = log_fields,
     .doc = "The log, which is written to stderr.",
     .since = "0.1.0"},
    {.key = "sandbox",
     .type = FIELD_ENUM,
     .flags = FIELD_RESTART,
     .offset = offsetof(struct settings, sandbox),
     .fallback = "on",
     .choices = sandbox_modes,
     .doc = "Whether `waybill run` restricts itself after startup. It then "
            "runs no programs (a separate process runs docker credential "
            "helpers and secret-tool), inspects no other processes, and writes "
            "no files except those that an integration delivers to. It reads "
            "only files in the directories that the configuration and the "
            "environment name, and those that name resolution and TLS require. "
            "The log states which restrictions the kernel does not support.",
     .since = "0.3.0"},
    {0},
};
