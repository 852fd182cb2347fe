"""What `hedger status` and `hedger doctor` say of a reference: nothing where all is well."""

from __future__ import annotations

import pytest

from hedger.app.doctor import reference_finding
from hedger.cli.status import _reference
from hedger.core.model import Depeg, LeftOut, Reference, Used

WELL = Reference(
    price=60_006.0,
    time_ms=1,
    name="btc",
    parts=(Used(name="P@paper", price=60_006.0), Used(name="P@west", price=60_007.0)),
)
LIAR = LeftOut(name="P@east", reason="-30.00% from the median 60006")
USDC = Depeg(currency="USDC", rate=0.95, known_by="2 prices in it")


def changed(**change: object) -> Reference:
    return Reference(**{n: getattr(WELL, n) for n in WELL.__struct_fields__} | change)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("found", "notes", "state"),
    [
        (WELL, [], "ok"),
        (changed(left_out=(LIAR,)), ["reference btc without P@east"], "warn"),
        (changed(depegs=(USDC,)), ["USDC off its peg at 0.9500"], "warn"),
        (
            changed(price=None, parts=(), left_out=(LIAR,), reason="1 sources agree"),
            ["no reference btc: 1 sources agree"],
            "warn",
        ),
    ],
)
def test_status_and_doctor_say_what_is_wrong(
    found: Reference, notes: list[str], state: str
) -> None:
    assert list(_reference(found)) == notes
    said = reference_finding("main", "venue", found)
    assert said.state == state
    assert (LIAR.reason in said.found) is bool(found.left_out)
    assert ("USDC at 0.9500" in said.found) is bool(found.depegs)


def test_a_reference_that_is_required_and_short_is_not_fit_to_trade() -> None:
    short = changed(price=None, parts=(), reason="1 sources agree")
    assert reference_finding("main", "refuse", short).state == "fail"
    assert reference_finding("main", "refuse", None).state == "warn", "nothing was decided yet"
