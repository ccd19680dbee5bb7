"""Settings: one file; machines differ by environment variables only (docs/configuration.md)."""

from collections.abc import Callable
from pathlib import Path

import environ

from config import accounts, console, providers, reads
from config.reads import T

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.FileAwareEnv()


def read(parse: Callable[..., T], name: str, default: str = "", **bounds: int) -> T:
    """What is written under the name, as its reader understands it (`config.reads`)."""
    return parse(name, env.str(name, default=default), **bounds)


# --- what differs between machines -------------------------------------------------------------

SECRET_KEY = env.str("SECRET_KEY")
# Credentials and signing keys are stored under the first, and read with any of them.
ENCRYPTION_KEYS = read(reads.fernet_keys, "WAYBILL_ENCRYPTION_KEYS")
DEBUG = read(reads.flag, "DEBUG", "false")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
# False only where plain HTTP on loopback is meant, as in `make run`.
HTTPS = read(reads.flag, "WAYBILL_HTTPS", "true")
# True lets destinations point to private, loopback and link-local addresses.
ALLOW_PRIVATE_NETWORKS = read(reads.flag, "WAYBILL_ALLOW_PRIVATE_NETWORKS", "false")
# What else may be called, and what may not: `destinations.outward.addresses` judges by these.
OUTBOUND_SCHEMES = read(reads.schemes, "WAYBILL_OUTBOUND_SCHEMES", "https,http")
OUTBOUND_PORTS = read(reads.ports, "WAYBILL_OUTBOUND_PORTS")
OUTBOUND_NETWORKS = read(reads.networks, "WAYBILL_OUTBOUND_NETWORKS")
OUTBOUND_HOSTS = read(reads.hosts, "WAYBILL_OUTBOUND_HOSTS")
# For tests only: where queues and topics are looked for instead of at AWS and Google.
AWS_ENDPOINT = read(reads.endpoint, "WAYBILL_AWS_ENDPOINT")
PUBSUB_ENDPOINT = read(reads.address, "WAYBILL_PUBSUB_ENDPOINT")
# How long a call of a tool waits for its action to be over; agents ask again after that.
MCP_WAIT_SECONDS = read(reads.number, "WAYBILL_MCP_WAIT_SECONDS", "25", most=300)
# So many organizations a person makes by the API; operators make any number.
ORGANIZATIONS_PER_USER = read(reads.number, "WAYBILL_ORGANIZATIONS_PER_USER", "20")
# What an organization may have and ask of the gateway.
GATEWAY_ACTIONS = read(reads.number, "WAYBILL_GATEWAY_ACTIONS", "100", least=1)
GATEWAY_REQUESTS_PER_HOUR = read(reads.number, "WAYBILL_GATEWAY_REQUESTS_PER_HOUR", "1000", least=1)
LOG_LEVEL = env.str("LOG_LEVEL", default="INFO")
# How many proxies of ours append to X-Forwarded-For: `config.addresses` believes so many.
TRUSTED_PROXIES = read(reads.number, "WAYBILL_TRUSTED_PROXIES", "0")
# Who comes in gets a second factor before any page of the admin.
REQUIRE_MFA = read(reads.flag, "WAYBILL_REQUIRE_MFA", "false")
# How long a login lasts unused, and at most.
SESSION_IDLE_MINUTES = read(reads.number, "WAYBILL_SESSION_IDLE_MINUTES", "480", least=1)
SESSION_HOURS = read(reads.number, "WAYBILL_SESSION_HOURS", "168", least=1)
# Without a mail server nothing is sent, and nobody is told that it was.
HAS_MAIL = bool(env.str("EMAIL_URL", default=""))
globals().update(env.email_url("EMAIL_URL", default="dummymail://"))
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="waybill@localhost")
# So many wrong keys a minute are looked up for an address; 0 looks up all of them.
WRONG_KEYS_PER_MINUTE = read(reads.number, "WAYBILL_WRONG_KEYS_PER_MINUTE", "30")

