#include <string.h>

#include "waybill/oci.h"

/*
 * The image that Chainloop's oci-registry plugin pushed through
 * go-containerregistry: one layer, whose media type was guessed from its first
 * bytes. Go's guess for content that starts with '{' is always text/plain. The
 * configuration of such an image contains Go's zero times, so configurations
 * differ only by the digest of the layer.
 */

#define CONFIG_TYPE "application/vnd.oci.image.config.v1+json"
#define MANIFEST_TYPE "application/vnd.oci.image.manifest.v1+json"
#define LAYER_TYPE "text/plain"

static void fill(struct oci_blob *blob, const char *media_type, char *text)
{
    blob->media_type = media_type;
    blob->data = bytes_of(text);
    digest_of(text, blob->data.len, &blob->digest);
}

void oci_chainloop_image(struct bytes envelope, const struct digest *digest,
                         struct arena *arena, struct oci_image *ret_image)
{
    struct oci_blob *config = &ret_image->config;

    ret_image->layer.media_type = LAYER_TYPE;
    ret_image->layer.data = envelope;
    ret_image->layer.digest = *digest;
    fill(config, CONFIG_TYPE,
         arena_printf(arena,
                      "{\"architecture\":\"\","
                      "\"created\":\"0001-01-01T00:00:00Z\","
                      "\"history\":[{\"created\":\"0001-01-01T00:00:00Z\"}],"
                      "\"os\":\"\","
                      "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"%s\"]},"
                      "\"config\":{}}",
                      digest->text));
    /* The members of a descriptor are in the order of go-containerregistry, not
     * of image-spec. */
    fill(&ret_image->manifest, MANIFEST_TYPE,
         arena_printf(
             arena,
             "{\"schemaVersion\":2,\"mediaType\":\"" MANIFEST_TYPE "\","
             "\"config\":{\"mediaType\":\"" CONFIG_TYPE "\","
             "\"size\":%zu,\"digest\":\"%s\"},"
             "\"layers\":[{\"mediaType\":\"" LAYER_TYPE "\","
             "\"size\":%zu,\"digest\":\"%s\"}],"
             "\"annotations\":{"
             "\"org.opencontainers.image.authors\":\"chainloop.dev\","
             "\"org.opencontainers.image.title\":\"attestation.json\"}}",
             config->data.len, config->digest.text, envelope.len,
             digest->text));
}
