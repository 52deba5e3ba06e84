"""Where measurements live, and the environment that keeps them away from every other instance.

Imported before Django's settings, which read the environment.
"""

import os
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
RESULTS = PROJECT / "bench" / "results.json"
_KEPT = {"THROUGHLINE_SERVER_ACCOUNT"}


def claim_environment() -> Path:
    """Point this process, and all it starts, at a directory of our own; answer that directory."""
    var = Path(os.environ.get("THROUGHLINE_VAR") or PROJECT / "var").absolute()
    if var.name != "bench":
        var = var / "bench"
    for name in list(os.environ):
        is_ours = name.startswith("THROUGHLINE_") and name not in _KEPT
        if is_ours or name in {"DATABASE_URL", "REDIS_URL"}:
            del os.environ[name]
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "THROUGHLINE_VAR": str(var),
        "THROUGHLINE_HTTPS": "0",
        "THROUGHLINE_LOG_LEVEL": "WARNING",
        # Nobody is to be throttled here: the limit is what we are looking for.
        "THROUGHLINE_REQUESTS_PER_SECOND": "1000000",
    }
    return var
