"""Venues: one file or folder each, implementing the `Venue` and `Feed` ports."""
