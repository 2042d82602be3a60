#include "asserts.h"
#include "credentials/aws_text.h"

/* --- INI ---------------------------------------------------------------------
 */

static const char file[] = "# of a person\n"
                           "[default]\r\n"
                           "aws_access_key_id = AKIADEFAULT\r\n"
                           "aws_secret_access_key = s/e+c=ret\r\n"
                           "\n"
                           "[ spaced ]\n"
                           "AWS_ACCESS_KEY_ID=AKIASPACED\n"
                           "aws_secret_access_key =\tsecret\n"
                           "; a comment\n"
                           "aws_session_token = first\n"
                           "aws_session_token = session==\n"
                           "s3 =\n"
                           "  aws_access_key_id = nested\n"
                           "[half]\n"
                           "aws_access_key_id = AKIAHALF\n"
                           "[role]\n"
                           "role_arn = arn:aws:iam::1:role/x\n"
                           "source_profile = default\n"
                           "[process]\n"
                           "credential_process = /bin/false\n"
                           "[empty]\n"
                           "[prefixed-default]\n"
                           "aws_access_key_id = NO\n"
                           "aws_secret_access_key = NO";

static void aws_text__a_profile_has_keys_or_says_why_not(void **state)
{
    static const struct {
        const char *profile;
        enum aws_profile result;
        const char *id; /* or a text that the message contains */
        const char *secret;
        const char *session;
    } rows[] = {
        {"default", AWS_PROFILE_FOUND, "AKIADEFAULT", "s/e+c=ret", NULL},
        {"spaced", AWS_PROFILE_FOUND, "AKIASPACED", "secret", "session=="},
        {"prefixed-default", AWS_PROFILE_FOUND, "NO", "NO", NULL},
        {"half", AWS_PROFILE_FAULTY, "the access key or its secret", NULL, NULL},
        {"role", AWS_PROFILE_FAULTY, "'role_arn' is not supported", NULL, NULL},
        {"process", AWS_PROFILE_FAULTY, "'credential_process'", NULL, NULL},
        {"empty", AWS_PROFILE_FAULTY, "the access key or its secret", NULL, NULL},
        {"nobody", AWS_PROFILE_ABSENT, NULL, NULL, NULL},
        {"Default", AWS_PROFILE_ABSENT, NULL, NULL, NULL},
        {"", AWS_PROFILE_ABSENT, NULL, NULL, NULL},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct aws_keys keys = {0};
        struct error err = ERROR_UNTOUCHED;

        check_number(rows[i].profile,
                     aws_profile_read(file, rows[i].profile, &keys, &err),
                     rows[i].result);
        if (rows[i].result == AWS_PROFILE_FOUND) {
            check_text(rows[i].profile, keys.id, rows[i].id);
            check_text(rows[i].profile, secret_text(&keys.secret),
                       rows[i].secret);
            check_text(rows[i].profile, secret_text(&keys.session),
                       rows[i].session);
        } else if (rows[i].result == AWS_PROFILE_FAULTY) {
            check_contains(rows[i].profile, err.message, rows[i].id);
        }
        aws_keys_release(&keys);
    }
}

static void aws_text__what_is_no_ini_has_no_profile(void **state)
{
    static const char *const texts[] = {"",
                                        "[",
                                        "[]",
                                        "[default",
                                        "=",
                                        "\n\n",
                                        "aws_access_key_id = x",
                                        "]",
                                        "[\n]",
                                        " [default]\naws_access_key_id=x"};

    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        struct aws_keys keys = {0};
        struct error err;

        check(texts[i], aws_profile_read(texts[i], "default", &keys, &err) !=
                            AWS_PROFILE_FOUND);
        aws_keys_release(&keys);
    }
}

/* --- XML ---------------------------------------------------------------------
 */

