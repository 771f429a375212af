def cut_query(query: str, /) -> tuple[dict[str, str], str] | None:
    """The parameters of a query, the last of a name counting, and what of it is signed: its parts without those of
    `auth_signature`, sorted by their bytes, joined by "&".

    None if it is not plain: ASCII, at most 32 parts, each with a "=", and neither "%" nor "+".
    """
