"""The acts a case page offers: how each is called, by which key, with which form."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from apps.dashboard.forms import cases as forms
from apps.triage import services
from apps.triage.models import Case


@dataclass(frozen=True)
class Deed:
    """An act: its words before and after, and what does it."""

    verb: str
    label: str
    done: str
    icon: str
    does: Callable[..., Case]
    form: type[forms.ActForm] = forms.ActForm
    key: str = ""

    @property
    def is_plain(self) -> bool:
        """Nothing is to be said: pressing is doing."""
        return self.form is forms.ActForm


@dataclass(frozen=True)
class Offer:
    """A deed on a page: with its form, or why it is refused."""

    deed: Deed
    form: forms.ActForm | None
    refused: str = ""


DEEDS: Mapping[str, Deed] = {
    one.verb: one
    for one in (
        Deed("take", "Take", "It is yours for 20 minutes.", "user", services.take, key="i"),
        Deed("release", "Give back", "It is back where it was.", "corner-down-left",
             services.release, key="i"),
        Deed("resolve", "Resolve", "Resolved.", "circle-check", services.resolve,
             forms.ResolveForm, "r"),
        Deed("pend", "Pend", "Put aside.", "clock-pause", services.pend, forms.PendForm, "p"),
        Deed("bring-back", "Bring back", "It goes on.", "corner-down-left", services.bring_back),
        Deed("assign", "Assign", "Assigned.", "users", services.assign, forms.AssignForm, "a"),
        Deed("note", "Note", "Noted.", "pencil", services.note, forms.NoteForm, "c"),
        Deed("dismiss", "Dismiss", "Dismissed.", "circle-minus", services.dismiss,
             forms.DismissForm, "d"),
        Deed("transfer", "Hand over", "Handed over.", "chevron-right", services.transfer,
             forms.TransferForm),
        Deed("escalate", "Escalate", "A lead has it now.", "trending-up", services.escalate,
             forms.ReasonForm),
        Deed("deescalate", "End escalation", "Everybody may take it again.", "trending-down",
             services.deescalate, forms.ReasonForm),
        Deed("reopen", "Reopen", "Open again.", "refresh", services.reopen, forms.ReasonForm),
        Deed("merge", "Merge", "Merged.", "arrow-merge", services.merge, forms.MergeForm),
        Deed("unmerge", "Take out", "It stands alone again.", "arrow-back-up", services.unmerge,
             forms.ReasonForm),
        Deed("link", "Link ticket", "Linked.", "link", services.link, forms.LinkForm),
    )
}  # fmt: skip
BESIDE: Mapping[str, Deed] = {
    one.verb: one
    for one in (
        Deed("undo", "Undo", "Undone.", "arrow-back-up", services.undo, key="z"),
        Deed("skip", "Skip", "Skipped.", "chevron-right", services.skip, forms.ReasonForm),
    )
}


def deed_of(verb: str) -> Deed | None:
    return DEEDS.get(verb) or BESIDE.get(verb)


def said(form: forms.ActForm) -> dict[str, Any]:
    """Version and id of a filled-in form, as the services take them."""
    return {"version": form.cleaned_data["version"], "op_id": form.cleaned_data["op_id"]}
