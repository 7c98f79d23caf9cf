"""Energy registers: meters that may be reset, replaced, broken, or two in one.

Energy in Wh. What a register shows and what has been counted of it are two
things: some stations start their register anew with every transaction, some
send now this register and now that one under the same name.
"""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final, NamedTuple

# No charging station delivers more: what exceeds it is a broken reading. W.
MOST_POWER_W: Final = Decimal(400_000)
# Nor does anybody take more at one go, however long it lasts. Wh.
MOST_AT_ONCE_WH: Final = Decimal(1_000_000)
# What a register may jump by at any time: its resolution and late readings. Wh.
SLACK_WH: Final = Decimal(100)
_ROUNDING_WH: Final = Decimal(1)
_ZERO: Final = Decimal(0)


def hours(duration: timedelta) -> Decimal:
    """Return a duration in hours, as exact as decimals go."""
    return Decimal(duration // timedelta(microseconds=1)) / 3_600_000_000


def most_wh(duration: timedelta) -> Decimal:
    """Return the most that can be delivered in a time."""
    within = SLACK_WH + MOST_POWER_W * max(hours(duration), _ZERO)
    return min(within, MOST_AT_ONCE_WH)


class Shown(NamedTuple):
    """What a register showed at a moment."""

    at: datetime
    wh: Decimal

    def leads_to(self, at: datetime, wh: Decimal) -> bool:
        """Tell whether another reading can come after this one."""
        return _can_follow(wh - self.wh, at, self.at)


class Count(NamedTuple):
    """What a register showed at a moment, and what had been counted by then."""

    at: datetime
    wh: Decimal
    counted: Decimal

    def leads_to(self, at: datetime, wh: Decimal) -> bool:
        """Tell whether a reading can come after this one."""
        return _can_follow(wh - self.wh, at, self.at)

    def on(self, at: datetime, wh: Decimal) -> Count:
        """Go on to a reading; rounding may make a register fall by a Wh."""
        if wh <= self.wh:
            return Count(at, self.wh, self.counted)
        return Count(at, wh, self.counted + (wh - self.wh))


def _can_follow(grown: Decimal, at: datetime, since: datetime) -> bool:
    """Tell whether a register can grow so much in a time, or fall so little."""
    if grown <= SLACK_WH:
        return grown >= -_ROUNDING_WH
    return grown <= most_wh(at - since)


class RegisterReader(NamedTuple):
    """Counts what a register shows.

    A reading that cannot follow the last one is put aside; if the next one follows
    it, the register has a new scale and is counted from there. The scale that it
    left is remembered: where it comes back to it, that one says what was delivered
    in between. `assumed` is what was counted at the change, as from zero.
    """

    last: Count
    left: Count | None = None
    aside: Shown | None = None
    assumed: Decimal = _ZERO

    @property
    def rescaled(self) -> bool:
        """Whether the register ever came to a new scale."""
        return self.left is not None

    def last_read(self, at: datetime) -> RegisterReader:
        """Let the last reading be of another time: what comes grew from then on."""
        return self._replace(last=self.last._replace(at=at))

    def read(
        self, at: datetime, wh: Decimal
    ) -> tuple[RegisterReader, tuple[Count, ...]]:
        """Take a reading; return what is counted by it, if it can be believed."""
        if (before := self._before(at, wh)) is not None:
            now = before.on(at, wh)
            if before is self.last:
                return RegisterReader(now, self.left, None, self.assumed), (now,)
            # What was assumed at the change has turned out to be too much.
            counted = min(self.last.counted, now.counted)
            return RegisterReader(now, self.last._replace(counted=counted)), (now,)
        aside = self.aside
        if aside is None or not aside.leads_to(at, wh):
            return self._replace(aside=Shown(at, wh)), ()
        assumed = self._since_zero(aside)
        first = Count(min(aside.at, at), aside.wh, self.last.counted + assumed)
        now = first.on(at, wh)
        reader = RegisterReader(now, left=self.last, assumed=assumed)
        return reader, (first, now)

    def _before(self, at: datetime, wh: Decimal) -> Count | None:
        """Find the reading that another one follows, on this scale or the one left.

        The scale left counts only where it explains all that was seen since. Of two
        explanations the one with the smaller growth is the likelier.
        """
        if self.left is None:
            return self.last if self.last.leads_to(at, wh) else None
        seen = self.last.counted - self.assumed
        counts = [
            count
            for count in (self.last, self.left)
            if count.leads_to(at, wh) and count.on(at, wh).counted >= seen - SLACK_WH
        ]
        return min(counts, key=lambda count: count.on(at, wh).counted, default=None)

    def _since_zero(self, aside: Shown) -> Decimal:
        """Return what was delivered if the register began at zero after the last reading.

        Nothing, where it rose to another scale or only fell back a little.
        """
        fallen = self.last.wh - aside.wh
        possible = aside.wh <= most_wh(aside.at - self.last.at)
        return aside.wh if aside.wh < fallen and possible else _ZERO


class ConnectorRegister(NamedTuple):
    """A connector's energy register as we show it: it never falls and never jumps.

    It starts at what the station's register shows and grows by what is delivered,
    whatever becomes of the station's. `reader` is None until that was read.
    """

    at: datetime
    wh: Decimal
    reader: RegisterReader | None = None

    @classmethod
    def first(cls, at: datetime, shown: Decimal | None) -> ConnectorRegister:
        """Begin with what the station's register shows, or at zero if nobody knows."""
        if shown is None:
            return cls(at, _ZERO)
        return cls(at, shown, RegisterReader(Count(at, shown, shown)))

    @property
    def meter_wh(self) -> Decimal | None:
        """Where the station's register stands: as it was read, and what came since.

        None until it was read.
        """
        if self.reader is None:
            return None
        return self.reader.last.wh + (self.wh - self.reader.last.counted)

    def read(self, at: datetime, shown: Decimal) -> ConnectorRegister:
        """Take a reading outside of any session."""
        if self.reader is None:
            reader = RegisterReader(Count(at, shown, self.wh))
        else:
            reader, _ = self.reader.read(at, shown)
        return self._replace(reader=reader).grown(at, reader.last.counted)

    def grown(self, at: datetime, wh: Decimal) -> ConnectorRegister:
        """Go up to a register that is known from a session."""
        return ConnectorRegister(max(at, self.at), max(wh, self.wh), self.reader)

    def after_session(
        self, at: datetime, wh: Decimal, shown: Decimal | None
    ) -> ConnectorRegister:
        """Take the register as a session leaves it.

        `shown` is what the station's register says, where it can be believed: what
        comes after the session is counted from there.
        """
        grown = self.grown(at, wh)
        if shown is None:
            return grown
        left = None
        if grown.reader is not None:
            reader, counts = grown.reader.read(at, shown)
            left = reader.left if counts else reader.last
        return grown._replace(
            reader=RegisterReader(Count(at, shown, grown.wh), left=left)
        )

    def as_data(self) -> dict[str, Any]:
        """Write it for the journal; `from_data` reads it back."""
        data: dict[str, Any] = {"at": self.at.isoformat(), "wh": str(self.wh)}
        if self.reader is not None:
            *parts, assumed = self.reader
            for name, part in zip(("last", "left", "aside"), parts, strict=True):
                if part is not None:
                    data[name] = [part[0].isoformat(), *map(str, part[1:])]
            data["assumed"] = str(assumed)
        return data

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> ConnectorRegister:
        """Read what `as_data` wrote."""

        def part[T: Shown | Count](kind: type[T], name: str) -> T | None:
            if name not in data:
                return None
            at, *amounts = data[name]
            return kind(datetime.fromisoformat(at), *map(Decimal, amounts))

        register = cls(datetime.fromisoformat(data["at"]), Decimal(data["wh"]))
        if (last := part(Count, "last")) is None:
            return register
        reader = RegisterReader(
            last,
            part(Count, "left"),
            part(Shown, "aside"),
            Decimal(data["assumed"]),
        )
        return register._replace(reader=reader)
