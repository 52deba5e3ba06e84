"""Who gets what at every address: one literal table, and nothing beside it.

The columns are the eight roles, somebody without a role, somebody not signed in, and somebody whose
account was closed. Everybody was granted the north, so what differs is the role. `own` lies in the
north, `other` in the south, `no` nowhere.
"""

import re

import pytest
from django.contrib import admin

from tests.accounts.everybody import (
    EVERYBODY,
    Place,
    addresses,
    browser_of,
    objects_of_admin,
    program_of,
    settle,
    status,
)

# Hundreds of requests: the whole table is asked for each role.
pytestmark = pytest.mark.slow

TABLE = """
                                        RA  RS  IE  IL  FA  EX  CA  AD  none anon gone
GET  healthz                       own  200 200 200 200 200 200 200 200 200  200  200
GET  readyz                        own  200 200 200 200 200 200 200 200 200  200  200
GET  telemetry:api                 own  200 200 200 200 200 200 200 200 200  200  200
GET  telemetry:openapi             own  200 200 200 200 200 200 200 200 200  200  200
GET  telemetry:events              own  405 405 405 405 405 405 405 405 405  405  405
POST telemetry:events              own  401 401 401 401 401 401 401 401 401  401  401
GET  telemetry:catalogue           own  200 200 200 200 200 200 200 200 200  401  401
GET  accounts:catalogue            own  200 200 200 200 200 200 200 200 200  401  401
GET  accounts:people               own  403 403 403 403 403 403 200 200 403  302  302
GET  accounts:person               own  403 403 403 403 403 403 200 200 403  302  302
GET  accounts:new-person           own  403 403 403 403 403 403 403 200 403  302  302
POST accounts:new-person           own  403 403 403 403 403 403 403 200 403  302  302
GET  accounts:access               own  403 403 403 403 403 403 403 200 403  302  302
POST accounts:access               own  403 403 403 403 403 403 403 200 403  302  302
GET  accounts:close-account        own  403 403 403 403 403 403 403 200 403  302  302
POST accounts:close-account        own   403 403 403 403 403 403 403 302 403 302 302
GET  accounts:reopen-account       own  405 405 405 405 405 405 405 405 405  302  302
POST accounts:reopen-account       own   403 403 403 403 403 403 403 302 403 302 302
GET  accounts:end-tokens           own  403 403 403 403 403 403 403 200 403  302  302
POST accounts:end-tokens           own   403 403 403 403 403 403 403 302 403 302 302
GET  accounts:password-link        own  405 405 405 405 405 405 405 405 405  302  302
POST accounts:password-link        own   403 403 403 403 403 403 403 200 403 302 302
GET  accounts:reset-factors        own  403 403 403 403 403 403 403 200 403  302  302
GET  accounts:reset-factors        other 403 403 403 403 403 403 403 200 403 302 302
GET  accounts:reset-factors        no    403 403 403 403 403 403 403 404 403 302 302
POST accounts:reset-factors        own   403 403 403 403 403 403 403 200 403 302 302
POST accounts:reset-factors        other 403 403 403 403 403 403 403 200 403 302 302
POST accounts:reset-factors        no    403 403 403 403 403 403 403 404 403 302 302
GET  accounts:decide-role          own  405 405 405 405 405 405 405 405 405  302  302
POST accounts:decide-role          own   403 403 403 403 403 403 404 404 403 302 302
GET  accounts:review               own  403 403 403 403 403 403 200 200 403  302  302
GET  accounts:sign-review          own  405 405 405 405 405 405 405 405 405  302  302
POST accounts:sign-review          own  403 403 403 403 403 403 302 302 403  302  302
GET  accounts:person               other 403 403 403 403 403 403 200 200 403 302 302
POST accounts:access               other 403 403 403 403 403 403 403 200 403 302 302
POST accounts:close-account        other 403 403 403 403 403 403 403 302 403 302 302
POST accounts:reopen-account       other 403 403 403 403 403 403 403 302 403 302 302
POST accounts:end-tokens           other 403 403 403 403 403 403 403 302 403 302 302
POST accounts:password-link        other 403 403 403 403 403 403 403 200 403 302 302
POST accounts:decide-role          other 403 403 403 403 403 403 404 404 403 302 302
POST accounts:sign-review          other 403 403 403 403 403 403 302 302 403 302 302
GET  accounts:close-account        other 403 403 403 403 403 403 403 200 403 302 302
GET  accounts:end-tokens           other 403 403 403 403 403 403 403 200 403 302 302
GET  accounts:close-account        no    403 403 403 403 403 403 403 404 403 302 302
GET  accounts:end-tokens           no    403 403 403 403 403 403 403 404 403 302 302
GET  accounts:person               no    403 403 403 403 403 403 404 404 403 302 302
POST accounts:access               no    403 403 403 403 403 403 403 404 403 302 302
POST accounts:close-account        no    403 403 403 403 403 403 403 404 403 302 302
POST accounts:reopen-account       no    403 403 403 403 403 403 403 404 403 302 302
POST accounts:end-tokens           no    403 403 403 403 403 403 403 404 403 302 302
POST accounts:password-link        no    403 403 403 403 403 403 403 404 403 302 302
POST accounts:decide-role          no    403 403 403 403 403 403 404 404 403 302 302
POST accounts:sign-review          no    403 403 403 403 403 403 404 404 403 302 302
GET  accounts:audit                own  403 403 403 403 403 403 200 200 403  302  302
GET  accounts:audit-table          own  403 403 403 403 403 403 200 403 403  302  302
GET  accounts:review-table         own  403 403 403 403 403 403 200 403 403  302  302
GET  accounts:permissions          own  200 200 200 200 200 200 200 200 200  302  302
GET  telemetry:batch               other 404 404 404 404 404 403 404 403 403 401  401
GET  telemetry:batch               no   404 404 404 404 404 403 404 403 403  401  401
GET  telemetry:quarantine-list     own  200 200 200 200 200 403 200 403 403  401  401
GET  telemetry:quarantine-resubmit own  405 405 405 405 405 405 405 405 405  405  405
POST telemetry:quarantine-resubmit own  422 422 422 422 403 403 403 403 403  401  401
POST telemetry:quarantine-resubmit other 404 404 404 404 403 403 403 403 403 401  401
POST telemetry:quarantine-resubmit no   404 404 404 404 403 403 403 403 403  401  401
GET  telemetry:quarantine-discard  own  405 405 405 405 405 405 405 405 405  405  405
POST telemetry:quarantine-discard  own  200 200 200 200 403 403 403 403 403  401  401
POST telemetry:quarantine-discard  other 404 404 404 404 403 403 403 403 403 401  401
POST telemetry:quarantine-discard  no   404 404 404 404 403 403 403 403 403  401  401
GET  telemetry:quarantine          own  200 200 200 200 200 403 200 403 403  302  302
GET  telemetry:quarantined         own  200 200 200 200 200 403 200 403 403  302  302
GET  telemetry:quarantined         other 404 404 404 404 404 403 404 403 403 302  302
GET  telemetry:quarantined         no   404 404 404 404 404 403 404 403 403  302  302
GET  telemetry:resubmit            own  405 405 405 405 405 405 405 405 405  302  302
POST telemetry:resubmit            own  200 200 200 200 403 403 403 403 403  302  302
POST telemetry:resubmit            other 404 404 404 404 403 403 403 403 403 302  302
POST telemetry:resubmit            no   404 404 404 404 403 403 403 403 403  302  302
GET  telemetry:discard             own  405 405 405 405 405 405 405 405 405  302  302
POST telemetry:discard             own  302 302 302 302 403 403 403 403 403  302  302
POST telemetry:discard             other 404 404 404 404 403 403 403 403 403 302  302
POST telemetry:discard             no   404 404 404 404 403 403 403 403 403  302  302
GET  telemetry:sources             own  403 403 200 403 403 403 403 200 403  302  302
GET  telemetry:bulk                own  302 302 302 302 403 403 403 403 403  302  302
POST telemetry:bulk                own  302 302 302 302 403 403 403 403 403  302  302
GET  telemetry:operations          own  200 200 200 200 403 403 403 403 403  302  302
GET  telemetry:operation           own  200 200 200 200 403 403 403 403 403  302  302
GET  telemetry:operation           other 404 404 404 404 403 403 403 403 403 302  302
GET  telemetry:operation           no   404 404 404 404 403 403 403 403 403  302  302
GET  telemetry:operation-undo      own  405 405 405 405 405 405 405 405 405  302  302
POST telemetry:operation-undo      own  302 302 302 302 403 403 403 403 403  302  302
POST telemetry:operation-undo      other 404 404 404 404 403 403 403 403 403 302  302
POST telemetry:operation-undo      no   404 404 404 404 403 403 403 403 403  302  302
GET  telemetry:reopen              own  405 405 405 405 405 405 405 405 405  302  302
POST telemetry:reopen              own  302 302 302 302 403 403 403 403 403  302  302
POST telemetry:reopen              other 404 404 404 404 403 403 403 403 403 302  302
POST telemetry:reopen              no   404 404 404 404 403 403 403 403 403  302  302
GET  telemetry:batches             own  200 200 200 200 200 403 200 403 403  302  302
GET  telemetry:batch-page          own  200 200 200 200 200 403 200 403 403  302  302
GET  telemetry:batch-page          other 404 404 404 404 404 403 404 403 403 302  302
GET  telemetry:batch-page          no   404 404 404 404 404 403 404 403 403  302  302
GET  telemetry:batch-fold          own  405 405 405 405 405 405 405 405 405  302  302
POST telemetry:batch-fold          own  403 403 302 302 403 403 403 403 403  302  302
POST telemetry:batch-fold          other 403 403 404 404 403 403 403 403 403 302  302
POST telemetry:batch-fold          no   403 403 404 404 403 403 403 403 403  302  302
GET  telemetry:source-new          own  403 403 403 403 403 403 403 200 403  302  302
POST telemetry:source-new          own  403 403 403 403 403 403 403 200 403  302  302
GET  telemetry:source              own  403 403 200 403 403 403 403 200 403  302  302
GET  telemetry:source              other 403 403 404 403 403 403 403 200 403 302  302
GET  telemetry:source              no   403 403 404 403 403 403 403 404 403  302  302
GET  telemetry:source-switch       own  405 405 405 405 405 405 405 405 405  302  302
POST telemetry:source-switch       own  403 403 302 403 403 403 403 302 403  302  302
POST telemetry:source-switch       other 403 403 404 403 403 403 403 302 403 302  302
POST telemetry:source-switch       no   403 403 404 403 403 403 403 404 403  302  302
GET  telemetry:key-issue           own  405 405 405 405 405 405 405 405 405  302  302
POST telemetry:key-issue           own  403 403 200 403 403 403 403 200 403  302  302
POST telemetry:key-issue           other 403 403 404 403 403 403 403 200 403 302  302
POST telemetry:key-issue           no   403 403 404 403 403 403 403 404 403  302  302
GET  telemetry:key-rotate          own  403 403 200 403 403 403 403 200 403  302  302
POST telemetry:key-rotate          own  403 403 200 403 403 403 403 200 403  302  302
GET  telemetry:key-rotate          other 403 403 404 403 403 403 403 200 403 302  302
POST telemetry:key-rotate          other 403 403 404 403 403 403 403 200 403 302  302
GET  telemetry:key-rotate          no   403 403 404 403 403 403 403 404 403  302  302
POST telemetry:key-rotate          no   403 403 404 403 403 403 403 404 403  302  302
GET  telemetry:key-revoke          own  403 403 200 403 403 403 403 200 403  302  302
POST telemetry:key-revoke          own  403 403 200 403 403 403 403 200 403  302  302
GET  telemetry:key-revoke          other 403 403 404 403 403 403 403 200 403 302  302
POST telemetry:key-revoke          other 403 403 404 403 403 403 403 200 403 302  302
GET  telemetry:key-revoke          no   403 403 404 403 403 403 403 404 403  302  302
POST telemetry:key-revoke          no   403 403 404 403 403 403 403 404 403  302  302
GET  triage:queue                  own  200 200 200 200 200 403 200 403 403  302  302
GET  triage:counts                 own  200 200 200 200 200 403 200 403 403  302  302
GET  triage:totals                 own  200 200 200 200 200 403 200 403 403  302  302
GET  triage:fresh                  own  200 200 200 200 200 403 200 403 403  302  302
GET  triage:filter                 own  200 200 200 200 200 403 200 403 403  302  302
GET  triage:filter                 other 404 404 404 404 404 403 404 403 403 302  302
GET  triage:filter                 no   404 404 404 404 404 403 404 403 403  302  302
GET  triage:cases-api              own  200 200 200 200 200 403 200 403 403  401  401
GET  triage:find                   own  405 405 405 405 405 405 405 405 405  302  302
POST triage:find                   own  302 302 302 302 302 403 302 403 403  302  302
GET  triage:cases-table            own  200 200 200 200 200 403 200 403 403  302  302
GET  triage:storm                  own  200 200 200 200 404 403 200 403 403  302  302
GET  triage:storm                  other 404 404 404 404 404 403 404 403 403 302 302
GET  triage:storm                  no   404 404 404 404 404 403 404 403 403  302  302
GET  triage:storm-act              own  405 405 405 405 405 405 405 405 405  302  302
POST triage:storm-act              own  422 422 422 422 404 403 403 403 403  302  302
POST triage:storm-act              other 404 404 404 404 404 403 403 403 403 302 302
POST triage:storm-act              no   404 404 404 404 404 403 403 403 403  302  302
GET  triage:ops                    own  200 200 200 200 403 403 200 403 403  302  302
GET  triage:bulk-preview           own  405 405 405 405 405 405 405 405 405  302  302
POST triage:bulk-preview           own  403 302 403 302 403 403 403 403 403  302  302
GET  triage:bulk                   own  200 200 200 200 403 403 200 403 403  302  302
GET  triage:bulk                   other 404 404 404 404 403 403 404 403 403 302 302
GET  triage:bulk                   no   404 404 404 404 403 403 404 403 403  302  302
GET  triage:bulk-run               own  405 405 405 405 405 405 405 405 405  302  302
POST triage:bulk-run               own  403 422 403 404 403 403 403 403 403  302  302
POST triage:bulk-run               other 403 404 403 404 403 403 403 403 403 302 302
POST triage:bulk-run               no   403 404 403 404 403 403 403 403 403  302  302
GET  triage:bulk-step              own  405 405 405 405 405 405 405 405 405  302  302
POST triage:bulk-step              own  403 302 403 302 403 403 403 403 403  302  302
POST triage:bulk-step              other 403 404 403 404 403 403 403 403 403 302 302
POST triage:bulk-step              no   403 404 403 404 403 403 403 403 403  302  302
GET  triage:bulk-table             own  200 200 200 200 403 403 200 403 403  302  302
GET  triage:bulk-table             other 404 404 404 404 403 403 404 403 403 302 302
GET  triage:bulk-table             no   404 404 404 404 403 403 404 403 403  302  302
GET  triage:view-new               own  200 200 200 200 200 403 200 403 403  302  302
POST triage:view-new               own  200 200 200 200 200 403 200 403 403  302  302
GET  triage:view                   other 404 404 404 404 404 403 404 403 403 302 302
POST triage:view                   other 404 404 404 404 404 403 404 403 403 302 302
GET  triage:view                   no    404 404 404 404 404 403 404 403 403 302 302
POST triage:view                   no    404 404 404 404 404 403 404 403 403 302 302
GET  triage:view-delete            other 405 405 405 405 405 405 405 405 405 302 302
POST triage:view-delete            other 404 404 404 404 404 403 404 403 403 302 302
GET  triage:view-delete            no    405 405 405 405 405 405 405 405 405 302 302
POST triage:view-delete            no    404 404 404 404 404 403 404 403 403 302 302
GET  triage:view-restore           other 405 405 405 405 405 405 405 405 405 302 302
POST triage:view-restore           other 404 404 404 404 404 403 404 403 403 302 302
GET  triage:view-restore           no    405 405 405 405 405 405 405 405 405 302 302
POST triage:view-restore           no    404 404 404 404 404 403 404 403 403 302 302
GET  scorecards:scorecards         own  200 200 200 200 200 200 200 403 403  401  401
GET  scorecards:scorecards         other 404 404 404 404 404 404 404 403 403 401  401
GET  scorecards:scorecards         no   404 404 404 404 404 404 404 403 403  401  401
GET  dashboard:home                own  302 302 302 302 302 302 302 302 200  302  302
GET  dashboard:flow                own  200 200 200 200 200 200 200 403 403  302  302
GET  dashboard:board               own  200 200 200 200 200 200 200 403 403  302  302
GET  dashboard:cell                own  200 200 200 200 200 200 200 403 403  302  302
GET  dashboard:cell                other 404 404 404 404 404 404 404 403 403 302  302
GET  dashboard:cell                no   404 404 404 404 404 404 404 403 403  302  302
GET  dashboard:flow-chart-table    own  200 200 200 200 200 200 200 403 403  302  302
GET  dashboard:flow-chart-table    other 404 404 404 404 404 404 404 403 403 302  302
GET  dashboard:flow-chart-table    no   404 404 404 404 404 404 404 403 403  302  302
GET  dashboard:scorecards          own  200 200 200 200 200 200 200 403 403  302  302
GET  dashboard:scorecard           own  200 200 200 200 200 200 200 403 403  302  302
GET  dashboard:scorecard           other 404 404 404 404 404 404 404 403 403 302  302
GET  dashboard:scorecard           no   404 404 404 404 404 404 404 403 403  302  302
GET  dashboard:facility-scorecard  own  200 200 200 200 200 200 200 403 403  302  302
GET  dashboard:facility-scorecard  other 404 404 404 404 404 404 404 403 403 302  302
GET  dashboard:facility-scorecard  no   404 404 404 404 404 404 404 403 403  302  302
GET  dashboard:scorecard-chart     own  200 200 200 200 200 200 200 403 403  302  302
GET  dashboard:scorecard-chart     other 404 404 404 404 404 404 404 403 403 302  302
GET  dashboard:scorecard-chart     no   404 404 404 404 404 404 404 403 403  302  302
GET  dashboard:explain             own  200 200 200 200 200 200 200 403 403  302  302
GET  dashboard:explain             other 404 404 404 404 404 404 404 403 403 302  302
GET  dashboard:explain             no   404 404 404 404 404 404 404 403 403  302  302
GET  dashboard:explained           own  200 200 200 200 200 403 200 403 403  302  302
GET  dashboard:explained           other 404 404 404 404 404 403 404 403 403 302  302
GET  dashboard:explained           no   404 404 404 404 404 403 404 403 403  302  302
GET  dashboard:scorecard-table     own  200 200 200 200 200 200 200 403 403  302  302
GET  dashboard:scorecard-table     other 404 404 404 404 404 404 404 403 403 302  302
GET  dashboard:scorecard-table     no   404 404 404 404 404 404 404 403 403  302  302
GET  dashboard:explained-table     own  200 200 200 200 200 403 200 403 403  302  302
GET  dashboard:explained-table     other 404 404 404 404 404 403 404 403 403 302  302
GET  dashboard:explained-table     no   404 404 404 404 404 403 404 403 403  302  302
GET  dashboard:flow-chart-table    own  200 200 200 200 200 200 200 403 403  302  302
GET  dashboard:flow-chart-table    other 404 404 404 404 404 404 404 403 403 302  302
GET  dashboard:flow-chart-table    no   404 404 404 404 404 404 404 403 403  302  302
GET  dashboard:flow-table          own  200 200 200 200 200 200 200 403 403  302  302
GET  dashboard:cell-table          own  200 200 200 200 200 403 200 403 403  302  302
GET  dashboard:cell-table          other 404 404 404 404 404 403 404 403 403 302  302
GET  dashboard:cell-table          no   404 404 404 404 404 403 404 403 403  302  302
GET  dashboard:events-table        own  200 200 200 200 200 403 200 403 403  302  302
GET  dashboard:events-table        other 404 404 404 404 404 403 404 403 403 302  302
GET  dashboard:events-table        no   404 404 404 404 404 403 404 403 403  302  302
GET  telemetry:quarantine-table    own  200 200 200 200 200 403 200 403 403  302  302
GET  telemetry:sources-table       own  403 403 200 403 403 403 403 403 403  302  302
GET  dashboard:flow-charts         own  200 200 200 200 200 200 200 403 403  302  302
GET  dashboard:flow-chart          own  200 200 200 200 200 200 200 403 403  302  302
GET  dashboard:flow-chart          other 404 404 404 404 404 404 404 403 403 302  302
GET  dashboard:flow-chart          no   404 404 404 404 404 404 404 403 403  302  302
GET  dashboard:case                own  200 200 200 200 404 403 200 403 403  302  302
GET  dashboard:case                other 404 404 404 404 404 403 404 403 403 302 302
GET  dashboard:case                no   404 404 404 404 404 403 404 403 403  302  302
GET  dashboard:case-act            own  405 405 405 405 405 405 405 405 405  302  302
POST dashboard:case-act            own  422 422 422 422 404 403 403 403 403  302  302
POST dashboard:case-act            other 404 404 404 404 404 403 403 403 403 302 302
POST dashboard:case-act            no   404 404 404 404 404 403 403 403 403  302  302
GET  dashboard:case-next           own  405 405 405 405 405 405 405 405 405  302  302
POST dashboard:case-next           own  302 302 302 302 302 403 403 403 403  302  302
GET  dashboard:transaction         own  200 200 200 200 200 403 200 403 403  302  302
GET  dashboard:transaction         other 404 404 404 404 404 403 404 403 403 302  302
GET  dashboard:transaction         no   404 404 404 404 404 403 404 403 403  302  302
GET  dashboard:transaction-api     own  200 200 200 200 200 403 200 403 403  401  401
GET  dashboard:transaction-api     other 404 404 404 404 404 403 404 403 403 401  401
GET  dashboard:transaction-api     no   404 404 404 404 404 403 404 403 403  401  401
GET  dashboard:search              own  200 200 200 200 200 403 200 403 403  302  302
POST dashboard:search              own  422 422 422 422 422 403 422 403 403  302  302
GET  dashboard:search-again        other 404 404 404 404 404 403 404 403 403 302  302
GET  dashboard:search-again        no   404 404 404 404 404 403 404 403 403  302  302
GET  dashboard:clear-searches      own  405 405 405 405 405 405 405 405 405  302  302
POST dashboard:clear-searches      own  302 302 302 302 302 403 302 403 403  302  302
GET  dashboard:status              own  403 403 200 200 403 403 200 200 403  302  302
GET  dashboard:strip               own  200 200 200 200 200 200 200 200 200  302  302
GET  account_login                 own  302 302 302 302 302 302 302 302 302  200  200
POST account_login                 own  302 302 302 302 302 302 302 302 302  200  200
GET  mfa_authenticate              own  302 302 302 302 302 302 302 302 302  302  302
POST mfa_authenticate              own  302 302 302 302 302 302 302 302 302  302  302
GET  mfa_login_webauthn            own  302 302 302 302 302 302 302 302 302  302  302
POST mfa_login_webauthn            own  302 302 302 302 302 302 302 302 302  302  302
GET  accounts:sso                  own  404 404 404 404 404 404 404 404 404  404  404
POST accounts:sso                  own  405 405 405 405 405 405 405 405 405  405  405
GET  openid_connect_callback       own  404 404 404 404 404 404 404 404 404  404  404
POST openid_connect_callback       own  405 405 405 405 405 405 405 405 405  405  405
GET  account_reset_password        own  404 404 404 404 404 404 404 404 404  404  404
POST account_reset_password        own  404 404 404 404 404 404 404 404 404  404  404
POST account_reset_password_done   own  404 404 404 404 404 404 404 404 404  404  404
GET  account_reset_password_done   own  404 404 404 404 404 404 404 404 404  404  404
GET  account_reset_password_from_key no 200 200 200 200 200 200 200 200 200  200  200
POST account_reset_password_from_key no 200 200 200 200 200 200 200 200 200  200  200
GET  account_reset_password_from_key_done own 200 200 200 200 200 200 200 200 200 200 200
GET  mfa_index                     own  200 200 200 200 200 200 200 200 200  302  302
GET  account_change_password       own  302 302 302 302 302 302 302 302 302  302  302
POST account_change_password       own  302 302 302 302 302 302 302 302 302  302  302
GET  mfa_activate_totp             own  200 200 200 200 200 200 200 200 200  302  302
POST mfa_activate_totp             own  200 200 200 200 200 200 200 200 200  302  302
GET  mfa_deactivate_totp           own  404 404 404 404 404 404 404 404 404  302  302
POST mfa_deactivate_totp           own  404 404 404 404 404 404 404 404 404  302  302
GET  mfa_list_webauthn             own  302 302 302 302 302 302 302 302 302  302  302
GET  mfa_add_webauthn              own  200 200 200 200 200 200 200 200 200  302  302
POST mfa_add_webauthn              own  200 200 200 200 200 200 200 200 200  302  302
GET  mfa_edit_webauthn             other 404 404 404 404 404 404 404 404 404  302  302
GET  mfa_edit_webauthn             no   404 404 404 404 404 404 404 404 404  302  302
POST mfa_edit_webauthn             other 404 404 404 404 404 404 404 404 404  302  302
POST mfa_edit_webauthn             no   404 404 404 404 404 404 404 404 404  302  302
GET  mfa_remove_webauthn           other 404 404 404 404 404 404 404 404 404  302  302
GET  mfa_remove_webauthn           no   404 404 404 404 404 404 404 404 404  302  302
POST mfa_remove_webauthn           other 404 404 404 404 404 404 404 404 404  302  302
POST mfa_remove_webauthn           no   404 404 404 404 404 404 404 404 404  302  302
GET  mfa_view_recovery_codes       own  404 404 404 404 404 404 404 404 404  302  302
POST mfa_view_recovery_codes       own  404 404 404 404 404 404 404 404 404  302  302
GET  accounts:sessions             own  200 200 200 200 200 200 200 200 200  302  302
GET  accounts:end-others           own  405 405 405 405 405 405 405 405 405  302  302
POST accounts:end-others           own  302 302 302 302 302 302 302 302 302  302  302
GET  accounts:stay                 own  405 405 405 405 405 405 405 405 405  302  302
POST accounts:stay                 own  204 204 204 204 204 204 204 204 204  302  302
GET  accounts:end-session          other 405 405 405 405 405 405 405 405 405 302  302
POST accounts:end-session          other 404 404 404 404 404 404 404 404 404 302  302
POST accounts:end-session          no   404 404 404 404 404 404 404 404 404  302  302
GET  dashboard:keys                own  200 200 200 200 200 200 200 200 200  302  302
GET  dashboard:interfaces          own  200 200 200 200 200 403 200 200 403  302  302
GET  dashboard:facilities          own  200 200 200 200 200 403 200 200 403  302  302
GET  dashboard:systems             own  200 200 200 200 200 403 200 200 403  302  302
GET  dashboard:workflows           own  200 200 200 200 200 403 200 200 403  302  302
GET  dashboard:proposals           own  200 200 200 200 200 403 200 200 403  302  302
GET  dashboard:facility            own  200 200 200 200 200 403 200 200 403  302  302
GET  dashboard:facility            other 404 404 404 404 404 403 404 404 403  302  302
GET  dashboard:facility            no   404 404 404 404 404 403 404 404 403  302  302
GET  dashboard:workflow            own  200 200 200 200 200 403 200 200 403  302  302
GET  dashboard:workflow            other 404 404 404 404 404 403 404 404 403  302  302
GET  dashboard:workflow            no   404 404 404 404 404 403 404 404 403  302  302
GET  dashboard:proposal            own  200 200 200 200 200 403 200 200 403  302  302
GET  dashboard:proposal            other 404 404 404 404 404 403 404 404 403  302  302
GET  dashboard:proposal            no   404 404 404 404 404 403 404 404 403  302  302
GET  dashboard:target-change       own  403 200 200 200 403 403 403 403 403  302  302
GET  dashboard:target-change       other 403 404 404 404 403 403 403 403 403  302  302
GET  dashboard:target-change       no   403 404 404 404 403 403 403 403 403  302  302
POST dashboard:target-change       own  403 200 200 200 403 403 403 403 403  302  302
POST dashboard:target-change       other 403 404 404 404 403 403 403 403 403  302  302
POST dashboard:target-change       no   403 404 404 404 403 403 403 403 403  302  302
GET  dashboard:exceptions          own   200 200 200 200 200 403 200 200 403  302  302
GET  dashboard:exception           own   200 200 200 200 200 403 200 200 403  302  302
GET  dashboard:exception           other 404 404 404 404 404 403 404 404 403  302  302
GET  dashboard:exception           no    404 404 404 404 404 403 404 404 403  302  302
GET  dashboard:exception-new       own   403 403 403 403 403 403 403 403 403  302  302
GET  dashboard:playbook-change     own   403 403 403 403 403 403 403 403 403  302  302
GET  dashboard:playbook-change     other 403 403 403 403 403 403 403 403 403  302  302
GET  dashboard:playbook-change     no    403 403 403 403 403 403 403 403 403  302  302
GET  dashboard:signal-new          own   403 403 403 403 403 403 403 403 403  302  302
GET  dashboard:signal-new          other 403 403 403 403 403 403 403 403 403  302  302
GET  dashboard:signal-new          no    403 403 403 403 403 403 403 403 403  302  302
POST dashboard:exception-new       own   403 403 403 403 403 403 403 403 403  302  302
POST dashboard:playbook-change     own   403 403 403 403 403 403 403 403 403  302  302
POST dashboard:playbook-change     other 403 403 403 403 403 403 403 403 403  302  302
POST dashboard:playbook-change     no    403 403 403 403 403 403 403 403 403  302  302
POST dashboard:signal-new          own   403 403 403 403 403 403 403 403 403  302  302
POST dashboard:signal-new          other 403 403 403 403 403 403 403 403 403  302  302
POST dashboard:signal-new          no    403 403 403 403 403 403 403 403 403  302  302
GET  dashboard:signal-remove       own   405 405 405 405 405 405 405 405 405  302  302
POST dashboard:signal-remove       own   403 403 403 403 403 403 403 403 403  302  302
POST dashboard:signal-remove       other 403 403 403 403 403 403 403 403 403  302  302
POST dashboard:signal-remove       no    403 403 403 403 403 403 403 403 403  302  302
GET  dashboard:routing             own   200 200 200 200 200 403 200 200 403  302  302
GET  dashboard:rule-new            own   403 403 403 403 403 403 403 403 403  302  302
POST dashboard:rule-new            own   403 403 403 403 403 403 403 403 403  302  302
GET  dashboard:deadline-new        own   403 403 403 403 403 403 403 403 403  302  302
POST dashboard:deadline-new        own   403 403 403 403 403 403 403 403 403  302  302
GET  dashboard:rule-change         own   403 403 403 403 403 403 403 403 403  302  302
GET  dashboard:rule-change         other 403 403 403 403 403 403 403 403 403  302  302
GET  dashboard:rule-change         no    403 403 403 403 403 403 403 403 403  302  302
POST dashboard:rule-change         own   403 403 403 403 403 403 403 403 403  302  302
POST dashboard:rule-change         other 403 403 403 403 403 403 403 403 403  302  302
POST dashboard:rule-change         no    403 403 403 403 403 403 403 403 403  302  302
GET  dashboard:rule-remove         own   403 403 403 403 403 403 403 403 403  302  302
GET  dashboard:rule-remove         other 403 403 403 403 403 403 403 403 403  302  302
GET  dashboard:rule-remove         no    403 403 403 403 403 403 403 403 403  302  302
POST dashboard:rule-remove         own   403 403 403 403 403 403 403 403 403  302  302
POST dashboard:rule-remove         other 403 403 403 403 403 403 403 403 403  302  302
POST dashboard:rule-remove         no    403 403 403 403 403 403 403 403 403  302  302
GET  dashboard:deadline-remove     own   405 405 405 405 405 405 405 405 405  302  302
POST dashboard:deadline-remove     own   403 403 403 403 403 403 403 403 403  302  302
POST dashboard:deadline-remove     other 403 403 403 403 403 403 403 403 403  302  302
POST dashboard:deadline-remove     no    403 403 403 403 403 403 403 403 403  302  302
GET  dashboard:alias-new           own  403 403 200 200 403 403 403 403 403  302  302
POST dashboard:alias-new           own  403 403 200 200 403 403 403 403 403  302  302
GET  dashboard:alias-remove        own  405 405 405 405 405 405 405 405 405  302  302
POST dashboard:alias-remove        own  403 403 302 302 403 403 403 403 403  302  302
POST dashboard:alias-remove        other 403 403 404 404 403 403 403 403 403  302  302
POST dashboard:alias-remove        no   403 403 404 404 403 403 403 403 403  302  302
GET  dashboard:proposal-decide     own  405 405 405 405 405 405 405 405 405  302  302
POST dashboard:proposal-decide     own  403 403 403 403 403 403 403 403 403  302  302
POST dashboard:proposal-decide     other 403 403 403 404 403 403 403 403 403  302  302
POST dashboard:proposal-decide     no   403 403 403 404 403 403 403 403 403  302  302
GET  dashboard:proposal-withdraw   own  405 405 405 405 405 405 405 405 405  302  302
POST dashboard:proposal-withdraw   own  403 302 302 302 403 403 403 403 403  302  302
POST dashboard:proposal-withdraw   other 403 404 404 404 403 403 403 403 403  302  302
POST dashboard:proposal-withdraw   no   403 404 404 404 403 403 403 403 403  302  302
GET  dashboard:styleguide          own  403 403 200 200 403 403 200 200 403  302  302
GET  dashboard:sign-out            own  405 405 405 405 405 405 405 405 405  302  302
POST dashboard:sign-out            own  302 302 302 302 302 302 302 302 302  302  302
GET  admin:index                   own  302 302 200 200 302 302 200 200 302  302  302
GET  admin:login                   own  403 403 302 302 403 403 302 302 403  302  302
POST admin:login                   own  403 403 302 302 403 403 302 302 403  302  302
GET  admin:logout                  own  302 302 405 405 302 302 405 405 302  302  302
POST admin:logout                  own  302 302 302 302 302 302 302 302 302  302  302
GET  admin:password_change         own  302 302 302 302 302 302 302 302 302  302  302
GET  admin:password_change_done    own  302 302 200 200 302 302 200 200 302  302  302
GET  admin:autocomplete            own  302 302 403 403 302 302 403 403 302  302  302
GET  admin:jsi18n                  own  302 302 200 200 302 302 200 200 302  302  302
GET  admin:view_on_site            own  302 302 404 404 302 302 404 404 302  302  302
GET  admin:app_list                own  302 302 200 200 302 302 200 200 302  302  302
"""

