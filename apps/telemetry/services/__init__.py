"""Writes of telemetry: keys, acceptance, quarantine, clocks."""

from apps.telemetry.services.operations import advance_operations
from apps.telemetry.services.quarantine import redrive_quarantine
from apps.telemetry.services.tally import tally_sources

__all__ = ["advance_operations", "redrive_quarantine", "tally_sources"]
