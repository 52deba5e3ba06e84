"""The queue as a file."""

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_safe

from apps.accounts.access import needs
from apps.accounts.exports import EXPORT, Extent, download
from apps.core.exports import Form
from apps.triage import tables
from apps.triage.views.queue import SEES, asked_of, reader_of


@require_safe
@needs(SEES, EXPORT)
def cases_table(request: HttpRequest, form: Form) -> HttpResponseBase:
    """What the queue is asked, in its order."""
    who = reader_of(request)
    _, question = asked_of(request, who)
    extent = Extent(who.facilities, "what is open", who.now)
    return download(request, tables.cases(who, question), form, extent)
