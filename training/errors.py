"""The error of everything the user can put right."""


class InputError(ValueError):
    """A config, file or model that cannot be used. The message is one clear sentence that says what to do."""
