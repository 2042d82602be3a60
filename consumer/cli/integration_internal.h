#ifndef WAYBILL_CLI_INTEGRATION_INTERNAL_H
#define WAYBILL_CLI_INTEGRATION_INTERNAL_H

#include "cli_internal.h"
#include "integration_options.h"
#include "integration_table.h"
#include "waybill/config_edit.h"
#include "waybill/integration.h"

/* The parts of `waybill integration` */

/* The configuration file is read-only: what to write there was printed. From
 * sysexits(3), EX_NOPERM */
#define EXIT_READ_ONLY 77

#define REGISTRATIONS "registrations"
#define ATTACHMENTS "attachments"

/* --- integration.c: the verbs ---------------------------------------------
 */

/* `operand` is what follows the verb, or NULL. */
typedef int integration_verb_fn(const struct cli_args *args,
                                const char *operand);

integration_verb_fn available_list, available_describe;
integration_verb_fn registered_add, registered_list, registered_delete;
integration_verb_fn attached_add, attached_list, attached_delete;

/* --- integration_names.c --------------------------------------------------
 */

/* Returns the operand, or the value of the first of the options that is given.
 * NULL after a message about both, or none. */
const char *integration_operand(const struct cli_args *args,
                                const char *operand, const char *const *names,
                                const char *what);
/* NULL after a message if there is no such kind */
const struct integration_fields *integration_kind(const char *kind);

/* --- integration_config.c: how options are shown --------------------------
 */

/* The lines "key: value" of the options that are set, without secrets */
void append_options(struct str *out, const struct field *fields,
                    const void *options);
void append_registration_options(struct str *out,
                                 const struct registration *registration,
                                 struct arena *arena);
/* The same as an object of JSON */
void append_registration_config(struct json_writer *json,
                                const struct registration *registration,
                                const struct attachment *attachment);

/* --- integration_change.c: the configuration file is changed ---------------
 */

struct change {
    const struct cli_args *args;
    const char *path;
    struct config_edit *edit;
    struct settings *settings; /* as they are, or will be */
    struct secret text;        /* the new content */
};

/* Locks and reads the file. On another status than EXIT_OK the reason has been
 * printed. The caller calls change_end() in any case. */
int change_begin(struct change *change, const struct cli_args *args);
void change_end(struct change *change);
/* Loads the content as it is. */
int change_load(struct change *change);
/* Makes the new content and loads it. `head` are the first lines of the entry,
 * which the options follow. */
int change_append(struct change *change, const char *section, const char *head,
                  struct option_inputs *inputs);
int change_remove(struct change *change, const char *section, size_t index);
/* Writes the secrets of the options, unless they are to be in the entry, and
 * then the file. `prefix` begins the names of the files. */
int change_commit_append(struct change *change, const char *section,
                         const char *head, struct option_inputs *inputs,
                         const char *prefix);
int change_commit_remove(struct change *change, const char *section,
                         const char *name);

#endif
