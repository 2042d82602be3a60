#include "waybill/replay.h"

void window_add(struct window *window, bool failed)
{
    bool *slot = &window->failed[window->count % WINDOW_SIZE];

    if (window->count >= WINDOW_SIZE && *slot) {
        window->failures--;
    }
    *slot = failed;
    window->failures += failed;
    window->count++;
}

bool window_exceeds(const struct window *window, unsigned percent)
{
    size_t size = window->count < WINDOW_SIZE ? window->count : WINDOW_SIZE;

    return size >= WINDOW_MIN && window->failures * 100 > size * percent;
}

int64_t replay_time_left_ms(size_t done, size_t total, uint64_t elapsed_ms)
{
    if (done == 0 || elapsed_ms < 1000) {
        return done >= total ? 0 : -1;
    }
    if (done >= total) {
        return 0;
    }
    return (int64_t)((double)elapsed_ms * (double)(total - done) /
                     (double)done);
}

uint64_t replay_due_ms(size_t index, unsigned per_second)
{
    return per_second > 0 ? (uint64_t)index * 1000 / per_second : 0;
}
