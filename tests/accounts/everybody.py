"""One of each role in the north, the objects they ask for, and a way to ask for any address."""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.contrib.auth.models import Group
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils.timezone import now

from apps.accounts.models import ApiToken, Session, User
from apps.accounts.roles import ROLES
from apps.accounts.services import ensure_roles, grant_facility, issue_token
from apps.catalog.models import (
    ChangeProposal,
    DeadlineRule,
    ErrorSignal,
    ExceptionKind,
    Facility,
    FacilityAlias,
    Interface,
    RoutingRule,
    SlaTarget,
    System,
    Team,
    Workflow,
)
from apps.telemetry.models import Quarantine, QuarantineOperation, Search, Source, SourceKey
from apps.telemetry.services.keys import issue_key
from apps.triage.models import BulkOperation, Case, SavedView, Storm
from tests.accounts.signing_in import prove
from tests.dashboard.cast import NORTH, SOUTH, address, fold, stuck
from tests.pipeline.network import Network, event, post

CODES = {
    "RA": "revenue_cycle_analyst", "RS": "rcm_supervisor", "IE": "integration_engineer",
    "IL": "integration_lead", "FA": "finance_approver", "EX": "executive",
    "CA": "compliance_auditor", "AD": "administrator",
}  # fmt: skip
# Someone without a role, someone who is not signed in, and someone whose account was closed.
EVERYBODY = [*CODES, "none", "anon", "gone"]
NOWHERE = "01980000-0000-7000-8000-000000000000"
VIEW_ELSEWHERE = "01980000-0000-7000-8000-000000000e1e"
STORMS = {
    "own": "01980000-0000-7000-8000-0000000005a1",
    "other": "01980000-0000-7000-8000-0000000005a2",
}
# The session of somebody who is none of them.
ELSEWHERE = Session(session_key="e" * 32)


@dataclass(frozen=True)
class Place:
    """The small network with work at both of its facilities, and everybody granted the north."""

    network: Network
    tokens: dict[str, str]
    items: dict[str, str]
    batch: object
    passkey: str
    operated: dict[str, dict[str, Any]]
    cases: dict[str, str]
    bulks: dict[str, str]
    browsers: dict[str, Client] = field(default_factory=dict)
    signed_in: dict[str, Any] = field(default_factory=dict)

    def browser(self, who: str, *, anew: bool) -> Client:
        """Somebody's browser; signing in each time would cost more than most questions. Anew, it
        knows nothing of what the other one was told since."""
        if who not in self.browsers:
            self.browsers[who] = browser_of(who)
            self.signed_in[who] = deepcopy(self.browsers[who].cookies)
        if not anew:
            return self.browsers[who]
        found = Client()
        found.cookies = deepcopy(self.signed_in[who])
        return found

    def paths(self, name: str, what: str) -> str:
        """The address of a page for what lies in the north, in the south, or nowhere."""
        return reverse(name, args=self._arguments(name, what)) + self._query(name, what)

    def _arguments(self, name: str, what: str) -> list[str]:
        subject = {"own": "mine", "other": "theirs", "no": "nobodys"}[what]
        item = self.items.get(what, NOWHERE)
        given = {
            "dashboard:cell": ["flow_1", {"own": "NORTH", "other": "SOUTH", "no": "NOPE"}[what]],
            "dashboard:explain": ["attainment"],
            "dashboard:scorecard-table": ["csv"],
            "dashboard:explained-table": ["attainment", "bad", "csv"],
            "dashboard:scorecard": [{"own": "flow_1"}.get(what, "nothing")],
            "dashboard:facility-scorecard": [
                {"own": "NORTH", "other": "SOUTH", "no": "NOPE"}[what]
            ],
            "dashboard:explained": ["attainment", "bad"],
            # A chart is the reader's own or there is none of that name.
            "dashboard:flow-chart": [{"own": "latency"}.get(what, f"of-{subject}")],
            "dashboard:transaction": [address(self.network, subject).split("/")[2]],
            "dashboard:transaction-api": ["flow_1", subject],
            "telemetry:batch": [str(self.batch) if what == "other" else NOWHERE],
            "dashboard:search-again": ["elsewhere" if what == "other" else "nobodys"],
            "dashboard:flow-chart-table": [{"own": "latency"}.get(what, f"of-{subject}"), "csv"],
            "accounts:end-session": [ELSEWHERE.handle if what == "other" else subject],
            **{name: [self.passkey if what == "other" else "0"] for name in PASSKEY_PAGES},
            "account_reset_password_from_key": ["1", "nobodys-key"],
            **{name: [self.operated[what][kind]] for name, kind in OPERATED.items()},
            **{name: [*self.operated[what]["key"]] for name in KEY_PAGES},
            "dashboard:target-change": [self.operated[what]["workflow"], "integration"],
            "dashboard:flow-table": ["csv"],
            "dashboard:cell-table": [
                "flow_1",
                {"own": "NORTH", "other": "SOUTH", "no": "NOPE"}[what],
                "csv",
            ],
            "dashboard:events-table": [address(self.network, subject).split("/")[2], "csv"],
            "telemetry:quarantine-table": ["csv"],
            "telemetry:sources-table": ["csv"],
            "dashboard:case": [self.cases.get(what, NOWHERE)],
            "dashboard:case-act": [self.cases.get(what, NOWHERE), "take"],
            "triage:filter": [{"own": "kind"}.get(what, f"of-{subject}")],
            "triage:cases-table": ["csv"],
            "triage:storm": [STORMS.get(what, NOWHERE)],
            "triage:storm-act": [STORMS.get(what, NOWHERE), "take"],
            **{
                name: [self.bulks.get(what, NOWHERE)] for name in ("triage:bulk", "triage:bulk-run")
            },
            "triage:bulk-step": [self.bulks.get(what, NOWHERE), "suspend"],
            "triage:bulk-table": [self.bulks.get(what, NOWHERE), "csv"],
            **{name: [VIEW_ELSEWHERE if what == "other" else NOWHERE] for name in VIEW_PAGES},
            "admin:view_on_site": ["0", "0"],
            "admin:app_list": ["catalog"],
        }
        if name in PERSON_PAGES:
            whom = {"own": "gone", "other": "none"}.get(what)
            return [str(User.objects.get(username=whom).pk if whom else 0)]
        if name in ("accounts:audit-table", "accounts:review-table"):
            return ["csv"]
        if name == "accounts:decide-role":
            return ["1"]
        takes_item = name.startswith("telemetry:quarantine-re") or name in ITEM_PAGES
        return [item] if takes_item else given.get(name, [])

    def _query(self, name: str, what: str) -> str:
        if name == "dashboard:scorecard-chart":
            place = {"own": "NORTH", "other": "SOUTH", "no": "NOPE"}[what]
            return f"?chart=attainment&facility={place}"
        asks_for_one = name in ASKED_OF_A_PLACE and what != "own"
        return {"other": "?facility=SOUTH", "no": "?facility=NOPE"}[what] if asks_for_one else ""


