#include "asserts.h"
#include "oci/token.h"
#include "waybill/base64.h"
#include "waybill/limits.h"

/* A JSON Web Token with those claims; base64url, without padding */
static void append_token(struct str *token, const char *claims)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);

    base64_encode(&text, claims, strlen(claims));
    str_append_text(token, "eyJhbGciOiJub25lIn0.");
    for (size_t i = 0; i < text.len && text.data[i] != '='; i++) {
        char c = text.data[i];

        str_append_char(token, (char)(c == '+' ? '-' : c == '/' ? '_' : c));
    }
    str_append_text(token, ".c2ln");
}

struct grant_row {
    const char *claims; /* NULL: the token is opaque */
    const char *scope;
    const char *missing; /* of pull,push on acme/app */
};

#define ACCESS(entries) "{\"access\":[" entries "]}"
#define ENTRY(name, actions)                                                   \
    "{\"type\":\"repository\",\"name\":\"" name "\",\"actions\":[" actions "]" \
    "}"

static const struct grant_row rows[] = {
    /* a response without this information */
    {NULL, NULL, ""},
    {"{}", NULL, ""},
    {"[]", NULL, ""},
    {"7", NULL, ""},
    {"{\"access\":null}", NULL, ""},
    {"{\"access\":{}}", NULL, ""},
    {"{\"scp\":\"x\"}", NULL, ""},
    {"not JSON", NULL, ""},
    /* claims */
    {ACCESS(""), NULL, "pull,push"},
    {ACCESS(ENTRY("acme/app", "\"pull\",\"push\"")), NULL, ""},
    {ACCESS(ENTRY("acme/app", "\"push\",\"pull\",\"delete\"")), NULL, ""},
    {ACCESS(ENTRY("acme/app", "\"*\"")), NULL, ""},
    {ACCESS(ENTRY("acme/app", "\"pull\"")), NULL, "push"},
    {ACCESS(ENTRY("acme/app", "\"push\"")), NULL, "pull"},
    {ACCESS(ENTRY("acme/app", "\"pushing\",\"pul\"")), NULL, "pull,push"},
    {ACCESS(ENTRY("acme/app", "")), NULL, "pull,push"},
    {ACCESS(ENTRY("acme/app", "7,\"pull\"")), NULL, "push"},
    {ACCESS(ENTRY("acme/app", "\"pull\"") "," ENTRY("acme/app", "\"push\"")),
     NULL, ""},
    {ACCESS(ENTRY("acme/other", "\"pull\",\"push\"")), NULL, "pull,push"},
    {ACCESS(ENTRY("acme/app2", "\"pull\",\"push\"")), NULL, "pull,push"},
    {ACCESS(ENTRY("acme/*", "\"pull\",\"push\"")), NULL, ""},
    {ACCESS(ENTRY("*", "\"*\"")), NULL, ""},
    {ACCESS(ENTRY("other/*", "\"*\"")), NULL, "pull,push"},
    {ACCESS("{\"type\":\"repository(plugin)\",\"name\":\"acme/app\","
            "\"actions\":[\"*\"]}"),
     NULL, ""},
    {ACCESS("{\"type\":\"registry\",\"name\":\"acme/app\","
            "\"actions\":[\"*\"]}"),
     NULL, "pull,push"},
    /* claims of another form are ignored */
    {ACCESS("{\"Type\":\"repository\",\"Name\":\"acme/app\","
            "\"Actions\":[\"pull\"]}"),
     NULL, ""},
    {ACCESS("\"repository:acme/app:pull\""), NULL, ""},
    {ACCESS("{\"type\":\"repository\",\"name\":\"acme/app\","
            "\"actions\":\"pull\"}"),
     NULL, ""},
    {ACCESS("{\"type\":7,\"name\":[],\"actions\":{}}"), NULL, ""},
    {ACCESS(ENTRY("acme/app", "\"pull\"") ",7"), NULL, ""},
    /* the scope of the response, if the token has none */
    {NULL, "repository:acme/app:pull,push", ""},
    {NULL, "repository:acme/app:*", ""},
    {NULL, "repository:acme/app:pull", "push"},
    {NULL, "repository:acme/app:", "pull,push"},
    {NULL, "repository:x:pull repository:acme/app:push,pull", ""},
    {NULL, "repository:acme/app:pull repository:acme/app:push", ""},
    {"{}", "repository:acme/app:pull", "push"},
    {ACCESS(ENTRY("acme/app", "\"pull\",\"push\"")), "repository:acme/app:pull",
     ""},
    {ACCESS("7," ENTRY("acme/app", "\"push\"")), "repository:acme/app:pull",
     "push"},
    /* a scope for something else is ignored */
    {NULL, "", ""},
    {NULL, " ", ""},
    {NULL, "repository:acme/other:pull", ""},
    {NULL, "repository:acme/app", ""},
    {NULL, "registry:catalog:*", ""},
    {NULL, "repository:acme/app2:pull", ""},
    {NULL, "push", ""},
};

static void grants__are_read_where_the_answer_tells(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        CLEANUP(str_release) struct str token = STR_INIT(STR_UNLIMITED);
        CLEANUP(str_release) struct str missing = STR_INIT(STR_UNLIMITED);
        CLEANUP(str_release) struct str label = STR_INIT(STR_UNLIMITED);

        str_printf(&label, "%s %s", rows[i].claims ? rows[i].claims : "",
                   rows[i].scope ? rows[i].scope : "");
        if (rows[i].claims != NULL) {
            append_token(&token, rows[i].claims);
        } else {
            str_append_text(&token, "opaque");
        }
        grant_missing(token.data, rows[i].scope, "acme/app", "pull,push",
                      &missing);
        check_text(label.data, missing.data, rows[i].missing);
    }
}

static void grants__of_what_is_no_token_say_nothing(void **state)
{
    static const char *const tokens[] = {
        "",      ".",     "..",      "...",      "a.b",  "a.b.c.d",
        "a.!.c", "a.e.c", "a.e30.c", "a.e30=.c", "a..c", "..e30",
    };

    for (size_t i = 0; i < ARRAY_SIZE(tokens); i++) {
        CLEANUP(str_release) struct str missing = STR_INIT(STR_UNLIMITED);

        grant_missing(tokens[i], NULL, "acme/app", "pull,push", &missing);
        check_text(tokens[i], missing.data, "");
    }
}

/* A hostile server controls its length only. */
static void grants__of_a_token_of_any_length_come_to_an_end(void **state)
{
    for (size_t len = LIMIT_TOKEN - 8; len < LIMIT_TOKEN + 8; len++) {
        CLEANUP(str_release) struct str token = STR_INIT(STR_UNLIMITED);
        CLEANUP(str_release) struct str missing = STR_INIT(STR_UNLIMITED);

        str_append_text(&token, "a.");
        while (token.len < len) {
            str_append_char(&token, 'A');
        }
        str_append_text(&token, ".c");
        grant_missing(token.data, NULL, "acme/app", "pull,push", &missing);
        assert_string_equal(missing.data, "");
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(grants__are_read_where_the_answer_tells),
        cmocka_unit_test(grants__of_what_is_no_token_say_nothing),
        cmocka_unit_test(grants__of_a_token_of_any_length_come_to_an_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
