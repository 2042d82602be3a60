#include "waybill/secret.h"

#include <openssl/crypto.h>
#include <string.h>

#include "waybill/digest.h"

void secret_init(struct secret *secret, size_t cap)
{
    str_init_secret(&secret->text, cap);
}

void secret_release(struct secret *secret)
{
    str_release(&secret->text);
}

void secret_assign_bytes(struct secret *secret, const char *value, size_t len)
{
    struct secret fresh = SECRET_INIT(STR_UNLIMITED);

    /* Copy before the release, because the value may be part of the old one. */
    str_append(&fresh.text, value, len);
    secret_move(secret, &fresh);
}

void secret_assign(struct secret *secret, const char *value)
{
    if (value != NULL) {
        secret_assign_bytes(secret, value, strlen(value));
    } else {
        secret_release(secret);
    }
}

void secret_move(struct secret *to, struct secret *from)
{
    /* The block itself changes its owner, so that no copy is left behind. */
    secret_release(to);
    *to = *from;
    secret_init(from, from->text.cap);
}

const char *secret_text(const struct secret *secret)
{
    return secret->text.alloc > 0 ? secret->text.data : NULL;
}

bool secret_equal(const struct secret *a, const struct secret *b)
{
    return text_equal(secret_text(a), secret_text(b));
}

/* The digests have the same length and reveal nothing about the difference. */
bool text_equal_constant_time(const char *a, const char *b)
{
    struct digest first;
    struct digest second;

    digest_of(a, strlen(a), &first);
    digest_of(b, strlen(b), &second);
    return CRYPTO_memcmp(first.text, second.text, DIGEST_TEXT) == 0;
}
