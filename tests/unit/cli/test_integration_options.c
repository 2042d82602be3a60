#include <unistd.h>

#include "asserts.h"
#include "cli/integration_options.h"

static const char *const methods[] = {"POST", "PUT", NULL};

static const struct field fields[] = {
    {.key = "url", .flags = FIELD_REQUIRED | FIELD_SECRET, .doc = "URL."},
    {.key = "secret",
     .type = FIELD_STRINGS,
     .flags = FIELD_SECRET | FIELD_SINGLE,
     .doc = "S."},
    {.key = "headers", .type = FIELD_MAP, .flags = FIELD_SECRET, .doc = "H."},
    {.key = "materials", .type = FIELD_STRINGS, .doc = "M."},
    {.key = "method", .type = FIELD_ENUM, .choices = methods, .doc = "Me."},
    {.key = "plain", .type = FIELD_BOOLEAN, .doc = "P."},
    {.key = "count", .type = FIELD_INTEGER, .doc = "C."},
    {.key = "text", .flags = FIELD_MULTILINE, .doc = "T."},
    {.key = "sources", .type = FIELD_LIST, .doc = "L."},
    {.key = "old", .removed = "0.1.0", .doc = "O."},
    {0},
};

static const struct option_row opt = {"--opt", "KEY=VALUE", ""};

/* Reads and binds the options. Returns the YAML, or NULL if they are refused,
 * with a message on standard error. */
static const char *yaml_of(struct str *out, struct option_inputs *inputs,
                           const char *const *options)
{
    struct cli_args args = {0};

    for (; *options != NULL; options++) {
        args.options[args.option_count++] =
            (struct option_value){&opt, *options};
    }
    inputs->count = 0;
    str_clear(out);
    if (options_read(&args, inputs) < 0 ||
        options_bind(inputs, "Available options", fields, NULL) < 0) {
        return NULL;
    }
    options_append(inputs, out);
    return out->data;
}

static const struct {
    const char *options[6];
    const char *yaml; /* NULL: refused */
} rows[] = {
    {{"url=https://h/a=b"}, "url: https://h/a=b\n"},
    {{"url=a", "url=b"}, "url: b\n"},
    {{"url=${env:URL}"}, "url: ${env:URL}\n"},
    {{"url=a${b"}, "url: \"a$${b\"\n"},
    {{"url=a", "secret=x"}, "url: a\nsecret: x\n"},
    {{"url=a", "secret=x", "secret=z"}, "url: a\nsecret:\n  - x\n  - z\n"},
    {{"url=a", "materials=X"}, "url: a\nmaterials:\n  - X\n"},
    {{"headers.A=b", "url=a", "headers.C-D=e: f", "headers.A=g"},
     "url: a\nheaders:\n  C-D: \"e: f\"\n  A: g\n"},
    {{"url=a", "method=PUT", "plain=T", "count=7"},
     "url: a\nmethod: PUT\nplain: true\ncount: 7\n"},
    {{"url=a", "plain=0"}, "url: a\nplain: false\n"},
    {{"url=a", "count=-1"}, "url: a\ncount: \"-1\"\n"},
    {{"url=a", "text=b\nc"}, "url: a\ntext: \"b\\nc\"\n"},
    /* the key of a service account, and what only resembles one */
    {{"url={\n  \"a\": \"b\\n\"\n}\n"},
     "url: \"{   \\\"a\\\": \\\"b\\\\n\\\" } \"\n"},
    {{"url={\n"}, "url: \"{\\n\"\n"},
    {{NULL}, NULL},
    {{"url"}, NULL},
    {{"=a"}, NULL},
    {{"url=a", "ulr=b"}, NULL},
    {{"url=a", "url.b=c"}, NULL},
    {{"url=a", "headers=c"}, NULL},
    {{"url=a", "sources=c"}, NULL},
    {{"url=a", "old=c"}, NULL},
    {{"url=\xFF"}, NULL},
    {{"url=@/nonexistent"}, NULL},
};

static void options__become_lines_of_yaml(void **state)
{
    struct option_inputs inputs = {.arena = arena_new()};
    CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const char *yaml = yaml_of(&out, &inputs, rows[i].options);

        if (rows[i].yaml == NULL) {
            check(rows[i].options[1], yaml == NULL);
        } else {
            check(rows[i].yaml, yaml != NULL);
            check_text(rows[i].yaml, yaml, rows[i].yaml);
        }
    }
    arena_free(inputs.arena);
}

static void options__are_read_from_a_file(void **state)
{
    struct option_inputs inputs = {.arena = arena_new()};
    CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);
    char path[] = "/tmp/waybill-unit-XXXXXX";
    int fd = mkstemp(path);
    const char *option;

    assert_int_equal(write(fd, "top\n", 4), 4);
    close(fd);
    option = arena_printf(inputs.arena, "url=@%s", path);
    assert_string_equal(
        yaml_of(&out, &inputs, (const char *const[]){option, NULL}),
        "url: top\n");
    unlink(path);
    arena_free(inputs.arena);
}

static void options__that_are_secret_become_references(void **state)
{
    struct option_inputs inputs = {.arena = arena_new()};
    CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);

    yaml_of(&out, &inputs,
            (const char *const[]){"url=s3cret", "method=PUT",
                                  "secret=${file:x}", NULL});
    assert_true(option_is_secret(&inputs.items[0]));
    assert_false(option_is_secret(&inputs.items[1]));
    assert_false(option_is_secret(&inputs.items[2]));
    inputs.items[0].reference = "secrets/hook.url";
    str_clear(&out);
    options_append(&inputs, &out);
    assert_string_equal(out.data, "url: ${file:secrets/hook.url}\n"
                                  "method: PUT\nsecret: ${file:x}\n");
    arena_free(inputs.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options__become_lines_of_yaml),
        cmocka_unit_test(options__are_read_from_a_file),
        cmocka_unit_test(options__that_are_secret_become_references),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
