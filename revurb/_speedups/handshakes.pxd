cdef enum:
    MAX_NAME_BYTES = 64  # of a plain field; the longest that clients send has 31
