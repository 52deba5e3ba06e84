"""What people may do to a case. Each act takes who acts, the version they saw and their form's id.

Each returns the case as it is then, or raises Case.DoesNotExist (not theirs to see), Conflict
(somebody else was faster) or Refused (with the reason), and leaves the case as it was.
"""

from apps.triage.services.acting import Conflict, NotAllowed, Refused
from apps.triage.services.closing import Resolution, dismiss, merge, reopen, resolve, unmerge
from apps.triage.services.remarks import link, note
from apps.triage.services.undoing import undo
from apps.triage.services.waiting import Until, Wait, Waits, bring_back, pend
from apps.triage.services.working import (
    assign,
    deescalate,
    escalate,
    next_best,
    release,
    skip,
    take,
    transfer,
)

__all__ = [
    "Conflict",
    "NotAllowed",
    "Refused",
    "Resolution",
    "Until",
    "Wait",
    "Waits",
    "assign",
    "bring_back",
    "deescalate",
    "dismiss",
    "escalate",
    "link",
    "merge",
    "next_best",
    "note",
    "pend",
    "release",
    "reopen",
    "resolve",
    "skip",
    "take",
    "transfer",
    "undo",
    "unmerge",
]
