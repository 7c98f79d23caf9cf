"""Why nobody is asked to start a session, though a person wants it."""

from datetime import timedelta


class MayNotCharge(Exception):
    """A user who is switched off, or whose time is over, gets no power."""

    def __init__(self, name: str) -> None:
        """Take the user's name."""
        super().__init__(f"{name} may not charge now")
        self.name = name


class TooSoon(Exception):
    """The station cannot bear to be asked to start yet."""

    def __init__(self, wait: timedelta) -> None:
        """Take for how long it cannot."""
        super().__init__(f"not for another {wait}")
        self.wait = wait
