"""All settings, from the environment; docs/operations.md lists every variable.

Safe by default: without secrets nothing starts, and cookies, redirects and HSTS assume TLS until
THROUGHLINE_HTTPS=0 says that this instance is reached over plain http on its own machine.
"""

import os
from pathlib import Path

from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from config import embedded
from config.env import chosen, database, flag, keys, mail, number, oidc, providers, words
from config.logs import PROCESS
from config.secrets import MissingSecret, secret, stored_secrets

BASE_DIR = Path(__file__).resolve().parent.parent
VAR = embedded.var_directory()

# -- Throughline's own -------------------------------------------------------------------------

THROUGHLINE_DEMO = flag("THROUGHLINE_DEMO")
THROUGHLINE_HTTPS = flag("THROUGHLINE_HTTPS", default=not THROUGHLINE_DEMO)
THROUGHLINE_EVENT_RETENTION_DAYS = number("THROUGHLINE_EVENT_RETENTION_DAYS", 400)
# Open ones for as long as events are kept, since older events are accepted no more.
THROUGHLINE_QUARANTINE_RETENTION_DAYS = number("THROUGHLINE_QUARANTINE_RETENTION_DAYS", 90)
# Of one source; what comes beyond is listed in the answer and counted.
THROUGHLINE_QUARANTINE_ROWS_A_DAY = number("THROUGHLINE_QUARANTINE_ROWS_A_DAY", 10_000)
THROUGHLINE_MAX_FUTURE_SECONDS = number("THROUGHLINE_MAX_FUTURE_SECONDS", 300)
# So many cases of one system and class in a quarter of an hour, far more than usual, are a storm.
THROUGHLINE_STORM_CASES = number("THROUGHLINE_STORM_CASES", 20)
THROUGHLINE_CURRENCY = os.environ.get("THROUGHLINE_CURRENCY", "USD")
THROUGHLINE_MAX_BODY_BYTES = number("THROUGHLINE_MAX_BODY_BYTES", 10 * 2**20)
THROUGHLINE_MAX_INFLATED_BYTES = number("THROUGHLINE_MAX_INFLATED_BYTES", 32 * 2**20)
# A body has so many seconds, and another for each so many bytes that have come (config/front.py).
THROUGHLINE_BODY_SECONDS = number("THROUGHLINE_BODY_SECONDS", 10)
THROUGHLINE_BODY_BYTES_PER_SECOND = number("THROUGHLINE_BODY_BYTES_PER_SECOND", 32 * 2**10)
# Each holds a database connection.
THROUGHLINE_WEB_THREADS = number("THROUGHLINE_WEB_THREADS", 3)
# For each key in each web process: a stop for senders run wild, not a quota.
THROUGHLINE_REQUESTS_PER_SECOND = number("THROUGHLINE_REQUESTS_PER_SECOND", 5_000)

try:
    SECRET_KEY = secret("THROUGHLINE_SECRET_KEY", var=VAR)
    # Keys the tokens under which business identifiers are stored and searched.
    TOKEN_KEY = bytes.fromhex(secret("THROUGHLINE_TOKEN_KEY", var=VAR))
except MissingSecret as error:
    raise ImproperlyConfigured(str(error)) from None
except ValueError:
    raise ImproperlyConfigured("THROUGHLINE_TOKEN_KEY must be hexadecimal.") from None

# Of the demo's people; empty where seed_demo_users is to make one and print it.
THROUGHLINE_DEMO_PASSWORD = os.environ.get("THROUGHLINE_DEMO_PASSWORD") or stored_secrets(VAR).get(
    "THROUGHLINE_DEMO_PASSWORD", ""
)

# -- Django ------------------------------------------------------------------------------------

DEBUG = THROUGHLINE_DEMO and flag("THROUGHLINE_DEBUG")
ALLOWED_HOSTS = words("THROUGHLINE_ALLOWED_HOSTS") or ["localhost", "127.0.0.1", "[::1]"]
CSRF_TRUSTED_ORIGINS = words("THROUGHLINE_TRUSTED_ORIGINS")
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django_htmx",
    "guardian",
    "csp",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "apps.core",
    "apps.catalog",
    "apps.accounts",
    "apps.telemetry",
    "apps.scorecards",
    "apps.triage",
    "apps.pipeline",
    "apps.dashboard",
    "apps.demo",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    # Sources need none of what follows, and pay for none of it.
    "apps.telemetry.middleware.ingest_door",
    "apps.core.bad_requests.BadRequestMiddleware",
    # Nor do pages that ask again and know the answer.
    "apps.dashboard.middleware.unchanged_door",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    # The matrix is 160 kB of much the same; Django pads against guessing secrets by size.
    "django.middleware.gzip.GZipMiddleware",
    "csp.middleware.CSPMiddleware",
    "apps.core.headers.headers_middleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "apps.accounts.middleware.activity_middleware",
    "apps.accounts.middleware.AuditMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "apps.accounts.middleware.AccessMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
            "builtins": ["apps.core.templatetags.quick"],
        },
    }
]
FORM_RENDERER = "apps.core.widgets.Renderer"
LANGUAGE_CODE = "en-us"
# One language: looking up which one, for every number and date of a page, costs a tenth of it.
USE_I18N = False
TIME_ZONE = "UTC"
USE_TZ = True