# The administration, for the four roles that work in it: list, add, change in the north, change in
# the south where a row lies anywhere. Everybody else is sent to sign in.
ADMIN_TABLE = """
                          IE               IL               CA               AD
catalog.businesscalendar  200 403 200 -    200 403 200 -    200 403 200 -    200 403 200 -
catalog.system            200 403 200 -    200 403 200 -    200 403 200 -    200 403 200 -
catalog.interface         200 403 200 -    200 403 200 -    200 403 200 -    200 403 200 -
catalog.team              200 403 200 -    200 403 200 -    200 403 200 -    200 403 200 -
catalog.workflow          200 403 200 -    200 403 200 -    200 403 200 -    200 403 200 -
catalog.clock             200 403 200 -    200 403 200 -    200 403 200 -    200 403 200 -
catalog.facility          200 403 200 404  200 403 200 404  200 403 200 404  200 403 200 200
catalog.facilityalias     200 403 200 404  200 403 200 404  200 403 200 404  200 403 200 200
catalog.slatarget         200 403 200 404  200 403 200 404  200 403 200 404  200 403 200 200
accounts.user             403 403 403 -    403 403 403 -    403 403 403 -    200 403 200 -
accounts.apitoken         403 403 403 -    403 403 403 -    403 403 403 -    200 403 200 -
auth.group                403 403 403 -    403 403 403 -    403 403 403 -    200 403 200 -
telemetry.source          200 403 200 404  403 403 403 404  403 403 403 404  200 200 200 200
telemetry.sourcekey       200 403 200 404  403 403 403 404  403 403 403 404  200 403 200 200
"""
IN_ADMIN = ["IE", "IL", "CA", "AD"]
# Pages Django adds for every model, and what it leads on from: an old address, or any other.
OF_A_MODEL = {"changelist", "add", "change", "delete", "history"}
OTHERS_OF_ADMIN = {
    "admin:<path:object_id>/", "admin:(?P<url>.*)$", "admin:auth_user_password_change",
}  # fmt: skip
SIGN_IN, SWAP_SIGN_IN = 302, 401
# Where a part says more than its page: stop asking; the form again; what would be redirected to.
AS_PART = {
    ("GET", "triage:bulk", "own"): {200: 286},
    ("POST", "triage:bulk-preview", "own"): {302: 422},
    ("POST", "triage:bulk-step", "own"): {302: 200},
}
SAID = {"telemetry:discard": {"reason": "because"},
        "triage:bulk-preview": {"verb": "note"},
        "telemetry:quarantine-discard": {"reason": "because"}}  # fmt: skip


