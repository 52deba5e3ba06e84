"""Addresses of the read API that belong to nobody further right, of people, and of one's own."""

from django.urls import path

from apps.accounts.views import (
    audit,
    catalogue,
    downloads,
    me,
    people,
    review,
    sessions,
    sign_in,
)

app_name = "accounts"
urlpatterns = [
    path("api/v1/catalogue", catalogue.catalogue, name="catalogue"),
    path("people/", people.index, name="people"),
    path("people/new/", people.create, name="new-person"),
    path("people/review/", review.index, name="review"),
    path("people/requests/<int:pk>/", people.decide, name="decide-role"),
    path("people/<int:pk>/", people.person, name="person"),
    path("people/<int:pk>/access/", people.change, name="access"),
    path("people/<int:pk>/close/", people.close, name="close-account"),
    path("people/<int:pk>/reopen/", people.reopen, name="reopen-account"),
    path("people/<int:pk>/password-link/", people.password_link, name="password-link"),
    path("people/<int:pk>/reset-factors/", people.reset_factors, name="reset-factors"),
    path("people/<int:pk>/revoke-tokens/", people.end_tokens, name="end-tokens"),
    path("people/<int:pk>/review/", review.sign, name="sign-review"),
    path("audit/", audit.index, name="audit"),
    path("audit/acts.<form:form>", downloads.audit_table, name="audit-table"),
    path("people/review/accounts.<form:form>", downloads.review_table, name="review-table"),
    path("me/permissions/", me.permissions, name="permissions"),
    path("sign-in/sso/", sign_in.sso, name="sso"),
    path("account/sessions/", sessions.sessions, name="sessions"),
    path("account/sessions/end-others/", sessions.end_others, name="end-others"),
    path("account/sessions/stay/", sessions.stay, name="stay"),
    path("account/sessions/<slug:handle>/end/", sessions.end, name="end-session"),
]
