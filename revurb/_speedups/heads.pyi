def cut_head(data: bytes, /) -> tuple[str, str, str, dict[str, str], int] | None:
    """Method, path, query, fields (lower-case name: value) and size in bytes of the head that `data` begins with.

    None if it is not whole, or not plain: GET or POST of a target that starts with "/" and has no "#", HTTP/1.1, and
    fields in visible ASCII, each there once, their lines not folded. The query is without its "?", "" if there is none.
    """
