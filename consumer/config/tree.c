#include <string.h>
#include <yaml.h>

#include "syntax.h"
#include "waybill/file.h"
#include "waybill/secret.h"

/* Builds a tree of nodes with positions from libyaml's events. libyaml's
 * document API is not used, because it resolves aliases. */

struct tree {
    yaml_parser_t parser;
    yaml_event_t event;
    struct arena *arena;
    struct config_files *files;
    struct faults *faults;
    struct source source;
    const char *directory;
    size_t nodes;
};

static struct location location_at(const struct tree *tree, yaml_mark_t mark)
{
    return (struct location){tree->source.file, mark.line + 1, mark.column + 1};
}

/* Frees the previous event and parses the next one into tree->event. */
static int advance(struct tree *tree)
{
    yaml_event_delete(&tree->event);
    if (!yaml_parser_parse(&tree->parser, &tree->event)) {
        syntax_explain(&tree->source, &tree->parser);
        return -1;
    }
    return 0;
}

static int report(struct tree *tree, const char *what)
{
    struct location location = location_at(tree, tree->event.start_mark);

    fault_add(tree->faults, &location, "%s", what);
    return -1;
}

/* A value that begins with '*', '&' or '!' has a meaning in YAML. */
static int report_indicator(struct tree *tree, const char *what, char indicator)
{
    struct location location = location_at(tree, tree->event.start_mark);

    if (tree->event.type != YAML_SCALAR_EVENT &&
        tree->event.type != YAML_ALIAS_EVENT) {
        fault_add(tree->faults, &location,
                  "%s ('%c') are not supported; remove it", what, indicator);
        return -1;
    }
    fault_add(tree->faults, &location,
              "%s are not supported; if the value begins with '%c', quote it: "
              "%s",
              what, indicator,
              syntax_quote_advice(&tree->source, tree->event.start_mark));
    return -1;
}

static struct node *new_node(struct tree *tree, enum node_kind kind)
{
    struct node *node = arena_alloc(tree->arena, sizeof(*node));

    node->kind = kind;
    node->location = location_at(tree, tree->event.start_mark);
    return node;
}

/* The tags of the core schema are accepted and ignored: the field tables
 * determine the types. */
static bool is_core_tag(const yaml_char_t *tag)
{
    static const char *const core[] = {
        "!",           YAML_STR_TAG,   YAML_INT_TAG, YAML_BOOL_TAG,
        YAML_NULL_TAG, YAML_FLOAT_TAG, YAML_MAP_TAG, YAML_SEQ_TAG,
    };

    for (size_t i = 0; tag != NULL && i < sizeof(core) / sizeof(core[0]); i++) {
        if (strcmp((const char *)tag, core[i]) == 0) {
            return true;
        }
    }
    return tag == NULL;
}

static const yaml_char_t *tag_of(const yaml_event_t *event)
{
    switch ((int)event->type) {
    case YAML_SCALAR_EVENT:
        return event->data.scalar.tag;
    case YAML_MAPPING_START_EVENT:
        return event->data.mapping_start.tag;
    default:
        return event->data.sequence_start.tag;
    }
}

/* An anchor that nobody refers to is harmless, except that "&a b" may be meant
 * as a value. */
static bool has_anchor(const yaml_event_t *event)
{
    return event->type == YAML_SCALAR_EVENT &&
           event->data.scalar.anchor != NULL;
}

/* The line break at the end of a block scalar ("password: |") ends the text and
 * is not part of the value. */
static void trim_block(yaml_event_t *event)
{
    yaml_scalar_style_t style = event->data.scalar.style;
    size_t len = event->data.scalar.length;

    if ((style == YAML_LITERAL_SCALAR_STYLE ||
         style == YAML_FOLDED_SCALAR_STYLE) &&
        len > 0 && event->data.scalar.value[len - 1] == '\n') {
        event->data.scalar.value[len - 1] = '\0';
        event->data.scalar.length--;
    }
}

static bool is_null_scalar(const yaml_event_t *event)
{
    const char *text = (const char *)event->data.scalar.value;

    return event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           (*text == '\0' || strcmp(text, "~") == 0 ||
            strcmp(text, "null") == 0 || strcmp(text, "Null") == 0 ||
            strcmp(text, "NULL") == 0);
}

/* Adds every PATH of ${file:PATH} to the access list. */
static void allow_referenced_files(const struct tree *tree, const char *text)
{
    static const char opening[] = "${file:";

    while ((text = strstr(text, opening)) != NULL) {
        size_t len = strcspn(text += sizeof(opening) - 1, "}");

        access_allow_file(tree->faults->access,
                          arena_printf(tree->arena, "%s%s%.*s",
                                       *text == '/' ? "" : tree->directory,
                                       *text == '/' ? "" : "/", (int)len,
                                       text));
    }
}

