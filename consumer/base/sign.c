#include "waybill/sign.h"

#include <inttypes.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

#include "waybill/alloc.h"
#include "waybill/base64.h"
#include "waybill/json.h"
#include "waybill/limits.h"
#include "waybill/secret.h"

/* Minimum of RFC 7518 */
#define MIN_BITS 2048
/* A signature is as long as the modulus; larger keys are not in use. */
#define MAX_BITS 16384

/* The secret of a webhook, by Standard Webhooks 1.0 */
#define SECRET_PREFIX "whsec_"
#define MIN_SECRET 24
#define MAX_SECRET 64

static void free_key(EVP_PKEY **key)
{
    EVP_PKEY_free(*key);
}

static void free_context(EVP_MD_CTX **context)
{
    EVP_MD_CTX_free(*context);
}

/* Without this callback OpenSSL would prompt on the terminal. */
static int no_passphrase(char *buffer, int size, int writing, void *payload)
{
    return 0;
}

static EVP_PKEY *read_key(const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    EVP_PKEY *key;

    if (bio == NULL) {
        abort(); /* only if there is no memory */
    }
    key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
    BIO_free(bio);
    ERR_clear_error(); /* its text may quote the key */
    return key;
}

/* RS256 (RFC 7518, section 3.3): RSASSA-PKCS1-v1_5 with SHA-256 */
static int sign(const char *pem, struct bytes data, struct str *out,
                struct error *err)
{
    CLEANUP(free_key) EVP_PKEY *key = read_key(pem);
    CLEANUP(free_context) EVP_MD_CTX *context = EVP_MD_CTX_new();
    unsigned char signature[MAX_BITS / 8];
    size_t len = sizeof(signature);

    if (key == NULL) {
        return error_set(err, ERROR_AUTH,
                         "the private key is not PEM, or has a passphrase");
    }
    if (!EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_get_bits(key) < MIN_BITS ||
        EVP_PKEY_get_bits(key) > MAX_BITS) {
        return error_set(err, ERROR_AUTH,
                         "the private key is not an RSA key of %d bits or more",
                         MIN_BITS);
    }
    if (EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key) != 1 ||
        EVP_DigestSign(context, signature, &len, data.data, data.len) != 1) {
        ERR_clear_error();
        return error_set(err, ERROR_AUTH,
                         "the private key cannot be used for a signature");
    }
    str_append(out, signature, len);
    explicit_bzero(signature, sizeof(signature));
    return 0;
}

int sign_jwt(const char *pem, const char *key_id, const char *claims,
             struct str *out, struct error *err)
{
    CLEANUP(str_release) struct str header = STR_INIT(STR_UNLIMITED);
    CLEANUP(secret_release) struct secret whole = SECRET_INIT(STR_UNLIMITED);
    CLEANUP(secret_release)
    struct secret signature = SECRET_INIT(STR_UNLIMITED);
    struct json_writer writer = {.out = &header};
    struct str *token = &whole.text;

    json_open(&writer, NULL, '{');
    json_append_string(&writer, "alg", "RS256");
    json_append_string(&writer, "typ", "JWT");
    json_append_optional(&writer, "kid", key_id);
    json_close(&writer, '}');
    base64url_encode(token, header.data, header.len);
    str_append_char(token, '.');
    base64url_encode(token, claims, strlen(claims));
    if (sign(pem, str_bytes(token), &signature.text, err) < 0) {
        return -1;
    }
    str_append_char(token, '.');
    base64url_encode(token, signature.text.data, signature.text.len);
    str_append(out, token->data, token->len);
    return 0;
}

/* The claims are the second of three parts (RFC 7519, section 7.2). */
struct json *jwt_claims(const char *token)
{
    CLEANUP(secret_release) struct secret text = SECRET_INIT(LIMIT_TOKEN);
    const char *dot = strchr(token, '.');
    const char *end = dot != NULL ? strchr(dot + 1, '.') : NULL;
    struct json *claims;
    struct error ignored;

    if (strlen(token) > LIMIT_TOKEN || end == NULL ||
        strchr(end + 1, '.') != NULL ||
        !base64_decode(dot + 1, (size_t)(end - dot - 1),
                       BASE64_URL_SAFE | BASE64_UNPADDED, &text.text) ||
        json_parse_secret(text.text.data, text.text.len, &claims, &ignored) <
            0) {
        return NULL;
    }
    return claims;
}

static int decode_secret(const char *secret, struct str *key, struct error *err)
{
    size_t prefix = strlen(SECRET_PREFIX);

    if (strncmp(secret, SECRET_PREFIX, prefix) == 0) {
        secret += prefix;
    }
    if (!base64_decode(secret, strlen(secret),
                       BASE64_STANDARD | BASE64_UNPADDED, key) ||
        key->len < MIN_SECRET || key->len > MAX_SECRET) {
        return error_set(
            err, ERROR_CONFIG,
            "a secret of Standard Webhooks is %s and %d to %d bytes "
            "in base64",
            SECRET_PREFIX, MIN_SECRET, MAX_SECRET);
    }
    return 0;
}

/* Takes parts, because copying a large body would be wasteful. OpenSSL fails
 * here only if there is no memory. */
static void append_hmac(const struct str *key, const struct bytes parts[2],
                        struct str *out)
{
    CLEANUP(free_key)
    EVP_PKEY *pkey = EVP_PKEY_new_raw_private_key(
        EVP_PKEY_HMAC, NULL, (const unsigned char *)key->data, key->len);
    CLEANUP(free_context) EVP_MD_CTX *context = EVP_MD_CTX_new();
    unsigned char mac[EVP_MAX_MD_SIZE];
    size_t len = sizeof(mac);

    if (EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, pkey) != 1 ||
        EVP_DigestSignUpdate(context, parts[0].data, parts[0].len) != 1 ||
        EVP_DigestSignUpdate(context, parts[1].data, parts[1].len) != 1 ||
        EVP_DigestSignFinal(context, mac, &len) != 1) {
        abort();
    }
    base64_encode(out, mac, len);
}

int sign_webhook(const char *secret, const char *id, int64_t timestamp_s,
                 struct bytes body, struct str *out, struct error *err)
{
    CLEANUP(secret_release) struct secret key = SECRET_INIT(STR_UNLIMITED);
    CLEANUP(str_release) struct str head = STR_INIT(STR_UNLIMITED);

    if (decode_secret(secret, &key.text, err) < 0) {
        return -1;
    }
    str_printf(&head, "%s.%" PRId64 ".", id, timestamp_s);
    str_append_text(out, "v1,");
    append_hmac(&key.text, (const struct bytes[]){str_bytes(&head), body}, out);
    return 0;
}
