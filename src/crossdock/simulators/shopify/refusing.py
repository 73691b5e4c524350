"""What the shop says no to, as a ``userError`` in a 200."""


class UserError(ValueError):
    """The shop's rules refuse a mutation: becomes ``userErrors`` in a 200. A ``ValueError``, so that whoever has the
    shop's own people do something is answered what the shop says."""

    def __init__(self, message: str, *field: str) -> None:
        super().__init__(message)
        self.field = list(field)
