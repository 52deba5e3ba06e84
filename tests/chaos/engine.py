"""One chaos run: start the product, load it, break it, let it come to rest, check everything."""

import json
import os
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.db import connection

from config import embedded
from tests.chaos import checks, figures, probes
from tests.chaos.faults import KINDS, Injector, absent, plan
from tests.chaos.figures import Window
from tests.chaos.history import Stream, names
from tests.chaos.load import Load
from tests.chaos.product import MARK, Product, free_port

# Waited for, not measured: a machine under other load may take long over anything.
DRAIN_SECONDS = 180.0
ALONE_SECONDS = 30.0
OUTAGE_RECOVERY_SECONDS = 60.0
WARM_SECONDS = 3.0


@dataclass(frozen=True)
class Choices:
    """What the person asked for on the command line."""

    seconds: float
    seed: int
    rate: float
    faults: int
    only: list[str]
    redis_absent: float
    postgres_absent: float
    recovery: float
    lag: float
    json: Path | None


@dataclass
class Run:
    """A run under way: the product, its load, and what is known so far."""

    choices: Choices
    product: Product
    load: Load
    report: dict[str, Any] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def say(self, text: str) -> None:
        print(f"{time.strftime('%H:%M:%S')} chaos: {text}", flush=True)


def run(choices: Choices) -> dict[str, Any]:
    """Everything from an empty directory to the report."""
    var = embedded.var_directory()
    told = {
        "THROUGHLINE_DEMO": "0",
        "THROUGHLINE_WORKER_PROCESSES": str(probes.FOLDERS),
        MARK: str(var),
    }
    product = Product(var, free_port(), told)
    try:
        product.start()
        product.wait_until_up()
        current = _begin(choices, product)
        current.load.start()
        _break(current)
        _settle(current)
        _end(current)
        _check(current)
        return _report(current)
    finally:
        probes.thaw(product)
        product.end_by_force()
        embedded.stop(embedded.place(var))


def _begin(choices: Choices, product: Product) -> Run:
    known = names()
    key = product.run("issue_key", "chaos")
    stream = Stream(known, choices.seed)
    load = Load(product.port, key, known, stream, choices.rate, choices.seed)
    return Run(choices, product, load)


# -- what goes wrong -----------------------------------------------------------------------------


def _break(run: Run) -> None:
    """Random faults, then a time without Valkey, then one without PostgreSQL, all under load."""
    time.sleep(WARM_SECONDS)
    window = _strike(run)
    if run.choices.redis_absent:
        _without(run, "redis", run.choices.redis_absent)
    if run.choices.postgres_absent:
        _without(run, "postgres", run.choices.postgres_absent)
    run.report["whole_run"] = Window(window.start, time.time())


def _strike(run: Run) -> Window:
    choices = run.choices
    faults = plan(
        choices.seed, seconds=choices.seconds, count=choices.faults, only=choices.only or KINDS
    )
    injector = Injector(run.product, faults)
    run.say(f"{len(faults)} faults in {choices.seconds:.0f} s at {choices.rate:.0f} events/s")
    began = time.time()
    if not faults:
        time.sleep(choices.seconds)
    thread = threading.Thread(target=injector.run)
    thread.start()
    while thread.is_alive():
        thread.join(15)
        acked = len(run.load.ledger.acked)
        run.say(f"{len(injector.struck)} faults, {acked} events acknowledged")
    window = Window(began, time.time())
    run.wrong += [f"fault without victim: {missed}" for missed in injector.missed]
    struck = injector.struck
    run.report |= {"faults": len(struck), "faults_by_kind": figures.faults(struck)}
    if restarts := [one.took for one in struck if one.kind == "kill supervisor"]:
        run.report["supervisor_killed_to_all_up"] = figures.spread(restarts, digits=1)
    last = struck[-1].at if struck else began
    _recover(run, "after_the_last_fault", last, run.choices.recovery)
    return window


def _recover(run: Run, name: str, since: float, seconds: float) -> None:
    """Note when each part worked again."""
    connection.close()
    found = probes.recovery(run.product, run.load, since, seconds=seconds)
    run.report[name] = found
    run.wrong += [
        f"{part} does not work {seconds:.0f} s {name.replace('_', ' ')}"
        for part, took in found.items()
        if took < 0
    ]


def _without(run: Run, server: str, seconds: float) -> None:
    """The load goes on while a server cannot be had at all."""
    run.say(f"{seconds:.0f} s without {server}")
    began = time.time()
    with absent(run.product, server):
        time.sleep(seconds)
        window = Window(began, time.time())
    name = f"without_{server}"
    run.report[name] = window
    _recover(run, f"after_{server}_came_back", window.end, OUTAGE_RECOVERY_SECONDS)


# -- coming to rest ------------------------------------------------------------------------------


def _settle(run: Run) -> None:
    """No new events; wait until all are acknowledged and folded; try each folder by itself."""
    run.say("letting it drain")
    run.load.finish(seconds=DRAIN_SECONDS)
    connection.close()
    if not probes.drained(seconds=DRAIN_SECONDS):
        run.wrong.append(f"not drained after {DRAIN_SECONDS:.0f} s")
    for name in ("worker", "sweep"):
        run.wrong += probes.folds_alone(run.product, run.load, name, seconds=ALONE_SECONDS)
    run.report["processes"] = probes.census(run.product, seconds=run.choices.recovery)
    run.wrong += probes.miscounted(run.report["processes"])
    run.wrong += probes.unhealthy(run.product)
    _figure(run)
    connection.close()
    lag = run.report.get("without_redis", {}).get("fold_lag_seconds", {}).get("p99", 0.0)
    if lag > run.choices.lag:
        run.wrong.append(f"without Valkey the 99th percentile of the fold lag is {lag} s")


def _figure(run: Run) -> None:
    """Turn the noted windows into figures, while the database is there to be asked."""
    ledger = run.load.ledger
    for name, window in [*run.report.items()]:
        if isinstance(window, Window):
            run.report[name] = {
                "seconds": round(window.end - window.start, 1),
                "accept_seconds": figures.accept_latency(ledger, window),
                "fold_lag_seconds": figures.fold_lag(window),
                "not_accepted": figures.refusals(ledger, window),
            }


def _end(run: Run) -> None:
    """Stop it as a person would; nothing may be left."""
    run.say("stopping")
    status = run.product.stop()
    if status:
        run.wrong.append(f"the supervisor ended with status {status}")
    run.wrong += probes.left_behind(run.product)


def _check(run: Run) -> None:
    """With only PostgreSQL up, so that nothing moves while it is counted."""
    run.say("checking")
    where = embedded.start(embedded.place(run.product.var))
    try:
        found = checks.check(run.load.ledger)
    finally:
        connection.close()
        embedded.stop(where)
    run.wrong += found.wrong
    run.report |= {
        "events": found.events,
        "transactions": found.transactions,
        "rollup_cells": found.cells,
    }


def _report(run: Run) -> dict[str, Any]:
    ledger = run.load.ledger
    report = {
        "seed": run.choices.seed,
        "commit": figures.commit(),
        "cores": os.cpu_count(),
        "acknowledged": len(ledger.acked),
        "batches_sent_again_on_purpose": ledger.resent,
        "answers": dict(ledger.answers),
        "supervisor_starts": run.product.starts,
        **run.report,
        "wrong": run.wrong,
    }
    if run.choices.json:
        run.choices.json.write_text(json.dumps(report, indent=2) + "\n")
    return report
