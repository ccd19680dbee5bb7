"""Settings: one file; machines differ by environment variables only (docs/configuration.md)."""

from pathlib import Path

import environ
from django.core.exceptions import ImproperlyConfigured
from django.templatetags.static import static
from django.urls import reverse_lazy

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.FileAwareEnv()


def flag(name: str, *, default: bool) -> bool:
    """A boolean of the environment; what is neither true nor false is refused."""
    text = env.str(name, default=str(default)).lower()
    if text not in {"true", "1", "yes", "on", "false", "0", "no", "off"}:
        raise ImproperlyConfigured(f"{name} is true or false, not {text!r}.")
    return text in {"true", "1", "yes", "on"}


# --- what differs between machines -------------------------------------------------------------

SECRET_KEY = env.str("SECRET_KEY")
DEBUG = flag("DEBUG", default=False)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
# False only where plain HTTP on loopback is meant, as in `make run`.
HTTPS = flag("WAYBILL_HTTPS", default=True)
# True lets destinations point to private, loopback and link-local addresses.
ALLOW_PRIVATE_NETWORKS = flag("WAYBILL_ALLOW_PRIVATE_NETWORKS", default=False)
LOG_LEVEL = env.str("LOG_LEVEL", default="INFO")

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
    "destinations",
    "actions",
    "dispatch",
    "operations",
    "procrastinate.contrib.django",
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
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
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
APPEND_SLASH = False
AUTH_USER_MODEL = "orgs.User"
LOGIN_REDIRECT_URL = "admin:index"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
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
CSRF_COOKIE_SECURE = HTTPS
X_FRAME_OPTIONS = "DENY"

# Body limits of the API (design section 3); Django's own guards the admin's forms.
MAX_BODY_BYTES = 1_048_576
MAX_BATCH_BYTES = 16 * MAX_BODY_BYTES
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * MAX_BODY_BYTES

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
    "POSTPROCESSING_HOOKS": ["config.openapi.finish_document"],
}


def _page(title: str, icon: str, model: str) -> dict[str, object]:
    """An entry of the admin's sidebar: a model's list, for those who may look at it."""
    app, name = model.split(".")
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{app}_{name}_changelist"),
        "permission": lambda request: request.user.has_perm(f"{app}.view_{name}"),
    }


# Slate and indigo: the colours of the statuses are left to the statuses.
_INDIGO = {
    "50": "oklch(96.2% .018 272.314)",
    "100": "oklch(93% .034 272.788)",
    "200": "oklch(87% .065 274.039)",
    "300": "oklch(78.5% .115 274.713)",
    "400": "oklch(67.3% .182 276.935)",
    "500": "oklch(58.5% .233 277.117)",
    "600": "oklch(51.1% .262 276.966)",
    "700": "oklch(45.7% .24 277.023)",
    "800": "oklch(39.8% .195 277.366)",
    "900": "oklch(35.9% .144 278.697)",
    "950": "oklch(25.7% .09 281.288)",
}
UNFOLD = {
    "SITE_TITLE": "Waybill",
    "SITE_HEADER": "Waybill",
    "SITE_SUBHEADER": "Registry and dispatch of actions",
    "SITE_SYMBOL": "local_shipping",
    "SITE_URL": "/docs",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda _: static("orgs/favicon.svg")}
    ],
    "STYLES": [lambda _: static("orgs/admin.css")],
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": True,
    "COLORS": {"primary": _INDIGO},
    "DASHBOARD_CALLBACK": "operations.overview.show",
    "SIDEBAR": {
        "navigation": [
            {
                "title": "Work",
                "items": [
                    _page("Actions", "conveyor_belt", "dispatch.actionrecord"),
                    _page("Lanes", "road", "dispatch.lane"),
                    _page("Lane uses", "alt_route", "dispatch.laneuse"),
                    _page("Bulk operations", "dynamic_feed", "operations.bulkoperation"),
                ],
            },
            {
                "title": "Registry",
                "items": [
                    _page("Definitions", "contract", "actions.actiondefinition"),
                    _page("Destinations", "flag", "destinations.destination"),
                ],
            },
            {
                "title": "People",
                "items": [
                    _page("Organizations", "domain", "orgs.organization"),
                    _page("Users", "person", "orgs.user"),
                    _page("Memberships", "group", "orgs.membership"),
                    _page("API keys", "key", "orgs.apikey"),
                ],
            },
            {
                "title": "House",
                "items": [_page("Chores", "cleaning_services", "operations.chore")],
            },
        ],
    },
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    # A 4xx is the client's business: it is answered, not logged.
    "loggers": {
        "django.request": {"level": "ERROR"},
        # What became of a chore is kept in its row; only what went wrong is worth a line.
        "procrastinate": {"level": "WARNING"},
    },
}
