cdef enum:
    MAX_BOUNDS = 24

cdef class Tally:
    cdef:
        double _bounds[MAX_BOUNDS]
        unsigned long long _counts[MAX_BOUNDS + 1]
        int _size
        readonly double sum
        readonly double amount

    cdef inline void note(self, double value) noexcept:
        cdef int i = 0
        while i < self._size and value > self._bounds[i]:
            i += 1
        self._counts[i] += 1
        self.sum += value
