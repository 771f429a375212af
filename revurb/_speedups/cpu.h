/* Which vector instructions may run here. Asked at run time: one build serves every CPU of its architecture.
 *
 * CPU_PLAIN   portable C, byte by byte or word by word. It always exists, and is what the others fall back on.
 * CPU_VECTOR  16 bytes at a time in vectors of GNU C, which any compiler for SSE2 (all of x86-64) or NEON knows.
 * CPU_AVX2    32 bytes at a time. Compiled with REVURB_AVX2 for more than the baseline, so it may only be called where
 *             cpu_level() says so.
 */
#ifndef REVURB_CPU_H
#define REVURB_CPU_H

typedef enum { CPU_PLAIN, CPU_VECTOR, CPU_AVX2 } cpu_level_t; /* each includes those before it */

#if defined(__GNUC__) && (defined(__SSE2__) || defined(__ARM_NEON))
#define REVURB_VECTOR
#endif
#if defined(__GNUC__) && defined(__x86_64__)
#define REVURB_AVX2 __attribute__((target("avx2")))
#endif

/* For a text that several levels share: it is compiled into each of them, for its instructions. */
#ifdef __GNUC__
#define REVURB_INLINE __attribute__((always_inline))
#else
#define REVURB_INLINE
#endif

/* The best level of this CPU. A load and a test: libgcc asks the CPU, and whether the system saves its registers, once
 * when the extension is loaded. */
static inline cpu_level_t cpu_level(void)
{
#ifdef REVURB_AVX2
    if (__builtin_cpu_supports("avx2"))
        return CPU_AVX2;
#endif
#ifdef REVURB_VECTOR
    return CPU_VECTOR;
#else
    return CPU_PLAIN;
#endif
}

#endif
