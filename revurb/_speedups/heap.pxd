cdef extern from "heap.h":
    int trim_heap() noexcept
    int map_blocks_from(int size_bytes) noexcept
