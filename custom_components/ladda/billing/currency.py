"""Currencies: their minor units and the names people write for them."""

from decimal import Decimal
from typing import Final

from .exact import ROUNDING

# ISO 4217, where it is not the usual 2.
_MINOR_DIGITS: Final = {
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW"), 0),
    **dict.fromkeys(("PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"), 0),
}

_DOLLAR: Final = ("$", "dollar", "dollars")
_CENT: Final = ("c", "ct", "cent", "cents", "¢")

# Names of the currency itself, in lower case; the ISO code is always one.
_MAJOR: Final[dict[str, tuple[str, ...]]] = {
    "AUD": (*_DOLLAR, "a$", "au$"),
    "BRL": ("r$", "real", "reais"),
    "CAD": (*_DOLLAR, "ca$"),
    "CHF": ("fr", "sfr", "franken", "francs"),
    "CNY": ("¥", "元", "yuan"),
    "CZK": ("kč", "kc"),
    "DKK": ("kr", "kroner"),
    "EUR": ("€", "euro", "euros"),
    "GBP": ("£", "pound", "pounds"),
    "HUF": ("ft", "forint"),
    "ILS": ("₪",),
    "INR": ("₹", "rs"),
    "ISK": ("kr", "krónur"),
    "JPY": ("¥", "円", "yen"),
    "KRW": ("₩", "won"),
    "NOK": ("kr", "kroner"),
    "NZD": (*_DOLLAR, "nz$"),
    "PLN": ("zł", "zl", "złoty"),
    "RON": ("lei", "leu"),
    "SEK": ("kr", "krona", "kronor"),
    "TRY": ("₺", "tl"),
    "UAH": ("₴", "грн"),
    "USD": (*_DOLLAR, "us$"),
    "ZAR": ("r", "rand"),
}

# Names of its hundredth, in lower case.
_HUNDREDTH: Final[dict[str, tuple[str, ...]]] = {
    "AUD": _CENT,
    "BRL": ("centavos",),
    "CAD": _CENT,
    "CHF": ("rp", "rappen", "ct", "cts", "centimes"),
    "CZK": ("haléř", "haléřů", "hal"),
    "DKK": ("øre", "ore"),
    "EUR": (
        *_CENT,
        "cts",
        "c€",
        "ct€",
        "€c",
        "€ct",
        "€cent",
        "eurocent",
        "eurocents",
        "snt",
        "senttiä",
        "senti",
    ),
    "GBP": ("p", "pence", "penny"),
    "INR": ("paise",),
    "NOK": ("øre", "ore"),
    "NZD": _CENT,
    "PLN": ("gr", "grosz", "groszy"),
    "RON": ("bani",),
    "SEK": ("öre", "ore"),
    "TRY": ("kuruş",),
    "UAH": ("коп",),
    "USD": _CENT,
    "ZAR": _CENT,
}

_KNOWN_NAMES: Final = frozenset(
    name
    for code in _MAJOR
    for name in (code.casefold(), *_MAJOR[code], *_HUNDREDTH.get(code, ()))
)


def rounded(amount: Decimal, currency: str) -> Decimal:
    """`amount` in whole minor units of `currency` (ISO 4217), half away from zero."""
    unit = Decimal(1).scaleb(-_MINOR_DIGITS.get(currency, 2))
    return amount.quantize(unit, context=ROUNDING)


def worth(name: str, currency: str) -> Decimal | None:
    """How much `currency` one `name` is: 1, 0.01, or None where it is none of it.

    `name` is an ISO 4217 code, a symbol or a word, in lower case.
    """
    if name == currency.casefold() or name in _MAJOR.get(currency, ()):
        return Decimal(1)
    if name in _HUNDREDTH.get(currency, ()):
        return Decimal("0.01")
    return None


def is_known(name: str) -> bool:
    """Whether `name`, in lower case, is money of any currency listed here."""
    return name in _KNOWN_NAMES
