"""What the server loads: the reference behind the front that the product has."""

from bench.reference.wsgi import application as wsgi
from config.front import Front, Limits

application = Front(
    wsgi,
    threads=4,
    limits=Limits(
        body=10 * 2**20,
        elsewhere=2**20,
        large_at=("/",),
        together=80 * 2**20,
        seconds=10,
        rate=32 * 2**10,
        waiting=256,
    ),
)
