#ifndef WAYBILL_FIELD_H
#define WAYBILL_FIELD_H

#include <stddef.h>
#include <stdint.h>

#include "waybill/error.h"
#include "waybill/str.h"

/*
 * Field tables: one row for each key of the configuration. The row determines
 * parsing, validation, the default, the output of `config reference` and
 * `config schema`, and whether the value may be printed. A key is added in one
 * place.
 *
 * An integration declares its options with such tables and receives them as a
 * filled struct; it never handles YAML.
 */
enum field_type {
    FIELD_STRING,   /* const char * */
    FIELD_INTEGER,  /* uint64_t */
    FIELD_DURATION, /* uint64_t, milliseconds: 500ms 30s 10m 24h 7d */
    FIELD_SIZE,     /* uint64_t, bytes: 65536 64KiB 16MiB 1GiB */
    FIELD_BOOLEAN,  /* int: 0, 1, or -1 if unset without a default */
    FIELD_ENUM,     /* int: index into `choices` */
    FIELD_OBJECT,   /* a nested struct, described by `fields` */
    FIELD_MAP,      /* struct field_map: arbitrary keys, string values */
    FIELD_STRINGS,  /* struct field_strings: a list of strings */
    /* struct field_list: mappings described by `fields`. With item_size 0 (top
     * level only) registrations.c adds the rows of the integration. */
    FIELD_LIST,
};

#define FIELD_REQUIRED 1U
#define FIELD_SECRET 2U /* never printed or logged */
#define FIELD_PATH 4U   /* relative to the configuration file's directory */
/* A change takes effect after a restart. The flag of a section applies to all
 * keys in it. */
#define FIELD_RESTART 8U
/* For options of an attachment: the default name contains the value alone;
 * other options appear in it as key=value. */
#define FIELD_NAMES 16U
/* For FIELD_STRINGS: a single string is accepted as a list of one. */
#define FIELD_SINGLE 32U
/* A text of several lines; in all others control characters are faults. */
#define FIELD_MULTILINE 64U
/* Messages do not show a wrong value, because it may contain a secret. */
#define FIELD_HIDDEN 256U
/* Several values are separated by commas within the text. */
#define FIELD_COMMAS 128U

struct field {
    const char *key;
    enum field_type type;
    unsigned flags;
    size_t offset;
    const char *fallback; /* default value in the file's syntax; NULL: none */
    uint64_t min;         /* for numbers; max 0: unbounded */
    uint64_t max;
    const char *const *choices; /* NULL-terminated */
    const struct field *fields; /* ends with a row whose key is NULL */
    size_t item_size;           /* size of an item of a FIELD_LIST */
    /* Validates an item of a FIELD_LIST as a whole. On failure *ret_key is the
     * key that the fault belongs to, or NULL for the whole item. */
    int (*check_item)(const void *item, const char **ret_key,
                      struct error *err);
    /* Validates a non-empty string. */
    int (*check)(const char *value, struct error *err);
    /* Appends what the author of a value that `check` rejects may have meant.
     * The text is suggested if `check` accepts it. NULL: none */
    void (*correct)(const char *value, struct str *out);
    const char *doc;
    const char *example;
    const char *since; /* the version that introduced the key */
    /* The version that removed the key. The key is then a fault, whose message
     * names the version and `instead`: what to write. */
    const char *removed;
    const char *instead;
};

struct field_pair {
    const char *key;
    const char *value;
};

struct field_map {
    const struct field_pair *pairs;
    size_t count;
};

struct field_strings {
    const char *const *items;
    size_t count;
};

struct field_list {
    void *items;
    size_t count;
};

/* The effect of a repeated delivery, which happens when the response to the
 * first one was lost */
enum repetition {
    REPETITION_HARMLESS, /* idempotent: the destination is as after the first */
    REPETITION_VISIBLE,  /* visible to users: a second message, mail, request */
};

/* The static description of an integration: its kind and its configuration keys
 */
struct integration_fields {
    const char *kind;     /* the value of the key `integration` */
    const char *version;  /* version of its keys: "1.0" */
    const char *summary;  /* a single line without a final period */
    const char *endpoint; /* what its endpoint is called: "registry" */
    enum repetition repetition;
    /* The material types that it delivers; NULL: the attestation only */
    const char *const *material_types;
    const struct field *registration; /* {{0}} if it has none */
    size_t registration_size;
    const struct field *attachment;
    size_t attachment_size;
    /* The inputs that it requires, from the file or from another source;
     * NULL-terminated. All other rows are optional. NULL: the rows that are
     * FIELD_REQUIRED. */
    const char *const *registration_inputs;
    const char *const *attachment_inputs;
    /* Validates options in combination; on failure *ret_key is the key that the
     * fault belongs to. `attachment` is NULL when a registration is validated
     * alone. NULL: no such checks. */
    int (*check)(const void *registration, const void *attachment,
                 const char **ret_key, struct error *err);
};

#endif
