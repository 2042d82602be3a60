#ifndef WAYBILL_JSON_H
#define WAYBILL_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "waybill/error.h"
#include "waybill/str.h"

/*
 * A strict JSON parser (RFC 8259) and a JSON writer.
 *
 * cJSON builds the tree but never sees external input: it accepts raw control
 * characters, invalid UTF-8, `\uZZZZ` and numbers like 01, truncates strings at
 * U+0000 and numbers at 63 digits, and limits its recursion by a constant of
 * its own. So json_scan() validates the text first, with our limits, and writes
 * a clean copy in which every string is valid UTF-8, decoded as by Go's
 * encoding/json (each invalid byte and each lone surrogate becomes U+FFFD),
 * with U+0000 as in utf8.h. Numbers have the precision of a double.
 *
 * If a key occurs twice, the last value applies, as in Go.
 */
struct json;

/* Validates one value at the start of the text and sets *ret_end to its end.
 * The clean copy is appended to `clean`, unless that is NULL. White space
 * before the value is skipped, white space after it is not. On failure *ret_end
 * is the position of the error. */
int json_scan(const char *text, size_t len, struct str *clean, size_t *ret_end,
              struct error *err) NODISCARD;

/* Parses a text that consists of one value, with optional white space around
 * it. The caller frees the result with json_free(). ERROR_SCHEMA if it is
 * invalid. */
int json_parse(const char *text, size_t len, struct json **ret_json,
               struct error *err) NODISCARD;
/* The same for a document that contains a secret: json_free() zeroes its
 * strings. It is a file or a response, so a byte order mark before it is
 * skipped. */
int json_parse_secret(const char *text, size_t len, struct json **ret_json,
                      struct error *err) NODISCARD;
void json_free(struct json *json); /* NULL is allowed */

bool json_is_object(const struct json *json);
bool json_is_array(const struct json *json);
bool json_is_string(const struct json *json);
bool json_is_null(const struct json *json);
const char *json_type_name(const struct json *json); /* "a string", ... */

const struct json *json_member(const struct json *object, const char *name);
/* Iterate over members or elements in order; NULL after the last. */
const struct json *json_first(const struct json *container);
const struct json *json_next(const struct json *item);
const char *json_name(const struct json *item); /* NULL for an element */
size_t json_count(const struct json *container);
const char *json_text(const struct json *string); /* NULL: not a string */
bool json_number(const struct json *json, double *ret_number);

/*
 * A location in a document, for errors that name its path ($.data.workflow.id).
 * Locations live on the stack of the reader; `value` is NULL if there is no
 * value.
 */
struct json_at {
    const struct json *value;
    const struct json_at *parent; /* NULL: the document */
    const char *name; /* a literal of ours, never text of the input */
    size_t index;     /* if name is NULL */
};

struct json_at json_at_root(const struct json *json);
/* A null value counts as absent. */
struct json_at json_at_member(const struct json_at *at, const char *name);
struct json_at json_at_element(const struct json_at *at,
                               const struct json *element, size_t index);
/* error_set() with the path prepended to the message */
#define json_at_fault(at, err, kind, ...)                                      \
    (json_at_fill(at, err, kind, __VA_ARGS__), error_failed())
void json_at_fill(const struct json_at *at, struct error *err,
                  enum error_kind kind, const char *format, ...) PRINTF(4, 5);

/* Typed reads. An absent value leaves the result unchanged and is no error,
 * except for json_at_require(). Errors are ERROR_SCHEMA. */
int json_at_require(const struct json_at *at, struct error *err) NODISCARD;
int json_at_object(const struct json_at *at, struct error *err) NODISCARD;
int json_at_array(const struct json_at *at, size_t max,
                  struct error *err) NODISCARD;
int json_at_boolean(const struct json_at *at, bool *ret_boolean,
                    struct error *err) NODISCARD;
/* At most `max` bytes, without U+0000. The text is borrowed from the
 * document. */
int json_at_string(const struct json_at *at, size_t max, const char **ret_text,
                   struct error *err) NODISCARD;

/*
 * Writes JSON to a str; the caller must balance the brackets. With a name of
 * NULL an element is written instead of a member. Members appear in the order
 * of the calls, so that the same input gives the same bytes.
 */
struct json_writer {
    struct str *out;
    bool comma;
};

void json_open(struct json_writer *writer, const char *name, char bracket);
void json_close(struct json_writer *writer, char bracket);
void json_append_string(struct json_writer *writer, const char *name,
                        const char *value);
/* Omits the member if value is NULL. */
void json_append_optional(struct json_writer *writer, const char *name,
                          const char *value);
void json_append_integer(struct json_writer *writer, const char *name,
                         int64_t value);
void json_append_bool(struct json_writer *writer, const char *name, bool value);
void json_append_raw(struct json_writer *writer, const char *name,
                     const char *json, size_t len);
/* Writes a parsed value with everything that it contains. */
void json_append_value(struct json_writer *writer, const char *name,
                       const struct json *value);

/* Appends a quoted string as json.Marshal of Go 1.21 writes it: besides what
 * JSON requires, <, > and & and U+2028 and U+2029 are escaped. Invalid bytes
 * become U+FFFD, and C0 80 becomes the escape of U+0000. */
void json_append_go_string(struct str *out, const char *value);

const char *json_library_version(void);

#endif
