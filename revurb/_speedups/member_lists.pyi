def join_members(texts: list[bytes], /) -> tuple[bytes, bytes]:
    """The ids, and the entries of the hash, of a list of members as they stand in a JSON string, with commas.

    Each text is `ID NUL REST`: the JSON of the user's id and what follows it in the hash, both escaped. An id that is a
    number is one for its digits in the hash. Raises ValueError for a text without id or NUL.
    """
