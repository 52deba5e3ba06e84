"""A new password by a link that is mailed; only where mail is set up, and never telling to whom."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.account.views import (
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
from apps.accounts.services.audit import record


class Choose(PasswordResetFromKeyView):
    """The link leads here. It works once, for a day, and ends every session."""

    template_name = "accounts/reset_choose.html"

    def form_valid(self, form: Any) -> HttpResponse:
        response: HttpResponse = super().form_valid(form)
        record(self.reset_user, Act.PASSWORD_RESET)
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
