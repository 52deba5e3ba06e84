"""Addresses of the pages."""

from django.urls import path

from apps.accounts.views.sign_in import sign_out
from apps.dashboard import api
from apps.dashboard.views import case as cases
from apps.dashboard.views import catalogue, changes, routing
from apps.dashboard.views import exceptions as kinds
from apps.dashboard.views.cell import cell
from apps.dashboard.views.downloads import cell_table, events_table, flow_chart_table, flow_table
from apps.dashboard.views.explain import explain, explained, explained_table
from apps.dashboard.views.flow import flow, flow_board, flow_chart, flow_charts
from apps.dashboard.views.home import home, keys, strip
from apps.dashboard.views.scorecards import (
    facility_scorecard,
    scorecard_chart,
    scorecard_table,
    scorecards,
    workflow_scorecard,
)
from apps.dashboard.views.search import clear_searches, search, search_again
from apps.dashboard.views.status import status
from apps.dashboard.views.styleguide import styleguide
from apps.dashboard.views.transaction import transaction

app_name = "dashboard"

urlpatterns = [
    path("", home, name="home"),
    path("flow/", flow, name="flow"),
    path("flow/board/", flow_board, name="board"),
    path("flow/<slug:workflow>/<slug:facility>/", cell, name="cell"),
    path("scorecards/", scorecards, name="scorecards"),
    path("scorecards/at/<slug:facility>/", facility_scorecard, name="facility-scorecard"),
    path("scorecards/<slug:workflow>/", workflow_scorecard, name="scorecard"),
    path("scorecards/lines.<form:form>", scorecard_table, name="scorecard-table"),
    path("charts/scorecard/", scorecard_chart, name="scorecard-chart"),
    path("explain/<slug:metric>/", explain, name="explain"),
    path("explain/<slug:metric>/<slug:part>/", explained, name="explained"),
    path(
        "explain/<slug:metric>/<slug:part>/transactions.<form:form>",
        explained_table,
        name="explained-table",
    ),
    path("flow/cells.<form:form>", flow_table, name="flow-table"),
    path(
        "flow/<slug:workflow>/<slug:facility>/transactions.<form:form>",
        cell_table,
        name="cell-table",
    ),
    path("transactions/<uuid:id>/events.<form:form>", events_table, name="events-table"),
    path("charts/flow/", flow_charts, name="flow-charts"),
    path("charts/flow/<slug:name>/", flow_chart, name="flow-chart"),
    path("charts/flow/<slug:name>.<form:form>", flow_chart_table, name="flow-chart-table"),
    path("transactions/<uuid:id>/", transaction, name="transaction"),
    path(
        "api/v1/transactions/<slug:workflow>/<path:correlation_id>",
        api.transaction,
        name="transaction-api",
    ),
    path("keys/", keys, name="keys"),
    path("search/", search, name="search"),
    path("search/clear/", clear_searches, name="clear-searches"),
    path("search/<str:token>/", search_again, name="search-again"),
    path("interfaces/", catalogue.interfaces, name="interfaces"),
    path("catalogue/facilities/", catalogue.facilities, name="facilities"),
    path("catalogue/facilities/<str:code>/", catalogue.facility, name="facility"),
    path("catalogue/systems/", catalogue.systems, name="systems"),
    path("catalogue/workflows/", catalogue.workflows, name="workflows"),
    path("catalogue/workflows/<slug:code>/", catalogue.workflow, name="workflow"),
    path(
        "catalogue/workflows/<slug:code>/<slug:kind>/change/",
        changes.target_change,
        name="target-change",
    ),
    path("exceptions/next/", cases.next_case, name="case-next"),
    path("exceptions/<uuid:id>/", cases.case, name="case"),
    path("exceptions/<uuid:id>/<slug:verb>/", cases.act, name="case-act"),
    path("catalogue/exceptions/", kinds.exceptions, name="exceptions"),
    path("catalogue/exceptions/new/", kinds.exception_new, name="exception-new"),
    path("catalogue/exceptions/<str:code>/", kinds.exception, name="exception"),
    path("catalogue/exceptions/<str:code>/words/", kinds.playbook_change, name="playbook-change"),
    path("catalogue/exceptions/<str:code>/codes/", kinds.signal_new, name="signal-new"),
    path("catalogue/codes/<int:pk>/remove/", kinds.signal_remove, name="signal-remove"),
    path("catalogue/routing/", routing.routing, name="routing"),
    path("catalogue/routing/new/", routing.rule_new, name="rule-new"),
    path("catalogue/routing/<slug:code>/change/", routing.rule_change, name="rule-change"),
    path("catalogue/routing/<slug:code>/remove/", routing.rule_remove, name="rule-remove"),
    path("catalogue/deadlines/new/", routing.deadline_new, name="deadline-new"),
    path("catalogue/deadlines/<int:pk>/remove/", routing.deadline_remove, name="deadline-remove"),
    path("catalogue/alias/", changes.alias_new, name="alias-new"),
    path("catalogue/alias/<int:pk>/remove/", changes.alias_remove, name="alias-remove"),
    path("catalogue/changes/", changes.proposal_list, name="proposals"),
    path("catalogue/changes/<int:pk>/", changes.proposal, name="proposal"),
    path("catalogue/changes/<int:pk>/decide/", changes.proposal_decide, name="proposal-decide"),
    path(
        "catalogue/changes/<int:pk>/withdraw/",
        changes.proposal_withdraw,
        name="proposal-withdraw",
    ),
    path("styleguide/", styleguide, name="styleguide"),
    path("status/", status, name="status"),
    path("status/strip/", strip, name="strip"),
    path("sign-out/", sign_out, name="sign-out"),
]
