"""The demo's dashboard, made of Home Assistant's own cards."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from .demo_texts import Texts

type Card = dict[str, Any]
type Find = Callable[[str], str]
"""Returns the entity id of a unique id of Ladda's."""

CONNECTORS: Final = (("garage", 1), ("garage", 2), ("driveway", 1))


def dashboard(texts: Texts, find: Find, users: Mapping[str, str], tariff: str) -> Card:
    """Return the dashboard's configuration.

    `users` are names to subentry ids, `tariff` is a subentry id.
    """
    price = find(f"tariff_{tariff}_price")
    return {
        "views": [
            {
                "title": texts.now,
                "path": "now",
                "icon": "mdi:ev-station",
                "type": "sections",
                "max_columns": 3,
                "badges": _badges(texts, find, users, price),
                "sections": [
                    *(_connector(texts, find, *one) for one in CONNECTORS),
                    _lately(texts, find),
                    _money(texts, find, users, price),
                ],
            },
            {
                "title": texts.past,
                "path": "past",
                "icon": "mdi:chart-bar",
                "type": "sections",
                "max_columns": 3,
                "sections": _past(texts, find, users),
            },
        ]
    }


def _badges(
    texts: Texts, find: Find, users: Mapping[str, str], price: str
) -> list[Card]:
    """Show the price and what everybody's month has cost, at the top."""
    shown = [(price, texts.prices, "mdi:cash-clock", "amber")]
    shown += [
        (find(f"user_{user}_cost_month"), name, "mdi:account", "primary")
        for name, user in users.items()
    ]
    return [
        {
            "type": "entity",
            "entity": entity,
            "name": name,
            "icon": icon,
            "color": colour,
            "show_name": True,
        }
        for entity, name, icon, colour in shown
    ]


def _connector(texts: Texts, find: Find, identity: str, number: int) -> Card:
    """Show one connector: what it does, for whom, and what that costs."""

    def entity(key: str) -> str:
        return find(unique_id(identity, number, key))

    return _section(
        _heading(
            connector_name(texts, identity, number), "mdi:ev-station", entity("status")
        ),
        _tile(
            entity("charging"),
            texts.charging,
            columns=12,
            color="green",
            features=[{"type": "toggle"}],
            features_position="inline",
            state_content=["state", "last_changed"],
        ),
        {
            "type": "gauge",
            "entity": entity("power"),
            "name": texts.power,
            "min": 0,
            "max": 22_500,
            "grid_options": {"columns": 6, "rows": 3},
        },
        {
            "type": "vertical-stack",
            "grid_options": {"columns": 6, "rows": 3},
            "cards": [
                _tile(entity("session_user"), texts.user, color="primary"),
                _tile(entity("session_energy"), texts.energy, color="amber"),
                _tile(entity("session_cost"), texts.cost, color="green"),
            ],
        },
        _tile(
            entity("current_limit"),
            texts.limit,
            columns=12,
            features=[{"type": "numeric-input", "style": "slider"}],
            features_position="inline",
        ),
    )


def _lately(texts: Texts, find: Find) -> Card:
    """Show how power and cost of all connectors move."""
    return _section(
        _heading(texts.power, "mdi:lightning-bolt"),
        _history(_of_connectors(texts, find, "power")),
        _heading(texts.cost, "mdi:cash"),
        _history(_of_connectors(texts, find, "session_cost")),
        column_span=2,
    )


def _money(texts: Texts, find: Find, users: Mapping[str, str], price: str) -> Card:
    """Show how the price moves, and what everybody has charged this month."""
    accounts: list[Card] = []
    for name, user in users.items():
        accounts += [
            _heading(name, "mdi:account", find(f"user_{user}_last_session")),
            _tile(find(f"user_{user}_energy_month"), texts.energy, color="amber"),
            _tile(find(f"user_{user}_cost_month"), texts.cost, color="green"),
        ]
    return _section(
        _heading(texts.price, "mdi:transmission-tower"),
        _history([{"entity": price, "name": texts.tariff}]),
        *accounts,
    )


def _past(texts: Texts, find: Find, users: Mapping[str, str]) -> list[Card]:
    """Show statistics by charger and by user, and what happened."""

    def of_users(key: str) -> list[Card]:
        return [
            {"entity": find(f"user_{user}_{key}"), "name": name}
            for name, user in users.items()
        ]

    happened = [
        *(find(unique_id(*connector, "session")) for connector in CONNECTORS),
        *(find(f"{identity}_tag_presented") for identity in dict(CONNECTORS)),
    ]
    return [
        _section(
            _heading(texts.energy_by_charger, "mdi:ev-station"),
            _statistics(_of_connectors(texts, find, "energy")),
            _heading(texts.energy_by_user, "mdi:account-group"),
            _statistics(of_users("energy_total")),
            _heading(texts.cost_by_user, "mdi:cash"),
            _statistics(of_users("cost_total")),
            column_span=2,
        ),
        _section(
            _heading(texts.events, "mdi:format-list-bulleted"),
            {
                "type": "logbook",
                "target": {"entity_id": happened},
                "hours_to_show": 6,
                "grid_options": {"columns": "full", "rows": 15},
            },
        ),
    ]


def _of_connectors(texts: Texts, find: Find, key: str) -> list[Card]:
    return [
        {
            "entity": find(unique_id(identity, number, key)),
            "name": connector_name(texts, identity, number),
        }
        for identity, number in CONNECTORS
    ]


def _history(entities: list[Card]) -> Card:
    """Show the last half hour, which is hours in the demo."""
    return {
        "type": "history-graph",
        "hours_to_show": 0.5,
        "entities": entities,
        "grid_options": {"columns": "full", "rows": 4},
    }


def _statistics(entities: list[Card]) -> Card:
    """Show what was added each five minutes, the finest there is."""
    return {
        "type": "statistics-graph",
        "period": "5minute",
        "days_to_show": 0.125,
        "stat_types": ["change"],
        "chart_type": "bar",
        "entities": entities,
        "grid_options": {"columns": "full", "rows": 5},
    }


def unique_id(identity: str, number: int, key: str) -> str:
    """Return the unique id of an entity of a connector."""
    return f"{identity}/{number}_{key}"


def connector_name(texts: Texts, identity: str, number: int) -> str:
    """Return what a connector is called; the only one of a station goes by its name."""
    station = texts.stations[identity]
    if sum(one == identity for one, _ in CONNECTORS) == 1:
        return station
    return f"{station} · {texts.connector.format(number=number)}"


def _section(*cards: Card, **options: Any) -> Card:
    return {"type": "grid", "cards": list(cards), **options}


def _heading(text: str, icon: str, badge: str | None = None) -> Card:
    badges = [{"type": "entity", "entity": badge, "color": "state"}] if badge else []
    return {
        "type": "heading",
        "heading": text,
        "heading_style": "title",
        "icon": icon,
        "badges": badges,
    }


def _tile(entity: str, name: str, *, columns: int = 6, **options: Any) -> Card:
    return {
        "type": "tile",
        "entity": entity,
        "name": name,
        "grid_options": {"columns": columns},
        **options,
    }
