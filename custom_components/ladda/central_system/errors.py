"""What can go wrong when we ask a station for something."""


class StationError(Exception):
    """A station did not do what it was asked."""


class Disconnected(StationError):
    """The connection is gone, or was never there."""


class Busy(StationError):
    """So much waits for the station's answers already that nothing more is asked."""

    def __init__(self, action: str) -> None:
        """Name what was to be asked."""
        super().__init__(
            f"{action}: the station still owes answers to earlier messages"
        )
        self.action = action


class Overtaken(StationError):
    """The station was not asked, for something newer takes the place of this."""

    def __init__(self) -> None:
        """Say so."""
        super().__init__("something newer took its place")


class NoAnswer(StationError):
    """The station did not answer in time."""

    def __init__(self, action: str, seconds: float) -> None:
        """Name what was asked and how long we waited, in seconds."""
        super().__init__(f"no answer to {action} within {seconds:g} s")
        self.action = action
        self.seconds = seconds


class Refused(StationError):
    """The station answered with an error (CALLERROR)."""

    def __init__(self, action: str, code: str, description: str = "") -> None:
        """Name what was asked and what the station said."""
        super().__init__(f"{action}: {code} {description}".rstrip())
        self.action = action
        self.code = code
        self.description = description


class BadAnswer(StationError):
    """The station's answer cannot be read."""


class NotAccepted(StationError):
    """The station understood and said no; `status` is its word for it."""

    def __init__(self, action: str, status: str) -> None:
        """Name what was asked and the status in the answer."""
        super().__init__(f"{action}: {status}")
        self.action = action
        self.status = status


class NotUploaded(StationError):
    """The station did not deliver the file that it was asked for."""


class UploadFailed(NotUploaded):
    """The station says that it could not upload a file, in a word of its own."""


class NotStored(Exception):
    """What a station reported could not be stored; it is asked to send it again."""
