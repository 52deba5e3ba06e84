"""The yardstick for CPU: a bare Django view that commits what it is sent, and nothing else.

No middleware, no authentication, no duplicates, no scorecards; the same server, the same database
and the same table, columns and indexes as the COPY limit.
"""
