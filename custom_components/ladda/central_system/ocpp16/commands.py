"""What we ask of a 1.6 station: commands in our words, messages in OCPP's.

Each command returns when the station has answered. It raises NotAccepted when
the station said no, and the other errors of `central_system.errors` when it
could not be asked.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from itertools import batched
from typing import Any, Final, cast

from ocpp.v16 import call, datatypes, enums

from ...charging.model import Authorization
from ...charging.reading import NOMINAL_VOLTAGE
from ...charging.tokens import MAX_TOKEN
from ..errors import Disconnected, NotAccepted, Refused, StationError
from . import composite_schedule, values
from .asking import Asker, Caller
from .composite_schedule import CompositeSchedule
from .inbound import id_tag_info, timestamp
from .security import holds_password

# Plus the connector's number: there is one limit of ours, and the next replaces it,
# whatever the purpose of its profile (§5.16.3).
LIMIT_PROFILE_ID: Final = 7400
# The same for a limit that ends with its session, which must not replace the other.
SESSION_PROFILE_ID: Final = 7500
# What only stations with the whitepaper can be asked to send.
EXTENDED_TRIGGERS: Final = frozenset(
    {"LogStatusNotification", "SignChargePointCertificate"}
)
# Profiles start a little in the past, for stations whose clock is behind ours.
_PROFILE_LEAD: Final = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Setting:
    """A configuration key as a station reports it."""

    value: str
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class LimitWay:
    """One of the ways by which stations take a limit; not all take each."""

    purpose: enums.ChargingProfilePurposeType
    kind: enums.ChargingProfileKindType
    on_station: bool = False  # on connector 0, though the purpose has it on any

    @property
    def name(self) -> str:
        """A name to remember the way by."""
        where = "/0" if self.on_station else ""
        return f"{self.purpose.value}/{self.kind.value}{where}"

    @property
    def is_for_transaction(self) -> bool:
        """Whether it limits a transaction that goes on."""
        return self.purpose is enums.ChargingProfilePurposeType.tx_profile

    @property
    def is_for_station(self) -> bool:
        """Whether it limits the station with all its connectors."""
        most = enums.ChargingProfilePurposeType.charge_point_max_profile
        return self.on_station or self.purpose is most


_FOR_TRANSACTION: Final = LimitWay(
    enums.ChargingProfilePurposeType.tx_profile,
    enums.ChargingProfileKindType.relative,
)
_ABOVE_ALL: Final = LimitWay(
    enums.ChargingProfilePurposeType.charge_point_max_profile,
    enums.ChargingProfileKindType.absolute,
)
SESSION_WAY: Final = _FOR_TRANSACTION.name
LIMIT_WAYS: Final = (
    LimitWay(
        enums.ChargingProfilePurposeType.tx_default_profile,
        enums.ChargingProfileKindType.absolute,
    ),
    LimitWay(
        enums.ChargingProfilePurposeType.tx_default_profile,
        enums.ChargingProfileKindType.relative,
    ),
    LimitWay(
        enums.ChargingProfilePurposeType.tx_default_profile,
        enums.ChargingProfileKindType.absolute,
        on_station=True,
    ),
    _FOR_TRANSACTION,
    _ABOVE_ALL,
)


def ends_with_session(way: str | None) -> bool:
    """Tell whether a limit that was set in a way of this name ends with its session."""
    return way == SESSION_WAY


def holds_above_all(way: str | None) -> bool:
    """Tell whether no transaction's own limit can exceed one set in this way (§3.13.3)."""
    return way == _ABOVE_ALL.name


