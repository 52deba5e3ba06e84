"""The yardstick as a process, behind the same server with the same flags as the product."""

from collections.abc import Iterator
from contextlib import contextmanager

from bench.bench import Bench
from bench.instance import DATABASE, HOST, free_port, reference_program
from config import launch


@contextmanager
def reference(bench: Bench, database: str = DATABASE) -> Iterator[str]:
    """Its address, while it runs."""
    port = free_port()
    words = launch.web_words(launch.Choices(HOST, port, demo=False))
    words[words.index("config.web:application")] = "bench.reference.web:application"
    program = reference_program(port, bench.instance, launch.python(*words), database)
    with bench.instance.programs([program]):
        yield f"http://{HOST}:{port}"
