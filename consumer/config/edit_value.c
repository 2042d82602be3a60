#include <ctype.h>
#include <string.h>

#include "waybill/config_edit.h"
#include "waybill/utf8.h"

/* Values as YAML that every parser, of YAML 1.1 or 1.2, reads as a text */

/* Plain texts that are booleans, null, or numbers for some parser */
static bool is_word_of_yaml(const char *text)
{
    static const char *const words[] = {"y",   "n",    "yes",   "no",  "on",
                                        "off", "true", "false", "null"};

    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        if (strcasecmp(text, words[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* Letters first, so that nothing is a number or an indicator; and a reference
 * such as ${env:NAME} */
static bool is_plain(const char *text)
{
    static const char safe[] = "abcdefghijklmnopqrstuvwxyz"
                               "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./@+*=~";

    if (strncmp(text, "${", 2) == 0) {
        size_t len = strcspn(text, "}");

        return text[len] == '}' && text[len + 1] == '\0' &&
               strspn(text + 2,
                      "abcdefghijklmnopqrstuvwxyz"
                      "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:") == len - 2;
    }
    for (const char *at = text; *at != '\0'; at++) {
        bool is_colon_inside = *at == ':' && at[1] != '\0';

        if (strchr(safe, *at) == NULL && !is_colon_inside) {
            return false;
        }
    }
    return isalpha((unsigned char)text[0]) && !is_word_of_yaml(text);
}

/* Characters beyond U+FFFF need no escape in YAML. */
static void append_escape(struct str *out, const unsigned char *at, size_t size)
{
    if (*at == '"' || *at == '\\') {
        str_printf(out, "\\%c", *at);
    } else if (*at == '\n') {
        str_append_text(out, "\\n");
    } else if (*at == '\t') {
        str_append_text(out, "\\t");
    } else if (size == 1 && *at < ' ') {
        str_printf(out, "\\x%02X", *at);
    } else if (size < 4 && utf8_is_invisible(at, size)) {
        utf8_append_escape(out, at, size);
    } else {
        str_append(out, at, size);
    }
}

void config_edit_append_text(struct str *out, const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    size_t rest = strlen(text);

    if (is_plain(text)) {
        str_append_text(out, text);
        return;
    }
    str_append_char(out, '"');
    while (rest > 0) {
        size_t size = utf8_length(at, rest);

        size = size > 0 ? size : 1;
        append_escape(out, at, size);
        at += size;
        rest -= size;
    }
    str_append_char(out, '"');
}
