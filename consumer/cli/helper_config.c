#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "helper_internal.h"
#include "waybill/field.h"
#include "waybill/file.h"
#include "waybill/glob.h"
#include "waybill/json.h"
#include "waybill/limits.h"
#include "waybill/suggest.h"

/*
 * Parses the configuration file of tweag/credential-helper. The first entry of
 * `urls` that matches applies. Only the options of the helper `oci` are
 * validated; those of other helpers are ignored.
 *
 * An entry of lookup_chain has the same keys as one in config.yaml, so both use
 * the same field table. The only difference is the static source, whose value
 * is under "name" in this file.
 */

#define MAX_NAME_BYTES ((size_t)4096)
#define MAX_QUOTED 48 /* characters of an invalid value in a message */

/* --- keys ----------------------------------------------------------------- */

static int report_unknown(const struct json_at *at, const char *key,
                          const struct suggestion *near, struct error *err)
{
    bool known = near->nearest != NULL;

    return json_at_fault(at, err, ERROR_CONFIG, "unknown key '%.*s'%s%s%s",
                         MAX_QUOTED, key, known ? " (did you mean '" : "",
                         known ? near->nearest : "", known ? "'?)" : "");
}

static int check_keys(const struct json_at *at, const char *const *known,
                      struct error *err)
{
    for (const struct json *item = json_first(at->value); item != NULL;
         item = json_next(item)) {
        const char *const *key = known;
        struct suggestion near;

        suggest_init(&near, json_name(item));
        while (*key != NULL && strcmp(*key, json_name(item)) != 0) {
            suggest_offer(&near, *key++);
        }
        if (*key == NULL) {
            return report_unknown(at, json_name(item), &near, err);
        }
    }
    return 0;
}

/* Checks for an object that has no other keys than `known`. */
static int check_object(const struct json_at *at, const char *const *known,
                        struct error *err)
{
    return json_at_object(at, err) < 0 || check_keys(at, known, err) < 0 ? -1
                                                                         : 0;
}

/* Case-insensitive values are stored in lower case, like the parts of a
 * parsed URI. */
static char *lower(struct arena *arena, const char *text)
{
    char *copy = arena_strdup(arena, text);

    for (char *at = copy; *at != '\0'; at++) {
        *at = (char)tolower((unsigned char)*at);
    }
    return copy;
}

/* *ret_name is NULL when the member is absent or empty. */
static int read_name(const struct json_at *object, const char *key,
                     struct arena *arena, const char **ret_name,
                     struct error *err)
{
    struct json_at at = json_at_member(object, key);
    const char *text = NULL;

    if (json_at_string(&at, MAX_NAME_BYTES, &text, err) < 0) {
        return -1;
    }
    *ret_name =
        text != NULL && *text != '\0' ? arena_strdup(arena, text) : NULL;
    return 0;
}

/* --- a source ------------------------------------------------------------- */

struct reader {
    const char *directory;
    struct arena *arena;
};

static int read_path(const struct reader *reader, const char *text,
                     const char **ret_path, struct error *err)
{
    const char *path;

    if (helper_expand(text, reader->arena, &path, err) < 0) {
        return -1;
    }
    *ret_path = path[0] == '/' ? path
                               : arena_printf(reader->arena, "%s/%s",
                                              reader->directory, path);
    return 0;
}

static int read_string(const struct reader *reader, const struct json_at *at,
                       const struct field *field, const char **member,
                       struct error *err)
{
    const char *text = NULL;

    if (json_at_string(at, LIMIT_SECRET_FILE, &text, err) < 0) {
        return -1;
    }
    if (!(field->flags & FIELD_PATH)) {
        *member = arena_strdup(reader->arena, text);
        return 0;
    }
    return read_path(reader, text, member, err);
}

static int report_choices(const struct json_at *at, const char *const *choices,
                          const char *value, struct error *err)
{
    CLEANUP(str_release) struct str list = STR_INIT(LIMIT_MESSAGE / 2);

    for (; *choices != NULL; choices++) {
        str_printf(&list, "%s%s", list.len > 0 ? ", " : "", *choices);
    }
    return json_at_fault(at, err, ERROR_CONFIG,
                         "expected one of %s, not '%.*s'", list.data,
                         MAX_QUOTED, value);
}

/* Like tweag/credential-helper, matches without regard to case; an empty
 * string selects the default. */
static int read_choice(const struct json_at *at, const char *const *choices,
                       int *member, struct error *err)
{
    const char *text = "";

    if (json_at_string(at, MAX_NAME_BYTES, &text, err) < 0) {
        return -1;
    }
    for (int i = 0; choices[i] != NULL && *text != '\0'; i++) {
        if (strcasecmp(choices[i], text) == 0) {
            *member = i;
            return 0;
        }
    }
    return *text == '\0' ? 0 : report_choices(at, choices, text, err);
}

