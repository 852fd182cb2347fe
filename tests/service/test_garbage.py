"""What a worker has loaded by the time it is warm is frozen; its garbage afterwards is not."""

import subprocess
import sys

ENDED = """
import weakref
from collections import deque
from hedger.app import worker

worker.warm = lambda: None
loaded = [[n] for n in range(1_000_000)]  # as many objects as modules and kernels bring
worker._warm_for_good()

class Line:
    pass

def line():  # a connection and its transport, each holding the other
    one, other = Line(), Line()
    one.other, other.other = other, one
    return one

seen, used = [], deque(maxlen=50)  # a line is used for a while, then lost
for n in range(4_000):
    used.append(line())
    seen.append(weakref.ref(used[-1]))
    quotes = [[n] for n in range(750)]
print(sum(ref() is not None for ref in seen))
"""


def test_dead_connections_do_not_lie_about_in_a_warm_worker() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ENDED], capture_output=True, text=True, timeout=60, check=True
    )
    assert int(done.stdout) < 800  # of 4,000
