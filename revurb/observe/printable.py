"""Makes text from the network safe to print on a terminal."""


def escape_unprintable(text: str) -> str:
    """`text` on one line, with line breaks, control characters and other unprintable ones as escape sequences."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
