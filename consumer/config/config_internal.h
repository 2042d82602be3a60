#ifndef WAYBILL_CONFIG_INTERNAL_H
#define WAYBILL_CONFIG_INTERNAL_H

#include <stdbool.h>

#include "waybill/arena.h"
#include "waybill/config.h"
#include "waybill/config_report.h"
#include "waybill/field.h"

/* The internals of the module: the tree that is built from libyaml's events,
 * the list of faults, and the engine that turns the tree into settings by the
 * field tables. */

/* A position in the configuration. line 0: `file` alone identifies it (an
 * environment variable). */
struct location {
    const char *file;
    size_t line;
    size_t column;
};

#define NOTHING_CONFIGURED                                                     \
    "the file configures nothing; it needs at least the section kafka or "     \
    "registrations"

enum node_kind { NODE_SCALAR, NODE_MAPPING, NODE_SEQUENCE };

struct node {
    enum node_kind kind;
    struct location location;
    const char *key; /* the key of a mapping's member */
    struct location key_location;
    const char *text;  /* value of a scalar, with ${...} expanded */
    bool null;         /* a plain scalar without a value: empty, ~, null */
    bool expanded;     /* text contains ${...} and is not printed */
    bool commented;    /* null, and a comment follows on the line */
    const char *fault; /* why ${...} could not be expanded; text is then "" */
    struct node *first;
    struct node *last;
    size_t count;
    struct node *next;
};

struct faults {
    struct arena *arena;
    struct fault *list;
    size_t count;
    struct faults *warnings; /* NULL: these are the warnings */
    const struct config_rules *rules;
    struct access *access;      /* files that the configuration names */
    struct config_files *files; /* files that are checked for changes */
};

/* faults.c */
void fault_add(struct faults *faults, const struct location *location,
               const char *format, ...) PRINTF(3, 4);
/* Adds them to the report, ordered by their positions. */
void faults_report(const struct faults *faults, bool are_warnings,
                   struct config_report *report);

/* tree.c: parses the file, or the text that is given in its place, into nodes
 * and computes the digest. Returns NULL if it could not be read or parsed. */
struct node *tree_load(const char *path, struct bytes given,
                       struct config_files *files, struct faults *faults,
                       struct digest *ret_digest);
struct node *tree_member(const struct node *mapping, const char *key);
struct node *tree_add(struct arena *arena, struct node *mapping,
                      const char *key, enum node_kind kind,
                      const struct location *location);

/* expand.c: expands ${env:NAME} and ${file:PATH} in a scalar. Returns NULL and
 * *ret_reason on failure. */
const char *expand(struct arena *arena, const char *text, const char *directory,
                   struct config_files *files, const char **ret_reason);

/* files.c: adds a file that the configuration consists of; does nothing if
 * `files` is NULL. `stamp` is that of the content that was read. If it is NULL,
 * because the file could not be read or another component reads it, the current
 * stamp of the file is used. */
void files_add(struct config_files *files, const char *path,
               const struct file_stamp *stamp);

/* A table, and the struct that it fills */
struct field_set {
    const struct field *fields;
    void *base;
};

/* keys.c: what is known about keys that are not in the table of their place */

/* Reports a key that none of the tables has: where it belongs, what it may have
 * been meant to be, or since which version it no longer exists. */
void keys_report_unknown(const struct node *node, const char *path,
                         const struct field_set *sets, size_t count,
                         struct faults *faults);
/* True if the key is known, and never holds a secret wherever it may appear */
bool keys_may_show(const struct config_rules *rules, const char *key);
/* Appends the keys of a table: "a, b, c" */
void keys_append(struct str *out, const struct field *fields);
const struct field *keys_find(const struct field *fields, const char *key);

/* values.c: what a value is, what is wrong with it, and how it is written
 * correctly */
bool field_is_scalar(const struct field *field);
/* a scalar is accepted, possibly as a list of one */
bool field_takes_scalar(const struct field *field);
const char *field_type_name(const struct field *field);
void values_report_type(const struct field *field, const struct node *node,
                        const char *path, struct faults *faults);
void values_report_kind(const struct field *field, const struct node *node,
                        const char *path, struct faults *faults);
void values_report_bounds(const struct field *field, const struct node *node,
                          const char *path, struct faults *faults);
void values_report_null(const struct node *node, const char *path,
                        struct faults *faults);
/* Validates a text that is not null. */
void values_check_text(const struct field *field, const struct node *node,
                       const char *text, const char *path,
                       struct faults *faults);

/* numbers.c: durations, sizes and whole numbers */
bool field_number(const struct field *field, const char *text,
                  uint64_t *ret_number);
/* Appends the number with the largest unit that divides it. */
void number_append(struct str *out, const struct field *field, uint64_t number);
/* Appends the correct spelling of a number that is written in another way:
 * "1h30m" is 90m, "64MB" is 64MiB. False if the meaning is not known. */
bool number_correct(struct str *out, const struct field *field,
                    const char *text);

/* load.c: true for properties whose value is a file name for librdkafka:
 * ssl.ca.location, ... */
bool is_file_property(const char *property);

/* overrides.c */
void overrides_apply(struct node *root,
                     const struct integration_fields *const *integrations,
                     struct faults *faults, struct faults *warnings);

/* fields.c: reads the members of a mapping by one or more tables; a key that is
 * in none of them is a fault. */
void fields_default(const struct field *fields, void *base);
void fields_read(const struct node *mapping, const char *path,
                 const struct field_set *sets, size_t count,
                 struct faults *faults);
/* The two halves of fields_read(): the members that are in a table, and those
 * that are in none, for which `base` is not needed */
void fields_read_some(const struct node *mapping, const char *path,
                      const struct field_set *sets, size_t count,
                      struct faults *faults);
void fields_report_unknown(const struct node *mapping, const char *path,
                           const struct field_set *sets, size_t count,
                           struct faults *faults);

/* registrations.c */
void registrations_read(struct settings *settings, const struct node *list,
                        const struct integration_fields *const *integrations,
                        struct faults *faults);
void attachments_read(struct settings *settings, const struct node *list,
                      const struct integration_fields *const *integrations,
                      struct faults *faults);
/* The integration of a registration's item, by its key `integration` or by
 * default; NULL: there is none of that name. */
const struct integration_fields *integration_of_item(
    const struct node *item,
    const struct integration_fields *const *integrations);

/* names.c: the name of an attachment that has none in the file */
const char *attachment_default_name(struct arena *arena,
                                    const struct attachment *attachment,
                                    const struct field *options,
                                    const struct node *item);

/* registration_fields.c: the keys that all integrations share */
extern const struct field registration_fields[];
extern const struct field attachment_fields[];
int registration_name_check(const char *value, struct error *err);

/* settings.c: the sections of the file */
extern const struct field settings_fields[];

#endif