ASKED_OF_A_PLACE = {
    "scorecards:scorecards", "dashboard:explain", "dashboard:explained",
    "dashboard:explained-table", "dashboard:scorecard-table",
}  # fmt: skip
PERSON_PAGES = {
    "accounts:person", "accounts:access", "accounts:close-account", "accounts:reopen-account",
    "accounts:end-tokens", "accounts:sign-review", "accounts:password-link",
    "accounts:reset-factors",
}  # fmt: skip
ITEM_PAGES = {
    "telemetry:quarantined", "telemetry:resubmit", "telemetry:discard",
    "telemetry:quarantine-discard", "telemetry:reopen",
}  # fmt: skip
OPERATED = {
    "telemetry:operation": "operation", "telemetry:operation-undo": "operation",
    "telemetry:batch-page": "batch", "telemetry:batch-fold": "batch",
    "telemetry:source": "source", "telemetry:source-switch": "source",
    "telemetry:key-issue": "source",
    "dashboard:facility": "facility", "dashboard:workflow": "workflow",
    "dashboard:exception": "kind", "dashboard:playbook-change": "kind",
    "dashboard:signal-new": "kind", "dashboard:signal-remove": "signal",
    "dashboard:rule-change": "rule", "dashboard:rule-remove": "rule",
    "dashboard:deadline-remove": "deadline",
    "dashboard:alias-remove": "alias", "dashboard:proposal": "proposal",
    "dashboard:proposal-decide": "proposal", "dashboard:proposal-withdraw": "proposal",
}  # fmt: skip
PASSKEY_PAGES = {"mfa_edit_webauthn", "mfa_remove_webauthn"}
VIEW_PAGES = {"triage:view", "triage:view-delete", "triage:view-restore"}
KEY_PAGES = {"telemetry:key-rotate", "telemetry:key-revoke"}


def storm_of(case: UUID, id: UUID) -> None:
    """A storm of one case."""
    system = System.objects.first() or System.objects.create(code="s", name="S", kind="engine")
    of = Case.objects.get(pk=case)
    Storm.objects.create(
        id=id, system=system, error_class=of.error_class, opened_at=of.opened_at,
        last_seen=of.opened_at,
    )  # fmt: skip
    Case.objects.filter(pk=case).update(storm=id)


