from tests.chaos.run import Run

RUNS: list[Run] = []
