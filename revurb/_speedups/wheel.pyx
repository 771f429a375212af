"""The sets of a timer wheel: an item is put into the one of its tick, and taken out again, once for each connection.

The sets are dicts without values, which take half the memory of sets. Turning the wheel is `transport/timer_wheel.py`.
"""

from libc.math cimport ceil

cdef long long MAX_TICK = 1LL << 53  # never come to; of what is later a double does not have the number


cdef class Wheel:
    def __cinit__(self, now not None, double tick_s, int near_ticks):
        if tick_s <= 0 or near_ticks <= 0:
            raise ValueError("a wheel has ticks of more than 0 s, and at least one of them")
        self.now = now
        self._tick_s = tick_s
        self._turned_to = <long long>(<double>now / tick_s)
        self._near = tuple([{} for _ in range(near_ticks)])
        self._far = {}

    cdef dict tick_of(self, double due):
        """The set of those that are due then."""
        cdef double ticks = ceil(due / self._tick_s)
        cdef long long number = <long long>ticks if ticks < MAX_TICK else MAX_TICK
        cdef Py_ssize_t size = len(self._near)
        if number <= self._turned_to:
            number = self._turned_to + 1
        if number - self._turned_to < size:  # equal would be the tick that may be running now
            return <dict>self._near[<Py_ssize_t>(number % size)]
        return self._far.setdefault(number, {})

    def schedule(self, item not None, double due, /):
        if item.wheel_tick is not None:
            self.cancel(item)
        cdef dict tick = self.tick_of(due)
        tick[item] = None
        item.wheel_tick = tick

    def cancel(self, item not None, /):
        tick = item.wheel_tick
        if tick is not None:
            item.wheel_tick = None
            take_out(<dict?>tick, item)

    def step(self):
        self._turned_to += 1
        return self._near[<Py_ssize_t>(self._turned_to % len(self._near))], self._far.pop(self._turned_to, None)

    @property
    def turned_to(self):
        return self._turned_to


cdef int take_out(dict tick, item) except -1:
    tick.pop(item, None)
    if not tick:
        tick.clear()  # and its table, which does not shrink by itself
    return 0
