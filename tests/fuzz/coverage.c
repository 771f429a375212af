/* Tells libFuzzer which branches of the kernels are taken, where only GCC is at hand.
 *
 * libFuzzer reads a counter per branch. GCC does not write those: with -fsanitize-coverage=trace-pc it calls a function
 * at each branch. This is that function. A counter belongs to an address, modulo the table's size; a kernel's code is
 * smaller than the table, so that within one kernel no two share a counter.
 *
 * Preloaded, in front of a libFuzzer whose symbols are global; tests/fuzz/fuzz does both.
 */
#include <stdint.h>
#include <stddef.h>

#define COUNTERS 65536 /* frames: about 40 kB of code with its instrumentation */

void __sanitizer_cov_8bit_counters_init(uint8_t *begin, uint8_t *end);
void __sanitizer_cov_pcs_init(const uintptr_t *begin, const uintptr_t *end);
void __sanitizer_cov_trace_pc(void);
void __sanitizer_cov_trace_cmpd(double left, double right);

static uint8_t counters[COUNTERS];
static uintptr_t places[COUNTERS][2]; /* address and flags; only there because libFuzzer wants as many as counters */

void __sanitizer_cov_trace_pc(void)
{
    uintptr_t at = (uintptr_t)__builtin_return_address(0);
    uint8_t *counter = &counters[at % COUNTERS];

    if (*counter != UINT8_MAX)
        (*counter)++;
}

void __sanitizer_cov_trace_cmpd(double left, double right) /* GCC calls it, libFuzzer has none */
{
    (void)left;
    (void)right;
}

__attribute__((constructor)) static void tell_libfuzzer(void)
{
    size_t i;

    for (i = 0; i < COUNTERS; i++)
        places[i][0] = i + 1;
    __sanitizer_cov_8bit_counters_init(counters, counters + COUNTERS);
    __sanitizer_cov_pcs_init(&places[0][0], &places[0][0] + 2 * COUNTERS);
}