def read_table() -> dict[tuple[str, str, str], dict[str, int]]:
    rows = [line.split() for line in TABLE.strip().splitlines()[1:]]
    return {
        (method, name, what): dict(zip(EVERYBODY, map(int, found), strict=True))
        for method, name, what, *found in rows
    }


def read_admin_table() -> dict[str, dict[str, list[str]]]:
    rows = [line.split() for line in ADMIN_TABLE.strip().splitlines()[1:]]
    return {
        label: {role: found[4 * n : 4 * n + 4] for n, role in enumerate(IN_ADMIN)}
        for label, *found in rows
    }


EXPECTED, EXPECTED_IN_ADMIN = read_table(), read_admin_table()


@pytest.fixture
def place(db) -> Place:
    from tests.pipeline.network import build

    return settle(build())


def names_of_models() -> set[str]:
    return {
        f"admin:{label.replace('.', '_')}_{page}"
        for label in EXPECTED_IN_ADMIN
        for page in OF_A_MODEL
    }


def test_every_address_has_a_row_and_every_row_an_address():
    rows = {name for _, name, _ in EXPECTED}
    assert {name for name, _ in addresses()} == rows | names_of_models() | OTHERS_OF_ADMIN


def test_every_model_of_the_administration_has_a_row():
    assert {model._meta.label_lower for model in admin.site._registry} == set(EXPECTED_IN_ADMIN)


