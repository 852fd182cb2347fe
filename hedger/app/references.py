"""A book's reference price in the settings as the records of a decision and of those who listen."""

from __future__ import annotations

from hedger.core.model import ReferenceRule, ReferenceUse, SourceFeed
from hedger.settings import Book, Configuration
from hedger.venues.deribit.contracts import instrument


def reference_use(configuration: Configuration, book: Book) -> ReferenceUse | None:
    """What a book's decisions do with the reference that it names; None where it names none."""
    wanted = book.reference
    found = configuration.settings.reference.get(wanted.name)
    if found is None:
        return None
    return ReferenceUse(
        name=wanted.name,
        venue=book.venue,
        rule=ReferenceRule(
            sources_min=found.sources_min,
            age_ms_max=round(1_000 * found.age_s_max),
            deviation_max=found.deviation_max,
            weight_max=found.weight_max,
            depeg_max=found.depeg_max,
            guard_max=found.guard_max,
        ),
        is_index=wanted.index == "reference",
        confirms=wanted.jumps == "reference",
        guard=wanted.guard,
        is_required=wanted.missing == "refuse",
    )


def source_feeds(configuration: Configuration, book: Book) -> tuple[SourceFeed, ...]:
    """What has to be listened to for it."""
    found = configuration.settings.reference.get(book.reference.name)
    if found is None:
        return ()
    rows = []
    for source, weight in zip(found.feeds, found.volumes, strict=True):
        contract = instrument(source.instrument)
        rows.append(
            SourceFeed(
                name=source.name,
                instrument=source.instrument,
                venue=source.venue,
                underlying=contract.underlying,
                quote=contract.quote,
                is_index=source.is_index,
                weight=weight,
            )
        )
    return tuple(rows)
