/* Return free memory of the C library's heap to the system, and say which blocks are not on it. Only glibc has to be
 * asked: others (musl, macOS) do it by themselves, or not at all. Both give 1 if it was done. */
#ifndef REVURB_HEAP_H
#define REVURB_HEAP_H

#include <stdlib.h>

#ifdef __GLIBC__
#include <malloc.h>
static inline int trim_heap(void) { return malloc_trim(0); }
static inline int map_blocks_from(int size_bytes) { return mallopt(M_MMAP_THRESHOLD, size_bytes); }
#else
static inline int trim_heap(void) { return 0; }
static inline int map_blocks_from(int size_bytes) { (void)size_bytes; return 0; }
#endif

#endif
