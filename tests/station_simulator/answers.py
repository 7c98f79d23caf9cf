"""How the station answers what the central system asks (OCPP 1.6 §5)."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ocpp.exceptions import NotSupportedError, PropertyConstraintViolationError
from ocpp.v16 import call_result

from .clock import written
from .connector import SimulatedConnector
from .wire import Handler, camel_case

if TYPE_CHECKING:
    from .station import SimulatedStation


class Answers:
    """The handlers of a station's CALLs; what they set off follows the answer."""

    def __init__(self, station: SimulatedStation) -> None:
        """Answer for a station."""
        self._station = station
        self._controller = station.controller

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by action."""
        return {
            "ChangeAvailability": self._change_availability,
            "ChangeConfiguration": self._change_configuration,
            "ClearCache": self._clear_cache,
            "ClearChargingProfile": self._clear_charging_profile,
            "DataTransfer": self._data_transfer,
            "GetCompositeSchedule": self._get_composite_schedule,
            "GetConfiguration": self._get_configuration,
            "GetLocalListVersion": self._get_local_list_version,
            "RemoteStartTransaction": self._remote_start,
            "RemoteStopTransaction": self._remote_stop,
            "Reset": self._reset,
            "SendLocalList": self._send_local_list,
            "SetChargingProfile": self._set_charging_profile,
            "TriggerMessage": self._trigger_message,
            "UnlockConnector": self._unlock_connector,
        }

    def _change_availability(self, connector_id: int, type: str) -> Any:
        if connector_id and connector_id not in self._station.connectors:
            return call_result.ChangeAvailability("Rejected")
        return call_result.ChangeAvailability(
            self._controller.set_operative(connector_id, type == "Operative")
        )

    def _change_configuration(self, key: str, value: str) -> Any:
        self._controller.catch_up()
        status = self._station.settings.change(key, value)
        if status == "Accepted":
            self._after(lambda: self._station.obey(key))
        return call_result.ChangeConfiguration(status)

    def _clear_cache(self) -> Any:
        enabled = self._station.settings.flag("AuthorizationCacheEnabled")
        self._station.local.cache.clear()
        return call_result.ClearCache("Accepted" if enabled else "Rejected")

    def _clear_charging_profile(
        self,
        id: int | None = None,
        connector_id: int | None = None,
        charging_profile_purpose: str | None = None,
        stack_level: int | None = None,
    ) -> Any:
        self._needs("SmartCharging")
        cleared = self._controller.clear_profiles(
            id=id,
            connector=connector_id,
            purpose=charging_profile_purpose,
            stack_level=stack_level,
        )
        return call_result.ClearChargingProfile("Accepted" if cleared else "Unknown")

    def _data_transfer(self, vendor_id: str, **message: Any) -> Any:
        return call_result.DataTransfer("UnknownVendorId")

    def _get_composite_schedule(
        self, connector_id: int, duration: int, charging_rate_unit: str = "A"
    ) -> Any:
        self._needs("SmartCharging")
        if connector_id and connector_id not in self._station.connectors:
            return call_result.GetCompositeSchedule("Rejected")
        periods = self._controller.composite_schedule(
            connector_id, duration, charging_rate_unit
        )
        return call_result.GetCompositeSchedule(
            status="Accepted",
            connector_id=connector_id,
            schedule_start=written(self._controller.now),
            charging_schedule={
                "duration": duration,
                "charging_rate_unit": charging_rate_unit,
                "charging_schedule_period": periods,
            },
        )

    def _get_configuration(self, key: list[str] | None = None) -> Any:
        told = self._station.settings.told(key)
        return call_result.GetConfiguration(
            configuration_key=told["configurationKey"], unknown_key=told["unknownKey"]
        )

    def _get_local_list_version(self) -> Any:
        enabled = self._station.settings.flag("LocalAuthListEnabled")
        return call_result.GetLocalListVersion(
            self._station.local.version if enabled else -1
        )

    def _remote_start(
        self,
        id_tag: str,
        connector_id: int | None = None,
        charging_profile: dict[str, Any] | None = None,
    ) -> Any:
        connector = self._free_connector(connector_id)
        if connector is None or not self._station.is_registered:
            return call_result.RemoteStartTransaction("Rejected")
        self._after(
            lambda: self._station.remote_start(
                connector.number, id_tag, charging_profile
            )
        )
        return call_result.RemoteStartTransaction("Accepted")

    def _remote_stop(self, transaction_id: int) -> Any:
        charging = [
            number
            for number, connector in self._station.connectors.items()
            if connector.transaction and connector.transaction_id == transaction_id
        ]
        if not charging:
            return call_result.RemoteStopTransaction("Rejected")
        self._after(lambda: self._controller.stop(charging[0], "Remote"))
        return call_result.RemoteStopTransaction("Accepted")

    def _reset(self, type: str) -> Any:
        self._after(lambda: self._station.reset(soft=type == "Soft"))
        return call_result.Reset("Accepted")

    def _send_local_list(
        self,
        list_version: int,
        update_type: str,
        local_authorization_list: list[dict[str, Any]] | None = None,
    ) -> Any:
        self._needs("LocalAuthListManagement")
        entries = camel_case(local_authorization_list or [])
        return call_result.SendLocalList(
            self._station.local.update(
                list_version, update_type, entries, self._station.settings
            )
        )

    def _set_charging_profile(
        self, connector_id: int, cs_charging_profiles: dict[str, Any]
    ) -> Any:
        self._needs("SmartCharging")
        if connector_id and connector_id not in self._station.connectors:
            raise PropertyConstraintViolationError({"cause": "no such connector"})
        return call_result.SetChargingProfile(
            self._controller.set_profile(connector_id, cs_charging_profiles)
        )

    def _trigger_message(
        self, requested_message: str, connector_id: int | None = None
    ) -> Any:
        self._needs("RemoteTrigger")
        if connector_id and connector_id not in self._station.connectors:
            return call_result.TriggerMessage("Rejected")
        triggered = self._station.triggered(requested_message, connector_id)
        if triggered is None:
            return call_result.TriggerMessage("NotImplemented")
        self._after(triggered)
        return call_result.TriggerMessage("Accepted")

    def _unlock_connector(self, connector_id: int) -> Any:
        if connector_id not in self._station.connectors:
            return call_result.UnlockConnector("NotSupported")
        self._controller.stop(connector_id, "UnlockCommand")
        return call_result.UnlockConnector("Unlocked")

    def _after(self, action: Callable[[], None]) -> None:
        """Do something when the answer is on the wire."""
        self._station.endpoint.afterwards(action)

    def _needs(self, profile: str) -> None:
        """Refuse what the station was not built for (NotSupported)."""
        if profile not in self._station.settings.items_of("SupportedFeatureProfiles"):
            raise NotSupportedError({"cause": f"no {profile}"})

    def _free_connector(self, number: int | None) -> SimulatedConnector | None:
        """Return the connector for a remote start: the one, else the likeliest."""
        free = [
            connector
            for connector in self._station.connectors.values()
            if number in (None, connector.number)
            and connector.operative
            and not connector.transaction
        ]
        return max(free, key=lambda connector: connector.car is not None, default=None)
