#ifndef WAYBILL_LIMITS_H
#define WAYBILL_LIMITS_H

#include <stddef.h>

/*
 * Every cap on what comes from outside, in one place. What can be configured
 * has its cap in the field table instead (settings.h); these are the ones that
 * no operator has a reason to turn.
 */

/* Nesting of a JSON document. cJSON recurses; a producer has no honest use for
 * more than a dozen levels, and a few hundred fit any thread's stack. */
#define LIMIT_JSON_DEPTH 512
/* Values in one JSON document. cJSON spends 64 bytes on each, so that a 1 MiB
 * array of zeros would otherwise cost 32 MiB. */
#define LIMIT_JSON_VALUES 65536
/* An event's id: it becomes a part of every outcome's id and of a header. */
#define LIMIT_EVENT_ID 512
/* Names that are copied into outcomes and log lines (workflow, project, ...) */
#define LIMIT_EVENT_NAME 1024
/* sigstore-go's bounds for a statement; nobody sends more than a handful */
#define LIMIT_EVENT_SUBJECTS 1024
#define LIMIT_EVENT_MATERIALS 4096
#define LIMIT_ENVELOPE_SIGNATURES 1024
/* Of one material; what is beyond is not kept */
#define LIMIT_MATERIAL_ANNOTATIONS 64
/* A statement that is decoded: Chainloop's largest have some hundred KiB */
#define LIMIT_STATEMENT ((size_t)4 * 1024 * 1024)
/* The body of a message: several times the default limit of an event, because
 * parts of it appear more than once and in base64, but not without end, because
 * a template may repeat them */
#define LIMIT_MESSAGE_BODY ((size_t)64 * 1024 * 1024)
/* Headers of one Kafka record */
#define LIMIT_RECORD_HEADERS 256

/* A repository name, by the distribution specification's advice and by what
 * registries enforce (host not counted). */
#define LIMIT_REPOSITORY 255
/* Everything that a registry says: its header block, its body, its Location,
 * its token. None is ever close to these in an honest registry. */
#define LIMIT_HTTP_HEADERS ((size_t)64 * 1024)
#define LIMIT_HTTP_BODY ((size_t)256 * 1024)
#define LIMIT_URL ((size_t)8 * 1024)
#define LIMIT_TOKEN ((size_t)64 * 1024)
#define LIMIT_CHALLENGE ((size_t)8 * 1024)
#define LIMIT_REDIRECTS 5
/* Tokens remembered: in the chainloop layout each push has a repository, and
 * so a token, of its own; the oldest is forgotten. */
#define LIMIT_TOKENS 256

/* Token servers times credentials, remembered */
#define LIMIT_SESSIONS 64
/* What a challenge may ask for */
#define LIMIT_SCOPE ((size_t)1024)
/* How long a token server's refusal of a credential is taken as read */
#define LIMIT_REFUSAL_MS 10000

/* The configuration file and what it refers to */
#define LIMIT_CONFIG_BYTES ((size_t)1024 * 1024)
#define LIMIT_CONFIG_DEPTH 16
#define LIMIT_CONFIG_NODES 20000
#define LIMIT_CONFIG_KEYS 256 /* of one mapping */
#define LIMIT_CONFIG_FAULTS 50
#define LIMIT_SECRET_FILE ((size_t)64 * 1024)
/* A docker config: what a Kubernetes secret can hold; and how many registries
 * stand in it */
#define LIMIT_DOCKER_CONFIG ((size_t)1024 * 1024)
#define LIMIT_DOCKER_ENTRIES 4096
/* What a credential helper or the keyring may print */
#define LIMIT_HELPER_OUTPUT ((size_t)64 * 1024)

/* The credential helper's: what a program asks, and its configuration file */
#define LIMIT_HELPER_REQUEST ((size_t)64 * 1024)
#define LIMIT_HELPER_URLS 1024
#define LIMIT_HELPER_SOURCES 64

/* A message of ours: what fits a dead letter's header (1 KiB, wire format) */
#define LIMIT_MESSAGE 1024

#endif