# -- Data --------------------------------------------------------------------------------------

DATABASES = {
    "default": database(
        os.environ.get("DATABASE_URL") or embedded.postgres_url(), f"throughline {PROCESS}"
    )
}
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
# In the database and never in Redis: signing in must not depend on the broker, and its limits must
# hold for all processes together. What a page keeps for itself stays in its process.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "accounts_cache",
        # More than anybody can fill before it expires, or old failures would be forgotten early.
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    }
}
# The ingest endpoint bounds bodies itself; Django's own limit must not be lower than ours.
DATA_UPLOAD_MAX_MEMORY_SIZE = THROUGHLINE_MAX_BODY_BYTES

# -- People ------------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "guardian.backends.ObjectPermissionBackend",
]
# guardian would add an active account of this name, which could be granted facilities.
ANONYMOUS_USER_NAME = None
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    # For those that were made before; the next sign-in makes them anew.
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}", "OPTIONS": options}
    for name, options in (
        ("UserAttributeSimilarityValidator", {}),
        ("MinimumLengthValidator", {"min_length": 12}),
        ("CommonPasswordValidator", {}),
        ("NumericPasswordValidator", {}),
    )
]
LOGIN_URL = "/sign-in/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/sign-in/"
# Counted from signing in, whatever happens; and from the last that a person, not a poll, asked.
SESSION_COOKIE_AGE = 3600 * number("THROUGHLINE_SESSION_HOURS", 10)
SESSION_IDLE_SECONDS = 60 * number("THROUGHLINE_SESSION_IDLE_MINUTES", 15)
SESSION_ENGINE = "apps.accounts.sessions"
# How many proxies of ours stand in front; each adds one entry to X-Forwarded-For.
THROUGHLINE_TRUSTED_PROXIES = number("THROUGHLINE_TRUSTED_PROXIES", 0)
# Who moves money, keeps access or sees and changes the whole network (docs/accounts.md says why).
THROUGHLINE_MFA_ROLES = chosen(
    "THROUGHLINE_MFA_ROLES",
    default=[]
    if THROUGHLINE_DEMO
    else [
        "administrator",
        "compliance_auditor",
        "finance_approver",
        "integration_engineer",
        "integration_lead",
    ],
)
# The first seals, all of them open: NAME:HEX,NAME:HEX.
THROUGHLINE_MFA_KEYS = keys("THROUGHLINE_MFA_KEYS")
# Whether the provider of single sign-on asks for two factors by itself.
THROUGHLINE_OIDC_IS_MFA = flag("THROUGHLINE_OIDC_IS_MFA")
SINGLE_SIGN_ON = oidc()
SOCIALACCOUNT_ADAPTER = "apps.accounts.oidc.SocialAdapter"
SOCIALACCOUNT_STORE_TOKENS = False
SOCIALACCOUNT_REQUESTS_TIMEOUT = 5
SOCIALACCOUNT_PROVIDERS = providers(SINGLE_SIGN_ON)

ACCOUNT_ADAPTER = "apps.accounts.adapters.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
# The cookie goes with the browser; the row in the database says when the session ends.
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
# Whoever asks about an address gets the same page; a stranger's gets no mail.
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
PASSWORD_RESET_TIMEOUT = 86400
ACCOUNT_PASSWORD_RESET_TOKEN_GENERATOR = "apps.accounts.links.LinkGenerator"  # noqa: S105
ACCOUNT_RATE_LIMITS = {
    "login": "600/m/ip",
    "login_failed": "100/m/ip,5/5m/key",
    "reauthenticate": "20/m/user",
    "change_password": "5/m/user",
    "reset_password": "20/m/ip,3/10m/key",
    "reset_password_from_key": "20/m/ip",
}
MFA_ADAPTER = "apps.accounts.adapters.MfaAdapter"
MFA_FORMS = {
    "authenticate_webauthn": "apps.accounts.passkeys.SecondFactorForm",
    "login_webauthn": "apps.accounts.passkeys.SignInForm",
    "add_webauthn": "apps.accounts.passkeys.AddForm",
}
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_ALLOW_UNVERIFIED_EMAIL = True
# accounts.confirm asks, in its own way.
MFA_REAUTHENTICATION_REQUIRED = False
MFA_RATE_LIMITS = {"webauthn_login": "300/m/ip"}
MFA_TOTP_ISSUER = "Throughline"
# Half a minute early or late: clocks of phones differ.
MFA_TOTP_TOLERANCE = 1
# Browsers hold http to be safe on their own machine, and only there.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not THROUGHLINE_HTTPS

