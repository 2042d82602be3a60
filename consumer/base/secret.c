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

    /* Before the old one goes: the value may be a part of it. */
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

/* Digests of the two are of one length, and say nothing of what differs. */
bool secrets_equal(const char *a, const char *b)
{
    struct digest first;
    struct digest second;

    digest_of(a, strlen(a), &first);
    digest_of(b, strlen(b), &second);
    return CRYPTO_memcmp(first.text, second.text, DIGEST_TEXT) == 0;
}
