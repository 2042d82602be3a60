#include "config_file.h"
#include "waybill/config_edit.h"

#define ENTRY "name: new\nrepository: h/new\n"
#define B "  - name: new\n    repository: h/new\n"
#define B0 "- name: new\n  repository: h/new\n"

struct edit_case {
    const char *what;
    const char *before;
    const char *after; /* NULL: refused */
};

/* Each is also removed again, which gives the text before, unless the change
 * cannot be taken back byte by byte. */
static const struct edit_case reversible[] = {
    {"a list", "registrations:\n  - name: a\n",
     "registrations:\n  - name: a\n" B},
    {"the hyphens below the key", "registrations:\n- name: a\nkafka: {}\n",
     "registrations:\n- name: a\n" B0 "kafka: {}\n"},
    {"an indentation of four", "registrations:\n    - name: a\n",
     "registrations:\n    - name: a\n    - name: new\n      repository: "
     "h/new\n"},
    {"an item in braces", "registrations:\n  - {name: a, x: [1, 2]}\n",
     "registrations:\n  - {name: a, x: [1, 2]}\n" B},
    {"an item in braces of several lines",
     "registrations:\n  - {name: a,\n     x: 1,\n    }\nkafka:\n  x: 1\n",
     "registrations:\n  - {name: a,\n     x: 1,\n    }\n" B "kafka:\n  x: 1\n"},
    {"a section after it", "registrations:\n  - name: a\n\nkafka:\n  a: b\n",
     "registrations:\n  - name: a\n" B "\nkafka:\n  a: b\n"},
    {"comments",
     "# one\nregistrations: # two\n  # three\n  - name: a # four\n\n"
     "# five\nkafka: {}\n",
     "# one\nregistrations: # two\n  # three\n  - name: a # four\n" B "\n"
     "# five\nkafka: {}\n"},
    {"comments of the last item",
     "registrations:\n  - name: a\n    # x: y\n  # - name: b\n",
     "registrations:\n  - name: a\n    # x: y\n" B "  # - name: b\n"},
    {"a null section", "registrations:\nkafka: {}\n",
     "registrations:\n" B "kafka: {}\n"},
    {"a null section with comments",
     "registrations: # none\n  # - name: a\nkafka: {}\n",
     "registrations: # none\n" B "  # - name: a\nkafka: {}\n"},
    {"a literal text at the end",
     "registrations:\n  - name: a\n    password: |\n      p\n\n\nkafka: {}\n",
     "registrations:\n  - name: a\n    password: |\n      p\n" B
     "\n\nkafka: {}\n"},
    {"a literal text that keeps its lines",
     "registrations:\n  - name: a\n    password: |+\n      p\n\n\nkafka: {}\n",
     "registrations:\n  - name: a\n    password: |+\n      p\n\n\n" B
     "kafka: {}\n"},
    {"a folded text",
     "registrations:\n  - name: a\n    b: >-\n      p\n      q\n",
     "registrations:\n  - name: a\n    b: >-\n      p\n      q\n" B},
    {"a quoted text of several lines",
     "registrations:\n  - name: \"a\n      b # no comment\"\nkafka: {}\n",
     "registrations:\n  - name: \"a\n      b # no comment\"\n" B "kafka: {}\n"},
    {"CRLF", "registrations:\r\n  - name: a\r\nkafka: {}\r\n",
     "registrations:\r\n  - name: a\r\n  - name: new\r\n    repository: "
     "h/new\r\n"
     "kafka: {}\r\n"},
    {"characters of several bytes",
     "# \xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80\nregistrations:\n  - name: "
     "\"\xC3\xA4\"\nx: 1\n",
     "# \xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80\nregistrations:\n  - name: "
     "\"\xC3\xA4\"\n" B "x: 1\n"},
    {"a document marker", "---\nregistrations:\n  - name: a\n...\n",
     "---\nregistrations:\n  - name: a\n" B "...\n"},
    {"keys that are indented", "  kafka: {}\n  registrations:\n    - name: a\n",
     "  kafka: {}\n  registrations:\n    - name: a\n"
     "    - name: new\n      repository: h/new\n"},
    {"quoted keys", "\"registrations\":\n  - \"name\": a\n",
     "\"registrations\":\n  - \"name\": a\n" B},
    {"a list in a list",
     "registrations:\n  - name: a\n    b:\n      - c\n      - d:\n",
     "registrations:\n  - name: a\n    b:\n      - c\n      - d:\n" B},
    {"a hyphen in a line of its own",
     "registrations:\n  -\n    name: a\n  - # b\n    name: b\n",
     "registrations:\n  -\n    name: a\n  - # b\n    name: b\n" B},
    {"an anchor of an item", "registrations:\n  - &a\n    name: a\n",
     "registrations:\n  - &a\n    name: a\n" B},
    {"an anchor of the list", "registrations: &a\n  - name: a\n",
     "registrations: &a\n  - name: a\n" B},
    {"tags", "registrations: !!seq\n  - !!map\n    name: !!str a\n",
     "registrations: !!seq\n  - !!map\n    name: !!str a\n" B},
    {"an item that is null", "registrations:\n  - name: a\n  -\n",
     "registrations:\n  - name: a\n  -\n" B},
    {"a list of another section with the same items",
     "attachments:\n  - name: a\nregistrations:\n  - name: a\n",
     "attachments:\n  - name: a\nregistrations:\n  - name: a\n" B},
};

