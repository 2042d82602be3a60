#ifndef WAYBILL_CONFIG_INTERNAL_H
#define WAYBILL_CONFIG_INTERNAL_H

#include <stdbool.h>

#include "waybill/arena.h"
#include "waybill/config.h"
#include "waybill/field.h"

/* What the files of this folder share: the tree that libyaml's events become,
 * the list of faults, and the table engine that turns one into settings and the
 * other. */

/* Where something stands. line 0: `file` says it all (an environment variable)
 */
struct location {
    const char *file;
    size_t line;
    size_t column;
};

enum node_kind { NODE_SCALAR, NODE_MAPPING, NODE_SEQUENCE };

struct node {
    enum node_kind kind;
    struct location location;
    const char *key; /* in a mapping */
    struct location key_location;
    const char *text;  /* of a scalar, after ${...} */
    bool null;         /* a plain scalar that says nothing: empty, ~, null */
    bool expanded;     /* text came from elsewhere and is not shown */
    const char *fault; /* why ${...} could not be replaced; text is then "" */
    struct node *first;
    struct node *last;
    size_t count;
    struct node *next;
};

struct faults {
    struct arena *arena;
    struct fault *list;
    size_t count;
    struct access *access;      /* of the load at hand: files that it names */
    struct config_files *files; /* ... and those that are watched */
};

/* faults.c */
void fault_add(struct faults *faults, const struct location *location,
               const char *format, ...) PRINTF(3, 4);
void faults_append(const struct faults *faults, struct str *out);

/* tree.c: the file as nodes, and its digest; NULL when it could not be read at
 * all */
struct node *tree_load(const char *path, struct config_files *files,
                       struct faults *faults, struct digest *ret_digest);
struct node *tree_member(const struct node *mapping, const char *key);
struct node *tree_add(struct arena *arena, struct node *mapping,
                      const char *key, enum node_kind kind,
                      const struct location *location);

/* expand.c: ${env:NAME} and ${file:PATH} in one scalar. NULL and *ret_why when
 * it cannot be. */
const char *expand(struct arena *arena, const char *text, const char *folder,
                   struct config_files *files, const char **ret_why);

/* files.c: a file that the configuration is made of. NULL for files: nobody
 * wants to know. The stamp is of what was read; NULL: it could not be, or
 * others will read it, so its name is looked up. */
void files_add(struct config_files *files, const char *path,
               const struct file_stamp *stamp);

/* load.c: librdkafka's own way to name a file: ssl.ca.location, ... */
bool is_location(const char *property);

/* overrides.c */
void overrides_apply(struct node *root,
                     const struct integration_fields *const *integrations,
                     struct faults *faults, struct faults *warnings);

/* fields.c: the members of a mapping by one or more tables; a key that is in
 * none of them is a fault. */
struct field_set {
    const struct field *fields;
    void *base;
};
void fields_default(const struct field *fields, void *base);
void fields_read(const struct node *mapping, const char *path,
                 const struct field_set *sets, size_t count,
                 struct faults *faults);
/* Its two halves: members that are in a table, and those that are in none. The
 * latter needs no `base`. */
void fields_read_some(const struct node *mapping, const char *path,
                      const struct field_set *sets, size_t count,
                      struct faults *faults);
void fields_report_unknown(const struct node *mapping, const char *path,
                           const struct field_set *sets, size_t count,
                           struct faults *faults);
bool field_is_scalar(const struct field *field);
bool field_takes_scalar(const struct field *field); /* so, or a list */
const char *field_type_word(const struct field *field);
bool field_number(const struct field *field, const char *text,
                  uint64_t *ret_number);

/* registrations.c */
void registrations_read(struct settings *settings, const struct node *list,
                        const struct integration_fields *const *integrations,
                        struct faults *faults);
void attachments_read(struct settings *settings, const struct node *list,
                      const struct integration_fields *const *integrations,
                      struct faults *faults);
/* The kind that a registration's item is of, by its key `integration` or by
 * default; NULL: there is none of that name. */
const struct integration_fields *integration_of_item(
    const struct node *item,
    const struct integration_fields *const *integrations);

/* names.c: what an attachment is called where it is given no name */
const char *attachment_default_name(struct arena *arena,
                                    const struct attachment *attachment,
                                    const struct field *options,
                                    const struct node *item);
extern const struct field registration_fields[];
extern const struct field attachment_fields[];

/* settings.c: the sections that are plain objects */
extern const struct field settings_fields[];

#endif
