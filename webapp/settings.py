"""Every setting of the web and the workers; each value that differs between machines comes from the environment."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from webapp.core.embedded import Embedded

BASE_DIR = Path(__file__).resolve().parent.parent


class Environment(BaseSettings):
    """What the environment may say. Empty addresses mean the embedded servers of ``manage.py up``."""

    model_config = SettingsConfigDict(extra="ignore", env_ignore_empty=True)

    espalier_data: Path = Field(default=BASE_DIR / ".espalier")
    database_url: str = ""
    broker_url: str = ""
    secret_key: str = ""
    debug: bool = False
    allowed_hosts: str = "localhost,127.0.0.1,[::1]"
    csrf_trusted_origins: str = ""
    https: bool = False
    log_level: str = "INFO"
    metrics_token: str = ""
    hashed_static: bool = True
    heartbeat_lost_seconds: float = 60.0
    maintenance_seconds: float = 15.0
    stop_grace_seconds: float = 600.0
    shutdown_grace_seconds: float = 30.0
    search_nodes_per_run: int = 2_000_000
    sandbox_workers: int = Field(default=1, ge=0, le=64)
    sandbox_slots: int = Field(default=0, ge=0, le=1024)
    sandbox_lease_seconds: float = Field(default=15.0, ge=1.0)
    sandbox_database_password: str = ""


env = Environment()
ESPALIER_DATA = env.espalier_data.resolve()
RUNS_DIR = ESPALIER_DATA / "runs"
PROBLEM_SETS_DIR = ESPALIER_DATA / "problem-sets"
PREFLIGHTS_DIR = ESPALIER_DATA / "preflights"
UPLOADS_DIR = ESPALIER_DATA / "uploads"
GENERATIONS_DIR = ESPALIER_DATA / "generations"
TEACHINGS_DIR = ESPALIER_DATA / "teachings"
PLAYGROUND_DIR = ESPALIER_DATA / "playground"
EMBEDDED = Embedded(ESPALIER_DATA)


def database(url: str) -> dict[str, object]:
    """Django's settings for a ``postgresql://user:password@host:port/name`` address (``?host=/socket/folder`` too)."""
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"} or not parts.path.strip("/"):
        raise ImproperlyConfigured(
            f"DATABASE_URL must look like postgresql://user:password@host:5432/name, not {url!r}"
        )
    query = dict(pair.split("=", 1) for pair in parts.query.split("&") if "=" in pair)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.strip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": unquote(query.get("host", parts.hostname or "")),
        "PORT": parts.port or query.get("port", ""),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {"connect_timeout": 5},
    }


DATABASE_URL = env.database_url
"""Empty: the embedded server."""
DATABASES = {"default": database(env.database_url or EMBEDDED.database_url)}
EMBEDDED_BROKER = not env.broker_url
BROKER_URL = env.broker_url or EMBEDDED.broker_url
HEARTBEAT_LOST_SECONDS = env.heartbeat_lost_seconds
"""Silence after which a run's worker is taken for dead."""
MAINTENANCE_SECONDS = env.maintenance_seconds
"""How often workers look for lost runs and lost messages."""
STOP_GRACE_SECONDS = env.stop_grace_seconds
"""Time a trainer has to finish its step and save when a user stops its run."""
SHUTDOWN_GRACE_SECONDS = env.shutdown_grace_seconds
"""The same when its worker has to end; the run goes on from its last checkpoint later."""
SEARCH_NODES_PER_RUN = env.search_nodes_per_run
"""Nodes of search trees kept for a run; beyond that, unsolved and older trees keep their figures only."""
SANDBOX_WORKERS = env.sandbox_workers
"""How many workers for model-written programs `manage.py up` starts."""
SANDBOX_SLOTS = env.sandbox_slots
"""Programs that each of them runs at once; 0: three for each core."""
SANDBOX_LEASE_SECONDS = env.sandbox_lease_seconds
"""Silence after which the calls in the hands of a sandbox worker go to another one."""
SANDBOX_DATABASE_PASSWORD = env.sandbox_database_password
"""Of the database's role for them, which `manage.py prepare` makes; empty: there is none."""

METRICS_TOKEN = env.metrics_token
"""Opens `/metrics` to whoever sends it; empty: to this machine itself and to admins."""

SECRET_KEY = env.secret_key or EMBEDDED.secret_key()
DEBUG = env.debug
ALLOWED_HOSTS = [host for host in env.allowed_hosts.split(",") if host]
CSRF_TRUSTED_ORIGINS = [origin for origin in env.csrf_trusted_origins.split(",") if origin]

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.forms",
    "django_filters",
    "django_htmx",
    "template_partials",
    "webapp.core",
    "webapp.accounts",
    "webapp.datasets",
    "webapp.machines",
    "webapp.runs",
    "webapp.inspection",
    "webapp.search",
    "webapp.sandbox",
    "webapp.evals",
    "webapp.labeling",
    "webapp.teaching",
    "webapp.playground",
    "webapp.reports",
    "webapp.recipes",
    "webapp.operations",
    "workers",
]

MIDDLEWARE = [
    "webapp.operations.latency.LatencyMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "webapp.accounts.middleware.OwnPasswordFirst",
    "webapp.accounts.middleware.DefaultRole",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "webapp.core.middleware.UserErrorMiddleware",
]

ROOT_URLCONF = "webapp.urls"
WSGI_APPLICATION = "webapp.wsgi.application"
AUTH_USER_MODEL = "accounts.User"
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "login"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

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
            "builtins": ["webapp.core.templatetags.espalier"],
        },
    }
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

STATIC_URL = "static/"
STATIC_ROOT = ESPALIER_DATA / "static"
STATICFILES_DIRS = [BASE_DIR / "webapp" / "static"]
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "webapp.core.staticfinders.PlotlyFinder",
]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "webapp.core.staticstorage.HashedCompressedStorage"
        if env.hashed_static
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = not env.hashed_static
WHITENOISE_KEEP_ONLY_HASHED_FILES = True

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
DATA_UPLOAD_MAX_MEMORY_SIZE = 20 * 2**20
DATA_UPLOAD_MAX_NUMBER_FIELDS = 5000

SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env.https else None
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = env.https
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "script-src": ["'self'"],
        # plotly.js sets style attributes while it draws; model output never reaches a style.
        "style-src": ["'self'", "'unsafe-inline'"],
        "img-src": ["'self'", "data:", "blob:"],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
        "form-action": ["'self'"],
    }
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name} {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env.log_level},
}
