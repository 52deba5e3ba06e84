"""What somebody reads who cannot be let in. It never says which part was wrong."""

NO_MATCH = "User name and password do not match an active account."
WRONG_PASSWORD = "This is not your password."  # noqa: S105
WRONG_CODE = "This code is not valid. It may be too old, or used already."
TOO_MANY = "Too many attempts. Wait a few minutes and try again."
