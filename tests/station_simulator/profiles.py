"""Charging profiles: what a station may draw, and when (OCPP 1.6 §3.13)."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import ROUND_FLOOR, Decimal
from typing import Any, NamedTuple, Self

from .clock import read
from .settings import Settings

NOMINAL_VOLTAGE = 230


class Limit(NamedTuple):
    """A limit per phase in A, on how many phases, and in W if it was written so."""

    amperes: Decimal
    phases: int = 3
    watts: Decimal | None = None

    def counted_on(self, phases: int) -> Limit:
        """Return the limit as if the watts were meant for so many phases."""
        if self.watts is None:
            return self
        return Limit(self.watts / (NOMINAL_VOLTAGE * phases), phases, self.watts)


class Period(NamedTuple):
    """A part of a schedule from `start` seconds on; the limit is in its unit."""

    start: int
    limit: Decimal
    phases: int


@dataclass(frozen=True, kw_only=True)
class ChargingProfile:
    """A profile as it was set on `connector`; `source` is how it was written."""

    source: dict[str, Any]
    connector: int
    id: int
    stack_level: int
    purpose: str
    kind: str
    unit: str
    periods: tuple[Period, ...]
    start: datetime | None
    duration: int | None
    valid_from: datetime | None
    valid_to: datetime | None
    recurrence: timedelta | None
    transaction: int | None

    @classmethod
    def parse(cls, connector: int, source: dict[str, Any]) -> Self:
        """Return a profile from the (snake case) fields of csChargingProfiles."""
        schedule = source["charging_schedule"]
        recurrency = source.get("recurrency_kind")
        return cls(
            source=source,
            connector=connector,
            id=source["charging_profile_id"],
            stack_level=source["stack_level"],
            purpose=source["charging_profile_purpose"],
            kind=source["charging_profile_kind"],
            unit=schedule["charging_rate_unit"],
            periods=tuple(
                Period(
                    period["start_period"],
                    Decimal(str(period["limit"])),
                    period.get("number_phases", 3),
                )
                for period in schedule["charging_schedule_period"]
            ),
            start=_moment(schedule.get("start_schedule")),
            duration=schedule.get("duration"),
            valid_from=_moment(source.get("valid_from")),
            valid_to=_moment(source.get("valid_to")),
            recurrence={
                "Daily": timedelta(days=1),
                "Weekly": timedelta(weeks=1),
            }.get(recurrency or ""),
            transaction=source.get("transaction_id"),
        )

    def limit(self, at: datetime, began: datetime | None) -> Limit | None:
        """Return the limit that is in force, None where the profile has none.

        A schedule without a start of its own counts from `began`, the moment
        the transaction started (§7.13).
        """
        start = self._start(at, began)
        if start is None or not self._is_valid(at):
            return None
        into = (at - start).total_seconds()
        if into < 0 or (self.duration is not None and into >= self.duration):
            return None
        period = max(p for p in self.periods if p.start <= into)
        return _limit(period, self.unit)

    def changes(self, at: datetime, began: datetime | None) -> Iterator[datetime]:
        """Yield the moments around `at` where the limit may change."""
        yield from (m for m in (self.valid_from, self.valid_to) if m)
        start = self._start(at, began)
        if start is None:
            return
        yield from (start + timedelta(seconds=p.start) for p in self.periods)
        if self.duration is not None:
            yield start + timedelta(seconds=self.duration)
        if self.recurrence:
            yield start + self.recurrence

    def _is_valid(self, at: datetime) -> bool:
        return (self.valid_from is None or self.valid_from <= at) and (
            self.valid_to is None or at < self.valid_to
        )

    def _start(self, at: datetime, began: datetime | None) -> datetime | None:
        if self.kind == "Relative" or self.start is None:
            return began
        if self.kind == "Recurring" and self.recurrence and self.start <= at:
            return at - (at - self.start) % self.recurrence
        return self.start


@dataclass
class ChargingProfiles:
    """The profiles that a station holds; they outlive a power cut (errata §3.37).

    A station that misbehaves takes a profile only if it `takes` it, for its purpose and
    connector; it has them all and is not `obedient`; or it `counts_power`: W are what
    all phases may take together, whatever `numberPhases` says.
    """

    installed: list[ChargingProfile] = field(default_factory=list)
    takes: Callable[[str, int], bool] = lambda purpose, connector: True
    obedient: bool = True
    counts_power: bool = False

    def install(self, profile: ChargingProfile, settings: Settings) -> str:
        """Take a profile and return the status (§5.16).

        It replaces one with its id, or of its purpose, level and connector.
        """
        others = [p for p in self.installed if not _replaces(profile, p)]
        if not self.takes(profile.purpose, profile.connector):
            return "Rejected"
        if not _is_acceptable(profile, settings) or (
            len(others) >= settings.count("MaxChargingProfilesInstalled")
        ):
            return "Rejected"
        self.installed = [*others, profile]
        return "Accepted"

    def clear(
        self,
        id: int | None = None,
        connector: int | None = None,
        purpose: str | None = None,
        stack_level: int | None = None,
    ) -> bool:
        """Drop the profiles that match, return whether there were any (§5.5)."""
        wanted = (id, connector, purpose, stack_level)
        kept = [
            p
            for p in self.installed
            if not all(
                want is None or want == have
                for want, have in zip(
                    wanted, (p.id, p.connector, p.purpose, p.stack_level), strict=True
                )
            )
        ]
        cleared = len(kept) < len(self.installed)
        self.installed = kept
        return cleared

    def station_limit(self, at: datetime, began: datetime | None) -> Limit | None:
        """Return what all connectors together may draw (ChargePointMaxProfile)."""
        return _prevailing(self._of("ChargePointMaxProfile", 0), at, began)

    def connector_limit(
        self, connector: int, at: datetime, began: datetime | None
    ) -> Limit | None:
        """Return what a transaction at a connector may draw.

        A TxProfile overrules the default; a default for the connector takes
        the place of the one for all (§3.13.1, §3.13.2).
        """
        defaults = self._of("TxDefaultProfile", connector) or self._of(
            "TxDefaultProfile", 0
        )
        return _prevailing(self._of("TxProfile", connector), at, began) or (
            _prevailing(defaults, at, began)
        )

    def changes(self, at: datetime, began: datetime | None) -> Iterator[datetime]:
        """Yield the moments around `at` where a limit may change."""
        for profile in self.installed:
            yield from profile.changes(at, began)

    def _of(self, purpose: str, connector: int) -> list[ChargingProfile]:
        return [
            profile
            for profile in self.installed
            if (profile.purpose, profile.connector) == (purpose, connector)
        ]


def _prevailing(
    profiles: Iterable[ChargingProfile], at: datetime, began: datetime | None
) -> Limit | None:
    """Return the limit of the highest stack level that has one now."""
    ranked = sorted(profiles, key=lambda profile: -profile.stack_level)
    limits = (profile.limit(at, began) for profile in ranked)
    return next((limit for limit in limits if limit), None)


def _replaces(new: ChargingProfile, old: ChargingProfile) -> bool:
    def slot(profile: ChargingProfile) -> tuple[str, int, int]:
        return profile.purpose, profile.stack_level, profile.connector

    return new.id == old.id or slot(new) == slot(old)


def _is_acceptable(profile: ChargingProfile, settings: Settings) -> bool:
    unit = {"A": "Current", "W": "Power"}[profile.unit]
    starts = [period.start for period in profile.periods]
    return (
        unit in settings.items_of("ChargingScheduleAllowedChargingRateUnit")
        and profile.stack_level <= settings.count("ChargeProfileMaxStackLevel")
        and 0 < len(starts) <= settings.count("ChargingScheduleMaxPeriods")
        and starts[0] == 0
        and starts == sorted(starts)
        and (profile.purpose == "TxDefaultProfile")
        | ((profile.purpose == "ChargePointMaxProfile") == (profile.connector == 0))
    )


def _limit(period: Period, unit: str) -> Limit:
    """Return a period's limit; W is the total over its phases (§7.12)."""
    if unit == "A":
        return Limit(period.limit, period.phases)
    amperes = period.limit / (NOMINAL_VOLTAGE * period.phases)
    amperes = amperes.quantize(Decimal("0.001"), ROUND_FLOOR)
    return Limit(amperes, period.phases, period.limit)


def _moment(text: str | None) -> datetime | None:
    return read(text) if text else None