static int read_strings(const struct reader *reader, const struct json_at *at,
                        struct field_strings *member, struct error *err)
{
    const char **items;
    size_t count = 0;

    if (json_at_array(at, LIMIT_HELPER_SOURCES, err) < 0) {
        return -1;
    }
    items = arena_alloc(reader->arena,
                        (json_count(at->value) + 1) * sizeof(*items));
    for (const struct json *item = json_first(at->value); item != NULL;
         item = json_next(item)) {
        struct json_at element = json_at_element(at, item, count);
        const char *text = NULL;

        if (json_at_string(&element, MAX_NAME_BYTES, &text, err) < 0) {
            return -1;
        }
        items[count++] = arena_strdup(reader->arena, text);
    }
    *member = (struct field_strings){items, count};
    return 0;
}

static int read_member(const struct reader *reader, const struct json_at *row,
                       const struct field *field,
                       struct credential_source *source, struct error *err)
{
    struct json_at at = json_at_member(row, field->key);
    void *member = (char *)source + field->offset;

    if (at.value == NULL) {
        return field->flags & FIELD_REQUIRED ? json_at_require(&at, err) : 0;
    }
    if (field->type == FIELD_ENUM) {
        return read_choice(&at, field->choices, member, err);
    }
    if (field->type == FIELD_STRINGS) {
        return read_strings(reader, &at, member, err);
    }
    return read_string(reader, &at, field, member, err);
}

static int check_source_keys(const struct json_at *row, struct error *err)
{
    for (const struct json *item = json_first(row->value); item != NULL;
         item = json_next(item)) {
        const struct field *field = credential_source_fields;
        struct suggestion near;

        suggest_init(&near, json_name(item));
        while (field->key != NULL && strcmp(field->key, json_name(item)) != 0) {
            suggest_offer(&near, field++->key);
        }
        if (field->key == NULL) {
            return report_unknown(row, json_name(item), &near, err);
        }
    }
    return 0;
}

static int read_source(const struct reader *reader, const struct json_at *row,
                       struct credential_source *source, struct error *err)
{
    const char *key;
    struct error fault;

    if (json_at_object(row, err) < 0 || check_source_keys(row, err) < 0) {
        return -1;
    }
    for (const struct field *field = credential_source_fields; field->key;
         field++) {
        if (read_member(reader, row, field, source, err) < 0) {
            return -1;
        }
    }
    if (strcmp(source->source, "static") == 0 && source->value == NULL) {
        source->value = source->name;
        source->name = NULL;
    }
    if (credential_source_check(source, &key, &fault) < 0) {
        struct json_at at = json_at_member(row, key);

        return json_at_fault(&at, err, ERROR_CONFIG, "%s", fault.message);
    }
    return 0;
}

static int read_chain(const struct reader *reader, const struct json_at *at,
                      struct helper_url *url, struct error *err)
{
    struct credential_source *sources;
    size_t count = 0;

    if (at->value == NULL) {
        return 0;
    }
    if (json_at_array(at, LIMIT_HELPER_SOURCES, err) < 0) {
        return -1;
    }
    sources = arena_alloc(reader->arena,
                          (json_count(at->value) + 1) * sizeof(*sources));
    for (const struct json *item = json_first(at->value); item != NULL;
         item = json_next(item)) {
        struct json_at row = json_at_element(at, item, count);

        if (read_source(reader, &row, &sources[count++], err) < 0) {
            return -1;
        }
    }
    url->sources = sources;
    url->source_count = count;
    return 0;
}

/* --- options of the helper oci -------------------------------------------- */

static int read_oci(const struct reader *reader, const struct json_at *config,
                    struct helper_url *url, struct error *err)
{
    static const char *const keys[] = {
        "parse_docker_config", "token_exchange_method", "lookup_chain", NULL};
    struct json_at docker = json_at_member(config, keys[0]);
    struct json_at exchange = json_at_member(config, keys[1]);
    struct json_at chain = json_at_member(config, keys[2]);
    int method = OCI_EXCHANGE_AUTO;

    url->parse_docker_config = true;
    if (config->value == NULL) {
        return 0;
    }
    if (check_object(config, keys, err) < 0 ||
        json_at_boolean(&docker, &url->parse_docker_config, err) < 0 ||
        read_choice(&exchange, oci_exchanges, &method, err) < 0) {
        return -1;
    }
    url->exchange = (enum oci_exchange)method;
    return read_chain(reader, &chain, url, err);
}