static struct node *read_scalar(struct tree *tree)
{
    struct node *node = new_node(tree, NODE_SCALAR);
    const char *text = (const char *)tree->event.data.scalar.value;
    const char *reason = NULL;

    if (strlen(text) != tree->event.data.scalar.length) {
        report(tree, "the text contains U+0000, which no value may; remove "
                     "the escape sequence '\\0'");
        return NULL;
    }
    trim_block(&tree->event);
    node->null = is_null_scalar(&tree->event);
    node->commented = *text == '\0' &&
                      syntax_is_comment(&tree->source, tree->event.start_mark);
    node->expanded = strstr(text, "${") != NULL;
    node->text =
        expand(tree->arena, text, tree->directory, tree->files, &reason);
    allow_referenced_files(tree, text);
    if (node->text == NULL) {
        /* The fault is reported when the value is read, where the key is known.
         */
        node->fault = reason;
        node->text = "";
    }
    return node;
}

static struct node *read_node(struct tree *tree, size_t depth);

static void append(struct node *parent, struct node *child)
{
    if (parent->last != NULL) {
        parent->last->next = child;
    } else {
        parent->first = child;
    }
    parent->last = child;
    parent->count++;
}

static int read_key(struct tree *tree, const struct node *mapping,
                    const char **ret_key, struct location *ret_location)
{
    struct location location = location_at(tree, tree->event.start_mark);
    const struct node *earlier;

    if (tree->event.type == YAML_ALIAS_EVENT) {
        return report_indicator(tree, "aliases", '*');
    }
    if (tree->event.type != YAML_SCALAR_EVENT) {
        return report(tree,
                      syntax_is_template(&tree->source, tree->event.start_mark)
                          ? "'{{' begins a template, which is not replaced "
                            "here; render the file first, or quote the value"
                          : "a key must be plain text, not a list or mapping; "
                            "write 'key: value'");
    }
    if (strcmp((char *)tree->event.data.scalar.value, "<<") == 0) {
        return report(tree, "merge keys ('<<') are not supported; write the "
                            "keys here");
    }
    if (has_anchor(&tree->event)) {
        return report(tree,
                      "anchors ('&') are not supported; remove the anchor");
    }
    if (strlen((char *)tree->event.data.scalar.value) !=
        tree->event.data.scalar.length) {
        return report(tree, "the key contains U+0000; remove the escape "
                            "sequence '\\0'");
    }
    if (!is_core_tag(tree->event.data.scalar.tag)) {
        return report(tree, "tags ('!') are not supported; remove it");
    }
    if (mapping->count >= LIMIT_CONFIG_KEYS) {
        return report(tree, "the mapping has too many keys; remove some");
    }
    *ret_key = arena_strdup(tree->arena, (char *)tree->event.data.scalar.value);
    *ret_location = location;
    earlier = tree_member(mapping, *ret_key);
    if (earlier != NULL) {
        fault_add(tree->faults, &location,
                  "the key '%s' is already in line %zu; remove one of the two",
                  *ret_key, earlier->key_location.line);
    }
    return 0;
}

static struct node *read_mapping(struct tree *tree, size_t depth)
{
    struct node *mapping = new_node(tree, NODE_MAPPING);

    if (advance(tree) < 0) {
        return NULL;
    }
    while (tree->event.type != YAML_MAPPING_END_EVENT) {
        const char *key = NULL;
        struct location location = {0};
        struct node *value;

        if (read_key(tree, mapping, &key, &location) < 0 || advance(tree) < 0) {
            return NULL;
        }
        value = read_node(tree, depth);
        if (value == NULL || advance(tree) < 0) {
            return NULL;
        }
        value->key = key;
        value->key_location = location;
        append(mapping, value);
    }
    return mapping;
}

static struct node *read_sequence(struct tree *tree, size_t depth)
{
    struct node *sequence = new_node(tree, NODE_SEQUENCE);

    if (advance(tree) < 0) {
        return NULL;
    }
    while (tree->event.type != YAML_SEQUENCE_END_EVENT) {
        struct node *item = read_node(tree, depth);

        if (item == NULL || advance(tree) < 0) {
            return NULL;
        }
        append(sequence, item);
    }
    return sequence;
}

