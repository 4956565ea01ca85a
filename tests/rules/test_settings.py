"""The application does not start on settings that would fail later, or would open a door without a word."""

import pytest

from shop.config import Settings, SettingsError

COMPLETE = {
    "DATABASE_URL": "postgresql://ganwei_app@db/ganwei",
    "SECRET_KEY": "k" * 32,
    "SECURITY_PASSWORD_SALT": "s" * 32,
    "TOTP_SECRET": "t" * 32,
    "GANWEI_PAYEE_NAME": "甘味商城",
    "GANWEI_PAYEE_BANK": "某银行兰州分行",
    "GANWEI_PAYEE_ACCOUNT": "6200 0000",
    "GANWEI_PAYEE_LEDGER_ID": "ccb-lanzhou",
    "GANWEI_URL": "https://shop.example.org",
    "GANWEI_SMTP_URL": "smtp+starttls://shop:secret@mail.example.org:587",
    "GANWEI_MAIL_FROM": "甘味商城 <shop@example.org>",
}


def test_the_defaults_are_the_strict_ones() -> None:
    settings = Settings.from_environment(COMPLETE)

    assert settings.secure_cookies
    assert not settings.demo
    assert settings.proxies == 0
    assert not settings.metrics_token


@pytest.mark.parametrize("name", sorted(COMPLETE))
@pytest.mark.parametrize("demo", ["0", "1"])
def test_nothing_that_is_secret_or_necessary_has_a_default(name: str, demo: str) -> None:
    environ = {key: value for key, value in COMPLETE.items() if key != name} | {"GANWEI_DEMO": demo}
    if demo == "1" and name in {"GANWEI_URL", "GANWEI_SMTP_URL", "GANWEI_MAIL_FROM"}:
        assert Settings.from_environment(environ).demo
        return
    if demo == "1" and name == "GANWEI_PAYEE_ACCOUNT":
        assert "虚构" in Settings.from_environment(environ).payee.name
        return

    with pytest.raises(SettingsError, match=name):
        Settings.from_environment(environ)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "sqlite:///shop.db"),
        ("DATABASE_OWNER_URL", "sqlite:///shop.db"),
        ("SECRET_KEY", "too short"),
        ("GANWEI_DEMO", "yes"),
        ("GANWEI_SECURE_COOKIES", ""),
        ("GANWEI_PROXIES", "-1"),
        ("GANWEI_PAYMENT_HOURS", "0"),
        ("GANWEI_PAYMENT_HOURS", "3000"),
        ("GANWEI_PAYMENT_HOURS", "soon"),
        ("GANWEI_DELIVERY_DAYS", "0"),
        ("GANWEI_DELIVERY_DAYS", "91"),
        ("GANWEI_PROXIES", "٣"),
        ("GANWEI_PASSWORD_GUESSES", "often"),
        ("GANWEI_PASSWORD_GUESSES", ""),
        ("GANWEI_PASSWORD_MEMORY_KIB", "1024"),
        ("METRICS_TOKEN", ""),
        ("METRICS_TOKEN", "too short"),
        ("GANWEI_URL", "shop.example.org"),
        ("GANWEI_URL", "https://shop.example.org/elsewhere"),
        ("GANWEI_SMTP_URL", "mail.example.org:25"),
        ("GANWEI_SMTP_URL", "smtp://mail.example.org:many"),
        ("GANWEI_MAIL_FROM", "nobody"),
        ("GANWEI_MAIL_FROM", "a@b.c\nBcc: d@e.f"),
        ("GANWEI_PAYEE_LEDGER_ID", "two words"),
        ("GANWEI_PAYEE_LEDGER_ID", "a:b"),
    ],
)
def test_a_wrong_setting_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        Settings.from_environment(COMPLETE | {name: value})


def test_all_that_is_wrong_is_named_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment({})

    assert len(caught.value.problems) == len(COMPLETE)