/* --- the file ------------------------------------------------------------- */

static int read_url(const struct reader *reader, const struct json_at *row,
                    struct helper_url *url, struct error *err)
{
    static const char *const keys[] = {"scheme", "host",   "path",
                                       "helper", "config", NULL};
    struct arena *arena = reader->arena;
    struct json_at helper = json_at_member(row, "helper");
    struct json_at config = json_at_member(row, "config");

    if (check_object(row, keys, err) < 0 || json_at_require(&helper, err) < 0 ||
        read_name(row, "scheme", arena, &url->scheme, err) < 0 ||
        read_name(row, "host", arena, &url->host, err) < 0 ||
        read_name(row, "path", arena, &url->path, err) < 0 ||
        read_name(row, "helper", arena, &url->helper, err) < 0) {
        return -1;
    }
    if (url->helper == NULL) {
        return json_at_fault(&helper, err, ERROR_CONFIG, "is empty");
    }
    url->scheme = url->scheme != NULL ? lower(arena, url->scheme) : NULL;
    url->host = url->host != NULL ? lower(arena, url->host) : NULL;
    return strcmp(url->helper, "oci") == 0 ? read_oci(reader, &config, url, err)
                                           : 0;
}

static int read_urls(const struct reader *reader, const struct json *json,
                     struct helper_config *ret_config, struct error *err)
{
    static const char *const keys[] = {"urls", NULL};
    struct json_at root = json_at_root(json);
    struct json_at list = json_at_member(&root, "urls");
    struct helper_url *urls;
    size_t count = 0;

    if (check_object(&root, keys, err) < 0 || json_at_require(&list, err) < 0 ||
        json_at_array(&list, LIMIT_HELPER_URLS, err) < 0) {
        return -1;
    }
    urls = arena_alloc(reader->arena,
                       (json_count(list.value) + 1) * sizeof(*urls));
    for (const struct json *item = json_first(list.value); item != NULL;
         item = json_next(item)) {
        struct json_at row = json_at_element(&list, item, count);

        if (read_url(reader, &row, &urls[count++], err) < 0) {
            return -1;
        }
    }
    if (count == 0) {
        return json_at_fault(&list, err, ERROR_CONFIG, "names no helper");
    }
    *ret_config = (struct helper_config){urls, count};
    return 0;
}

/* The message quotes values of the file, so it is made safe for a terminal. */
static void replace_unprintable(char *message)
{
    for (; *message != '\0'; message++) {
        if ((unsigned char)*message < ' ' || (unsigned char)*message >= 0x7F) {
            *message = '?';
        }
    }
}

static int parse(const char *text, size_t len, const char *directory,
                 struct arena *arena, struct helper_config *ret_config,
                 struct error *err)
{
    struct reader reader = {directory, arena};
    struct json *json;
    int result;

    if (json_parse_secret(text, len, &json, err) < 0) {
        return -1;
    }
    result = read_urls(&reader, json, ret_config, err);
    json_free(json);
    if (result < 0) {
        replace_unprintable(err->message);
    }
    return result;
}

int helper_config_load(const char *path, struct arena *arena,
                       struct helper_config *ret_config, bool *ret_found,
                       struct error *err)
{
    CLEANUP(secret_release)
    struct secret text = SECRET_INIT(LIMIT_CONFIG_BYTES);
    const char *slash = strrchr(path, '/');
    const char *directory =
        slash ? arena_printf(arena, "%.*s", (int)(slash - path), path) : ".";
    struct error failure;

    *ret_found = true;
    if (file_read(path, 0, &text.text, NULL, &failure) < 0) {
        *ret_found = failure.kind != ERROR_NOT_FOUND;
        return *ret_found
                   ? error_set(err, ERROR_CONFIG, "'%s': cannot be read: %s",
                               path, failure.message)
                   : 0;
    }
    str_trim_file(&text.text, 0);
    if (parse(text.text.data, text.text.len, directory, arena, ret_config,
              err) < 0) {
        return error_prefix(err, "'%s'", path);
    }
    return 0;
}

static bool matches(const struct helper_url *url, const struct helper_uri *uri)
{
    return (url->scheme == NULL || strcmp(url->scheme, uri->scheme) == 0) &&
           (url->host == NULL || glob_matches(url->host, uri->host)) &&
           (url->path == NULL || glob_matches(url->path, uri->path));
}

const struct helper_url *helper_config_find(const struct helper_config *config,
                                            const struct helper_uri *uri)
{
    for (size_t i = 0; i < config->count; i++) {
        if (matches(&config->urls[i], uri)) {
            return &config->urls[i];
        }
    }
    return NULL;
}