def test_an_address_that_names_something_is_asked_for_what_lies_elsewhere_and_nowhere():
    asked = {(name, what) for _, name, what in EXPECTED}
    for name, route in addresses():
        if re.search(r"<(slug|uuid|path|str|int):", route) and not name.startswith("admin:"):
            assert {(name, "other"), (name, "no")} <= asked, name


def wrong(found: dict, who: str) -> list[str]:
    """The rows that were answered otherwise than the table says."""
    return [
        f"{' '.join(row)}: {answered} instead of {EXPECTED[row][who]}"
        for row, answered in found.items()
        if answered != EXPECTED[row][who]
    ]


def ask(place: Place, who: str, row: tuple[str, str, str], by_token: bool, **headers: str) -> int:
    method, name, what = row
    client = program_of(who, place) if by_token else place.browser(who, anew=method == "POST")
    more = {"content_type": "application/json"} if by_token and method == "POST" else {}
    said = {"data": SAID.get(name, {})} if method == "POST" else {}
    return status(client, method, place.paths(name, what), headers=headers or None, **said, **more)


def is_api(row: tuple[str, str, str], place: Place) -> bool:
    return place.paths(*row[1:]).startswith("/api/v1/")


@pytest.mark.parametrize("who", EVERYBODY)
def test_everybody_gets_at_every_address_what_the_table_says(place, who):
    found = {
        row: ask(place, who, row, by_token=row[0] == "POST" and is_api(row, place))
        for row in EXPECTED
    }
    assert "\n".join(wrong(found, who)) == ""


