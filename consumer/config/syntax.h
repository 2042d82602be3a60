#ifndef WAYBILL_CONFIG_SYNTAX_H
#define WAYBILL_CONFIG_SYNTAX_H

#include <yaml.h>

#include "config_internal.h"

/* Explanations of what is not YAML, or not the subset of it that is read */
struct source {
    const char *file;
    const char *data;
    size_t len;
    const struct config_rules *rules;
    struct faults *faults;
};

/* Adds the fault of a parser that has failed. */
void syntax_explain(const struct source *source, const yaml_parser_t *parser);

/* "write KEY: 'VALUE'" for the value at the position. The value is shown only
 * if its key never holds a secret. */
const char *syntax_quote_advice(const struct source *source, yaml_mark_t mark);

/* Whether "{{" is at the position, as in a template that was not rendered */
bool syntax_is_template(const struct source *source, yaml_mark_t mark);
/* Whether nothing but a comment follows on the line */
bool syntax_is_comment(const struct source *source, yaml_mark_t mark);

#endif
