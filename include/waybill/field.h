#ifndef WAYBILL_FIELD_H
#define WAYBILL_FIELD_H

#include <stddef.h>
#include <stdint.h>

#include "waybill/error.h"

/*
 * Field tables: one row for each key of the configuration. The row drives
 * parsing, checking, the default, `config reference`, `config schema` and what
 * may be printed. A key is added in one place.
 *
 * An integration declares its options with these and receives them as a filled
 * struct; it never sees YAML.
 */
enum field_type {
    FIELD_STRING,   /* const char * */
    FIELD_INTEGER,  /* uint64_t */
    FIELD_DURATION, /* uint64_t, milliseconds: 500ms 30s 10m 24h 7d */
    FIELD_SIZE,     /* uint64_t, bytes: 65536 64KiB 16MiB 1GiB */
    FIELD_BOOLEAN,  /* int: 0, 1, or -1 where no default says */
    FIELD_ENUM,     /* int: place in `words` */
    FIELD_OBJECT,   /* a struct of its own, by `fields` */
    FIELD_MAP,      /* struct field_map: any keys, string values */
    FIELD_STRINGS,  /* struct field_strings: a list of them */
    FIELD_LIST,     /* struct field_list: of mappings by `fields`; without an
                       item_size (the top level's) the rows of an integration
                       stand beside them */
};

#define FIELD_REQUIRED 1U
#define FIELD_SECRET 2U  /* never printed, by anything */
#define FIELD_PATH 4U    /* a relative one starts at the file's folder */
#define FIELD_RESTART 8U /* of a section: a change takes a restart */
/* Of an attachment: its value alone, without the key, is a part of the default
 * name. Other options stand there as key=value. */
#define FIELD_NAMES 16U
#define FIELD_SINGLE 32U /* of a FIELD_STRINGS: one text is a list of one */

struct field {
    const char *key;
    enum field_type type;
    unsigned flags;
    size_t offset;
    const char *fallback; /* as one would write it; NULL: none */
    uint64_t min;         /* of what is a number; most 0: no bounds */
    uint64_t max;
    const char *const *choices; /* ends with NULL */
    const struct field *fields; /* ends with a row without a key */
    size_t item_size;           /* of a FIELD_LIST's items */
    /* Looks at one item of a FIELD_LIST as a whole; the fault belongs to
     * *ret_key. */
    int (*check_item)(const void *item, const char **ret_key,
                      struct error *err);
    /* Says why a string cannot be; called for non-empty ones. */
    int (*check)(const char *value, struct error *err);
    const char *doc;
    const char *example;
    const char *since;
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

/* What it means when a delivery is done twice, because the answer to the first
 * was lost */
enum repetition {
    REPETITION_HARMLESS, /* the destination ends up as after the first */
    REPETITION_VISIBLE,  /* somebody sees it: a message, a mail, a request */
};

/* What an integration says of itself without a line of code: its keys, and what
 * tells its kind from others. */
struct integration_fields {
    const char *kind;     /* the value of the key `integration` */
    const char *version;  /* of its keys: "1.0" */
    const char *summary;  /* one line, without a full stop */
    const char *endpoint; /* what its endpoint is: "registry" */
    enum repetition repetition;
    /* The types of materials that it delivers; NULL: the attestation alone */
    const char *const *material_types;
    const struct field *registration; /* its rows; {{0}} where it has none */
    size_t registration_size;
    const struct field *attachment;
    size_t attachment_size;
    /* What it needs in the end, from the file or from elsewhere; NULL at the
     * end. The rest of its rows is optional. NULL: the rows that are required.
     */
    const char *const *registration_inputs;
    const char *const *attachment_inputs;
    /* Looks at options together, and returns the key that the fault belongs to
     * in *ret_key; attachment is NULL when a registration is looked at by
     * itself. NULL: each option stands for itself. */
    int (*check)(const void *registration, const void *attachment,
                 const char **ret_key, struct error *err);
};

#endif
