"""Long runs on real processes, a real server and real sockets: ``python -m tests.chaos``.

Each run (one module each) does one kind of harm to a `Rig` (paper exchange, store server, worker
processes) for its share of the minutes; the judge then reads the exchange's own trade log and the
decisions that were published, nothing else.
"""
