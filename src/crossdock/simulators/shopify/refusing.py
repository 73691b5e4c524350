"""What the shop says no to, as a ``userError`` in a 200."""


class UserError(Exception):
    """The shop's rules refuse a mutation: becomes ``userErrors`` in a 200."""

    def __init__(self, message: str, *field: str) -> None:
        super().__init__(message)
        self.field = list(field)
