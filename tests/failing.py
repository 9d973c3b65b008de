"""Faults at a chosen moment."""


class Failing:
    """A method of a class that raises an error once it was called `left` times.

    `left` may be set again, and then as many calls pass.
    """

    def __init__(self, monkeypatch, owner, name, error, left=0):
        self.left, whole = left, getattr(owner, name)

        def method(*args, **options):
            self.left -= 1
            if self.left < 0:
                raise error
            return whole(*args, **options)

        monkeypatch.setattr(owner, name, method)
