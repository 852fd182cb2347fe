"""Keeps options books delta-neutral: workers, venues, a shared store, and one pure decision."""

__version__ = "0.1.0"
