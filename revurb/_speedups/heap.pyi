def trim() -> bool:
    """Return free memory of the C library's heap to the system; whether there was any. False where nobody can ask for
    it."""
