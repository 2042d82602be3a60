#include <stdlib.h>
#include <string.h>

#include "helper_internal.h"
#include "waybill/json.h"
#include "waybill/limits.h"

void helper_answer_release(struct helper_answer *answer)
{
    secret_release(&answer->json);
    str_release(&answer->notes);
}

static enum helper_level level_of_environment(void)
{
    const char *value = getenv("CREDENTIAL_HELPER_LOGGING");

    if (value == NULL) {
        return HELPER_SILENT;
    }
    if (strcmp(value, "debug") == 0) {
        return HELPER_DEBUG;
    }
    return strcmp(value, "basic") == 0 ? HELPER_BASIC : HELPER_SILENT;
}

/* Other members are ignored: later versions of the protocol may add some. */
static int read_request(const char *request, size_t len, struct arena *arena,
                        struct helper_uri *ret_uri, struct error *err)
{
    struct json *json;
    struct json_at root;
    struct json_at uri;
    const char *text = NULL;
    int result = -1;

    if (json_parse(request, len, &json, err) < 0) {
        return error_prefix(err, "request");
    }
    root = json_at_root(json);
    uri = json_at_member(&root, "uri");
    if (json_at_object(&root, err) == 0 && json_at_require(&uri, err) == 0 &&
        json_at_string(&uri, LIMIT_URL, &text, err) == 0) {
        result = helper_uri_parse(text, arena, ret_uri, err);
    }
    json_free(json);
    return result < 0 ? error_prefix(err, "request") : 0;
}

static int load(struct arena *arena, const struct helper_notes *notes,
                struct helper_config *config, bool *ret_found,
                struct error *err)
{
    const char *path;

    if (helper_config_path(arena, &path, err) < 0 ||
        helper_config_load(path, arena, config, ret_found, err) < 0) {
        return -1;
    }
    helper_note(notes, HELPER_DEBUG, "configuration file '%s': %s", path,
                *ret_found ? "read"
                           : "it does not exist, so the defaults apply");
    return 0;
}

static int get(const char *request, size_t len, struct arena *arena,
               const struct helper_notes *notes, struct str *json,
               struct error *err)
{
    struct helper_config config;
    struct helper_choice choice;
    struct helper_uri uri;
    bool found;

    if (read_request(request, len, arena, &uri, err) < 0 ||
        load(arena, notes, &config, &found, err) < 0 ||
        helper_choose(found ? &config : NULL, &uri, arena, notes, &choice,
                      err) < 0) {
        return -1;
    }
    if (choice.repository == NULL) {
        str_append_text(json, "{\"headers\":{}}\n");
        return 0;
    }
    helper_note(notes, HELPER_DEBUG, "registry '%s', repository:%s:pull",
                choice.registry, choice.repository);
    return helper_authorize(&choice, arena, notes, json, err);
}

int helper_get(const char *request, size_t len, struct helper_answer *answer,
               struct error *err)
{
    struct helper_notes notes = {level_of_environment(), &answer->notes};
    struct arena *arena = arena_new();
    int result;

    result = get(request, len, arena, &notes, &answer->json.text, err);
    arena_wipe_and_free(
        arena); /* the configuration may hold static credentials */
    return result;
}
