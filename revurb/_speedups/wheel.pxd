cdef class Wheel:
    cdef:
        public object now      # monotonic seconds: one float that all share
        double _tick_s
        long long _turned_to
        tuple _near            # the sets of the next ticks, by number modulo how many there are
        dict _far              # number of a tick that is further away -> its set

    cdef dict tick_of(self, double due)

cdef int take_out(dict tick, item) except -1