@pytest.mark.parametrize("who", EVERYBODY)
def test_a_token_may_what_its_user_may(place, who):
    rows = [row for row in EXPECTED if is_api(row, place) and row[1] != "telemetry:events"]
    assert wrong({row: ask(place, who, row, by_token=True) for row in rows}, who) == []


@pytest.mark.parametrize("who", EVERYBODY)
def test_a_swap_gets_what_the_page_gets_and_never_the_form_to_sign_in(place, who):
    rows = [
        row for row in EXPECTED if row[1].startswith(("dashboard:", "triage:")) or row[1] in PAGES
    ]
    for row in rows:
        expected, is_known = EXPECTED[row][who], who not in ("anon", "gone")
        if expected == SIGN_IN and not is_known:
            expected = SWAP_SIGN_IN
        expected = AS_PART.get(row, {}).get(expected, expected)
        if not is_api(row, place):
            assert ask(place, who, row, by_token=False, **{"HX-Request": "true"}) == expected, row


PAGES = {"telemetry:quarantine", "telemetry:quarantined", "telemetry:resubmit",
         "telemetry:discard", "telemetry:sources", "telemetry:bulk", "telemetry:operations",
         "telemetry:operation", "telemetry:operation-undo", "telemetry:reopen",
         "telemetry:batches", "telemetry:batch-page", "telemetry:batch-fold",
         "telemetry:source-new", "telemetry:source", "telemetry:source-switch",
         "telemetry:key-issue", "telemetry:key-rotate", "telemetry:key-revoke"}  # fmt: skip


