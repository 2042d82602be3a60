#include <ctype.h>
#include <stddef.h>
#include <string.h>

#include "config_internal.h"

/* The keys that registrations and attachments of all integrations have */

static void correct_registration_name(const char *value, struct str *out)
{
    for (; *value != '\0'; value++) {
        if (((unsigned char)*value & 0xC0) == 0x80) {
            continue; /* the rest of a character that became one '-' */
        }
        str_append_char(out, isalnum((unsigned char)*value) ||
                                     strchr("-_.", *value) != NULL
                                 ? *value
                                 : '-');
    }
}

/* The name is part of environment variable names and of every outcome. */
int registration_name_check(const char *value, struct error *err)
{
    size_t len = strspn(value, "abcdefghijklmnopqrstuvwxyz"
                               "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.");

    if (value[len] != '\0') {
        return error_set(err, ERROR_CONFIG,
                         "a name may contain only letters, digits, '-', '_' "
                         "and '.'");
    }
    if (len > 63) {
        return error_set(err, ERROR_CONFIG,
                         "a name may have at most 63 characters, not %zu", len);
    }
    return 0;
}

static int check_attachment_name(const char *value, struct error *err)
{
    if (strlen(value) > 255) {
        return error_set(err, ERROR_CONFIG,
                         "a name may have at most 255 bytes, not %zu",
                         strlen(value));
    }
    return 0;
}

const struct field registration_fields[] = {
    {.key = "name",
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct registration, name),
     .check = registration_name_check,
     .correct = correct_registration_name,
     .doc = "The name that attachments, outcomes and environment "
            "variables use.",
     .example = "ghcr",
     .since = "0.1.0"},
    {.key = "integration",
     .offset = offsetof(struct registration, integration),
     .fallback = "oci-registry",
     .doc = "The integration that delivers to this destination. It "
            "determines the other keys of the registration.",
     .since = "0.1.0"},
    {.key = "description",
     .offset = offsetof(struct registration, description),
     .doc = "A text for people, which `waybill integration registered "
            "list` shows.",
     .example = "the team's registry",
     .since = "0.3.0"},
    {0},
};

static const struct field workflow_fields[] = {
    {.key = "id",
     .offset = offsetof(struct workflow_selector, id),
     .doc = "The exact id of the workflow, instead of project and "
            "name.",
     .example = "8a7f0f46-6c0e-4a5e-9f4f-0a3b1f7f2a11",
     .since = "0.1.0"},
    {.key = "project",
     .offset = offsetof(struct workflow_selector, project),
     .doc = "The name of the project, in which * stands for any "
            "characters. By default any project.",
     .example = "shop",
     .since = "0.1.0"},
    {.key = "name",
     .offset = offsetof(struct workflow_selector, name),
     .doc = "The name of the workflow, in which * stands for any "
            "characters. By default any workflow.",
     .example = "build-*",
     .since = "0.1.0"},
    {0},
};

const struct field attachment_fields[] = {
    {.key = "name",
     .offset = offsetof(struct attachment, name),
     .check = check_attachment_name,
     .doc = "The name in outcomes and dead letters. By default it "
            "consists of the registration, the workflow and the "
            "options that are set. Set a name if those may change "
            "while records wait.",
     .example = "shop-to-ghcr",
     .since = "0.1.0"},
    {.key = "registration",
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct attachment, registration_name),
     .doc = "The name of a registration.",
     .example = "ghcr",
     .since = "0.1.0"},
    {.key = "workflow",
     .type = FIELD_OBJECT,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct attachment, workflow),
     .fields = workflow_fields,
     .doc = "The workflows whose attestations are delivered, by id, "
            "or by project and name.",
     .example = "{project: shop, name: \"*\"}",
     .since = "0.1.0"},
    {0},
};
