"""Counts values in buckets: how many were up to each bound and above the one before, and their sum.

A few comparisons each: small enough for what happens once for each event, and each turn of the loop.
"""


cdef class Tally:
    def __cinit__(self, bounds not None):
        if len(bounds) > MAX_BOUNDS:
            raise ValueError(f"a tally has at most {MAX_BOUNDS} bounds, not {len(bounds)}")
        self._size = <int>len(bounds)
        for i, bound in enumerate(bounds):
            self._bounds[i] = bound

    def add(self, double value, double amount=0.0, /):
        self.note(value)
        self.amount += amount

    def merge(self, Tally other not None, /):
        if other._size != self._size:
            raise ValueError(f"one has {self._size} bounds, the other {other._size}")
        for i in range(self._size + 1):
            self._counts[i] += other._counts[i]
        self.sum += other.sum
        self.amount += other.amount

    @property
    def count(self):
        cdef unsigned long long count = 0
        for i in range(self._size + 1):
            count += self._counts[i]
        return count

    @property
    def counts(self):
        return [self._counts[i] for i in range(self._size + 1)]
