#include "edit.h"

#include <string.h>

/* Inserts and removes the lines of one item, and checks the result. */

static bool has_crlf(struct bytes text)
{
    const unsigned char *end = memchr(text.data, '\n', text.len);

    return end != NULL && end > text.data && end[-1] == '\r';
}

static const char *line_break(struct bytes text)
{
    return text.len > 0 && has_crlf(text) ? "\r\n" : "\n";
}

static void append_spaces(struct str *out, size_t count)
{
    str_printf(out, "%*s", (int)count, "");
}

/* The entry as an item whose hyphen is in the column */
static void append_item(struct str *out, const char *entry, size_t column,
                        const char *end_of_line)
{
    const char *hyphen = "- ";

    while (*entry != '\0') {
        size_t len = strcspn(entry, "\n");

        append_spaces(out, column);
        str_append_text(out, hyphen);
        str_append(out, entry, len);
        str_append_text(out, end_of_line);
        entry += len + (entry[len] == '\n');
        hyphen = "  ";
    }
}

static void append_range(struct str *out, struct bytes text, size_t begin,
                         size_t end)
{
    str_append(out, text.data + begin, end - begin);
}

static void end_line(struct str *out, const char *end_of_line)
{
    if (out->len > 0 && out->data[out->len - 1] != '\n') {
        str_append_text(out, end_of_line);
    }
}

static void trim_spaces(struct str *out)
{
    size_t len = out->len;

    while (len > 0 && out->data[len - 1] == ' ') {
        len--;
    }
    str_cut(out, len);
}

/* --- appending --------------------------------------------------------------
 */

static void append_after_last(struct bytes text, const struct edit_scan *scan,
                              const char *entry, struct str *out)
{
    const struct edit_item *last = &scan->items[scan->count - 1];

    append_range(out, text, 0, last->end);
    end_line(out, line_break(text));
    append_item(out, entry, last->column, line_break(text));
    append_range(out, text, last->end, text.len);
}

static void append_in_place(struct bytes text, const struct edit_scan *scan,
                            const char *entry, struct str *out)
{
    size_t end = edit_line_after(text, scan->value_end);

    append_range(out, text, 0, scan->value);
    trim_spaces(out);
    append_range(out, text, scan->value_end, end);
    end_line(out, line_break(text));
    append_item(out, entry, scan->key_column + 2, line_break(text));
    append_range(out, text, end, text.len);
}

static void append_section(struct bytes text, const struct edit_scan *scan,
                           const char *section, const char *entry,
                           struct str *out)
{
    const char *end_of_line = line_break(text);

    append_range(out, text, 0, scan->end);
    end_line(out, end_of_line);
    if (out->len > 0) {
        str_append_text(out, end_of_line);
    }
    append_spaces(out, scan->key_column);
    str_printf(out, "%s:%s", section, end_of_line);
    append_item(out, entry, scan->key_column + 2, end_of_line);
    append_range(out, text, scan->end, text.len);
}

static int refuse(const char *section, struct error *err)
{
    return error_set(err, ERROR_CONFIG,
                     "the section '%s' cannot be changed by this command, "
                     "because it is not a list with a hyphen at the start of a "
                     "line for each item; rewrite it in that form, or edit it "
                     "by hand",
                     section);
}

static int insert(struct bytes text, const struct edit_scan *scan,
                  const char *section, const char *entry, struct str *out,
                  struct error *err)
{
    switch (scan->shape) {
    case EDIT_MISSING:
        append_section(text, scan, section, entry, out);
        return 0;
    case EDIT_EMPTY:
        append_in_place(text, scan, entry, out);
        return 0;
    case EDIT_LINES:
        append_after_last(text, scan, entry, out);
        return 0;
    case EDIT_OTHER:
        break;
    }
    return refuse(section, err);
}

/* --- the result -------------------------------------------------------------
 */

static bool same_digest(const struct digest *a, const struct digest *b)
{
    return strcmp(a->text, b->text) == 0;
}

/* Whether the items are the same, except that one of the longer list, with the
 * index `extra`, is missing in the other one */
static bool differ_by_one(const struct edit_scan *longer,
                          const struct edit_scan *shorter, size_t extra)
{
    bool same = longer->count == shorter->count + 1;

    for (size_t i = 0; same && i < shorter->count; i++) {
        same = same_digest(&longer->items[i < extra ? i : i + 1].content,
                           &shorter->items[i].content);
    }
    return same && same_digest(&longer->rest, &shorter->rest);
}

/* The digest of an entry, as the item of a list of its own */
static int digest_entry(const char *entry, struct digest *ret_digest,
                        struct error *err)
{
    CLEANUP(str_release) struct str text = STR_INIT_SECRET(STR_UNLIMITED);
    CLEANUP(edit_scan_release) struct edit_scan scan;

    str_append_text(&text, "list:\n");
    append_item(&text, entry, 0, "\n");
    if (edit_scan(str_bytes(&text), "list", &scan, err) < 0) {
        return -1;
    }
    if (scan.count != 1) {
        return error_set(err, ERROR_CONFIG, "the entry is not one item");
    }
    *ret_digest = scan.items[0].content;
    return 0;
}

static int check_appended(const struct edit_scan *before, struct bytes text,
                          const char *section, const char *entry,
                          struct error *err)
{
    CLEANUP(edit_scan_release) struct edit_scan after;
    struct digest added;

    if (edit_scan(text, section, &after, err) < 0 ||
        digest_entry(entry, &added, err) < 0) {
        return -1;
    }
    return differ_by_one(&after, before, before->count) &&
                   same_digest(&after.items[before->count].content, &added)
               ? 0
               : refuse(section, err);
}

static int check_removed(const struct edit_scan *before, struct bytes text,
                         const char *section, size_t index, struct error *err)
{
    CLEANUP(edit_scan_release) struct edit_scan after;

    if (edit_scan(text, section, &after, err) < 0) {
        return -1;
    }
    return differ_by_one(before, &after, index) ? 0 : refuse(section, err);
}

int config_edit_append(struct bytes text, const char *section,
                       const char *entry, struct str *out, struct error *err)
{
    CLEANUP(edit_scan_release) struct edit_scan scan;

    return edit_scan(text, section, &scan, err) < 0 ||
                   insert(text, &scan, section, entry, out, err) < 0 ||
                   check_appended(&scan, str_bytes(out), section, entry, err) <
                       0
               ? -1
               : 0;
}

int config_edit_remove(struct bytes text, const char *section, size_t index,
                       struct str *out, struct error *err)
{
    CLEANUP(edit_scan_release) struct edit_scan scan;

    if (edit_scan(text, section, &scan, err) < 0) {
        return -1;
    }
    if (scan.shape != EDIT_LINES || index >= scan.count) {
        return refuse(section, err);
    }
    append_range(out, text, 0, scan.items[index].begin);
    append_range(out, text, scan.items[index].end, text.len);
    return check_removed(&scan, str_bytes(out), section, index, err);
}
