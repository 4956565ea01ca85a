"""The Flask application. `create_app` is the only place that knows every capability."""

from datetime import timedelta

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from shop.config import Settings


def create_app(settings: Settings) -> Flask:
    """Build the application from its settings. It opens no connection before the first request."""
    app = Flask(__name__)
    app.config.update(
        SETTINGS=settings,
        SECRET_KEY=settings.secret_key,
        SQLALCHEMY_ENGINES={
            "default": {
                "url": settings.database_url,
                "pool_size": 8,
                "pool_pre_ping": True,
                # An error is logged with its statement; names, addresses and hashes stay out of the log.
                "hide_parameters": True,
            }
        },
        SESSION_COOKIE_SECURE=settings.secure_cookies,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        MAX_CONTENT_LENGTH=2 * 1024 * 1024,
        MAX_FORM_PARTS=2_000,
        # Addresses of static files carry their version.
        SEND_FILE_MAX_AGE_DEFAULT=timedelta(days=7),
    )
    if settings.proxies:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]  # how Werkzeug documents it
            app.wsgi_app, x_for=settings.proxies, x_proto=settings.proxies, x_host=settings.proxies
        )
    _register(app, settings)
    return app


def _register(app: Flask, settings: Settings) -> None:
    from flask_migrate import Migrate

    from shop import cli, health, inputs, logs, problems, web
    from shop.db import db
    from shop.identity import setup as identity
    from shop.jobs import metrics
    from shop.mail import setup as mail
    from shop.operations import requests

    logs.configure()
    logs.register(app)
    requests.register(app)
    db.init_app(app)
    if settings.slow_query_ms:
        with app.app_context():
            logs.watch_queries(db.engine, slow_ms=settings.slow_query_ms)
    Migrate(app, db, directory=str(cli.MIGRATIONS))
    web.register(app, has_tls=settings.public_url.startswith("https://"))
    problems.register(app)
    inputs.register(app)
    mail.register(app, settings)
    identity.register(app, settings)
    # After flask-security, which puts a JSON provider of its own in place.
    app.json.ensure_ascii = False  # type: ignore[attr-defined]  # the default provider, which has it
    app.register_blueprint(health.blueprint)
    app.register_blueprint(metrics.blueprint)
    _register_pages(app)
    _register_api(app)
    cli.register(app)


def _register_pages(app: Flask) -> None:
    from shop.assistance import pages as assistance
    from shop.assistance.imports import pages as sale_imports
    from shop.catalogue import pages as catalogue
    from shop.catalogue.finding import pages as browse
    from shop.catalogue.stock import pages as stock
    from shop.finance import pages as finance
    from shop.finance.figures import pages as figures
    from shop.finance.home import pages as home
    from shop.finance.months import pages as months
    from shop.finance.trail import pages as trail
    from shop.identity import pages as identity
    from shop.identity.organisations import pages as organisations
    from shop.identity.organisations import people_pages as people
    from shop.identity.signin import pages as signin
    from shop.mail import pages as mail
    from shop.orders import pages as orders
    from shop.orders.addresses import pages as addresses
    from shop.orders.shipping import pages as shipping
    from shop.payments import pages as payments
    from shop.payments.desk import pages as payments_desk
    from shop.procurement import pages as procurement

    for one in (signin, organisations, people, addresses, shipping, mail):
        app.register_blueprint(one.blueprint)
    for one in (browse, figures, home, payments_desk, stock, sale_imports):
        app.register_blueprint(one.blueprint)
    for capability in (identity, catalogue, orders, payments, procurement, assistance, finance, months, trail):
        app.register_blueprint(capability.blueprint)


def _register_api(app: Flask) -> None:
    from shop import rest
    from shop.assistance import api as assistance
    from shop.assistance.imports import api as sale_imports
    from shop.catalogue import api as catalogue
    from shop.finance import api as finance
    from shop.finance.months import api as months
    from shop.finance.trail import api as trail
    from shop.identity import api as identity
    from shop.orders import api as orders
    from shop.orders.shipping import api as shipping
    from shop.payments import api as payments
    from shop.procurement import api as procurement

    rest.register(
        app,
        [
            capability.blueprint
            for capability in (
                identity,
                catalogue,
                orders,
                shipping,
                payments,
                procurement,
                assistance,
                sale_imports,
                finance,
                months,
                trail,
            )
        ],
    )
