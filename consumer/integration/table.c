#include <stdlib.h>
#include <string.h>

#include "waybill/alloc.h"
#include "waybill/integration.h"

/* Tests compile this file again with other rows. */
#ifndef INTEGRATIONS_FILE
#define INTEGRATIONS_FILE "integrations.def"
#endif

#define INTEGRATION(name) extern const struct integration_class name##_class;
#include INTEGRATIONS_FILE
#undef INTEGRATION

const struct integration_class *const integration_classes[] = {
#define INTEGRATION(name) &name##_class,
#include INTEGRATIONS_FILE
#undef INTEGRATION
    NULL,
};

const struct integration_fields *const integration_table[] = {
#define INTEGRATION(name) &name##_class.fields,
#include INTEGRATIONS_FILE
#undef INTEGRATION
    NULL,
};
