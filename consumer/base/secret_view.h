#ifndef WAYBILL_BASE_SECRET_VIEW_H
#define WAYBILL_BASE_SECRET_VIEW_H

#include <stddef.h>
#include <stdint.h>

/*
 * Views of a text in which secrets are looked for. Each byte of a view knows
 * which part of the text it stands for, so that what is found in the view can
 * be removed from the text. White space, control characters and invisible
 * characters belong to no view, whether they are there or written as escapes:
 * an echo may be wrapped anywhere.
 */
struct secret_view {
    struct secret_view_byte {
        uint32_t from; /* position in the text */
        uint32_t to;   /* ... and behind its end */
        unsigned char byte;
    } * bytes;
    size_t count;
    size_t capacity;
};

/* The text itself. */
void secret_view_text(struct secret_view *view, const char *text, size_t len);
/* The text without its escapes: percent-encoding, also repeated; those of JSON
 * and C strings; numeric character references of HTML. */
void secret_view_unescaped(struct secret_view *view, const char *text,
                           size_t len);
/* What the base64 in the view decodes to, in either alphabet. Where a base64
 * text begins cannot be known, so each of four phases has to be tried. */
#define SECRET_VIEW_BASE64_PHASES 4U
void secret_view_base64(struct secret_view *view, const struct secret_view *of,
                        unsigned phase);
/* The same for hexadecimal digits, with any punctuation between them. */
#define SECRET_VIEW_HEX_PHASES 2U
void secret_view_hex(struct secret_view *view, const struct secret_view *of,
                     unsigned phase);
/* Keeps only letters, in lower case, and digits: what an echo preserves in
 * whichever alphabet and with whatever quotes it is written. Bytes of other
 * scripts are kept as they are. */
void secret_view_fold(struct secret_view *view);
void secret_view_release(struct secret_view *view); /* zeroed and freed */

#endif
