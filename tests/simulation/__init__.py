"""Deterministic simulation: the real loops and the real scripts, in virtual time, under faults.

One seed makes one episode; ``python -m tests.simulation --seed N`` plays it again, step for step.
"""
