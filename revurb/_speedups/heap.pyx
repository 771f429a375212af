"""Ask the C library to return free memory to the system, and to map large blocks by themselves. By ctypes, that would
take 0.4 MB for itself."""


def trim():
    return trim_heap() == 1


def map_from(int size_bytes):
    if size_bytes <= 0:
        raise ValueError(f"blocks have a size of more than 0 bytes, not {size_bytes}")
    return map_blocks_from(size_bytes) == 1
