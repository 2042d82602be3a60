#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config_internal.h"

/* Numbers with a unit: durations are milliseconds, sizes are bytes. */

struct unit {
    const char *suffix;
    uint64_t factor;
};

static const struct unit durations[] = {
    {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}, {0},
};

static const struct unit sizes[] = {
    {"", 1}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {0},
};

static const struct unit counts[] = {{"", 1}, {0}};

/* Units that other programs accept, in lower case. What they mean is suggested,
 * and not accepted, so that every configuration reads the same. */
static const struct unit other_durations[] = {
    {"millis", 1},       {"msec", 1},         {"msecs", 1},
    {"milliseconds", 1}, {"sec", 1000},       {"secs", 1000},
    {"second", 1000},    {"seconds", 1000},   {"min", 60000},
    {"mins", 60000},     {"minute", 60000},   {"minutes", 60000},
    {"hr", 3600000},     {"hrs", 3600000},    {"hour", 3600000},
    {"hours", 3600000},  {"day", 86400000},   {"days", 86400000},
    {"w", 604800000},    {"week", 604800000}, {"weeks", 604800000},
    {"ms", 1},           {"s", 1000},         {"m", 60000},
    {"h", 3600000},      {"d", 86400000},     {0},
};

static const struct unit other_sizes[] = {
    {"b", 1},        {"bytes", 1},     {"k", 1 << 10}, {"kb", 1 << 10},
    {"ki", 1 << 10}, {"kib", 1 << 10}, {"m", 1 << 20}, {"mb", 1 << 20},
    {"mi", 1 << 20}, {"mib", 1 << 20}, {"g", 1 << 30}, {"gb", 1 << 30},
    {"gi", 1 << 30}, {"gib", 1 << 30}, {"", 1},        {0},
};

static const struct unit other_counts[] = {
    {"k", 1000},
    {"m", 1000000},
    {"", 1},
    {0},
};

static const struct unit *units_of(const struct field *field)
{
    if (field->type == FIELD_DURATION) {
        return durations;
    }
    return field->type == FIELD_SIZE ? sizes : counts;
}

static const struct unit *other_units_of(const struct field *field)
{
    if (field->type == FIELD_DURATION) {
        return other_durations;
    }
    return field->type == FIELD_SIZE ? other_sizes : other_counts;
}

bool field_number(const struct field *field, const char *text,
                  uint64_t *ret_number)
{
    size_t digits = strspn(text, "0123456789");
    uint64_t number;

    if (digits == 0) {
        return false;
    }
    number = strtoull(text, NULL, 10); /* saturates */
    for (const struct unit *unit = units_of(field); unit->suffix; unit++) {
        if (strcmp(text + digits, unit->suffix) == 0) {
            if (__builtin_mul_overflow(number, unit->factor, ret_number)) {
                *ret_number = UINT64_MAX; /* outside all bounds */
            }
            return true;
        }
    }
    return false;
}

void number_append(struct str *out, const struct field *field, uint64_t number)
{
    const struct unit *best = units_of(field);

    for (const struct unit *unit = units_of(field); unit->suffix; unit++) {
        if (number > 0 && number % unit->factor == 0) {
            best = unit;
        }
    }
    str_printf(out, "%" PRIu64 "%s", number / best->factor, best->suffix);
}

/* Reads the number at *text, in which ',' and '_' may separate thousands and
 * '.' begins a fraction. */
static bool parse_decimal(const char **text, double *ret_value)
{
    char digits[32];
    size_t len = 0;

    for (; isdigit((unsigned char)**text) || strchr(".,_", **text) != NULL;
         ++*text) {
        if (**text == '\0') {
            break;
        }
        if (**text == ',' || **text == '_') {
            continue;
        }
        if (len + 1 >= sizeof(digits)) {
            return false;
        }
        digits[len++] = **text;
    }
    digits[len] = '\0';
    *ret_value = strtod(digits, NULL);
    return len > 0 && isdigit((unsigned char)digits[0]);
}

static const struct unit *parse_unit(const struct field *field,
                                     const char **text)
{
    size_t len;

    *text += strspn(*text, " ");
    len = strspn(*text, "abcdefghijklmnopqrstuvwxyz"
                        "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
    for (const struct unit *unit = other_units_of(field); unit->suffix;
         unit++) {
        if (strlen(unit->suffix) == len &&
            strncasecmp(unit->suffix, *text, len) == 0) {
            *text += len;
            return unit;
        }
    }
    return NULL;
}

bool number_correct(struct str *out, const struct field *field,
                    const char *text)
{
    double sum = 0;

    text += strspn(text, " +");
    if (*text == '\0') {
        return false;
    }
    while (*text != '\0') {
        const struct unit *unit;
        double value;

        if (!parse_decimal(&text, &value)) {
            return false;
        }
        unit = parse_unit(field, &text);
        if (unit == NULL) {
            return false;
        }
        sum += value * (double)unit->factor;
        text += strspn(text, " ");
    }
    if (sum < 0 || sum > 1e15 || sum > (double)(uint64_t)sum) {
        return false;
    }
    number_append(out, field, (uint64_t)sum);
    return true;
}
