#ifndef WAYBILL_CLI_INTEGRATION_OPTIONS_H
#define WAYBILL_CLI_INTEGRATION_OPTIONS_H

#include "cli_internal.h"
#include "waybill/field.h"

/* The name of the command, for messages */
#define INTEGRATION "integration"

/* --- integration_inputs.c ------------------------------------------------- */

/* The inputs of a registration, or of an attachment. False if there are none */
bool append_inputs_table(struct str *out, const char *title,
                         const struct field *fields,
                         const char *const *required);

/* --- integration_options.c: --opt ------------------------------------------
 */

/* What --opt gives a key */
struct option_input {
    const char *key;  /* up to '=' */
    const char *name; /* after the '.' of a key of a mapping; NULL: none */
    const char *value;
    const struct field *field;
    const char *reference; /* the file with the secret, once it is written */
};

struct option_inputs {
    struct arena *arena; /* the caller wipes and frees it */
    struct option_input items[CLI_MAX_OPTIONS];
    size_t count;
};

/* Reads the values, from files and standard input, too. On -1 the reason has
 * been printed. */
int options_read(const struct cli_args *args, struct option_inputs *inputs);
/* Finds the row of each; on -1 the possible options and the reason have been
 * printed. */
int options_bind(struct option_inputs *inputs, const char *title,
                 const struct field *fields, const char *const *required);
/* Whether the value must not be written into the configuration */
bool option_is_secret(const struct option_input *input);
/* Appends the keys as lines of YAML. A secret is its reference, if it has
 * one. */
void options_append(struct option_inputs *inputs, struct str *out);
/* Appends a line "KEY: VALUE", indented; nothing if the value is NULL. */
void append_key(struct str *out, size_t column, const char *key,
                const char *value);

#endif
