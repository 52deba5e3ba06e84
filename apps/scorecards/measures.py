"""What is counted of a cell: the columns that rollups and their deltas share, named once.

Statements over all of them have places that `written` fills in. Names are constants of ours, so
nothing needs quoting.
"""

from collections.abc import Sequence
from typing import LiteralString

# In the order of the tables: what hands rows on from one to the next relies on it.
MEASURES: list[LiteralString] = [
    *("events", "started", "settled", "completed", "failed", "dead_lettered", "retried"),
    *("manual_touches", "met", "breached", "excluded"),
    *("business_met", "business_breached", "business_excluded"),
    *("amount_started", "amount_settled", "amount_completed", "amount_at_risk"),
    *("latencies", "latency_ms", "latency_histogram"),
    *("business_latencies", "business_latency_ms", "business_latency_histogram"),
]
# Too large for a bigint. The sums of all others are cast back to one, because numeric arithmetic
# is several times slower.
WIDE = {"latency_ms", "latency_histogram", "business_latency_ms", "business_latency_histogram"}
# Where the place of a cell is the whole network: the sum of all facilities, whatever facilities
# there are. No facility has this id.
NETWORK: LiteralString = "0"
# What stands open has no time: one row a cell.
BACKLOG: list[LiteralString] = [
    *("open", "overdue", "business_overdue", "troubled", "amount_open", "amount_at_risk")
]


def written(
    statement: LiteralString, names: Sequence[LiteralString], **parts: LiteralString
) -> LiteralString:
    """The statement with these measures written out where it names them, and other parts put in.

    {measures}: the columns; {sums}: each added up, nothing is 0; {zeroed}: each, 0 where an outer
    join found no row; {additions}: what an upsert into `r` sets.
    """
    return statement.format(
        measures=", ".join(names),
        sums=", ".join(map(_sum, names)),
        zeroed=", ".join(f"COALESCE({name}, 0) AS {name}" for name in names),
        additions=", ".join(f"{name} = r.{name} + excluded.{name}" for name in names),
        **parts,
    )


def _sum(name: LiteralString) -> LiteralString:
    cast = "" if name in WIDE else "::bigint"
    return f"COALESCE(sum({name}), 0){cast} AS {name}"
