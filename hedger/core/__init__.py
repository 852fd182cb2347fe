"""Decisions, pure: no I/O, no clock, no dice, no log."""
