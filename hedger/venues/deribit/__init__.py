"""Deribit: instrument names and contract data."""
