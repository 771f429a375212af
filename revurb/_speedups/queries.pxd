cdef enum:
    MAX_PARTS = 32  # of a plain query; what SDKs send to publish has five
