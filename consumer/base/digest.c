#include "waybill/digest.h"

#include <ctype.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

void digest_of(const void *data, size_t len, struct digest *ret_digest)
{
    static const char hex[] = "0123456789abcdef";
    unsigned char sum[DIGEST_HEX / 2];
    char *at = ret_digest->text + sizeof(DIGEST_PREFIX) - 1;

    /* Fails only if OpenSSL lacks SHA-256; nothing can work then. */
    if (EVP_Digest(data, len, sum, NULL, EVP_sha256(), NULL) != 1) {
        abort();
    }
    memcpy(ret_digest->text, DIGEST_PREFIX, sizeof(DIGEST_PREFIX) - 1);
    for (size_t i = 0; i < sizeof(sum); i++) {
        *at++ = hex[sum[i] >> 4];
        *at++ = hex[sum[i] & 0xF];
    }
    *at = '\0';
}

const char *digest_hex(const struct digest *digest)
{
    return digest->text + sizeof(DIGEST_PREFIX) - 1;
}

bool digest_parse(const char *text, struct digest *ret_digest)
{
    size_t prefix = sizeof(DIGEST_PREFIX) - 1;

    if (strlen(text) != DIGEST_TEXT ||
        strncmp(text, DIGEST_PREFIX, prefix) != 0 ||
        strspn(text + prefix, "0123456789abcdef") != DIGEST_HEX) {
        return false;
    }
    memcpy(ret_digest->text, text, DIGEST_TEXT + 1);
    return true;
}

bool digest_is_plausible(const char *text)
{
    static const char algorithm[] = "abcdefghijklmnopqrstuvwxyz0123456789+._-";
    size_t len = strspn(text, algorithm);
    struct digest known;

    if (strncmp(text, DIGEST_PREFIX, sizeof(DIGEST_PREFIX) - 1) == 0) {
        return digest_parse(text, &known);
    }

    if (len == 0 || text[len] != ':' || text[len + 1] == '\0') {
        return false;
    }
    for (const char *at = text + len + 1; *at != '\0'; at++) {
        if (!isalnum((unsigned char)*at) && strchr("=_-", *at) == NULL) {
            return false;
        }
    }
    return true;
}

const char *digest_library_version(void)
{
    return OpenSSL_version(OPENSSL_VERSION_STRING);
}
