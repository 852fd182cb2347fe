"""The three named acts: `cancel` what works, go `neutral`, `close` options and hedges together.

Pure planning. Where an act leads is a plan like any other, sent by the same path; what an act is
allowed is said here and nowhere else:

* no act trades a hedge away while an option that it hedges remains, quoted or not;
* an option is closed on a fresh market of its own, at the price shown there, so many lots at once
  that the delta stays inside the hard band whether the order fills or not; then the hedge follows;
* short options go before the long ones that cover them.
"""

from hedger.core.acts.acting import acting, cancelling
from hedger.core.acts.closing import Prospect, prospects, remaining_legs
from hedger.core.acts.words import WAITS, finished

__all__ = ["WAITS", "Prospect", "acting", "cancelling", "finished", "prospects", "remaining_legs"]
