"""The records that every room shares; each noun once, frozen, no behaviour beyond arithmetic.

Instants are integer milliseconds since the epoch (UTC). Quantities are signed integer lots, order
prices integer ticks. Floats appear only in valuation. ``None`` means absent, never zero.
"""

from hedger.core.model.conduct import Conduct, VenueClass
from hedger.core.model.contracts import (
    SETTLEMENT_WINDOW_MS,
    Account,
    Fees,
    Instrument,
    Kind,
    Position,
    Quote,
)
from hedger.core.model.decision import (
    Action,
    BandInputs,
    Curve,
    Decision,
    Doubt,
    ExpiryLine,
    Exposure,
    HedgeQuote,
    Plan,
    PlanLine,
    Refusal,
    Scaling,
    Target,
)
from hedger.core.model.record import Record
from hedger.core.model.rules import BandRule, DataRule, HedgeRule, LimitRule, Rules
from hedger.core.model.state import (
    AccountEvent,
    BookState,
    Fill,
    FillKind,
    Happening,
    Intent,
    IntentState,
    Memory,
    Order,
    OrderReport,
    OrderStatus,
)

__all__ = [
    "SETTLEMENT_WINDOW_MS",
    "Account",
    "AccountEvent",
    "Action",
    "BandInputs",
    "BandRule",
    "BookState",
    "Conduct",
    "Curve",
    "DataRule",
    "Decision",
    "Doubt",
    "ExpiryLine",
    "Exposure",
    "Fees",
    "Fill",
    "FillKind",
    "Happening",
    "HedgeQuote",
    "HedgeRule",
    "Instrument",
    "Intent",
    "IntentState",
    "Kind",
    "LimitRule",
    "Memory",
    "Order",
    "OrderReport",
    "OrderStatus",
    "Plan",
    "PlanLine",
    "Position",
    "Quote",
    "Record",
    "Refusal",
    "Rules",
    "Scaling",
    "Target",
    "VenueClass",
]
