"""People, and the catalogue within the facilities that somebody may see; imports register all."""

from apps.accounts.admin import people, places

__all__ = ["people", "places"]