# -- Mail: only for who forgot a password; without it an administrator sets a new one ------------

EMAIL_HOST, EMAIL_PORT, EMAIL_HOST_USER, EMAIL_HOST_PASSWORD, EMAIL_USE_TLS, EMAIL_USE_SSL = mail(
    "THROUGHLINE_MAIL_URL"
)
DEFAULT_FROM_EMAIL = os.environ.get("THROUGHLINE_MAIL_FROM", "throughline@localhost")
EMAIL_TIMEOUT = 10

# -- The browser -------------------------------------------------------------------------------

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = THROUGHLINE_HTTPS
# The prefix makes browsers refuse the cookie from any other host or over plain http.
SESSION_COOKIE_NAME = "__Host-throughline" if THROUGHLINE_HTTPS else "throughline"
CSRF_COOKIE_NAME = "__Host-csrf" if THROUGHLINE_HTTPS else "csrf"
# htmx sends the token from the page, so no script needs to read the cookie.
CSRF_COOKIE_HTTPONLY = True
SECURE_HSTS_SECONDS = number("THROUGHLINE_HSTS_SECONDS", 365 * 86400) if THROUGHLINE_HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = SECURE_HSTS_SECONDS > 0
SECURE_REFERRER_POLICY = "same-origin"
# Load balancers probe these two over plain http, from inside.
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
# Only behind a proxy that sets this header itself; otherwise any client could claim TLS.
if flag("THROUGHLINE_BEHIND_PROXY"):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
X_FRAME_OPTIONS = "DENY"
# The hash is that of the empty string: Plotly adds one empty <style> and fills it by script.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF, "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "base-uri": [NONE],
        "form-action": [SELF],
        "object-src": [NONE],
        "frame-ancestors": [NONE],
    }
}
STATIC_URL = "/static/"
STATIC_ROOT = VAR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

# -- Celery: doorbells only, so losing any of them costs nothing (docs/operations.md) ------------

CELERY_BROKER_URL = os.environ.get("REDIS_URL") or embedded.redis_url()
CELERY_IMPORTS = ["config.lost_broker"]
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = False
CELERY_TASK_DEFAULT_QUEUE = "bell"
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_ENABLE_UTC = True
# Not task_publish_retry=False: that falls through to redis-py's own, slower, retries.
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 0, "interval_start": 0}
# For everybody who publishes; config.celery gives workers longer ones, above BRPOP's 1 s.
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_timeout": 0.5,
    "socket_connect_timeout": 0.5,
    "socket_keepalive": True,
    "health_check_interval": 10,
    "visibility_timeout": 300,
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_CHANNEL_ERROR_RETRY = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# Celery would close the database connection around every task, and the fold makes its temporary
# tables once a connection: at four bells a second that churns the system catalogues for nothing.
# config.celery lets go of broken connections instead.
CELERY_DB_REUSE_MAX = 10**9
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 8
CELERY_WORKER_MAX_TASKS_PER_CHILD = 1000
CELERY_WORKER_MAX_MEMORY_PER_CHILD = 300_000  # KB, looked at after each task
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TASK_SOFT_TIME_LIMIT = 50
CELERY_TASK_TIME_LIMIT = 60
# Every periodic bell expires before two more are due, so an outage leaves no pile behind.
CELERY_BEAT_SCHEDULE = {
    "sweep": {"task": "pipeline.sweep", "schedule": 2.0, "options": {"expires": 4}},
    "maintain": {"task": "pipeline.maintain", "schedule": 300.0, "options": {"expires": 290}},
}

# -- Logs --------------------------------------------------------------------------------------

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "config.logs.JsonFormatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["stderr"], "level": os.environ.get("THROUGHLINE_LOG_LEVEL", "INFO")},
    "loggers": {
        # One line for each bell would be most of the log.
        "celery.beat": {"level": "WARNING"},
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.worker.request": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
    },
}
