"""The application for gunicorn and for `flask --app wsgi`.

Where `DATABASE_URL` is not set, the embedded PostgreSQL serves: an already running one is attached to, else it is
started as a child of this process and stops with it.
"""

import os

from shop import create_app
from shop.config import Settings

if not os.environ.get("DATABASE_URL"):
    from shop.localpg import demo_environment, ensure_running

    for name, value in demo_environment(ensure_running()).items():
        os.environ.setdefault(name, value)

app = create_app(Settings.from_environment(os.environ))
