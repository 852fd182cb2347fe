"""Skips tests of functions that are not here yet; to be removed with its uses once they are."""

import pytest

import pricing

__all__ = ["needs"]


def needs(*names: str) -> pytest.MarkDecorator:
    """Skip unless `pricing` exports all of these."""
    missing = [name for name in names if not hasattr(pricing, name)]
    return pytest.mark.skipif(bool(missing), reason=f"pricing has no {', '.join(missing)}")
