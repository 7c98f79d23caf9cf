"""Moments as a station writes them."""

from datetime import UTC, datetime


def utcnow() -> datetime:
    """Return the machine's time."""
    return datetime.now(UTC)


def written(moment: datetime) -> str:
    """Return a moment as `YYYY-MM-DDTHH:MM:SS.mmmZ`."""
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.removesuffix("+00:00") + "Z"


def whole_milliseconds(moment: datetime) -> datetime:
    """Return a moment as exactly as it can be written, in UTC."""
    moment = moment.astimezone(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def read(text: str) -> datetime:
    """Return the moment that a central system wrote; without a zone it is UTC."""
    moment = datetime.fromisoformat(text)
    return whole_milliseconds(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
