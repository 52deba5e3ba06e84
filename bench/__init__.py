"""The measurements of docs/performance.md: every figure a ratio to a limit taken in the same run.

    python -m bench [--quick] [--only accept,fold]     one table, and bench/results.json
    python -m bench.profile fold|accept                where the time goes

Everything runs below $THROUGHLINE_VAR/bench: its own servers, databases and processes.
"""
