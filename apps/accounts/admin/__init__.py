"""People, and the catalogue within the facilities that somebody may see; imports register all."""

from apps.accounts.admin import doors, people, places

__all__ = ["doors", "people", "places"]
