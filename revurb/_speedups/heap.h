/* Return free memory of the C library's heap to the system. Only glibc has to be asked: others (musl, macOS) do it by
 * themselves, or not at all. */
#ifndef REVURB_HEAP_H
#define REVURB_HEAP_H

#include <stdlib.h>

#ifdef __GLIBC__
#include <malloc.h>
static inline int trim_heap(void) { return malloc_trim(0); }
#else
static inline int trim_heap(void) { return 0; }
#endif

#endif
