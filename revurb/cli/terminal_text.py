"""Text from elsewhere, made fit for a line of a terminal."""


def one_line(text: str) -> str:
    """`text` with everything escaped that would move the cursor or command the terminal: it is not ours."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
