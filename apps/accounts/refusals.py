"""The page of who was known elsewhere and is not let in here."""

from enum import Enum

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


class Refusal(Enum):
    """Heading and text."""

    CLOSED = (
        "Your account is closed",
        "Somebody closed it here. Ask an administrator of Throughline to open it again.",
    )
    UNKNOWN = (
        "You have no account here",
        "Your sign-in worked, but it opens no account of Throughline. Ask an administrator to make "
        "one with the mail address that your sign-in uses. If you have one and decide as a second "
        "person, sign in with your password first, and link the two under Security.",
    )
    SOMEBODY_ELSE = (
        "This is another account",
        "You are signed in here as somebody else. Sign out first, then sign in again.",
    )
    LINK_OF_ANOTHER = (
        "This link is somebody else's",
        "You are signed in, and who is signed in needs no link to a password. Whoever it was made "
        "for opens it in a browser of their own. This attempt was noted.",
    )
    CANCELLED = ("You did not sign in", "Signing in was cancelled on the way. Nothing was changed.")
    BROKEN = (
        "Single sign-on did not work",
        "Its answer could not be trusted, came too late, or did not come at all. Try again; if it "
        "stays so, tell whoever runs Throughline, who finds the reason in the log.",
    )


def refused(request: HttpRequest, refusal: Refusal) -> HttpResponse:
    """Why somebody is not let in; never which account it was about."""
    heading, text = refusal.value
    context = {"heading": heading, "text": text}
    return render(request, "accounts/refused.html", context, status=403)
