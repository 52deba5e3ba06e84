"""A new password by a link that is mailed; only where mail is set up, and never telling to whom."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.account.forms import UserTokenForm
from allauth.account.views import (
    INTERNAL_RESET_SESSION_KEY,
    PasswordResetDoneView,
    PasswordResetFromKeyDoneView,
    PasswordResetFromKeyView,
    PasswordResetView,
)
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from apps.accounts.acts import Act
from apps.accounts.forms import ForgottenForm
from apps.accounts.origin import current
from apps.accounts.queries import network_of_link
from apps.accounts.refusals import Refusal, refused
from apps.accounts.services.audit import record


class Choose(PasswordResetFromKeyView):
    """The link leads here. It works once, for a day, and ends every session."""

    template_name = "accounts/reset_choose.html"

    def dispatch(
        self, request: HttpRequest, uidb36: str, key: str, **kwargs: Any
    ) -> HttpResponseBase:
        """Whoever makes a link is signed in, and allauth would sign them out and let them go on."""
        # Once opened, the key is no more in the address but in the session.
        kept = request.session.get(INTERNAL_RESET_SESSION_KEY, "")
        said = kept if key == self.reset_url_key else key
        asked = UserTokenForm(data={"uidb36": uidb36, "key": said})
        if request.user.is_authenticated and asked.is_valid():
            record(request.user, Act.LINK_REFUSED, on=f"user:{asked.reset_user.pk}")
            return refused(request, Refusal.LINK_OF_ANOTHER)
        answer: HttpResponseBase = super().dispatch(request, uidb36, key, **kwargs)
        return answer

    def form_valid(self, form: Any) -> HttpResponse:
        """Where the link was made is noted beside where it was used, for who reviews access."""
        made_at = network_of_link(self.reset_user)
        response: HttpResponse = super().form_valid(form)
        facts = {"where_it_was_made": made_at == current().place} if made_at else {}
        record(self.reset_user, Act.PASSWORD_RESET, facts=facts)
        return response


def by_mail(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """A page that does not exist where no mail leaves."""

    @wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not settings.EMAIL_HOST:
            raise Http404
        return view(request, *args, **kwargs)

    return login_not_required(wrapper)


ask = by_mail(
    PasswordResetView.as_view(template_name="accounts/reset_ask.html", form_class=ForgottenForm)
)
sent = by_mail(PasswordResetDoneView.as_view(template_name="accounts/reset_sent.html"))
# Administrators hand out such links as well, so these are open without mail.
choose = login_not_required(Choose.as_view())
done = login_not_required(
    PasswordResetFromKeyDoneView.as_view(template_name="accounts/reset_done.html")
)
