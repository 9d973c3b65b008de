"""What an executor says of a task that it could not have done."""


class Lost(RuntimeError):
    """A task's workers died, as often as it was tried; the text says of what."""