static void aws_text__an_elements_text_is_found_by_its_path(void **state)
{
    static const char *const path[] = {"a", "b", "c", NULL};
    static const struct {
        const char *xml;
        const char *text; /* NULL: not found, or not XML */
    } rows[] = {
        {"<a><b><c>x</c></b></a>", "x"},
        {"<?xml version=\"1.0\"?>\n<a xmlns='u'>\n<b ><c\n>x</c ></b>\n</a>\n",
         "x"},
        {"<a><c>no</c><b><d/><c>x&amp;&lt;&gt;&quot;&apos;&#65;&#x42;</c></b>"
         "</a>",
         "x&<>\"'AB"},
        {"<a><b><c>first</c><c>second</c></b></a>", "first"},
        {"<a><b><c>x<d>y</d>z</c></b></a>", "xz"},
        {"<a><b><c/></b></a>", ""},
        {"<a><z><b><c>x</c></b></z></a>", NULL},
        {"<b><c>x</c></b>", NULL},
        {"<a><b><cc>x</cc></b></a>", NULL},
        {"<a><b><c>x</c></b>", NULL},
        {"<a><b><c>x</b></c></a>", NULL},
        {"<a><b><c>x</c></b></a><a/>", NULL},
        {"<a><b><c>&unknown;</c></b></a>", NULL},
        {"<a><b><c>&#0;</c></b></a>", NULL},
        {"<a><b><c>x&", NULL},
        {"<a><b><c>x&#", NULL},
        {"<a><b><c>x&#x", NULL},
        {"<a><b><c>&#300;</c></b></a>", NULL},
        {"<!DOCTYPE a [<!ENTITY x \"y\">]><a><b><c>x</c></b></a>", NULL},
        {"<a><!-- <b> --><b><c>x</c></b></a>", NULL},
        {"<a><b><c><![CDATA[x]]></c></b></a>", NULL},
        {"<a x=y><b><c>x</c></b></a>", NULL},
        {"<a x=\"y><b><c>x</c></b></a>", NULL},
        {"", NULL},
        {"<", NULL},
        {"</a>", NULL},
        {"<?xml", NULL},
        {"text", NULL},
        {"<a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a>"
         "</a></a></a></a></a></a></a></a></a></a></a></a></a></a></a></a></a>"
         "</a></a></a>",
         NULL},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        CLEANUP(str_release) struct str out = STR_INIT(64);
        bool found = aws_xml_text(rows[i].xml, path, &out);

        check(rows[i].xml, found == (rows[i].text != NULL));
        if (found) {
            check_text(rows[i].xml, out.data, rows[i].text);
        }
    }
}

static void aws_text__an_element_has_a_cap(void **state)
{
    static const char *const path[] = {"a", NULL};
    CLEANUP(str_release) struct str out = STR_INIT(4);

    assert_false(aws_xml_text("<a>12345</a>", path, &out));
}

static void aws_text__a_key_becomes_a_header_and_is_looked_at(void **state)
{
    struct aws_keys keys = {0};
    struct error err;

    assert_int_equal(aws_keys_set(&keys, "x", "id", "se\ncret", NULL, &err),
                     -1);
    assert_int_equal(aws_keys_set(&keys, "x", "id", "s", "a\r\nb", &err), -1);
    assert_int_equal(aws_keys_set(&keys, "x", "id", NULL, NULL, &err), -1);
    assert_null(strstr(err.message, "id"));
    assert_int_equal(aws_keys_set(&keys, "x", "id", "s", "", &err), 0);
    assert_null(secret_text(&keys.session));
    aws_keys_release(&keys);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(aws_text__a_profile_has_keys_or_says_why_not),
        cmocka_unit_test(aws_text__what_is_no_ini_has_no_profile),
        cmocka_unit_test(aws_text__an_elements_text_is_found_by_its_path),
        cmocka_unit_test(aws_text__an_element_has_a_cap),
        cmocka_unit_test(aws_text__a_key_becomes_a_header_and_is_looked_at),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
