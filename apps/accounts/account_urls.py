"""Addresses of signing in and of one's own account, under the names that allauth looks them up by.

Only what is listed here can be reached: no registration, no mail addresses, none of its own pages.
"""

from django.urls import path, re_path

from apps.accounts.views import forgotten, security, sign_in

urlpatterns = [
    path("sign-in/", sign_in.sign_in, name="account_login"),
    path("sign-in/code/", sign_in.second_factor, name="mfa_authenticate"),
    path("sign-in/passkey/", sign_in.sign_in_by_passkey, name="mfa_login_webauthn"),
    path(
        "sign-in/sso/answer/",
        sign_in.sso_answer,
        {"provider_id": "sso"},
        name="openid_connect_callback",
    ),
    path("account/security/", security.security, name="mfa_index"),
    path("account/password/", security.password, name="account_change_password"),
    path("account/app/add/", security.add_app, name="mfa_activate_totp"),
    path("account/app/remove/", security.remove_app, name="mfa_deactivate_totp"),
    path("account/passkeys/", security.passkeys, name="mfa_list_webauthn"),
    path("account/passkeys/add/", security.add_passkey, name="mfa_add_webauthn"),
    path("account/passkeys/<int:pk>/", security.rename_passkey, name="mfa_edit_webauthn"),
    path("account/passkeys/<int:pk>/remove/", security.remove_passkey, name="mfa_remove_webauthn"),
    path("forgotten/", forgotten.ask, name="account_reset_password"),
    path("forgotten/sent/", forgotten.sent, name="account_reset_password_done"),
    re_path(
        r"^forgotten/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>[^/]+)/$",
        forgotten.choose,
        name="account_reset_password_from_key",
    ),
    path("forgotten/done/", forgotten.done, name="account_reset_password_from_key_done"),
    path("account/recovery-codes/", security.recovery_codes, name="mfa_view_recovery_codes"),
]
