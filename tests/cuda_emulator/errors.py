"""The error of everything that a device would leave undefined."""


class EmulatorError(RuntimeError):
    """What a kernel or its launch does wrong."""
