#ifndef WAYBILL_JSON_H
#define WAYBILL_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "waybill/error.h"
#include "waybill/str.h"

/*
 * JSON, read strictly (RFC 8259) and written plainly.
 *
 * cJSON builds the tree, but is never shown what came from outside: it takes
 * raw control characters, bytes that are not UTF-8, `\uZZZZ` and numbers like
 * 01, cuts strings at U+0000 and numbers at 63 digits, and its recursion is
 * bounded by a constant of its own. So json_scan() checks the text first, with
 * our caps, and writes a clean copy in which every string is valid UTF-8 as
 * Go's encoding/json would decode it (each stray byte and each lone surrogate
 * is U+FFFD) with U+0000 as in utf8.h. Numbers keep their value only as far as
 * a double does.
 *
 * Of a key given twice the last value counts, as in Go.
 */
struct json;

/* Checks one value at the start of text. *ret_end is where it ends; with
 * `clean` set the clean copy is appended to it. White space before the value is
 * skipped, behind it is not. On failure *ret_end is where the fault is. */
int json_scan(const char *text, size_t len, struct str *clean, size_t *ret_end,
              struct error *err) NODISCARD;

/* The whole text is one value and nothing but white space around it. */
int json_parse(const char *text, size_t len, struct json **ret_json,
               struct error *err) NODISCARD;
/* The same of a document with a secret in it: json_free() wipes its strings. */
int json_parse_secret(const char *text, size_t len, struct json **ret_json,
                      struct error *err) NODISCARD;
void json_free(struct json *json); /* NULL is fine */

bool json_is_object(const struct json *json);
bool json_is_array(const struct json *json);
bool json_is_string(const struct json *json);
bool json_is_null(const struct json *json);
const char *json_type_name(const struct json *json); /* "a string", ... */

const struct json *json_member(const struct json *object, const char *name);
/* Members or elements in order: first, then next of each, then NULL */
const struct json *json_first(const struct json *container);
const struct json *json_next(const struct json *item);
const char *json_name(const struct json *item); /* NULL for an element */
size_t json_count(const struct json *container);
const char *json_text(const struct json *string); /* NULL: not a string */
bool json_number(const struct json *json, double *ret_number);

/*
 * A place in a document, for faults that name it ($.data.workflow.id). Places
 * live on the stack of whoever reads; `value` is NULL where nothing stands.
 */
struct json_at {
    const struct json *value;
    const struct json_at *parent; /* NULL: the document */
    const char *name;             /* our own words, never the input's */
    size_t index;                 /* when name is NULL */
};

struct json_at json_at_root(const struct json *json);
/* null counts as absent */
struct json_at json_at_member(const struct json_at *at, const char *name);
struct json_at json_at_element(const struct json_at *at,
                               const struct json *element, size_t index);
/* error_set() with the path in front */
#define json_at_fault(at, err, kind, ...)                                      \
    (json_at_fill(at, err, kind, __VA_ARGS__), error_failed())
void json_at_fill(const struct json_at *at, struct error *err,
                  enum error_kind kind, const char *format, ...) PRINTF(4, 5);

/* Typed reads. An absent value leaves *ret_ as it is and is no fault, unless
 * the function says so. */
int json_at_require(const struct json_at *at, struct error *err) NODISCARD;
int json_at_object(const struct json_at *at, struct error *err) NODISCARD;
int json_at_array(const struct json_at *at, size_t max,
                  struct error *err) NODISCARD;
int json_at_boolean(const struct json_at *at, bool *ret_boolean,
                    struct error *err) NODISCARD;
/* At most `most` bytes, and no U+0000 in it */
int json_at_string(const struct json_at *at, size_t max, const char **ret_text,
                   struct error *err) NODISCARD;

/*
 * Writing: appends to a str; the caller keeps the braces balanced. A name of
 * NULL writes an element instead of a member. Order is the order of the calls,
 * so the same input gives the same bytes.
 */
struct json_writer {
    struct str *out;
    bool comma;
};

void json_open(struct json_writer *writer, const char *name, char bracket);
void json_close(struct json_writer *writer, char bracket);
void json_append_string(struct json_writer *writer, const char *name,
                        const char *value);
/* Leaves the member out when value is NULL */
void json_append_optional(struct json_writer *writer, const char *name,
                          const char *value);
void json_append_integer(struct json_writer *writer, const char *name,
                         int64_t value);
void json_append_bool(struct json_writer *writer, const char *name, bool value);
void json_append_raw(struct json_writer *writer, const char *name,
                     const char *json, size_t len);
/* A value that was read, with all that is in it */
void json_append_value(struct json_writer *writer, const char *name,
                       const struct json *value);

/* A string with its quotes. As Go's json.Marshal of 1.21 writes it: beside
 * what JSON demands, <, > and & and U+2028 and U+2029 are escaped. Stray bytes
 * become U+FFFD, C0 80 the escape of U+0000. */
void json_write_go_string(struct str *out, const char *value);

const char *json_library_version(void);

#endif
