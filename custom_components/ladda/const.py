"""Names that more than one file of the Home Assistant side needs."""

from typing import Final

DOMAIN: Final = "ladda"
DEFAULT_PORT: Final = 9000

SUBENTRY_STATION: Final = "station"
SUBENTRY_USER: Final = "user"
SUBENTRY_TARIFF: Final = "tariff"

CONF_SECRET: Final = "secret"
CONF_CERTIFICATE: Final = "certificate"
CONF_PRIVATE_KEY: Final = "private_key"
CONF_SECOND_CERTIFICATE: Final = "second_certificate"  # holds the same two
CONF_LEGACY_CIPHERS: Final = "legacy_ciphers"
CONF_TURNED_AWAY: Final = "turned_away"

# station
CONF_IDENTITY: Final = "identity"
CONF_PASSWORD_HASH: Final = "password_hash"
CONF_NEW_PASSWORD_HASHES: Final = "new_password_hashes"
CONF_DEFAULT_USER: Final = "default_user"
CONF_OPEN_TO_ALL: Final = "open_to_all"
CONF_AUTO_START: Final = "auto_start"
CONF_KEEP_SETTINGS: Final = "keep_settings"
CONF_MAX_CURRENT: Final = "max_current"
DEFAULT_MAX_CURRENT: Final = 32  # A per phase

# user
CONF_TAGS: Final = "tags"
CONF_PERSON: Final = "person"
CONF_TARIFF: Final = "tariff"
CONF_ACTIVE: Final = "active"
CONF_VALID_FROM: Final = "valid_from"
CONF_VALID_UNTIL: Final = "valid_until"

# tariff; prices are kept as text, so that no digit is lost
CONF_KIND: Final = "kind"
KIND_FIXED: Final = "fixed"
KIND_HELPER: Final = "helper"
KIND_STATES: Final = "states"
CONF_PRICE: Final = "price"
CONF_ENTITY: Final = "entity"
CONF_PRICES: Final = "prices"
CONF_ENERGY_TAX: Final = "energy_tax"
CONF_GRID_FEE: Final = "grid_fee"
CONF_MARKUP: Final = "markup"
CONF_VAT_PERCENT: Final = "vat_percent"
CONF_VAT_INCLUDED: Final = "vat_included"
CONF_SESSION_FEE: Final = "session_fee"
CONF_DEFAULT: Final = "default"
