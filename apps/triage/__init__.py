"""Exceptions as cases that people work: born, repeated and closed by the fold (docs/triage.md)."""
