#include "sim.h"
#include "waybill/fault.h"

/* fault.h for the simulator: the points in the program are boundaries like any
 * other, and its rules can be broken like those of the model. */

static struct instance *turning;

void sim_fault_turn(struct instance *instance)
{
    turning = instance;
}

void fault_point(const char *name)
{
    if (turning != NULL) {
        instance_step(turning, name);
    }
}

bool fault_is_broken(const char *rule)
{
    return turning != NULL &&
           sim_break_named(rule) == turning->sim->options.broken &&
           turning->sim->options.broken != BREAK_NONE;
}
