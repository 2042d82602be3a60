#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "aws_internal.h"
#include "waybill/alloc.h"
#include "waybill/utf8.h"

/* --- keys -------------------------------------------------------------------
 */

void aws_keys_release(struct aws_keys *keys)
{
    mem_free(keys->id);
    secret_release(&keys->secret);
    secret_release(&keys->session);
    mem_free(keys->file);
    *keys = (struct aws_keys){0};
}

int aws_keys_set(struct aws_keys *keys, const char *where, const char *id,
                 const char *secret, const char *session, struct error *err)
{
    if (id == NULL || secret == NULL || *id == '\0' || *secret == '\0') {
        return error_set(err, ERROR_AUTH,
                         "%s: the access key or its secret is missing", where);
    }
    if (!http_value_is_plain(id) || !http_value_is_plain(secret) ||
        (session != NULL && !http_value_is_plain(session))) {
        return error_set(
            err, ERROR_AUTH,
            "%s: the key contains characters that a key may not have", where);
    }
    aws_keys_release(keys);
    keys->id = mem_strdup(id);
    secret_assign(&keys->secret, secret);
    secret_assign(&keys->session,
                  session != NULL && *session != '\0' ? session : NULL);
    return 0;
}

/* --- the shared credentials file --------------------------------------------
 */

struct section {
    bool found;
    bool is_selected; /* the current line belongs to the profile */
    /* A key of the profile that selects a method that is not supported */
    const char *unsupported;
    struct str id;
    struct secret secret;
    struct secret session;
};

static void trim(const char **text, size_t *len)
{
    while (*len > 0 && isspace((unsigned char)**text)) {
        (*text)++;
        (*len)--;
    }
    while (*len > 0 && isspace((unsigned char)(*text)[*len - 1])) {
        (*len)--;
    }
}

static bool equals_ignoring_case(const char *text, size_t len, const char *word)
{
    return strlen(word) == len && strncasecmp(text, word, len) == 0;
}

/* If a key is repeated, the last value applies, as in all AWS parsers. */
static void replace(struct str *slot, const char *value, size_t len)
{
    str_clear(slot);
    str_append(slot, value, len);
}

static void read_pair(struct section *section, const char *line, size_t len)
{
    static const char *const unsupported_keys[] = {
        "role_arn",    "credential_process", "credential_source",
        "sso_session", "sso_start_url",      "web_identity_token_file"};
    const char *equals = memchr(line, '=', len);
    const char *name = line;
    const char *value;
    size_t name_len;
    size_t value_len;

    if (equals == NULL) {
        return;
    }
    name_len = (size_t)(equals - line);
    value = equals + 1;
    value_len = len - name_len - 1;
    trim(&name, &name_len);
    trim(&value, &value_len);
    if (equals_ignoring_case(name, name_len, "aws_access_key_id")) {
        replace(&section->id, value, value_len);
    } else if (equals_ignoring_case(name, name_len, "aws_secret_access_key")) {
        replace(&section->secret.text, value, value_len);
    } else if (equals_ignoring_case(name, name_len, "aws_session_token")) {
        replace(&section->session.text, value, value_len);
    }
    for (size_t i = 0; i < ARRAY_SIZE(unsupported_keys); i++) {
        if (equals_ignoring_case(name, name_len, unsupported_keys[i])) {
            section->unsupported = unsupported_keys[i];
        }
    }
}

static void read_line(struct section *section, const char *profile,
                      const char *line, size_t len)
{
    /* An indented line continues the value above it. */
    bool nested = len > 0 && (*line == ' ' || *line == '\t');

    trim(&line, &len);
    if (len == 0 || nested || *line == '#' || *line == ';') {
        return;
    }
    if (*line != '[') {
        if (section->is_selected) {
            read_pair(section, line, len);
        }
        return;
    }
    line++;
    len = strcspn(line, "]\n");
    trim(&line, &len);
    section->is_selected =
        strlen(profile) == len && strncmp(line, profile, len) == 0;
    section->found |= section->is_selected;
}

static enum aws_profile evaluate(const struct section *section,
                                 const char *profile, struct aws_keys *keys,
                                 struct error *err)
{
    if (!section->found) {
        return AWS_PROFILE_ABSENT;
    }
    if (section->id.len == 0 && section->secret.text.len == 0 &&
        section->unsupported != NULL) {
        error_fill(err, ERROR_CONFIG,
                   "profile '%s': '%s' is not supported: give keys, or use a "
                   "web identity or the machine's role",
                   profile, section->unsupported);
        return AWS_PROFILE_FAULTY;
    }
    if (aws_keys_set(keys, "the profile", section->id.data,
                     section->secret.text.data, section->session.text.data,
                     err) < 0) {
        return AWS_PROFILE_FAULTY;
    }
    return AWS_PROFILE_FOUND;
}

enum aws_profile aws_profile_read(const char *text, const char *profile,
                                  struct aws_keys *keys, struct error *err)
{
    struct section section = {.id = STR_INIT(LIMIT_SECRET_FILE),
                              .secret = SECRET_INIT(LIMIT_SECRET_FILE),
                              .session = SECRET_INIT(LIMIT_SECRET_FILE)};
    enum aws_profile result;

    while (*text != '\0') {
        size_t len = strcspn(text, "\n");

        read_line(&section, profile, text, len);
        text += len + (text[len] == '\n');
    }
    result = evaluate(&section, profile, keys, err);
    str_release(&section.id);
    secret_release(&section.secret);
    secret_release(&section.session);
    return result;
}

