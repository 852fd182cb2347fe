"""The limit that is asked before risk is taken: a grid of scenarios, and what may come of them."""

from __future__ import annotations

from hedger.core.model.record import Record


class ScenarioRule(Record, frozen=True, kw_only=True):
    """A spot x vol grid and the limits of its worst cell; a limit of 0 is none.

    ``moves`` and ``vols`` are relative changes. The loss is at most ``loss_max`` [numeraire] and at
    most ``share_max`` of the margin balance; the venue's maintenance, as it would be in the cell,
    at most ``ratio_max`` of the balance that is left there. ``initial_max`` is the largest share of
    the balance that initial margin may take once the hedge is made. ``margin`` is the venue's model
    (standard or grid), ``crossed`` says that its balances cover one another.
    """

    moves: tuple[float, ...] = (-0.20, -0.15, -0.10, -0.05, 0.0, 0.05, 0.10, 0.15, 0.20)
    vols: tuple[float, ...] = (-0.25, 0.0, 0.5)
    loss_max: float = 0.0
    share_max: float = 0.0
    ratio_max: float = 0.0
    initial_max: float = 0.0
    margin: str = "standard"
    crossed: bool = False

    @property
    def stresses(self) -> bool:
        """Whether any limit reads the grid."""
        return bool(self.loss_max or self.share_max or self.ratio_max)

    @property
    def asks(self) -> bool:
        """Whether there is any limit at all."""
        return self.stresses or bool(self.initial_max)
