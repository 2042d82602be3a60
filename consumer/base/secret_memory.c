#include "secret_memory.h"

#include "waybill/alloc.h"
#include "waybill/random.h"

/*
 * Long secrets are in Bloom filters, one for each generation: all grams of a
 * secret are added, so any piece of it is a sequence of grams that are present.
 * A single gram that happens to match means nothing; nine consecutive ones do
 * not happen. When a generation is full, the oldest is cleared for the next.
 *
 * Secrets with fewer grams than that are remembered as a whole, in a table in
 * which a newer secret may replace an older one. These must look random, since
 * a word that is somebody's password would disappear from other messages.
 */
#define GENERATIONS 4U
#define GENERATION_BITS ((size_t)1 << 23)
#define GENERATION_GRAMS ((size_t)700000)
#define MIN_PIECE 16U
#define SHORT_SLOTS ((size_t)8192)

struct generation {
    uint64_t *words;
    size_t count;
};

static struct {
    bool is_open;
    uint64_t key;
    struct generation generations[GENERATIONS];
    unsigned current;
    uint64_t *shorts;
} memory;

/* The finalizer of SplitMix64 */
static uint64_t mix(uint64_t value)
{
    value ^= memory.key;
    value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9U;
    value = (value ^ value >> 27) * 0x94D049BB133111EBU;
    return value ^ value >> 31;
}

uint64_t secret_gram(const struct secret_view_byte *bytes)
{
    uint64_t gram = 0;

    for (unsigned i = 0; i < SECRET_GRAM; i++) {
        gram = gram << 8 | bytes[i].byte;
    }
    return gram;
}

/* --- long secrets --------------------------------------------------------- */

/* One of three bits, for each third of the hash */
static bool has_bit(const struct generation *generation, uint64_t hash)
{
    return generation->words[hash % GENERATION_BITS / 64] >> hash % 64 & 1;
}

static bool has_gram(const struct generation *generation, uint64_t hash)
{
    return has_bit(generation, hash) && has_bit(generation, hash >> 20) &&
           has_bit(generation, hash >> 40);
}

static void set_bit(const struct generation *generation, uint64_t hash)
{
    generation->words[hash % GENERATION_BITS / 64] |= 1ULL << hash % 64;
}

static void begin_generation(void)
{
    struct generation *next;

    memory.current = (memory.current + 1) % GENERATIONS;
    next = &memory.generations[memory.current];
    mem_free(next->words);
    next->words = mem_zalloc(GENERATION_BITS / 8);
    next->count = 0;
}

static void add_gram(uint64_t gram)
{
    struct generation *generation = &memory.generations[memory.current];
    uint64_t hash = mix(gram);

    if (has_gram(generation, hash)) {
        return;
    }
    set_bit(generation, hash);
    set_bit(generation, hash >> 20);
    set_bit(generation, hash >> 40);
    generation->count++;
}

/* A token serves many requests. If several of its grams are in the current
 * generation, all of them are. */
static bool is_current(const struct secret_view *secret)
{
    const struct generation *generation = &memory.generations[memory.current];
    size_t step = (secret->count - SECRET_GRAM) / 8 + 1;

    for (size_t i = 0; i + SECRET_GRAM <= secret->count; i += step) {
        if (generation->words == NULL ||
            !has_gram(generation, mix(secret_gram(secret->bytes + i)))) {
            return false;
        }
    }
    return true;
}

static void add_long(const struct secret_view *secret)
{
    if (is_current(secret)) {
        return;
    }
    if (memory.generations[memory.current].words == NULL ||
        memory.generations[memory.current].count >= GENERATION_GRAMS) {
        begin_generation();
    }
    for (size_t i = 0; i + SECRET_GRAM <= secret->count; i++) {
        add_gram(secret_gram(secret->bytes + i));
    }
}

static size_t find_piece(const struct generation *generation,
                         const struct secret_view *view, size_t at)
{
    size_t len = 0;

    if (generation->words == NULL) {
        return 0;
    }
    while (at + len + SECRET_GRAM <= view->count &&
           has_gram(generation, mix(secret_gram(view->bytes + at + len)))) {
        len++;
    }
    len += SECRET_GRAM - 1;
    return len >= MIN_PIECE ? len : 0;
}

/* --- short secrets -------------------------------------------------------- */

/* The hash of a secret with one more byte */
static uint64_t extend(uint64_t hash, unsigned char byte)
{
    return mix(hash ^ byte);
}

static uint64_t *short_slot(uint64_t hash)
{
    return &memory.shorts[hash % SHORT_SLOTS];
}

static void add_short(const struct secret_view *secret)
{
    uint64_t hash = mix(secret_gram(secret->bytes));

    for (size_t i = SECRET_GRAM; i < secret->count; i++) {
        hash = extend(hash, secret->bytes[i].byte);
    }
    *short_slot(hash) = hash;
}

static size_t find_short(const struct secret_view *view, size_t at)
{
    uint64_t hash = mix(secret_gram(view->bytes + at));
    size_t longest = 0;

    for (size_t len = SECRET_GRAM; len < MIN_PIECE; len++) {
        longest = *short_slot(hash) == hash ? len : longest;
        if (at + len >= view->count) {
            break;
        }
        hash = extend(hash, view->bytes[at + len].byte);
    }
    return longest;
}

/* --- both ----------------------------------------------------------------- */

static void open_memory(void)
{
    struct random random;

    random_seed_from_system(&random);
    memory.key = random_next(&random);
    memory.shorts = mem_zalloc(SHORT_SLOTS * sizeof(memory.shorts[0]));
    memory.is_open = true;
}

void secret_memory_add(const struct secret_view *secret, bool looks_random)
{
    if (!memory.is_open) {
        open_memory();
    }
    if (secret->count >= MIN_PIECE) {
        add_long(secret);
    } else if (secret->count >= SECRET_GRAM && looks_random) {
        add_short(secret);
    }
}

size_t secret_memory_find(const struct secret_view *view, size_t at)
{
    size_t longest;

    if (!memory.is_open || at + SECRET_GRAM > view->count) {
        return 0;
    }
    longest = find_short(view, at);
    for (unsigned i = 0; i < GENERATIONS; i++) {
        size_t len = find_piece(&memory.generations[i], view, at);

        longest = len > longest ? len : longest;
    }
    return longest;
}
