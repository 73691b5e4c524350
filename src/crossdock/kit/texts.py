"""What people wrote, for fields of vendors that end somewhere. Pure."""

MORE = "…"  # what stands where a text was cut


def one_line(text: str) -> str:
    """Without line breaks and without space that says nothing."""
    return " ".join(text.split())


def within(text: str, most: int) -> str:
    """The text, or as much of it as a field of so many bytes of UTF-8 takes, with a mark that there was more."""
    encoded = text.encode()
    if len(encoded) <= most:
        return text
    return encoded[: most - len(MORE.encode())].decode(errors="ignore").rstrip() + MORE
