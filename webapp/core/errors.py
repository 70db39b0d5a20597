"""The one error that a user caused and can mend."""


class UserError(Exception):
    """What happened, why, and what to do, in words for the user. Views show it as a page with status 400."""

    def __init__(self, message: str, *, status: int = 400) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