# A server that is gone without a word is noticed in half a minute; the kernel takes hours.
SILENCE = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
}
DATABASES = {"default": env.db_url("DATABASE_URL", engine="django.db.backends.postgresql")}
DATABASES["default"] |= {
    # A thread keeps its connection: a new one for each request costs 65 % of the speed.
    "CONN_MAX_AGE": 60,
    "CONN_HEALTH_CHECKS": True,
    "OPTIONS": {"application_name": "waybill", "server_side_binding": True, "prepare_threshold": 5}
    | SILENCE
    | DATABASES["default"].get("OPTIONS", {}),
    "TEST": {"NAME": env.str("TEST_DATABASE_NAME", default="test_waybill")},
}

# --- what is the same everywhere ---------------------------------------------------------------

INSTALLED_APPS = [
    "runtime",
    "orgs",
    "login",
    "destinations",
    "actions",
    "dispatch",
    "agents",
    "bundles",
    "operations",
    "gateway",
    "console",
    "procrastinate.contrib.django",
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "django_jsonform",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.middleware.ContentSecurityPolicy",
    "config.middleware.OptionalTrailingSlash",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "config.middleware.WholeForms",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "orgs.middleware.ActingInTheAdmin",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "login.middleware.SessionLifetime",
    "login.middleware.RequireSecondFactor",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
APPEND_SLASH = False
AUTH_USER_MODEL = "orgs.User"
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "admin:index"
AUTHENTICATION_BACKENDS = [
    "orgs.backends.MembersMay",
    # allauth's own checks a password once, also where nobody has the address.
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
globals().update(accounts.SETTINGS)
SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"APPS": providers.read(env)}}
CACHES = {
    # What all processes of the web have to agree on: attempts, and codes that were used.
    "default": {"BACKEND": "login.notes.Notes"},
    "process": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LANGUAGE_CODE = "en-us"
FORMAT_MODULE_PATH = "config.formats"
TIME_ZONE = "UTC"
USE_TZ = True
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
            ]
        },
    }
]

# Static files are served from the packages by whitenoise: there is no collectstatic step.
STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False

SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SECURE = HTTPS
SESSION_COOKIE_AGE = SESSION_HOURS * 3_600
CSRF_COOKIE_SECURE = HTTPS
X_FRAME_OPTIONS = "DENY"

# Body limits (design section 3): what says that it is longer is not read (`runtime.bodies`).
MAX_BODY_BYTES = 1_048_576
MAX_BATCH_BYTES = 16 * MAX_BODY_BYTES
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * MAX_BODY_BYTES
LARGER_BODIES = {"/v1/batch": MAX_BATCH_BYTES, "/admin/": DATA_UPLOAD_MAX_MEMORY_SIZE}
# Nothing takes files: what comes as one is left out, and never written to a disk.
FILE_UPLOAD_HANDLERS: list[str] = []

REST_FRAMEWORK: dict[str, object] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Waybill",
    "DESCRIPTION": "Registry and dispatch gateway for actions: validated, versioned contracts, "
    "delivered to typed destinations until they are settled.",
    "VERSION": "0.1.0",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    # The default hook rewrites the enums of a raw union to one and the same value: left out.
    "POSTPROCESSING_HOOKS": ["config.links.link_document", "config.openapi.finish_document"],
}

UNFOLD = console.UNFOLD

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "class": "config.logs.Line",
            "format": "%(asctime)s %(levelname)s %(name)s %(message)s",
        }
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    # A 4xx is the client's business: it is answered, not logged.
    "loggers": {
        "django.request": {"level": "ERROR"},
        # What became of a chore is kept in its row; only what went wrong is worth a line.
        "procrastinate": {"level": "WARNING"},
        # At DEBUG these write requests and answers down whole, session tokens included.
        "botocore": {"level": "INFO"},
        "aiobotocore": {"level": "INFO"},
        "urllib3": {"level": "INFO"},
        "google.auth": {"level": "INFO"},
    },
}