static const struct edit_case appended[] = {
    {"no line break at the end", "registrations:\n  - name: a",
     "registrations:\n  - name: a\n" B},
    {"an empty text", "", "registrations:\n" B},
    {"comments only", "# nothing\n", "# nothing\n\nregistrations:\n" B},
    {"a marker only", "---\n", "---\n\nregistrations:\n" B},
    {"no section", "kafka: {}\n", "kafka: {}\n\nregistrations:\n" B},
    {"no section and no line break", "kafka: {}",
     "kafka: {}\n\nregistrations:\n" B},
    {"no section, and the end of the document", "kafka: {}\n...\n",
     "kafka: {}\n\nregistrations:\n" B "...\n"},
    {"no section, and keys that are indented", "  kafka: {}\n",
     "  kafka: {}\n\n  registrations:\n    - name: new\n      repository: "
     "h/new\n"},
    {"brackets without items", "registrations: []  # none\nkafka: {}\n",
     "registrations:  # none\n" B "kafka: {}\n"},
    {"brackets of several lines", "registrations: [\n]\nkafka: {}\n",
     "registrations:\n" B "kafka: {}\n"},
    {"null", "registrations: null\nkafka: {}\n",
     "registrations:\n" B "kafka: {}\n"},
    {"a tilde", "registrations: ~", "registrations:\n" B},
};

static const struct edit_case refused[] = {
    {"a list in brackets", "registrations: [{name: a}]\n", NULL},
    {"brackets with a comment", "registrations: [ # one\n]\n", NULL},
    {"a mapping in braces", "{registrations: []}\n", NULL},
    {"a mapping", "registrations: {}\n", NULL},
    {"a text", "registrations: many\n", NULL},
    {"a list instead of a mapping", "- registrations\n", NULL},
    {"a text instead of a mapping", "registrations\n", NULL},
    {"a hyphen behind a colon", "? registrations\n: - name: a\n", NULL},
    {"a key without a value", "? registrations\n", NULL},
    {"an anchor of nothing", "registrations: &a\nkafka: {}\n", NULL},
    {"no YAML", "registrations:\n\t- name: a\n", NULL},
};

static void check_appended(const struct edit_case *row)
{
    CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);
    struct error err = {0};

    check_number(row->what,
                 config_edit_append(bytes_of(row->before), "registrations",
                                    ENTRY, &out, &err),
                 row->after != NULL ? 0 : -1);
    if (row->after != NULL) {
        check_text(row->what, out.data, row->after);
    }
}

/* The number of items of the list before the new one */
static size_t count_items(const char *text)
{
    CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);
    struct error err;
    size_t count = 0;

    while (config_edit_remove(bytes_of(text), "registrations", count, &out,
                              &err) == 0) {
        str_clear(&out);
        count++;
    }
    return count;
}

