#ifndef WAYBILL_INTEGRATION_GO_VALUE_H
#define WAYBILL_INTEGRATION_GO_VALUE_H

#include "waybill/arena.h"
#include "waybill/json.h"

/* Returns the text that Chainloop shows for a value of an annotation: a string
 * as it is, a number as fmt.Sprintf("%g"), true or false, an object or a list
 * as encoding/json writes it, and "" for null. From the arena, or the
 * document's. */
const char *go_value_text(const struct json *value, struct arena *arena);

#endif
