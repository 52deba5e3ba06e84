"""Reads of the catalogue."""

from collections.abc import Sequence

import msgspec

from apps.catalog.document import Catalogue
from apps.catalog.models import CatalogVersion, SlaTarget
from apps.core.db import fetch_value

# What a client needs to send valid events, limited to a scope of facilities. Nothing outside is
# named: a parent out of scope is null, and a target inherited from out there appears as that of
# the topmost facility in scope.
CATALOGUE_DOCUMENT = """
WITH place AS (
    SELECT f.id, f.code, f.name, f.kind, f.time_zone, f.active, f.path, above.code AS parent
      FROM catalog_facility f
      LEFT JOIN catalog_facility above
        ON above.id = f.parent_id AND above.id = ANY(%(facilities)s)
     WHERE f.id = ANY(%(facilities)s)
), inherited AS (
    SELECT DISTINCT place.id, place.code, t.clock_id
      FROM place
      JOIN catalog_facility a ON a.id <> place.id AND starts_with(place.path, a.path)
      JOIN catalog_slatarget t ON t.facility_id = a.id
     WHERE place.parent IS NULL
), shown_target AS (
    SELECT t.clock_id, place.code AS facility, t.threshold_seconds, t.objective,
           t.effective_from, t.effective_to, t.why
      FROM catalog_slatarget t
      LEFT JOIN place ON place.id = t.facility_id
      LEFT JOIN inherited i ON i.id = t.facility_id AND i.clock_id = t.clock_id
     WHERE (t.facility_id IS NULL OR place.id IS NOT NULL) AND i.id IS NULL
     UNION ALL
    SELECT c.id, i.code, r.threshold_seconds, r.objective, r.effective_from, r.effective_to, NULL
      FROM inherited i
      JOIN catalog_clock c ON c.id = i.clock_id
      JOIN catalog_target_rule r
        ON r.facility_id = i.id AND r.workflow_id = c.workflow_id
       AND r.clock = CASE c.kind WHEN 'integration' THEN 1 ELSE 2 END
), clock AS (
    SELECT c.workflow_id, c.kind, jsonb_build_object(
               'kind', c.kind, 'name', c.name, 'start_stage', start.code, 'stop_stage', stop.code,
               'measure', c.measure, 'targets', (
                   SELECT coalesce(jsonb_agg(jsonb_build_object(
                              'facility', t.facility, 'threshold_seconds', t.threshold_seconds,
                              'objective', trim_scale(t.objective), 'why', t.why,
                              'effective_from', t.effective_from, 'effective_to', t.effective_to)
                              ORDER BY t.facility NULLS FIRST, t.effective_from), '[]')
                     FROM shown_target t WHERE t.clock_id = c.id)) AS document
      FROM catalog_clock c
      JOIN catalog_stage start ON start.id = c.start_stage_id
      JOIN catalog_stage stop ON stop.id = c.stop_stage_id
)
SELECT jsonb_build_object(
    'version', (SELECT version FROM catalog_catalogversion WHERE id = 1),
    'facilities', (
        SELECT coalesce(jsonb_agg(jsonb_build_object(
                   'code', code, 'name', name, 'kind', kind, 'parent', parent,
                   'time_zone', time_zone, 'active', active, 'aliases', (
                       SELECT coalesce(jsonb_agg(jsonb_build_object(
                                  'system', s.code, 'alias', a.alias)
                                  ORDER BY s.code NULLS FIRST, a.alias), '[]')
                         FROM catalog_facilityalias a
                         LEFT JOIN catalog_system s ON s.id = a.system_id
                        WHERE a.facility_id = place.id))
                   ORDER BY string_to_array(btrim(path, '/'), '/')::integer[]), '[]')
          FROM place),
    'workflows', (
        SELECT coalesce(jsonb_agg(jsonb_build_object(
                   'code', w.code, 'number', w.number, 'name', w.name, 'stages', (
                       SELECT coalesce(jsonb_agg(jsonb_build_object(
                                  'code', s.code, 'name', s.name, 'rank', s.rank,
                                  'system', lane.code, 'phase', s.phase,
                                  'terminal_outcome', nullif(s.terminal_outcome, ''),
                                  'reopens', s.reopens, 'optional', s.optional)
                                  ORDER BY s.rank), '[]')
                         FROM catalog_stage s LEFT JOIN catalog_system lane ON lane.id = s.system_id
                        WHERE s.workflow_id = w.id),
                   'clocks', (
                       SELECT coalesce(jsonb_agg(clock.document ORDER BY clock.kind DESC), '[]')
                         FROM clock WHERE clock.workflow_id = w.id))
                   ORDER BY w.position, w.code), '[]')
          FROM catalog_workflow w),
    'interfaces', (
        SELECT coalesce(jsonb_agg(jsonb_build_object(
                   'code', i.code, 'name', i.name, 'protocol', i.protocol, 'pattern', i.pattern,
                   'source', source.code, 'target', target.code, 'workflow', w.code,
                   'expected_gap_seconds', i.expected_gap_seconds, 'active', i.active)
                   ORDER BY i.code), '[]')
          FROM catalog_interface i
          JOIN catalog_system source ON source.id = i.source_id
          JOIN catalog_system target ON target.id = i.target_id
          LEFT JOIN catalog_workflow w ON w.id = i.workflow_id),
    'systems', (
        SELECT coalesce(jsonb_agg(jsonb_build_object('code', code, 'name', name, 'kind', kind)
                   ORDER BY code), '[]')
          FROM catalog_system))
"""


def catalogue_document(*, facilities: Sequence[int]) -> Catalogue:
    """The catalogue as a client may see it."""
    text = fetch_value(CATALOGUE_DOCUMENT, {"facilities": list(facilities)})
    return msgspec.json.decode(text, type=Catalogue)


def catalogue_version() -> int:
    """A number that changes with every change of the catalogue."""
    return CatalogVersion.objects.values_list("version", flat=True).get(id=1)


def target_history(target: SlaTarget) -> list[SlaTarget]:
    """All versions of the same promise, newest first."""
    versions = SlaTarget.objects.filter(clock=target.clock_id, facility=target.facility_id)
    return list(versions.select_related("created_by").order_by("-effective_from"))
