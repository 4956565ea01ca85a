"""Django set up for django-hordak on one database, which a process keeps connected for as long as it lives.

Settings are defaults but for the currency and for statements that the server prepares. Django leaves those off; of its
three ways to bind parameters that was the fastest here.
"""

# mypy: disable-error-code="import-not-found"
# What is imported here is not in our environment, where types are checked.

import django
from django.conf import settings

CURRENCY = "CNY"
PREPARED = {"server_side_binding": True, "prepare_threshold": 5}


def connect(host: str, name: str) -> None:
    """Set Django up; only then can hordak's models be imported."""
    target = {"ENGINE": "django.db.backends.postgresql", "HOST": host, "NAME": name, "USER": "ganwei_owner"}
    settings.configure(
        DATABASES={"default": {**target, "OPTIONS": PREPARED}},
        INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "mptt", "hordak"],
        DEFAULT_CURRENCY=CURRENCY,
        HORDAK_INTERNAL_CURRENCY=CURRENCY,
        USE_TZ=True,
    )
    django.setup()
