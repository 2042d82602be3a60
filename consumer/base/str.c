#include "waybill/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "waybill/alloc.h"

char str_nothing[1];

void str_init(struct str *str, size_t cap)
{
    *str = (struct str)STR_INIT(cap);
}

void str_init_secret(struct str *str, size_t cap)
{
    *str = (struct str)STR_INIT_SECRET(cap);
}

static void wipe(struct str *str)
{
    if (str->is_secret && str->alloc > 0) {
        explicit_bzero(str->data, str->alloc);
    }
}

void str_release(struct str *str)
{
    wipe(str);
    if (str->alloc > 0) {
        mem_free(str->data);
    }
    *str = (struct str){
        .data = str_nothing, .cap = str->cap, .is_secret = str->is_secret};
}

void str_clear(struct str *str)
{
    wipe(str);
    str->len = 0;
    str->overflow = false;
    if (str->alloc > 0) {
        str->data[0] = '\0';
    }
}

char *str_take(struct str *str)
{
    char *data = str->alloc > 0 ? str->data : mem_strdup("");

    if (str->is_secret) {
        abort();
    }
    str_init(str, str->cap);
    return data;
}

/* Like mem_grow(), but zeroes the old block. */
static void grow_secret(struct str *str, size_t needed)
{
    size_t grown = str->alloc;
    char *block;

    if (needed <= str->alloc) {
        return;
    }
    while (grown < needed) {
        grown *= 2;
    }
    block = mem_alloc(grown);
    memcpy(block, str->data, str->len + 1);
    wipe(str);
    mem_free(str->data);
    str->data = block;
    str->alloc = grown;
}

/* Reserves room for `more` bytes and the NUL; false if that would exceed the
 * cap. */
static bool reserve(struct str *str, size_t more)
{
    /* Once something was skipped, later appends must be skipped too: the text
     * would have a gap. */
    if (str->overflow || more > str->cap - str->len) {
        str->overflow = true;
        return false;
    }
    if (str->alloc == 0) {
        str->alloc = more + 1 < 64 ? 64 : more + 1;
        str->data = mem_alloc(str->alloc);
    } else if (str->is_secret) {
        grow_secret(str, str->len + more + 1);
    } else {
        str->data = mem_grow(str->data, &str->alloc, str->len + more + 1, 1);
    }
    return true;
}

void str_append(struct str *str, const void *data, size_t len)
{
    if (!reserve(str, len)) {
        return;
    }
    if (len > 0) {
        memcpy(str->data + str->len, data, len);
    }
    str->len += len;
    str->data[str->len] = '\0';
}

void str_append_text(struct str *str, const char *text)
{
    str_append(str, text, strlen(text));
}

void str_append_char(struct str *str, char c)
{
    str_append(str, &c, 1);
}

void str_printf(struct str *str, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    str_vprintf(str, format, args);
    va_end(args);
}

void str_vprintf(struct str *str, const char *format, va_list args)
{
    va_list again;
    int len;

    va_copy(again, args);
    len = vsnprintf(NULL, 0, format, args);
    if (len >= 0 && reserve(str, (size_t)len)) {
        vsnprintf(str->data + str->len, (size_t)len + 1, format, again);
        str->len += (size_t)len;
    }
    va_end(again);
}

void str_append_shell_word(struct str *str, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "-_./:,=@%+";

    if (word[0] != '\0' && word[strspn(word, plain)] == '\0') {
        str_append_text(str, word);
        return;
    }
    str_append_char(str, '\'');
    for (; *word != '\0'; word++) {
        if (*word == '\'') {
            str_append_text(str, "'\\''");
        } else {
            str_append_char(str, *word);
        }
    }
    str_append_char(str, '\'');
}

void str_cut(struct str *str, size_t len)
{
    if (len < str->len) {
        str->len = len;
        str->data[len] = '\0';
    }
}

struct bytes str_bytes(const struct str *str)
{
    return (struct bytes){(const unsigned char *)str->data, str->len};
}

struct bytes bytes_of(const char *text)
{
    return (struct bytes){(const unsigned char *)text,
                          text != NULL ? strlen(text) : 0};
}

bool text_equal(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

size_t without_line_end(const char *text, size_t len)
{
    while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r')) {
        len--;
    }
    return len;
}

size_t text_mark_length(const void *data, size_t len)
{
    static const char mark[] = "\xEF\xBB\xBF";
    size_t size = sizeof(mark) - 1;

    return len >= size && memcmp(data, mark, size) == 0 ? size : 0;
}

void str_trim_file(struct str *str, size_t start)
{
    size_t len = str->len - start;
    size_t mark = len > 0 ? text_mark_length(str->data + start, len) : 0;

    if (mark > 0) {
        memmove(str->data + start, str->data + start + mark, len - mark);
        str_cut(str, str->len - mark);
    }
    len = str->len - start;
    str_cut(str,
            start + (len > 0 ? without_line_end(str->data + start, len) : 0));
}

bool bytes_equal(struct bytes a, struct bytes b)
{
    return (a.data == NULL) == (b.data == NULL) && a.len == b.len &&
           (a.data == NULL || a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}
