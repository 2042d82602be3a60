#include "waybill/http.h"

/* RFC 9110, RFC 6585 (429) and RFC 8470 (425) */
const struct http_meaning http_meanings[] = {
    {401, 401, ERROR_AUTH, "Unauthorized: no credentials, or wrong ones"},
    {403, 403, ERROR_AUTH, "Forbidden: the credentials do not permit it"},
    {404, 404, ERROR_NOT_FOUND, "Not Found"},
    {408, 408, ERROR_UNAVAILABLE,
     "Request Timeout: the request took longer than the server waits"},
    {413, 413, ERROR_TOO_LARGE, "Content Too Large"},
    {425, 425, ERROR_UNAVAILABLE,
     "Too Early: the request might be a replay of TLS early data"},
    {429, 429, ERROR_RATE_LIMITED, "Too Many Requests"},
    {500, 999, ERROR_UNAVAILABLE,
     "The server, or a gateway in front of it, has failed"},
    {0, 0, ERROR_REJECTED, "The request is refused and would be refused again"},
};

enum error_kind http_error_kind(int status)
{
    const struct http_meaning *row = http_meanings;

    while (row->first != 0 && (status < row->first || status > row->last)) {
        row++;
    }
    return row->kind;
}

bool http_status_is_temporary(int status)
{
    enum error_kind kind = http_error_kind(status);

    return kind == ERROR_UNAVAILABLE || kind == ERROR_RATE_LIMITED;
}

bool http_status_is_redirect(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 ||
           status == 308;
}

void http_error_fill(struct error *err, const struct http_response *response,
                     int64_t wall_ms, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    error_vfill(err, http_error_kind(response->status), format, args);
    va_end(args);
    err->http_status = response->status;
    err->retry_after_ms = http_retry_after_ms(response, wall_ms);
}
