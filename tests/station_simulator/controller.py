"""The main controller: cars, relays and meters, and the transactions they make.

Everything here is driven by the station's clock and knows no network.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from decimal import ROUND_FLOOR, Decimal
from typing import Any

from .authorization import Authorization
from .car import Car
from .clock import whole_milliseconds, written
from .connector import AdmittedTag, SimulatedConnector
from .meter import meter_value
from .profiles import NOMINAL_VOLTAGE, ChargingProfile, ChargingProfiles, Limit
from .settings import Settings
from .transaction import Reading, SimulatedTransaction
from .transaction_queue import TransactionQueue

MAX_CURRENT = Limit(Decimal(32))
"""What the installation gives each connector."""

type Tell = Callable[[str, dict[str, Any]], None]


class Controller:
    """What happens at the connectors of a station.

    Transaction messages go into `queue`; `tell` takes what is worth sending
    only while there is a connection, `changed` hears of every change.
    """

    def __init__(
        self,
        connectors: dict[int, SimulatedConnector],
        settings: Settings,
        queue: TransactionQueue,
        *,
        clock: Callable[[], datetime],
        speed: float,
        tell: Tell,
        changed: Callable[[], None],
    ) -> None:
        """Begin at the clock's present moment, with nothing under way."""
        self.connectors = connectors
        self.settings = settings
        self.queue = queue
        self.profiles = ChargingProfiles()
        self.history: list[SimulatedTransaction] = []
        self.operative = True
        self.next_key = -1
        self._clock = clock
        self._speed = Decimal(str(speed))
        self._tell = tell
        self._changed = changed
        self.now = self._present()

    def catch_up(self) -> None:
        """Let everything happen, each at its own moment, up to the present."""
        present = self._present()
        while self.now < present:
            upcoming = [moment for moment in self._moments() if moment > self.now]
            self._step(min([present, *upcoming]))

    def resume(self) -> None:
        """Go on after a power cut: nothing flowed and nothing was read in it."""
        self.now = self._present()
        for connector in self.connectors.values():
            if connector.transaction:
                connector.transaction.sampled_at = self.now
        self._settle()

    def plug_in(self, number: int, car: Car) -> None:
        """Plug a car in; a tag that was admitted before starts its transaction."""
        self.catch_up()
        connector = self.connectors[number]
        if connector.car:
            raise ValueError(f"Connector {number} is taken")
        connector.car, connector.drawn_wh = car, Decimal(0)
        connector.finished = False
        self._settle()
        if connector.admitted:
            self._begin(connector, connector.admitted)

    def unplug(self, number: int) -> None:
        """Pull the plug, which ends the transaction if the settings say so."""
        self.catch_up()
        connector = self.connectors[number]
        if self.settings.flag("StopTransactionOnEVSideDisconnect"):
            self.stop(number, "EVDisconnected")
        connector.car, connector.finished = None, False
        self._settle()

    def admit(
        self,
        number: int,
        id_tag: str,
        parent_tag: str | None = None,
        profile: dict[str, Any] | None = None,
    ) -> None:
        """Start a transaction for an authorized tag, or wait for the car."""
        self.catch_up()
        connector = self.connectors[number]
        patience = timedelta(seconds=self.settings.count("ConnectionTimeOut"))
        tag = AdmittedTag(id_tag, parent_tag, self.now + patience, profile)
        if connector.car:
            self._begin(connector, tag)
        else:
            connector.admitted = tag
            self._settle()

    def started(self, key: int, id: int, authorization: Authorization) -> None:
        """Take the answer to StartTransaction (OCPP 1.6 §4.8)."""
        self.catch_up()
        self.queue.bind(key, id)
        for transaction in self.history:
            if transaction.key == key:
                transaction.id, transaction.authorization = id, authorization.status
                transaction.parent_tag = authorization.parent_tag
        for connector in self.connectors.values():
            if (
                connector.transaction
                and connector.transaction.key == key
                and authorization.status != "Accepted"
                and self.settings.flag("StopTransactionOnInvalidId")
            ):
                self.stop(connector.number, "DeAuthorized")
        self._settle()

    def stop(self, number: int, reason: str, id_tag: str | None = None) -> None:
        """End the transaction at a connector, if there is one (§4.10)."""
        self.catch_up()
        connector = self.connectors[number]
        if connector.transaction:
            self._end(connector, connector.transaction, reason, id_tag)

    def stop_all(self, reason: str) -> None:
        """End all transactions at the moment up to which things happened."""
        for connector in self.connectors.values():
            if connector.transaction:
                self._end(connector, connector.transaction, reason)

    def status_of(self, number: int) -> str:
        """Return the status of a connector, or of the station itself (0)."""
        if connector := self.connectors.get(number):
            return connector.status
        return "Available" if self.operative else "Unavailable"

    def set_operative(self, number: int, operative: bool) -> str:
        """Put a connector, or all (0), in or out of service (§5.2)."""
        self.catch_up()
        if number == 0:
            self.operative = operative
        chosen = [c for c in self.connectors.values() if number in (0, c.number)]
        for connector in chosen:
            connector.operative = operative
        self._settle()
        busy = any(connector.transaction for connector in chosen)
        return "Scheduled" if busy and not operative else "Accepted"

    def set_profile(self, number: int, source: dict[str, Any]) -> str:
        """Take a charging profile and return the status (§5.16)."""
        self.catch_up()
        profile = ChargingProfile.parse(number, source)
        if profile.purpose == "TxProfile" and not self._has_open(
            number, profile.transaction
        ):
            return "Rejected"
        status = self.profiles.install(profile, self.settings)
        self._settle()
        return status

    def clear_profiles(self, **criteria: Any) -> bool:
        """Drop charging profiles and return whether there were any (§5.5)."""
        self.catch_up()
        cleared = self.profiles.clear(**criteria)
        self._settle()
        return cleared

    def composite_schedule(
        self, number: int, duration: int, unit: str
    ) -> list[dict[str, Any]]:
        """Return the periods of what may be drawn from now on (§5.7).

        For connector 0 that is what the connectors may draw together.
        """
        self.catch_up()
        periods: list[dict[str, Any]] = []
        connector = self.connectors.get(number)
        transaction = connector.transaction if connector else None
        began = transaction.started_at if transaction else self.now
        moment, end = self.now, self.now + timedelta(seconds=duration)
        while moment < end:
            limit = self._limit(connector, moment, began)
            value = limit.amperes
            if unit == "W":
                value *= NOMINAL_VOLTAGE * limit.phases
            period = {
                "limit": float(value.quantize(Decimal("0.1"), ROUND_FLOOR)),
                "number_phases": limit.phases,
            }
            if not periods or not period.items() <= periods[-1].items():
                offset = (moment - self.now) // timedelta(seconds=1)
                periods.append({"start_period": offset} | period)
            changes = self.profiles.changes(moment, began)
            moment = min((m for m in changes if m > moment), default=end)
        return periods

    def read_meter(
        self, number: int, context: str, measurands: str
    ) -> dict[str, Any] | None:
        """Read the measurands of a setting at a connector.

        Inside a transaction that makes a transaction message; outside of one
        the MeterValues payload is returned.
        """
        connector = self.connectors[number]
        value = meter_value(
            self.now,
            connector.electricity,
            self.settings.items_of(measurands),
            context,
        )
        if value is None:
            return None
        payload: dict[str, Any] = {"connectorId": number, "meterValue": [value]}
        if (transaction := connector.transaction) is None:
            return payload
        self._note(connector, transaction)
        payload["transactionId"] = transaction.number
        self.queue.put("MeterValues", payload, transaction.key)
        return None

    def _present(self) -> datetime:
        """Return the clock's time as it is written."""
        return whole_milliseconds(self._clock())

    def _moments(self) -> Iterator[datetime]:
        """Yield the moments at which something may happen next."""
        if aligned := self.settings.count("ClockAlignedDataInterval"):
            yield self._next_aligned(aligned)
        interval = self.settings.count("MeterValueSampleInterval")
        for connector in self.connectors.values():
            if connector.admitted:
                yield connector.admitted.until
            if transaction := connector.transaction:
                yield from self.profiles.changes(self.now, transaction.started_at)
                if interval:
                    yield transaction.sampled_at + timedelta(seconds=interval)
                if change := connector.next_change(self.now, self._speed):
                    yield change

    def _step(self, moment: datetime) -> None:
        """Let the current flow until `moment`, then do what is due."""
        for connector in self.connectors.values():
            connector.flow(moment - self.now, self._speed)
        aligned = self.settings.count("ClockAlignedDataInterval")
        on_the_grid = bool(aligned) and moment == self._next_aligned(aligned)
        self.now = moment
        self._settle()
        for connector in self.connectors.values():
            self._sample(connector)
            if on_the_grid:
                self._sample_on_the_grid(connector)

    def _next_aligned(self, interval: int) -> datetime:
        """Return the next moment on the grid that starts at midnight (§9.1.5)."""
        midnight = self.now.replace(hour=0, minute=0, second=0, microsecond=0)
        step = timedelta(seconds=interval)
        tomorrow = midnight + timedelta(days=1)
        return min(tomorrow, midnight + ((self.now - midnight) // step + 1) * step)

    def _sample(self, connector: SimulatedConnector) -> None:
        """Take the periodic sample of a transaction when it is due."""
        interval = self.settings.count("MeterValueSampleInterval")
        transaction = connector.transaction
        if (
            transaction
            and interval
            and self.now >= transaction.sampled_at + timedelta(seconds=interval)
        ):
            transaction.sampled_at = self.now
            self._read(connector, "StopTxnSampledData", "Sample.Periodic")
            self.read_meter(
                connector.number, "Sample.Periodic", "MeterValuesSampledData"
            )

    def _sample_on_the_grid(self, connector: SimulatedConnector) -> None:
        """Take the clock-aligned sample, of an idle connector too."""
        self._read(connector, "StopTxnAlignedData", "Sample.Clock")
        payload = self.read_meter(
            connector.number, "Sample.Clock", "MeterValuesAlignedData"
        )
        if payload:
            self._tell("MeterValues", payload)

    def _read(
        self, connector: SimulatedConnector, measurands: str, context: str
    ) -> None:
        """Read the meter for the transaction data of the stop."""
        if (transaction := connector.transaction) is None:
            return
        self._note(connector, transaction)
        value = meter_value(
            self.now,
            connector.electricity,
            self.settings.items_of(measurands),
            context,
        )
        if value:
            transaction.stop_data.append(value)

    def _note(
        self, connector: SimulatedConnector, transaction: SimulatedTransaction
    ) -> None:
        """Keep what the meter read, once for each moment."""
        reading = Reading(self.now, connector.shown_wh)
        if transaction.readings[-1:] != [reading]:
            transaction.readings.append(reading)

    def _begin(self, connector: SimulatedConnector, tag: AdmittedTag) -> None:
        """Start a transaction (§4.8)."""
        transaction = SimulatedTransaction(
            key=self.next_key,
            connector=connector.number,
            id_tag=tag.id_tag,
            parent_tag=tag.parent_tag,
            started_at=self.now,
            meter_start=connector.shown_wh,
            sampled_at=self.now,
        )
        self.next_key -= 1
        self.history.append(transaction)
        connector.transaction, connector.admitted = transaction, None
        payload = {
            "connectorId": connector.number,
            "idTag": tag.id_tag,
            "meterStart": transaction.meter_start,
            "timestamp": written(self.now),
        }
        self.queue.put("StartTransaction", payload, transaction.key)
        if tag.profile:
            self.set_profile(connector.number, tag.profile)
        self._settle()
        self._read(connector, "StopTxnSampledData", "Transaction.Begin")

    def _end(
        self,
        connector: SimulatedConnector,
        transaction: SimulatedTransaction,
        reason: str,
        id_tag: str | None = None,
    ) -> None:
        """End a transaction now."""
        self._read(connector, "StopTxnSampledData", "Transaction.End")
        transaction.ended_at, transaction.reason = self.now, reason
        transaction.meter_stop = connector.shown_wh
        payload = {
            "transactionId": transaction.number,
            "timestamp": written(self.now),
            "meterStop": transaction.meter_stop,
            "reason": reason,
        }
        if id_tag is not None:
            payload["idTag"] = id_tag
        if transaction.stop_data:
            payload["transactionData"] = transaction.stop_data
        self.queue.put("StopTransaction", payload, transaction.key)
        self.profiles.clear(connector=connector.number, purpose="TxProfile")
        connector.transaction, connector.finished = None, connector.car is not None
        self._settle()

    def _has_open(self, number: int, id: int | None) -> bool:
        """Return whether a connector has a transaction, and it is this one."""
        connector = self.connectors.get(number)
        if connector is None or connector.transaction is None:
            return False
        return id is None or id == connector.transaction.id

    def _settle(self) -> None:
        """Bring currents and statuses in line with everything else."""
        for connector in self.connectors.values():
            if connector.admitted and connector.admitted.until <= self.now:
                connector.admitted = None
            transaction = connector.transaction
            limit = Limit(Decimal(0))
            if transaction and transaction.authorization in (None, "Accepted"):
                limit = self._limit(connector, self.now, transaction.started_at)
            connector.settle(limit)
            status = connector.present_status()
            if status != connector.status:
                connector.status, connector.status_at = status, self.now
        self._changed()

    def _limit(
        self, connector: SimulatedConnector | None, at: datetime, began: datetime
    ) -> Limit:
        """Return what a connector, or (None) the station, may draw (§3.13.3).

        The station's limit is shared alike by the transactions.
        """
        limits = [MAX_CURRENT]
        if whole := self.profiles.station_limit(at, began):
            sharing = sum(c.transaction is not None for c in self.connectors.values())
            share = whole.amperes / max(1, sharing) if connector else whole.amperes
            limits.append(Limit(share, whole.phases))
        if connector and (
            own := self.profiles.connector_limit(connector.number, at, began)
        ):
            if self.profiles.counts_power and connector.car:
                own = own.counted_on(connector.car.phases)
            limits.append(own)
        if not self.profiles.obedient:
            return MAX_CURRENT
        lowest = min(limit.amperes for limit in limits)
        if not self.settings.flag("ConnectorSwitch3to1PhaseSupported"):
            return Limit(lowest)
        return Limit(lowest, min(limit.phases for limit in limits))