class Commands(Asker):
    """The commands of one connected station."""

    def __init__(self, send: Caller, clock: Callable[[], datetime]) -> None:
        """Take how to send, and the time."""
        super().__init__(send)
        self._clock = clock

    async def raw(
        self, action: str, payload: dict[str, Any], timeout: float | None = None
    ) -> dict[str, Any]:
        """Send any message, as it is, and return its answer."""
        return await self._send(action, payload, timeout)

    async def start(
        self,
        connector: int,
        token: str,
        limit_a: Decimal | None = None,
        *,
        phases: int | None = None,
    ) -> None:
        """Ask for a transaction (§5.11); Accepted means that the station will try.

        `limit_a` holds from its start to its end, or until `clear_session_limit`; it is
        sent in W over so many `phases`, in A where that is None.
        """
        profile = None
        if limit_a is not None:
            id_ = SESSION_PROFILE_ID + connector
            profile = self._profile(_FOR_TRANSACTION, id_, limit_a, phases)
        await self._demand(
            call.RemoteStartTransaction(
                id_tag=token,
                connector_id=connector,
                charging_profile=cast(Any, profile),
            )
        )

    async def stop(self, transaction: int) -> None:
        """Ask for a transaction's end (§5.12)."""
        await self._demand(call.RemoteStopTransaction(transaction_id=transaction))

    async def unlock(self, connector: int) -> None:
        """Unlock a connector; this ends its transaction first (§5.18)."""
        await self._demand(call.UnlockConnector(connector_id=connector), "Unlocked")

    async def reset(self, *, hard: bool) -> None:
        """Restart the station (§5.14)."""
        kind = enums.ResetType.hard if hard else enums.ResetType.soft
        await self._demand(call.Reset(type=kind))

    async def set_availability(self, connector: int, *, operative: bool) -> str:
        """Open or close a connector (0: all); "Scheduled" after the transaction (§5.2)."""
        kind = (
            enums.AvailabilityType.operative
            if operative
            else enums.AvailabilityType.inoperative
        )
        return await self._demand(
            call.ChangeAvailability(connector_id=connector, type=kind),
            "Accepted",
            "Scheduled",
        )

    async def trigger(self, message: str, connector: int | None = None) -> None:
        """Ask the station to send a message of its own (§5.17; whitepaper, F06)."""
        extended = message in EXTENDED_TRIGGERS
        ask = call.ExtendedTriggerMessage if extended else call.TriggerMessage
        await self._demand(
            ask(requested_message=enums.MessageTrigger(message), connector_id=connector)
        )

    async def reserve(
        self,
        connector: int,
        reservation: int,
        token: str,
        group: str | None,
        until: datetime,
    ) -> None:
        """Let a connector be kept free for a tag, or any of its group (§5.13)."""
        await self._demand(
            call.ReserveNow(
                connector_id=connector,
                expiry_date=timestamp(until),
                id_tag=token,
                parent_id_tag=group,
                reservation_id=reservation,
            )
        )

    async def cancel_reservation(self, reservation: int) -> None:
        """Give a reservation up (§5.1); that the station has none is as good."""
        await self._demand(
            call.CancelReservation(reservation_id=reservation), "Accepted", "Rejected"
        )

    async def clear_cache(self) -> None:
        """Let a station forget whom it saw allowed to charge (§5.4)."""
        await self._demand(call.ClearCache())

    async def composite_schedule(
        self, connector: int, duration: timedelta, *, in_watts: bool
    ) -> CompositeSchedule:
        """Read what a station will offer, all its profiles taken together (§5.7)."""
        unit = enums.ChargingRateUnitType
        answer = await self._agree(
            call.GetCompositeSchedule(
                connector_id=connector,
                duration=int(duration.total_seconds()),
                charging_rate_unit=unit.watts if in_watts else unit.amps,
            )
        )
        return composite_schedule.read(answer, self._clock())

    async def get_configuration(
        self, keys: Iterable[str] = ()
    ) -> tuple[dict[str, Setting], list[str]]:
        """Read settings (§5.8), all when no keys are given; also the unknown keys.

        A password is never read, though some stations tell it.
        """
        wanted = list(keys)
        answer = await self._ask(call.GetConfiguration(key=wanted or None))
        known = {
            key: Setting(
                "" if holds_password(key) else _setting(item.get("value")),
                item.get("readonly") is True,
            )
            for item in values.objects(answer.get("configurationKey"))
            if (key := values.text(item.get("key")))
        }
        unknown = answer.get("unknownKey")
        if not isinstance(unknown, list):
            unknown = []
        return known, [values.text(key) for key in unknown]

    async def set_configuration(self, key: str, value: str) -> str:
        """Change a setting (§5.3); returns Accepted or RebootRequired."""
        return await self._demand(
            call.ChangeConfiguration(key=key, value=value), "Accepted", "RebootRequired"
        )

    async def data_transfer(
        self, vendor: str, message: str | None, data: str | None
    ) -> dict[str, Any]:
        """Send a vendor's own message (§5.6) and return its whole answer."""
        return await self._ask(
            call.DataTransfer(vendor_id=vendor, message_id=message, data=data)
        )

    async def token_list_version(self) -> int:
        """Read the version of the local authorisation list; -1: there is none (§5.10)."""
        answer = await self._ask(call.GetLocalListVersion())
        version = values.integer(answer.get("listVersion"))
        return -1 if version is None else version

    async def send_token_list(
        self,
        tokens: Iterable[tuple[str, Authorization, datetime | None, str | None]],
        version: int,
        chunk: int,
    ) -> int:
        """Replace the local authorisation list (§5.15), `chunk` tags at a time.

        Tags that no 1.6 station can read are left out. Each lot makes a version of
        its own, from `version` on, as differential updates must; returns the last.
        """
        entries = [
            {"idTag": token, "idTagInfo": id_tag_info(authorization, until, group)}
            for token, authorization, until, group in tokens
            if len(token) <= MAX_TOKEN
        ]
        lots = list(batched(entries, chunk, strict=False)) or [()]
        for number, lot in enumerate(lots):
            kind = enums.UpdateType.differential if number else enums.UpdateType.full
            await self._demand(
                call.SendLocalList(
                    list_version=version + number,
                    update_type=kind,
                    local_authorization_list=list(lot),
                )
            )
        return version + len(lots) - 1

    async def set_limit(
        self,
        connector: int,
        limit_a: Decimal,
        *,
        phases: int | None,
        transaction: int | None,
        alone: bool,
        first_try: str | None = None,
    ) -> str:
        """Limit a connector's current, A per phase, until it is cleared.

        It is sent in W over so many `phases`, in A where that is None.

        Stations differ in which profiles they take, so the ways are tried in turn,
        `first_try` first. `alone`: the station has no other connector, so that the
        limit may stand for the whole of it. Returns the name of the way that worked, or
        of the one for a transaction if nothing but that is left, and none goes on (its
        profile needs one, §5.16.1). Where none did, raises what came of the first, or of
        the first that the station may have taken all the same.
        """
        errors: list[StationError] = []
        id_ = LIMIT_PROFILE_ID + connector
        for way in sorted(LIMIT_WAYS, key=lambda way: way.name != first_try):
            if (way.is_for_transaction and not transaction) or (
                way.is_for_station and not alone
            ):
                continue
            profile = self._profile(way, id_, limit_a, phases, transaction)
            where = 0 if way.is_for_station else connector
            try:
                await self._set_profile(where, profile)
            except Disconnected:
                raise
            except StationError as err:
                errors.append(err)
            else:
                return way.name
        if not transaction and _is_left_to_transactions(first_try, errors):
            return _FOR_TRANSACTION.name
        doubtful = (err for err in errors if not isinstance(err, NotAccepted | Refused))
        raise next(doubtful, errors[0])

    async def limit_session(
        self,
        connector: int,
        limit_a: Decimal,
        *,
        phases: int | None,
        transaction: int,
    ) -> None:
        """Limit a transaction that began with a limit of its own; as in `start`."""
        id_ = SESSION_PROFILE_ID + connector
        profile = self._profile(_FOR_TRANSACTION, id_, limit_a, phases, transaction)
        await self._set_profile(connector, profile)

    def _profile(
        self,
        way: LimitWay,
        id_: int,
        limit_a: Decimal,
        phases: int | None,
        transaction: int | None = None,
    ) -> datatypes.ChargingProfile:
        """Make the profile that holds a limit."""
        absolute = way.kind is enums.ChargingProfileKindType.absolute
        return datatypes.ChargingProfile(
            charging_profile_id=id_,
            transaction_id=transaction if way.is_for_transaction else None,
            stack_level=0,
            charging_profile_purpose=way.purpose,
            charging_profile_kind=way.kind,
            charging_schedule=_schedule(
                limit_a,
                phases,
                start=self._clock() - _PROFILE_LEAD if absolute else None,
            ),
        )

    async def _set_profile(
        self, connector: int, profile: datatypes.ChargingProfile
    ) -> None:
        """Set a profile (§5.16)."""
        await self._demand(
            call.SetChargingProfile(
                connector_id=connector, cs_charging_profiles=profile
            )
        )

    async def clear_limit(self, connector: int) -> None:
        """Remove the limit that `set_limit` made; none being there is as good (§5.5)."""
        await self._clear_profile(LIMIT_PROFILE_ID + connector)

    async def clear_session_limit(self, connector: int) -> None:
        """Remove the limit that a transaction began with; none is as good (§5.5)."""
        await self._clear_profile(SESSION_PROFILE_ID + connector)

    async def _clear_profile(self, id_: int) -> None:
        """Remove a profile of ours, if it is there."""
        await self._demand(call.ClearChargingProfile(id=id_), "Accepted", "Unknown")