@pytest.mark.parametrize("who", ["RA", "AD", "none", "anon"])
def test_what_has_no_row_for_writing_cannot_be_written(place, who):
    """A session writes nothing through the API: that takes a token."""
    readable = {(name, what) for method, name, what in EXPECTED if method == "GET"}
    writable = {(name, what) for method, name, what in EXPECTED if method == "POST"}
    for name, what in readable - writable:
        if not name.startswith("admin:"):
            path = place.paths(name, what)
            assert status(place.browser(who, anew=True), "POST", path) in (405, SIGN_IN), name


@pytest.mark.parametrize("who", EVERYBODY)
def test_everybody_gets_in_the_administration_what_the_table_says(place, who):
    objects, client = objects_of_admin(place.network), browser_of(who)
    found = {}
    for label, rows in objects.items():
        root = f"/admin/{label.replace('.', '/')}/"
        changes = [f"{root}{pk}/change/" for pk in rows.values()]
        found[label] = [
            str(status(client, "GET", path)) for path in (root, f"{root}add/", *changes)
        ]
    if who in IN_ADMIN:
        table = {label: row[who] for label, row in EXPECTED_IN_ADMIN.items()}
        assert {label: [*row, "-"][:4] for label, row in found.items()} == table
    else:
        assert {answer for row in found.values() for answer in row} == {str(SIGN_IN)}