static void append__changes_nothing_else(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(reversible); i++) {
        check_appended(&reversible[i]);
    }
    for (size_t i = 0; i < ARRAY_SIZE(appended); i++) {
        check_appended(&appended[i]);
    }
}

static void append__refuses_what_it_cannot_edit(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
        check_appended(&refused[i]);
    }
}

static void remove__takes_back_what_was_appended(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(reversible); i++) {
        const struct edit_case *row = &reversible[i];
        CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);
        struct error err = {0};
        size_t count = count_items(row->after);

        assert_true(count > 0);
        check_number(row->what,
                     config_edit_remove(bytes_of(row->after), "registrations",
                                        count - 1, &out, &err),
                     0);
        check_text(row->what, out.data, row->before);
    }
}

static const struct {
    const char *before;
    size_t index;
    const char *after;
} removed[] = {
    {"attachments:\n  - name: a\n  # of b\n  - name: b\n    # option: c\n\n"
     "  - name: c\nkafka: {}\n",
     1, "attachments:\n  - name: a\n  # of b\n\n  - name: c\nkafka: {}\n"},
    {"attachments:\n  # first\n  - name: a\n  - name: b\n", 0,
     "attachments:\n  # first\n  - name: b\n"},
    {"attachments:\n  - name: a\nkafka: {}\n", 0, "attachments:\nkafka: {}\n"},
    {"attachments:\n- {name: a}\n- {name: b}", 1,
     "attachments:\n- {name: a}\n"},
    {"attachments:\n- {name: a}\n", 1, NULL},
    {"attachments: [{name: a}]\n", 0, NULL},
    {"kafka: {}\n", 0, NULL},
};

static void remove__takes_the_lines_of_one_item(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(removed); i++) {
        CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);
        struct error err = {0};
        int result =
            config_edit_remove(bytes_of(removed[i].before), "attachments",
                               removed[i].index, &out, &err);

        check_number(removed[i].before, result, removed[i].after ? 0 : -1);
        if (removed[i].after != NULL) {
            check_text(removed[i].before, out.data, removed[i].after);
        } else {
            assert_non_null(strstr(err.message, "cannot be changed"));
        }
    }
}

static const struct {
    const char *text;
    const char *yaml;
} texts[] = {
    {"ghcr.io/acme/a", "ghcr.io/acme/a"},
    {"localhost:5000/a", "localhost:5000/a"},
    {"a@b", "a@b"},
    {"${env:TOKEN}", "${env:TOKEN}"},
    {"${file:secrets/a.b}", "${file:secrets/a.b}"},
    {"", "\"\""},
    {"true", "\"true\""},
    {"No", "\"No\""},
    {"null", "\"null\""},
    {"~", "\"~\""},
    {"127.0.0.1:5000/a", "\"127.0.0.1:5000/a\""},
    {"1e3", "\"1e3\""},
    {"a b", "\"a b\""},
    {"a:", "\"a:\""},
    {"a #b", "\"a #b\""},
    {"build-*", "build-*"},
    {"*", "\"*\""},
    {"a\"b\\c\n\td", "\"a\\\"b\\\\c\\n\\td\""},
    {"\x01\x7F", "\"\\x01\\u007f\""},
    {"\xC3\xA4\xE2\x80\xA8\xF0\x9F\x98\x80",
     "\"\xC3\xA4\\u2028\xF0\x9F\x98\x80\""},
    {"${env:A} ${env:B}", "\"${env:A} ${env:B}\""},
};

static void append_text__is_read_as_the_same_text(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);

        config_edit_append_text(&out, texts[i].text);
        check_text(texts[i].text, out.data, texts[i].yaml);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(append__changes_nothing_else),
        cmocka_unit_test(append__refuses_what_it_cannot_edit),
        cmocka_unit_test(remove__takes_back_what_was_appended),
        cmocka_unit_test(remove__takes_the_lines_of_one_item),
        cmocka_unit_test(append_text__is_read_as_the_same_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
