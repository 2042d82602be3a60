#ifndef WAYBILL_INTEGRATION_INTERNAL_H
#define WAYBILL_INTEGRATION_INTERNAL_H

#include "waybill/integration.h"

/* One line for each integration, in the order of the table. */
extern const struct integration_class oci_registry_class;

#endif
