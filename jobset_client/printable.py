"""Text that is safe to print: names and messages come from anywhere."""

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def safe(text: object) -> str:
    r"""Return one line of text that cannot move the cursor, colour the screen or break the line.

    >>> safe("ghz")
    'ghz'
    >>> safe("a\x1b[31mb").encode("ascii", "replace")
    b'a?[31mb'
    """
    line = str(text)
    if line.isprintable():
        return line
    return "".join(character if character.isprintable() else _REPLACEMENT for character in line)
