def trim() -> bool:
    """Return free memory of the C library's heap to the system; whether there was any. False where nobody can ask for
    it."""

def map_from(size_bytes: int) -> bool:
    """Have each block of this size and more mapped by itself from now on. False where nobody can ask for it."""