static struct node *read_node(struct tree *tree, size_t depth)
{
    if (tree->event.type == YAML_ALIAS_EVENT) {
        report_indicator(tree, "aliases", '*');
        return NULL;
    }
    if (has_anchor(&tree->event)) {
        report_indicator(tree, "anchors", '&');
        return NULL;
    }
    if (!is_core_tag(tag_of(&tree->event))) {
        report_indicator(tree, "tags", '!');
        return NULL;
    }
    if (++tree->nodes > LIMIT_CONFIG_NODES) {
        report(tree, "the file has too many values; remove some");
        return NULL;
    }
    if (depth >= LIMIT_CONFIG_DEPTH) {
        report(tree, "the value is nested too deep; no key needs that many "
                     "levels");
        return NULL;
    }
    switch ((int)tree->event.type) {
    case YAML_SCALAR_EVENT:
        return read_scalar(tree);
    case YAML_MAPPING_START_EVENT:
        return read_mapping(tree, depth + 1);
    default:
        return read_sequence(tree, depth + 1);
    }
}

static int advance_by(struct tree *tree, int events)
{
    int result = 0;

    while (events-- > 0 && result == 0) {
        result = advance(tree);
    }
    return result;
}

static struct node *read_document(struct tree *tree)
{
    struct node *root = NULL;

    if (advance_by(tree, 2) < 0) { /* stream start, document start */
        return NULL;
    }
    if (tree->event.type == YAML_STREAM_END_EVENT) {
        report(tree, NOTHING_CONFIGURED);
        return NULL;
    }
    if (advance(tree) < 0 || (root = read_node(tree, 0)) == NULL ||
        advance_by(tree, 2) < 0) { /* the root's end, the document's end */
        return NULL;
    }
    if (tree->event.type != YAML_STREAM_END_EVENT) {
        report(tree, "a second document ('---') begins here; a file holds one "
                     "configuration, so remove one of them");
        return NULL;
    }
    return root;
}

static const char *directory_of(struct arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/');
    char *directory;

    if (slash == NULL) {
        return ".";
    }
    directory = arena_copy(arena, path, (size_t)(slash - path) + 1);
    directory[slash - path] = '\0';
    return directory;
}

static int read_file(const char *path, struct str *content,
                     struct config_files *files, struct faults *faults)
{
    struct location location = {.file = path};
    struct file_stamp stamp;
    struct error err;

    if (file_read(path, 0, content, &stamp, &err) < 0) {
        files_add(files, path, NULL);
        fault_add(faults, &location, "the file cannot be read: %s",
                  err.message);
        return -1;
    }
    files_add(files, path, &stamp);
    return 0;
}

/* The content of the file, or in its place the given one */
static int get_content(const char *path, struct bytes given,
                       struct str *content, struct config_files *files,
                       struct faults *faults)
{
    if (given.data == NULL) {
        return read_file(path, content, files, faults);
    }
    str_append(content, given.data, given.len);
    return 0;
}

struct node *tree_load(const char *path, struct bytes given,
                       struct config_files *files, struct faults *faults,
                       struct digest *ret_digest)
{
    struct tree tree = {
        .arena = faults->arena, .files = files, .faults = faults};
    CLEANUP(secret_release)
    struct secret file = SECRET_INIT(LIMIT_CONFIG_BYTES);
    struct str *content = &file.text;
    struct node *root;

    access_allow_file(faults->access, path);
    if (get_content(path, given, content, files, faults) < 0) {
        return NULL;
    }
    digest_of(content->data, content->len, ret_digest);
    tree.source = (struct source){path, content->data, content->len,
                                  faults->rules, faults};
    tree.directory = directory_of(tree.arena, path);
    yaml_parser_initialize(&tree.parser);
    /* Otherwise a byte order mark could select UTF-16. */
    yaml_parser_set_encoding(&tree.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&tree.parser, (unsigned char *)content->data,
                                 content->len);
    root = read_document(&tree);
    yaml_event_delete(&tree.event);
    yaml_parser_delete(&tree.parser);
    return root;
}

struct node *tree_member(const struct node *mapping, const char *key)
{
    if (mapping->kind != NODE_MAPPING) {
        return NULL; /* items of a list have no keys */
    }
    for (struct node *node = mapping->first; node != NULL; node = node->next) {
        if (strcmp(node->key, key) == 0) {
            return node;
        }
    }
    return NULL;
}

struct node *tree_add(struct arena *arena, struct node *mapping,
                      const char *key, enum node_kind kind,
                      const struct location *location)
{
    struct node *node = tree_member(mapping, key);

    if (node == NULL) {
        node = arena_alloc(arena, sizeof(*node));
        node->key = arena_strdup(arena, key);
        append(mapping, node);
    }
    if (node->kind != kind || kind == NODE_SCALAR ||
        node->key_location.file == NULL) {
        node->kind = kind;
        node->location = *location;
        node->key_location = *location;
    }
    return node;
}

const char *config_library_version(void)
{
    return yaml_get_version_string();
}
