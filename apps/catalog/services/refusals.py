"""Which named rule of the database refused a write."""

from django.db import IntegrityError


def constraint_of(error: IntegrityError) -> str:
    """The constraint's name, also where a trigger raised it."""
    return getattr(getattr(error.__cause__, "diag", None), "constraint_name", None) or ""
