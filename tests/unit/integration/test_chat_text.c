#include "asserts.h"
#include "integration/chat_text.h"

static void append_all(const char *value, size_t max, chat_escape_fn *escape,
                       struct str *out)
{
    struct chat_text text;

    chat_text_init(&text, max, escape);
    chat_text_append(&text, value);
    assert_true(text.used <= max);
    str_append(out, text.out.data, text.out.len);
    chat_text_release(&text);
}

static const struct {
    const char *value;
    size_t max;
    chat_escape_fn *escape;
    const char *shown;
} rows[] = {
    {"", 9, chat_escape_slack, "(blank)"},
    {" \n\xE2\x80\x8B\xE3\x80\x80", 9, chat_escape_discord, "\\(blank\\)"},
    {"abcde", 5, chat_escape_nothing, "abcde"},
    {"abcdef", 5, chat_escape_nothing, "abcd…"},
    {"äöüßé", 5, chat_escape_nothing, "äöüßé"},
    {"äöüßéñ", 5, chat_escape_nothing, "äöüß…"},
    /* Characters beyond the BMP count twice, and are not divided. */
    {"🚀🚀", 4, chat_escape_nothing, "🚀🚀"},
    {"🚀🚀🚀", 5, chat_escape_nothing, "🚀🚀…"},
    {"🚀🚀🚀", 4, chat_escape_nothing, "🚀…"},
    {"a\nb\tc\x1b[1m\xC2\x9B\xE2\x80\xAE"
     "d",
     99, chat_escape_nothing, "a b c [1m  d"},
    {"a\xFF"
     "b\xC3",
     99, chat_escape_nothing,
     "a\xEF\xBF\xBD"
     "b\xEF\xBF\xBD"},
    {"<!channel> & <@U1>", 99, chat_escape_slack,
     "&lt;!channel&gt; &amp; &lt;@U1&gt;"},
    {"*a* _b_ `c` :d:", 99, chat_escape_slack, "*a* _b_ `c` :d:"},
    /* An entity is shown as a whole or not at all. */
    {"abc<", 7, chat_escape_slack, "abc&lt;"},
    {"abc<", 6, chat_escape_slack, "abc…"},
    {"<<", 7, chat_escape_slack, "&lt;…"},
    {"*a* _b_ `c` :d: ||e|| ~~f~~ \\", 99, chat_escape_discord,
     "\\*a\\* \\_b\\_ \\`c\\` \\:d\\: \\|\\|e\\|\\| \\~\\~f\\~\\~ \\\\"},
    {"[a](https://b) # - > <@1>", 99, chat_escape_discord,
     "\\[a\\]\\(https\\://b\\) \\# \\- \\> \\<@1\\>"},
    {"@everyone @here a@sha256 @", 99, chat_escape_discord,
     "@\xE2\x80\x8B"
     "everyone @\xE2\x80\x8Bhere a@sha256 @"},
    {"ab*", 3, chat_escape_discord, "ab…"},
};

static void text__is_escaped_and_cut(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);

        append_all(rows[i].value, rows[i].max, rows[i].escape, &out);
        check_text(rows[i].value, out.data, rows[i].shown);
    }
}

static void text__that_is_cut_takes_nothing_more(void **state)
{
    struct chat_text text;

    chat_text_init(&text, 6, chat_escape_slack);
    chat_text_append_own(&text, "a\n");
    chat_text_append(&text, "bcdef");
    chat_text_append(&text, "g");
    chat_text_append_own(&text, "h");
    assert_string_equal(text.out.data, "a\nbcd…");
    assert_true(text.is_cut);
    chat_text_release(&text);
}

static void lines__are_as_many_as_fit_and_the_rest_is_counted(void **state)
{
    static const char *const lines[] = {"<one>", "two", "three", "four"};
    static const struct {
        size_t max;
        const char *shown;
    } expected[] = {
        {99, "X\n&lt;one&gt;\ntwo\nthree\nfour"},
        {50, "X\n&lt;one&gt;\ntwo\nthree\nfour"},
        {43, "X\n&lt;one&gt;\ntwo\n… and 2 more"},
        {41, "X\n&lt;one&gt;\ntwo\n… and 2 more"},
        {40, "X\n&lt;one&gt;\n… and 3 more"},
        {37, "X\n&lt;one&gt;\n… and 3 more"},
        {30, "X\n… and 4 more"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
        struct chat_text text;

        chat_text_init(&text, expected[i].max, chat_escape_slack);
        chat_text_append_own(&text, "X");
        chat_text_append_lines(&text, lines, ARRAY_SIZE(lines));
        check_text(expected[i].shown, text.out.data, expected[i].shown);
        chat_text_release(&text);
    }
}

static void line__that_is_long_is_cut(void **state)
{
    CLEANUP(str_release) struct str line = STR_INIT(STR_UNLIMITED);
    const char *lines[2];
    struct chat_text text;

    str_printf(&line, "%0999d", 1);
    lines[0] = line.data;
    lines[1] = "end";
    chat_text_init(&text, 1000, chat_escape_nothing);
    chat_text_append_lines(&text, lines, 2);
    assert_in_range(text.used, 200, 300);
    check_contains("end", text.out.data, "0…\nend");
    chat_text_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text__is_escaped_and_cut),
        cmocka_unit_test(text__that_is_cut_takes_nothing_more),
        cmocka_unit_test(lines__are_as_many_as_fit_and_the_rest_is_counted),
        cmocka_unit_test(line__that_is_long_is_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