def settle(network: Network) -> Place:
    """Put work, refused events and people into the network."""
    fold(network, *stuck("mine", facility=NORTH), *stuck("theirs", facility=SOUTH))
    batch = post(network, event(network, id="last", subject="mine"))
    items = {
        "own": quarantined(network, NORTH, 1),
        "other": quarantined(network, SOUTH, 2),
    }
    moment = now()
    times = dict.fromkeys(("started_at", "last_active_at", "expire_date"), moment)
    owner = User.objects.create_user("elsewhere")
    Session.objects.create(session_key=ELSEWHERE.session_key, user=owner, **times)
    passkey = Authenticator.objects.create(user=owner, type="webauthn", data={"name": "theirs"})
    Search.objects.create(
        token="elsewhere", user_id=owner.pk, at=moment, label="", found="", hits=0
    )
    SavedView.objects.create(id=UUID(VIEW_ELSEWHERE), owner=owner, name="Theirs")
    everybody = people(network.facilities[NORTH])
    operated = {
        "own": operated_at(network, NORTH),
        "other": operated_at(network, SOUTH),
        "no": {
            "operation": NOWHERE,
            "batch": NOWHERE,
            "source": "nope",
            "key": ("nope", "src_0"),
            "facility": "NOPE",
            "workflow": "nope",
            "kind": "nope",
            "signal": 0,
            "rule": "nowhere",
            "deadline": 0,
            "alias": 0,
            "proposal": 0,
        },
    }
    cases = {
        "own": case_at(network.facilities[NORTH]),
        "other": case_at(network.facilities[SOUTH]),
    }
    for what, id in STORMS.items():
        storm_of(UUID(cases[what]), UUID(id))
    bulks = {
        "own": bulk_at(network.facilities[NORTH]),
        "other": bulk_at(network.facilities[SOUTH]),
    }
    return Place(network, everybody, items, batch, str(passkey.pk), operated, cases, bulks)


def bulk_at(place: Facility) -> str:
    """An act on many cases of there, which a supervisor had done."""
    moment = now()
    operation = BulkOperation.objects.create(
        verb="note", selection={"ids": []}, as_of=moment, facilities=[place.pk], state="completed",
        created_by=User.objects.get(username="RS"), started_at=moment, finished_at=moment,
    )  # fmt: skip
    operation.refresh_from_db()
    return str(operation.pk)


def case_at(place: Facility) -> str:
    """A case of there that nobody has explained: whoever works technical kinds works it, too."""
    return str(Case.objects.filter(facility=place, kind=None).order_by("pk")[0].pk)


def operated_at(network: Network, place: int) -> dict[str, Any]:
    """What people operate that speaks of one facility only: a source, its key, a batch, an act."""
    facility = network.facilities[place]
    key = issue_key(source=f"at-{facility.code.lower()}", facilities=[facility.code]).key
    batch = post(network, event(network, id=f"at-{place}", facility=place), scope=[facility.pk])
    operation = QuarantineOperation.objects.create(
        id=UUID(int=100 + place), act="discard", code="unknown_stage", scope=[facility.pk],
        last_id=UUID(int=9), total=1, asked_at=now(), asked_by=User.objects.get(username="RA"),
    )  # fmt: skip
    return {
        "operation": str(operation.pk),
        "batch": str(batch),
        "source": key.source.code,
        "key": (key.source.code, key.prefix),
        "facility": facility.code,
        # Everybody who may look at workflows sees all of them.
        "workflow": "flow_1" if place == NORTH else "elsewhere",
        # Nor does a kind of exception lie anywhere.
        "kind": "TST-01" if place == NORTH else "elsewhere",
        "signal": explained() if place == NORTH else 0,
        # Nor a rule, nor a deadline.
        "rule": ruled() if place == NORTH else "elsewhere",
        "deadline": lost_after() if place == NORTH else 0,
        **catalogued_at(facility),
    }


def explained() -> int:
    """A kind of exception and the code it is known by."""
    kind = ExceptionKind.objects.create(code="TST-01", position=1)
    said = {"standard": "http", "code": "503", "error_class": "transport"}
    return ErrorSignal.objects.create(kind=kind, **said).pk


def ruled() -> str:
    """A rule in force."""
    team, _ = Team.objects.get_or_create(code="ruled", defaults={"name": "Ruled"})
    since = now() - timedelta(days=1)
    return RoutingRule.objects.create(
        code="some_rule", name="Some rule", position=1, team=team, effective_from=since, why="test"
    ).code


