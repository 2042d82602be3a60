#include "policy.h"

#define TOKENS_PER_ATTEMPT 0.1
#define MAX_TOKENS 20.0

void budget_init(struct budget *budget, uint64_t now_ms)
{
    *budget = (struct budget){MAX_TOKENS, now_ms};
}

static void add_tokens(struct budget *budget, double tokens)
{
    budget->tokens += tokens;
    if (budget->tokens > MAX_TOKENS) {
        budget->tokens = MAX_TOKENS;
    }
}

void budget_earn(struct budget *budget)
{
    add_tokens(budget, TOKENS_PER_ATTEMPT);
}

bool budget_take(struct budget *budget, uint64_t now_ms)
{
    add_tokens(budget, (double)(now_ms - budget->filled_ms) / 1000);
    budget->filled_ms = now_ms;
    if (budget->tokens < 1) {
        return false;
    }
    budget->tokens--;
    return true;
}