def _is_left_to_transactions(known: str | None, errors: list[StationError]) -> bool:
    """Tell whether a station that took no other limit may take one for a transaction.

    `known` is how it took the last one. One that knows no limits at all says that it
    does not support them.
    """
    if not all(isinstance(err, NotAccepted | Refused) for err in errors):
        return False
    if known is None:
        return any(
            isinstance(err, NotAccepted) and err.status == "Rejected" for err in errors
        )
    return ends_with_session(known)


def _setting(value: Any) -> str:
    """Read a setting's value: any type, sometimes in quotes."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ",".join(_setting(item) for item in value)
    return values.text(value, 4096).strip("\"' ")


def _schedule(
    limit_a: Decimal, phases: int | None, *, start: datetime | None = None
) -> datatypes.ChargingSchedule:
    """Make a schedule of one period: W over all `phases`, A of each if that is None.

    A limit in A is the same on however many phases (§7.12).
    """
    if phases is None:
        limit, unit = limit_a, enums.ChargingRateUnitType.amps
    else:
        limit = limit_a * NOMINAL_VOLTAGE * phases
        unit = enums.ChargingRateUnitType.watts
    period = datatypes.ChargingSchedulePeriod(
        start_period=0,
        # one decimal is allowed, and a limit is never rounded up (§7.14)
        limit=float(limit.quantize(Decimal("0.1"), rounding=ROUND_DOWN)),
        number_phases=phases,
    )
    return datatypes.ChargingSchedule(
        charging_rate_unit=unit,
        charging_schedule_period=[period],
        start_schedule=timestamp(start) if start else None,
    )
