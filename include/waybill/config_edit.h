#ifndef WAYBILL_CONFIG_EDIT_H
#define WAYBILL_CONFIG_EDIT_H

#include <stdbool.h>

#include "waybill/config_report.h"
#include "waybill/secret.h"

/*
 * Changes of a configuration file that leave everything else in it as it is,
 * byte by byte: comments, order, indentation, line endings. Positions come from
 * libyaml, lines are inserted or removed, and the result is parsed again: if it
 * differs from the original in anything but the entry, the change is refused.
 *
 * The functions block, and are for commands only.
 */

/* --- texts ------------------------------------------------------------------
 */

/* Appends a mapping to a list at the top level ("registrations"). `entry` has
 * the lines of a block mapping without indentation, each ending in LF. A list
 * that is missing or empty is created. Lists in brackets that are not empty
 * are refused. *out must be empty; it has the new text on success. */
int config_edit_append(struct bytes text, const char *section,
                       const char *entry, struct str *out,
                       struct error *err) NODISCARD;
/* Removes the item with this index. Comments in the lines of the item and
 * directly after it that are indented further than its hyphen are part of it;
 * those before it are not. */
int config_edit_remove(struct bytes text, const char *section, size_t index,
                       struct str *out, struct error *err) NODISCARD;

/* Appends a value as YAML: as it is if every YAML parser takes that for a text,
 * else in double quotes. The text must be valid UTF-8. */
void config_edit_append_text(struct str *out, const char *text);

/* Validates a text as if it were the content of the file at `path`; otherwise
 * like config_load_reporting(). */
int config_edit_load(const char *path, const struct config_rules *rules,
                     struct bytes text, struct settings **ret_settings,
                     struct config_report *report) NODISCARD;

/* --- the file ---------------------------------------------------------------
 */

/* A configuration file that is being changed. Its directory is locked, so that
 * other commands that change it wait. */
struct config_edit;

/* Locks and reads the file. Symbolic links are followed: what is replaced is
 * their target. The caller ends it with config_edit_end(). */
int config_edit_begin(const char *path, struct config_edit **ret_edit,
                      struct error *err) NODISCARD;
/* Releases the lock. Secrets that were written, but not committed, are
 * removed. NULL is allowed. */
void config_edit_end(struct config_edit *edit);

/* The content as it was read. It may contain secrets. */
struct bytes config_edit_content(const struct config_edit *edit);
/* Why the file cannot be replaced, or NULL if it can be. After
 * config_edit_commit() has failed, also for reasons that only that shows. */
const char *config_edit_read_only(const struct config_edit *edit);
/* Whether it is one of the files of a Kubernetes volume, which the kubelet
 * replaces */
bool config_edit_is_volume(const struct config_edit *edit);

/* Writes a secret to the file secrets/NAME beside the configuration, which must
 * not exist or be empty. It belongs to the owner and the group of the
 * configuration; the group may read it if it may read the configuration, and
 * others never. *ret_path is what ${file:...} has to name; it is valid until
 * config_edit_end(). */
int config_edit_write_secret(struct config_edit *edit, const char *name,
                             const char *value, const char **ret_path,
                             struct error *err) NODISCARD;
/* Replaces the file by the text. The old content remains as FILE.bak. */
int config_edit_commit(struct config_edit *edit, struct bytes text,
                       struct error *err) NODISCARD;
/* Removes the files secrets/PREFIX.* that the text does not mention. NULL
 * removes none. */
void config_edit_remove_secrets(const struct config_edit *edit,
                                struct bytes text, const char *prefix);

#endif
