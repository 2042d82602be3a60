#include <ctype.h>
#include <string.h>

#include "config_internal.h"
#include "waybill/digest.h"
#include "waybill/secret.h"

/*
 * The default name of an attachment consists of the registration, the workflow
 * and every option that is set. Attachments that differ in any of them have
 * different names, and reordering the list changes no name. Outcome ids are
 * derived from the name, so it must never change for the same configuration.
 */

/* A longer value is represented in the name by the first digits of its digest,
 * as is one that may be a secret or could be parsed as two options. */
#define MAX_VALUE 64
#define DIGEST_DIGITS 12

static void append_text(struct str *out, const char *text)
{
    str_printf(out, "%zu:%s,", text != NULL ? strlen(text) : 0,
               text != NULL ? text : "");
}

/* Serializes all values below a node without ambiguity. Options are not nested
 * deeper than a list of mappings. */
static void append_value(struct str *out, const struct node *node)
{
    if (node->kind == NODE_SCALAR) {
        append_text(out, node->text);
        return;
    }
    str_printf(out, "%zu[", node->count);
    for (const struct node *item = node->first; item; item = item->next) {
        append_text(out, item->key);
        append_value(out, item);
    }
    str_append_char(out, ']');
}

static void append_digest(struct str *out, const struct node *node)
{
    CLEANUP(secret_release) struct secret value = SECRET_INIT(STR_UNLIMITED);
    struct digest digest;

    append_value(&value.text, node);
    digest_of(value.text.data, value.text.len, &digest);
    str_append(out, digest_hex(&digest), DIGEST_DIGITS);
}

static bool is_presentable(const struct field *field, const struct node *node)
{
    if (node->kind != NODE_SCALAR || node->expanded ||
        (field->flags & FIELD_SECRET) || strlen(node->text) > MAX_VALUE) {
        return false;
    }
    for (const char *at = node->text; *at != '\0'; at++) {
        if (!isprint((unsigned char)*at) || *at == ':' || *at == '=') {
            return false;
        }
    }
    return true;
}

static void append_option(struct str *out, const struct field *field,
                          const struct node *node)
{
    if ((field->flags & FIELD_NAMES) && node->kind == NODE_SCALAR) {
        str_printf(out, ":%s", node->text);
        return;
    }
    str_printf(out, ":%s=", field->key);
    if (is_presentable(field, node)) {
        str_append_text(out, node->text);
    } else {
        append_digest(out, node);
    }
}

const char *attachment_default_name(struct arena *arena,
                                    const struct attachment *attachment,
                                    const struct field *options,
                                    const struct node *item)
{
    const struct workflow_selector *workflow = &attachment->workflow;
    CLEANUP(str_release) struct str name = STR_INIT(STR_UNLIMITED);

    str_printf(&name, "%s:", attachment->registration_name);
    if (workflow->id != NULL) {
        str_append_text(&name, workflow->id);
    } else {
        str_printf(&name, "%s/%s", workflow->project ? workflow->project : "*",
                   workflow->name ? workflow->name : "*");
    }
    for (const struct field *field = options; field->key != NULL; field++) {
        const struct node *node = tree_member(item, field->key);

        if (node != NULL) {
            append_option(&name, field, node);
        }
    }
    return arena_strdup(arena, name.data);
}