/* --- XML --------------------------------------------------------------------
 */

/*
 * The subset of XML that STS sends: a declaration, elements, attributes, text
 * and references. Comments, CDATA, DOCTYPE and everything else are parse
 * errors.
 */
#define MAX_DEPTH 16

struct xml {
    const char *at;
    struct str *out;
    bool found;
};

#define NAME_CHARACTERS                                                        \
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_:.-"

static bool skip_text(struct xml *xml, const char *text)
{
    size_t len = strlen(text);
    bool matches = strncmp(xml->at, text, len) == 0;

    xml->at += matches ? len : 0;
    return matches;
}

static void skip_space(struct xml *xml)
{
    xml->at += strspn(xml->at, " \t\r\n");
}

/* Skips the rest of a tag after the element's name. Returns true if the tag
 * ends; *ret_empty states whether it ends in `/>` instead of `>`. */
static bool skip_attributes(struct xml *xml, bool *ret_empty)
{
    for (;;) {
        size_t len;
        char quote;

        skip_space(xml);
        *ret_empty = skip_text(xml, "/>");
        if (*ret_empty || skip_text(xml, ">")) {
            return true;
        }
        len = strspn(xml->at, NAME_CHARACTERS);
        xml->at += len;
        if (len == 0 || !skip_text(xml, "=")) {
            return false;
        }
        quote = *xml->at;
        if (quote != '"' && quote != '\'') {
            return false;
        }
        xml->at = strchr(xml->at + 1, quote);
        if (xml->at == NULL) {
            return false;
        }
        xml->at++;
    }
}

/* &#38; or &#x26;, limited to ASCII, which is all that a token contains */
static bool read_number(struct xml *xml, struct str *out)
{
    bool hex;
    size_t len;
    unsigned long c;

    if (!skip_text(xml, "&#")) {
        return false;
    }
    hex = skip_text(xml, "x");
    len = strspn(xml->at, hex ? "0123456789abcdefABCDEF" : "0123456789");
    if (len == 0 || len > 3 || xml->at[len] != ';') {
        return false;
    }
    c = strtoul(xml->at, NULL, hex ? 16 : 10);
    xml->at += len + 1;
    str_append_char(out, (char)(c & 0x7F));
    return c > 0 && c < 0x80;
}

/* A named reference such as &amp;, or a numeric one */
static bool read_reference(struct xml *xml, struct str *out)
{
    static const struct {
        const char *text;
        char c;
    } entities[] = {{"&amp;", '&'},
                    {"&lt;", '<'},
                    {"&gt;", '>'},
                    {"&quot;", '"'},
                    {"&apos;", '\''}};

    for (size_t i = 0; i < ARRAY_SIZE(entities); i++) {
        if (skip_text(xml, entities[i].text)) {
            str_append_char(out, entities[i].c);
            return true;
        }
    }
    return read_number(xml, out);
}

static bool read_element(struct xml *xml, const char *const *path,
                         unsigned depth);

/* Reads the content up to the end tag; text is appended to `out` unless that is
 * NULL. */
static bool read_content(struct xml *xml, const char *const *path,
                         unsigned depth, struct str *out)
{
    CLEANUP(str_release) struct str discarded = STR_INIT(0);

    while (strncmp(xml->at, "</", 2) != 0) {
        size_t len = strcspn(xml->at, "<&");

        if (len > 0 && out != NULL) {
            str_append(out, xml->at, len);
        }
        xml->at += len;
        if (*xml->at == '\0' ||
            (*xml->at == '&' && !read_reference(xml, out ? out : &discarded)) ||
            (*xml->at == '<' && strncmp(xml->at, "</", 2) != 0 &&
             !read_element(xml, path, depth))) {
            return false;
        }
    }
    return true;
}

/* `path` begins with the name to be matched among this element and its
 * siblings. */
static bool read_element(struct xml *xml, const char *const *path,
                         unsigned depth)
{
    static const char *const no_path[] = {NULL};
    const char *name = xml->at + 1;
    size_t len = strspn(name, NAME_CHARACTERS);
    bool on_path = path[0] != NULL && strlen(path[0]) == len &&
                   strncmp(path[0], name, len) == 0;
    bool is_selected = on_path && path[1] == NULL && !xml->found;
    bool empty;

    if (len == 0 || depth > MAX_DEPTH) {
        return false;
    }
    xml->at = name + len;
    if (!skip_attributes(xml, &empty)) {
        return false;
    }
    xml->found |= is_selected;
    if (empty) {
        return true;
    }
    if (!read_content(xml, on_path ? path + 1 : no_path, depth + 1,
                      is_selected ? xml->out : NULL) ||
        strncmp(xml->at + 2, name, len) != 0) {
        return false;
    }
    xml->at += 2 + len;
    skip_space(xml);
    return skip_text(xml, ">");
}

bool aws_xml_text(const char *text, const char *const *path, struct str *out)
{
    struct xml xml = {.at = text, .out = out};

    skip_space(&xml);
    if (skip_text(&xml, "<?xml")) {
        xml.at = strstr(xml.at, "?>");
        if (xml.at == NULL) {
            return false;
        }
        xml.at += 2;
        skip_space(&xml);
    }
    if (*xml.at != '<' || !read_element(&xml, path, 0)) {
        return false;
    }
    skip_space(&xml);
    return *xml.at == '\0' && xml.found && !out->overflow;
}
