"""The reader and its API are tested on the small network of the pages."""

from tests.dashboard.conftest import (
    as_bea,
    as_ivo,
    as_sam,
    bea,
    budget,
    forget_answers,
    happened,
    ivo,
    network,
    person,
    sam,
)

__all__ = [
    "as_bea",
    "as_ivo",
    "as_sam",
    "bea",
    "budget",
    "forget_answers",
    "happened",
    "ivo",
    "network",
    "person",
    "sam",
]