def lost_after() -> int:
    """A deadline of money."""
    line = Workflow.objects.order_by("pk").first()
    said = {"kind": "filing", "since": "service", "days": 90}
    return DeadlineRule.objects.create(workflow=line, **said).pk


def catalogued_at(facility: Facility) -> dict[str, int]:
    """A name of one facility, and a change of it that somebody proposed."""
    alias = FacilityAlias.objects.create(alias=f"name-of-{facility.code}", facility=facility)
    proposal = ChangeProposal.objects.create(
        kind="alias_added", facility=facility, alias="x", why="for the test",
        proposed_by=User.objects.get(username="RS"), expires_at=now() + timedelta(days=1),
    )  # fmt: skip
    return {"alias": alias.pk, "proposal": proposal.pk}


def quarantined(network: Network, place: int, number: int) -> str:
    item = Quarantine.objects.create(
        id=UUID(f"{NOWHERE[:-1]}{number}"), received_at=now(), last_seen_at=now(),
        source=network.source,
        code="unknown_stage", message="Unknown stage", facility=network.facilities[place],
        view={"event": {"data": {"workflow": "flow_1", "stage": "nowhere"}}},
    )  # fmt: skip
    return str(item.pk)


def people(place: Facility) -> dict[str, str]:
    """Everybody, each with a token; only a role lets it do anything."""
    ensure_roles()
    tokens = {}
    for name in EVERYBODY:
        if name == "anon":
            continue
        role = CODES.get(name, "revenue_cycle_analyst" if name == "gone" else "")
        works_in_admin = bool(role) and ROLES[role].works_in_admin
        user = User.objects.create_user(name, is_staff=works_in_admin)
        user.groups.set(Group.objects.filter(name=role))
        grant_facility(to=user, facility=place)
        tokens[name] = issue_token(user=user)
    User.objects.filter(username="gone").update(is_active=False)
    return tokens


def browser_of(who: str) -> Client:
    """Somebody at a browser. A closed account may still have a session."""
    client = Client()
    if who != "anon":
        client.force_login(User.objects.get(username=who))
        prove(client)
    return client


def program_of(who: str, place: Place) -> Client:
    """The same person's token in a program."""
    bearer = place.tokens.get(who)
    return Client(headers={"Authorization": f"Bearer {bearer}"} if bearer else None)


def status(client: Client, method: str, path: str, **said: Any) -> int:
    """What a request is answered with; whatever it changed is undone."""
    with transaction.atomic():
        found: int = getattr(client, method.lower())(path, **said).status_code
        transaction.set_rollback(True)
    return found


def addresses(resolver: URLResolver | None = None, above: str = "") -> Iterator[tuple[str, str]]:
    """Name and route of every address of the product; those without a name go by their route."""
    for pattern in (resolver or get_resolver()).url_patterns:
        if isinstance(pattern, URLResolver):
            space = f"{above}{pattern.namespace}:" if pattern.namespace else above
            yield from addresses(pattern, space)
        elif isinstance(pattern, URLPattern):
            yield f"{above}{pattern.name or pattern.pattern}", str(pattern.pattern)


def objects_of_admin(network: Network) -> dict[str, dict[str, int]]:
    """One row of every model in the administration: in the north, and in the south if it lies
    anywhere."""
    north, south = network.facilities
    system = System.objects.create(code="ehr", name="EHR", kind="ehr")
    Team.objects.create(code="desk", name="Desk")
    Interface.objects.create(
        code="charges", name="Charges", protocol="rest", pattern="event", source=system,
        target=system, workflow=network.workflows[0], expected_gap_seconds=900,
    )  # fmt: skip
    keys = [issue_key(source=place.code.lower(), facilities=[place.code]).key
            for place in (north, south)]  # fmt: skip
    aliases = [FacilityAlias.objects.create(alias=place.code.lower(), facility=place)
               for place in (north, south)]  # fmt: skip
    placed = {
        Facility: (north.pk, south.pk),
        FacilityAlias: (aliases[0].pk, aliases[1].pk),
        SlaTarget: (
            SlaTarget.objects.filter(facility=None).order_by("pk")[0].pk,
            SlaTarget.objects.filter(facility=south).order_by("pk")[0].pk,
        ),
        Source: (keys[0].source_id, keys[1].source_id),
        SourceKey: (keys[0].pk, keys[1].pk),
        ApiToken: (ApiToken.objects.get(user__username="RA").pk,),
        User: (User.objects.get(username="RA").pk,),
    }
    return {
        model._meta.label_lower: dict(
            zip(
                ("own", "other"),
                placed.get(model) or (model._default_manager.order_by("pk")[0].pk,),
                strict=False,
            )
        )
        for model in admin.site._registry
    }
