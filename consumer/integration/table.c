#include <string.h>

#include "integration_internal.h"

const struct integration_class *const integration_classes[] = {
    &oci_registry_class,
    NULL,
};

const struct integration_fields *const integration_table[] = {
    &oci_registry_class.fields,
    NULL,
};

const struct integration_class *integration_class_of(const char *kind)
{
    for (size_t i = 0; integration_classes[i] != NULL; i++) {
        if (strcmp(integration_classes[i]->fields.kind, kind) == 0) {
            return integration_classes[i];
        }
    }
    return NULL;
}
