"""python -m bench: measure, print one table, keep bench/results.json."""

import argparse
import sys
import time

from bench.place import RESULTS, claim_environment

VAR = claim_environment()

from bench.bench import Bench  # noqa: E402
from bench.instance import Instance  # noqa: E402
from bench.report import Figure, keep, table  # noqa: E402
from config.supervisor import AlreadyRunning  # noqa: E402

NAMES = (
    "accept",
    "fold",
    "workers",
    "system",
    "cpu",
    "visible",
    "reading",
    "pages",
    "queue",
    "bulk",
    "growth",
)


def main() -> int:
    choices = parse()
    try:
        with Instance(VAR) as instance:
            figures = measure(instance, choices)
    except AlreadyRunning as held:
        print(f"Something is being measured in {held} already.", file=sys.stderr)
        return 2
    print("\n" + table(figures))
    print(f"\nkept in {RESULTS}")
    return 0 if all(figure.met for figure in figures) else 1


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small and short: does it work?")
    parser.add_argument(
        "--only", type=lambda text: text.split(","), default=NAMES, metavar=",".join(NAMES)
    )
    parser.add_argument(
        "--size", type=int, default=10_000_000, help="events of the large history (%(default)s)"
    )
    choices = parser.parse_args()
    if unknown := set(choices.only) - set(NAMES):
        parser.error(f"no such figure: {', '.join(sorted(unknown))}")
    return choices


def measure(instance: Instance, choices: argparse.Namespace) -> list[Figure]:
    from bench.corpus import network
    from bench.figures import FIGURES

    bench = Bench(instance, network(), choices.quick, choices.size)
    found = []
    for name in choices.only:
        began = time.monotonic()
        instance.console.say(f"measuring {name}")
        figures = list(FIGURES[name](bench))
        found += figures
        keep(figures, quick=choices.quick)
        for figure in figures:
            instance.console.say(f"{figure.name}: {figure.ratio:.2f} ({figure.goal})")
        instance.console.say(f"{name} took {time.monotonic() - began:.0f} s")
    return found


if __name__ == "__main__":
    sys.exit(main())
