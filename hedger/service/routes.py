"""Where a book's orders go: its own venue and account, and others that it is hedged at.

A book calls what is elsewhere by a name that carries the venue (`name_at`), so that positions,
intents and order ids are each of one venue. A route translates what its venue tells; ids that are
unique there alone get the venue too.
"""

from __future__ import annotations

import msgspec

from hedger.core.model import AccountEvent, Fill, Instrument, Record, name_at, name_there, venue_of


class Route(Record, frozen=True, kw_only=True):
    """One account at one venue, as a book sees it; ``mark`` is empty at the book's own venue."""

    venue: str
    account: str
    mark: str = ""

    def name(self, there: str) -> str:
        """The book's name for something of this venue."""
        return name_at(there, self.mark)

    def has(self, name: str) -> bool:
        """Whether something of that name, as the book calls it, is of this venue."""
        return venue_of(name) == self.mark

    def there(self, instrument: Instrument) -> Instrument:
        """Contract data under the venue's own name."""
        if not self.mark:
            return instrument
        return msgspec.structs.replace(instrument, name=name_there(instrument.name))

    def instrument(self, there: Instrument) -> Instrument:
        """Contract data under the book's name."""
        if not self.mark:
            return there
        return msgspec.structs.replace(there, name=self.name(there.name))

    def fill(self, there: Fill) -> Fill:
        """A fill that the venue tells of."""
        if not self.mark:
            return there
        return msgspec.structs.replace(
            there, instrument=self.name(there.instrument), trade_id=self.name(there.trade_id)
        )

    def event(self, there: AccountEvent) -> AccountEvent:
        """An account event that the venue tells of."""
        if not self.mark:
            return there
        instrument = self.name(there.instrument) if there.instrument else ""
        return msgspec.structs.replace(
            there, instrument=instrument, event_id=self.name(there.event_id)
        )
