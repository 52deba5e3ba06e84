"""Accept: events posted over HTTP and committed to the journal, against COPY of the same events.

Only the web process and PostgreSQL are at work, with the load generator on the same cores; the
fold has its own figure.
"""

from collections.abc import Iterator

from bench import copying, journal
from bench.bench import Bench
from bench.load import Job, run
from bench.paired import paired
from bench.report import Figure

GOALS = {1_000: 0.9, 100: 0.5}


def measure(bench: Bench) -> Iterator[Figure]:
    copying.make_table()
    with bench.instance.running("web") as product:
        key = journal.new_key()
        for batch, goal in GOALS.items():
            yield _figure(bench, product.url, key, batch, goal)


def _figure(bench: Bench, url: str, key: str, batch: int, goal: float) -> Figure:
    events = bench.scaled(400_000, 40_000)
    rows = journal.fill(bench.bodies(1_000), 40, journal.new_sender())
    texts = copying.commits(journal.events_of(rows))

    def copied(_: int) -> float:
        copying.empty_table()
        return copying.copy_rate(40_000, texts)

    def accepted(_: int) -> float:
        outcome = run(
            Job(url=url, key=key, network=bench.network, series=bench.series(), batch=batch,
                posts=events // batch)
        )  # fmt: skip
        assert outcome.events == events, outcome
        return outcome.rate

    accepted(0)  # the first posts of a process pay for its connections and caches
    pair = paired(accepted, copied, pairs=bench.scaled(5, 2))
    return Figure.at_least(
        f"accept, posts of {batch:,}", pair.value, "events/s", pair.limit, goal,
        ratio=pair.ratio, note=pair.spread,
    )  # fmt: skip
