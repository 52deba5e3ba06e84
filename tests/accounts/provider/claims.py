"""What the provider says of a person: their address, and whether it was verified."""

import time
from typing import Any

from oauth2_provider.oauth2_validators import OAuth2Validator


class Claims(OAuth2Validator):
    oidc_claim_scope = None

    def get_additional_claims(self, request: Any) -> dict[str, Any]:
        user = request.user
        return {
            "email": user.email,
            # In this provider's house, who is "unverified" is called so.
            "email_verified": user.last_name != "unverified",
            "preferred_username": user.username,
            # What some providers say of a person's rights, and nobody here listens to.
            "groups": ["administrator", "superuser"],
            "roles": ["administrator"],
            "is_staff": True,
            "is_superuser": True,
            "auth_time": int(user.last_login.timestamp()) if user.last_login else int(time.time()),
        }
