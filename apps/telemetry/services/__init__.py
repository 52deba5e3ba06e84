"""Writes of telemetry: keys, acceptance, quarantine, clocks."""

from apps.telemetry.services.quarantine import redrive_quarantine

__all__ = ["redrive_quarantine"]
