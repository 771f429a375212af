cdef extern from "heap.h":
    int trim_heap() noexcept
