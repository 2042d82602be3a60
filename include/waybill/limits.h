#ifndef WAYBILL_LIMITS_H
#define WAYBILL_LIMITS_H

#include <stddef.h>

/*
 * The limits on external input, in one place. These are the ones that no
 * operator has a reason to change; configurable limits are in the field table
 * (field.h).
 */

/* Nesting depth of a JSON document. cJSON recurses; real documents have about a
 * dozen levels, and several hundred fit the stack of any thread. */
#define LIMIT_JSON_DEPTH 512
/* Number of values in one JSON document. cJSON allocates 64 bytes for each, so
 * a 1 MiB array of zeros would otherwise take 32 MiB. */
#define LIMIT_JSON_VALUES 65536
/* An event's id, in bytes. It becomes part of the id of every outcome and of a
 * header. */
#define LIMIT_EVENT_ID 512
/* Names that are copied into outcomes and log lines (workflow, project, ...) */
#define LIMIT_EVENT_NAME 1024
/* The limits of sigstore-go for a statement; real ones have a handful. */
#define LIMIT_EVENT_SUBJECTS 1024
#define LIMIT_EVENT_MATERIALS 4096
#define LIMIT_ENVELOPE_SIGNATURES 1024
/* Annotations of one material; further ones are dropped. */
#define LIMIT_MATERIAL_ANNOTATIONS 64
/* A decoded statement, in bytes; Chainloop's largest have some hundred KiB. */
#define LIMIT_STATEMENT ((size_t)4 * 1024 * 1024)
/* The body of a message, in bytes: several times the default limit of an event,
 * because parts of an event may appear repeatedly and in base64; but limited,
 * because a template may repeat them without end. */
#define LIMIT_MESSAGE_BODY ((size_t)64 * 1024 * 1024)
/* The headers of one Kafka record that is processed, in bytes, with
 * LIMIT_HEADER_COST for each. A dead letter keeps all headers, however many. */
#define LIMIT_RECORD_HEADERS ((size_t)256 * 1024)
#define LIMIT_HEADER_COST 32

/* A repository name without the host, in bytes, as the distribution
 * specification recommends and registries enforce. */
#define LIMIT_REPOSITORY 255
/* Everything that a registry sends, in bytes: headers, body, Location, token.
 * No real registry comes close to these. A Location that is signed by a storage
 * service or that holds the state of an upload can have 20 KiB. */
#define LIMIT_HTTP_HEADERS ((size_t)128 * 1024)
#define LIMIT_HTTP_BODY ((size_t)256 * 1024)
#define LIMIT_LOCATION ((size_t)64 * 1024)
/* URLs that people and programs write */
#define LIMIT_URL ((size_t)8 * 1024)
#define LIMIT_TOKEN ((size_t)64 * 1024)
#define LIMIT_CHALLENGE ((size_t)8 * 1024)
#define LIMIT_REDIRECTS 5
/* Number of cached tokens. In the chainloop layout each push has a repository
 * of its own and so a token of its own; the oldest is evicted. */
#define LIMIT_TOKENS 256

/* Number of sessions, one for each pair of token server and credential */
#define LIMIT_SESSIONS 64
/* The scope of a challenge, in bytes */
#define LIMIT_SCOPE ((size_t)1024)
/* How long a refused credential is not sent again */
#define LIMIT_REFUSAL_MS 10000

/* The configuration file and the files that it names */
#define LIMIT_CONFIG_BYTES ((size_t)1024 * 1024)
#define LIMIT_CONFIG_DEPTH 16
#define LIMIT_CONFIG_NODES 20000
#define LIMIT_CONFIG_KEYS 256 /* in one mapping */
#define LIMIT_CONFIG_FAULTS 50
#define LIMIT_SECRET_FILE ((size_t)64 * 1024)
/* A docker config: the maximum size of a Kubernetes secret, and the number of
 * registries in it */
#define LIMIT_DOCKER_CONFIG ((size_t)1024 * 1024)
#define LIMIT_DOCKER_ENTRIES 4096
/* The output of a credential helper or of the keyring, in bytes */
#define LIMIT_HELPER_OUTPUT ((size_t)64 * 1024)

/* The credential helper: the request of a program, and its configuration
 * file */
#define LIMIT_HELPER_REQUEST ((size_t)64 * 1024)
#define LIMIT_HELPER_URLS 1024
#define LIMIT_HELPER_SOURCES 64

/* An error message, in bytes: what fits the header of a dead letter (1 KiB,
 * wire format). */
#define LIMIT_MESSAGE 1024

#endif
