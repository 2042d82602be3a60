#include "asserts.h"
#include "waybill/roff.h"

static void roff__takes_no_text_for_a_command(void **state)
{
    CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);

    roff_append_text(&out, ".TH a.b\n'quoted' don't\n.\\n -x");
    assert_string_equal(out.data,
                        "\\&.TH a.b\n\\&'quoted' don't\n\\&.\\en \\-x");
}

static void roff__makes_code_bold_and_leaves_lines_alone(void **state)
{
    CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);

    roff_append_text(&out, "say `a` and `b`");
    assert_string_equal(out.data, "say \\fBa\\fR and \\fBb\\fR");
    str_clear(&out);
    roff_append_lines(&out, "  $ `a`\n");
    assert_string_equal(out.data, ".nf\n  $ `a`\n.fi\n");
    str_clear(&out);
    roff_append_lines(&out, "no end");
    assert_string_equal(out.data, ".nf\nno end\n.fi\n");
}

static void roff__begins_a_page_with_what_it_is(void **state)
{
    CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);

    roff_append_head(&out, "A", 1, "a", "does it");
    assert_string_equal(out.data, ".TH A 1 \"\" \"Waybill " WAYBILL_VERSION
                                  "\"\n.nh\n.ad l\n.SH NAME\na \\- does it\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roff__takes_no_text_for_a_command),
        cmocka_unit_test(roff__makes_code_bold_and_leaves_lines_alone),
        cmocka_unit_test(roff__begins_a_page_with_what_it_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
