"""What is written in the demo's house, in English and in Swedish."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, kw_only=True)
class Texts:
    """The names that the owner gave, and the headings of the dashboard."""

    house: str
    stations: dict[str, str]
    connector: str
    tariff: str
    price: str
    charging: str
    energy: str
    cost: str
    power: str
    user: str
    limit: str
    now: str
    past: str
    prices: str
    energy_by_charger: str
    energy_by_user: str
    cost_by_user: str
    events: str


TEXTS: Final = {
    "en": Texts(
        house="Home",
        stations={"garage": "Garage", "driveway": "Driveway"},
        connector="Connector {number}",
        tariff="Hourly price",
        price="Electricity price",
        charging="Charging",
        energy="Energy",
        cost="Cost",
        power="Power",
        user="User",
        limit="Current limit",
        now="Now",
        past="Past",
        prices="Price",
        energy_by_charger="Energy by charger",
        energy_by_user="Energy by user",
        cost_by_user="Cost by user",
        events="What happened",
    ),
    "sv": Texts(
        house="Hemma",
        stations={"garage": "Garaget", "driveway": "Uppfarten"},
        connector="Uttag {number}",
        tariff="Timpris",
        price="Elpris",
        charging="Laddning",
        energy="Energi",
        cost="Kostnad",
        power="Effekt",
        user="Användare",
        limit="Strömgräns",
        now="Nu",
        past="Tidigare",
        prices="Pris",
        energy_by_charger="Energi per laddare",
        energy_by_user="Energi per användare",
        cost_by_user="Kostnad per användare",
        events="Vad som hänt",
    ),
}
