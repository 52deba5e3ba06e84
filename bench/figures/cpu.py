"""CPU of the server side per event, from the first byte read to the score on the rollups.

Every process counts: web, worker with its pool, beat, sweep, PostgreSQL with all its backends and
background workers, Valkey. The yardstick is bench/reference on the same server and database, with
the product's processes stopped in their tracks while it is measured.
"""

from collections.abc import Iterator

from bench import copying, journal
from bench.bench import Bench
from bench.instance import Running, wait_until_scored
from bench.load import Job, run
from bench.paired import Pair, paired
from bench.reference.process import reference
from bench.report import Figure

OURS = ("web", "worker", "beat", "sweep", "postgres", "redis")
THEIRS = ("reference", "postgres")
GOALS = {1: 1.5, 100: 1.0}


def measure(bench: Bench) -> Iterator[Figure]:
    copying.make_table()
    key = journal.new_key()
    with (
        bench.instance.running("web", "worker", "beat", "sweep") as product,
        reference(bench) as theirs,
    ):
        for batch, goal in GOALS.items():
            pair = _compare(bench, product, theirs, key, batch)
            yield Figure.at_most(
                f"server CPU an event, posts of {batch}", pair.value, "us", pair.limit, goal,
                ratio=pair.ratio, note=pair.spread,
            )  # fmt: skip


def _compare(bench: Bench, product: Running, yardstick: str, key: str, batch: int) -> Pair:
    posts = bench.scaled(6_000, 500) if batch == 1 else bench.scaled(1_000, 100)

    def ours(_: int) -> float:
        before = bench.instance.cpu_seconds(*OURS)
        _post(bench, product.url, "/api/v1/events", key, batch, posts)
        wait_until_scored()
        return (bench.instance.cpu_seconds(*OURS) - before) / posts / batch * 1e6

    def theirs(_: int) -> float:
        copying.empty_table()
        with product.paused():
            before = bench.instance.cpu_seconds(*THEIRS)
            _post(bench, yardstick, "/events", key, batch, posts)
            return (bench.instance.cpu_seconds(*THEIRS) - before) / posts / batch * 1e6

    ours(0)
    return paired(ours, theirs, pairs=bench.scaled(5, 2))


def _post(bench: Bench, url: str, path: str, key: str, batch: int, posts: int) -> None:
    outcome = run(
        Job(url=url, path=path, key=key, network=bench.network, series=bench.series(),
            batch=batch, posts=posts)
    )  # fmt: skip
    assert outcome.events == posts * batch, outcome
