"""Organisations, their people, and invitations by mail: who manages whom, and what a link is good for."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from shop.db import now
from shop.identity.models import AuditEvent, Membership, Organisation, OrganisationKind, Role, User
from shop.identity.organisations import invitations
from shop.identity.organisations.models import Invitation
from tests import factories
from tests.identity.mails import link_in, mails_to
from tests.identity.test_sign_in import account, log_in

NEW = {"code": "nea-2", "name": "第二食堂", "kind": "purchaser", "partner_code": "C-nea", "channel_code": "canteen"}
GUEST = "guest@example.com"


def send(client: FlaskClient, path: str, *, page: str = "/account", **form: str) -> TestResponse:
    """Send a form to `path` with the token of `page`."""
    token = factories.csrf_token(client.get(page).get_data(as_text=True))
    return client.post(path, data=form | {"csrf_token": token})


def signed_in(app: Flask, user: User) -> FlaskClient:
    """Return a browser in which `user` is signed in."""
    browser = app.test_client()
    factories.sign_in(browser, user)
    return browser


def roles_of(session: Session, user: User) -> set[Role]:
    """Return the roles that a person has by now."""
    session.expire_all()
    return set(session.scalars(sa.select(Membership.role).where(Membership.user_id == user.id)))


def invitation_link(session: Session, address: str = GUEST) -> str:
    """Return the link of the newest invitation to an address."""
    return link_in(mails_to(session, address)[-1], "/invitations/")


@pytest.fixture
def operator(app: Flask, session: Session) -> FlaskClient:
    """Return the operator's browser."""
    return signed_in(app, factories.user(session, role=Role.OPERATOR))


@pytest.fixture
def canteen(session: Session) -> Organisation:
    """Return a canteen."""
    return factories.canteen(session)


@pytest.fixture
def administrator(session: Session, canteen: Organisation) -> User:
    """Return the canteen's administrator."""
    return factories.user(session, role=Role.ADMINISTRATOR, organisation=canteen)


class TestOperator:
    def test_makes_and_edits_an_organisation(self, operator: FlaskClient, session: Session) -> None:
        made = send(operator, "/organisations/new", **NEW, credit_limit="20000.50")
        assert made.location == "/organisations/nea-2"
        edit = NEW | {"name": "改名食堂", "partner_code": "120000", "credit_limit": ""}
        assert send(operator, "/organisations/nea-2/edit", **edit).location == "/organisations/nea-2"

        stored = session.query(Organisation).filter_by(code="nea-2").one()
        assert (stored.name, stored.partner_code, stored.credit_limit_fen) == ("改名食堂", "120000", 0)
        event = session.query(AuditEvent).filter_by(action="organisation.edited").one()
        assert event.before is not None
        assert event.before["organisation"]["nea-2"]["credit_limit_fen"] == 2_000_050
        assert "改名食堂" in operator.get("/organisations?q=改名").get_data(as_text=True)

    @pytest.mark.parametrize(
        ("form", "message"),
        [
            ({"code": "two words"}, "代码只能用字母"),
            ({"code": "new"}, "代码只能用字母"),
            ({"credit_limit": "many"}, "请填写金额"),
            ({"credit_limit": "-1"}, "挂账额度须在"),
            ({"credit_limit": "99999999999"}, "挂账额度须在"),
            ({"kind": "partner", "partner_code": ""}, "须注明所属帮扶方"),
            ({"kind": "platform"}, "is-invalid"),
            ({"name": " "}, "请填写机构名称"),
        ],
    )
    def test_is_told_which_field_will_not_do(
        self, operator: FlaskClient, session: Session, form: dict[str, str], message: str
    ) -> None:
        answer = send(operator, "/organisations/new", **(NEW | form))

        assert answer.status_code == 422
        assert message in answer.get_data(as_text=True)
        assert session.query(Organisation).filter_by(name=NEW["name"]).count() == 0

    def test_cannot_turn_an_organisation_into_what_its_people_do_not_fit(
        self, operator: FlaskClient, session: Session, canteen: Organisation
    ) -> None:
        factories.user(session, role=Role.CANTEEN, organisation=canteen)
        form = NEW | {"code": canteen.code, "kind": "partner"}

        answer = send(operator, f"/organisations/{canteen.code}/edit", **form)

        assert answer.status_code == 422
        assert "食堂采购" in answer.get_data(as_text=True)

    def test_does_not_manage_the_platforms_own_people(self, operator: FlaskClient, session: Session) -> None:
        platform = session.query(Organisation).filter_by(kind=OrganisationKind.PLATFORM).one()

        assert operator.get(f"/organisations/{platform.code}").status_code == 404
        invited = send(operator, f"/organisations/{platform.code}/invitations", email=GUEST, role="auditor")
        assert invited.status_code == 404
        assert session.query(Invitation).count() == 0


class TestAdministrator:
    def invite(self, browser: FlaskClient, organisation: Organisation, role: str = "canteen") -> TestResponse:
        """Invite the guest."""
        return send(browser, f"/organisations/{organisation.code}/invitations", email=GUEST, role=role)

    def test_invites_into_the_own_organisation_only(
        self, app: Flask, session: Session, canteen: Organisation, administrator: User
    ) -> None:
        browser = signed_in(app, administrator)
        other = factories.canteen(session)

        assert self.invite(browser, canteen).status_code == 303
        assert self.invite(browser, other).status_code == 404
        assert browser.get(f"/organisations/{other.code}").status_code == 404
        assert browser.get(f"/organisations/{canteen.code}/edit").status_code == 403
        assert session.query(Invitation).one().organisation_id == canteen.id

    @pytest.mark.parametrize("role", ["operator", "finance", "auditor", "partner_officer", "emperor"])
    def test_gives_no_role_beyond_the_organisation(
        self, app: Flask, session: Session, canteen: Organisation, administrator: User, role: str
    ) -> None:
        browser = signed_in(app, administrator)
        member = factories.user(session, role=Role.CANTEEN, organisation=canteen)

        assert self.invite(browser, canteen, role).status_code in {403, 422}
        given = send(browser, f"/organisations/{canteen.code}/members/{member.id}/roles", role=role)
        assert given.status_code in {403, 422}
        assert roles_of(session, member) == {Role.CANTEEN}

    def test_gives_and_takes_roles_with_a_trace(
        self, app: Flask, session: Session, canteen: Organisation, administrator: User
    ) -> None:
        browser = signed_in(app, administrator)
        member = factories.user(session, role=Role.CANTEEN, organisation=canteen)
        theirs = signed_in(app, member)
        target = f"/organisations/{canteen.code}/members/{member.id}/roles"
        send(browser, target, role="administrator")
        send(browser, target, role="canteen", take="1")

        assert roles_of(session, member) == {Role.ADMINISTRATOR}
        assert theirs.get(f"/organisations/{canteen.code}").status_code == 200
        send(browser, target, role="administrator", take="1")
        assert theirs.get(f"/organisations/{canteen.code}").status_code == 403
        actions = [event.action for event in session.query(AuditEvent).filter(AuditEvent.action.like("membership.%"))]
        assert sorted(actions) == ["membership.added", "membership.taken", "membership.taken"]

    def test_does_not_change_the_own_roles_nor_those_of_strangers(
        self, app: Flask, session: Session, canteen: Organisation, administrator: User
    ) -> None:
        browser = signed_in(app, administrator)
        stranger = factories.user(session, role=Role.CANTEEN)
        for user, status in ((administrator, 403), (stranger, 404)):
            target = f"/organisations/{canteen.code}/members/{user.id}/roles"
            assert send(browser, target, role="canteen").status_code == status

        assert roles_of(session, administrator) == {Role.ADMINISTRATOR}

    def test_takes_an_invitation_back(
        self, app: Flask, session: Session, canteen: Organisation, administrator: User
    ) -> None:
        browser = signed_in(app, administrator)
        self.invite(browser, canteen)
        open_one = session.query(Invitation).one()
        foreign = signed_in(app, factories.user(session, role=Role.ADMINISTRATOR))
        their_code = session.query(Organisation).filter(Organisation.id != canteen.id).one().code

        revoke = f"invitations/{open_one.id}/revoke"
        assert send(foreign, f"/organisations/{their_code}/{revoke}").status_code == 404
        assert send(browser, f"/organisations/{canteen.code}/{revoke}").status_code == 303
        assert app.test_client().get(invitation_link(session)).status_code == 410


class TestInvitation:
    @pytest.fixture
    def invited(self, session: Session, canteen: Organisation, administrator: User) -> str:
        """Return the link that the guest got."""
        return self.make(session, canteen, administrator)

    def make(self, session: Session, canteen: Organisation, by: User, **changes: Any) -> str:
        """Invite the guest and return the link."""
        from shop.identity.actor import actor_for  # noqa: PLC0415  # beside its only use

        actor = actor_for(session, by)
        values = {"email": GUEST, "role": Role.CANTEEN, "at": now()} | changes
        invitations.invite(session, actor, canteen, **values)
        session.commit()
        return invitation_link(session, values["email"])

    def take(self, client: FlaskClient, link: str) -> TestResponse:
        """Accept as a newcomer."""
        return send(client, link, page="/login", name="来宾", password=factories.PASSWORD)

    def test_makes_an_account_that_may_act_for_the_organisation(
        self, client: FlaskClient, session: Session, invited: str, canteen: Organisation
    ) -> None:
        assert canteen.name in client.get(invited).get_data(as_text=True)
        assert self.take(client, invited).location == "/login"

        assert log_in(client, GUEST) == "/"
        assert f"<dd>{canteen.name}</dd>" in client.get("/account").get_data(as_text=True)
        assert session.query(AuditEvent).filter_by(action="invitation.accepted").count() == 1

    def test_works_once(self, app: Flask, session: Session, invited: str) -> None:
        self.take(app.test_client(), invited)

        again = self.take(app.test_client(), invited)

        assert again.status_code == 410
        assert session.query(Membership).filter_by(role=Role.CANTEEN).count() == 1

    def test_expires(self, client: FlaskClient, session: Session, invited: str) -> None:
        session.execute(sa.update(Invitation).values(expires_at=now() - timedelta(seconds=1)))
        session.commit()

        assert client.get(invited).status_code == 410
        assert self.take(client, invited).status_code == 410
        assert session.query(User).filter_by(email=GUEST).count() == 0

    def test_is_replaced_by_the_next(
        self, client: FlaskClient, session: Session, invited: str, canteen: Organisation, administrator: User
    ) -> None:
        newer = self.make(session, canteen, administrator)

        assert client.get(invited).status_code == 410
        assert client.get(newer).status_code == 200

    def test_is_stored_as_a_hash_only(self, session: Session, invited: str) -> None:
        token = invited.rsplit("/", 1)[1]

        stored = session.execute(sa.text("SELECT token_hash FROM invitation")).scalar_one()
        assert stored != token
        assert token not in str([event.after for event in session.query(AuditEvent)])

    def test_is_taken_by_who_has_an_account_after_signing_in(
        self, client: FlaskClient, session: Session, invited: str
    ) -> None:
        guest = factories.user(session, email=GUEST)
        assert "去登录" in client.get(invited).get_data(as_text=True)
        assert self.take(client, invited).status_code == 409
        factories.sign_in(client, guest)

        assert send(client, invited).location == "/account"
        assert roles_of(session, guest) == {Role.CANTEEN}

    def test_is_not_for_somebody_else(self, client: FlaskClient, session: Session, invited: str) -> None:
        thief = factories.user(session)
        factories.sign_in(client, thief)

        assert "请先退出" in client.get(invited).get_data(as_text=True)
        assert send(client, invited).status_code == 403
        assert roles_of(session, thief) == set()
        assert session.query(Invitation).one().accepted_at is None

    def test_ends_with_the_role_of_who_sent_it(
        self, client: FlaskClient, operator: FlaskClient, session: Session, invited: str, administrator: User
    ) -> None:
        assert send(operator, f"/people/{administrator.id}/active").status_code == 303

        assert client.get(invited).status_code == 410
        assert session.query(AuditEvent).filter_by(action="user.deactivated").count() == 1


class TestDeactivate:
    def test_ends_sessions_and_tokens_at_once(self, app: Flask, operator: FlaskClient, session: Session) -> None:
        user = factories.user(session)
        headers = factories.bearer(session, user)
        browser = signed_in(app, user)
        assert send(operator, f"/people/{user.id}/active").status_code == 303

        assert account(browser) == 303
        assert browser.get("/api/v1/orders", headers=headers).status_code == 401
        assert log_in(app.test_client(), user.email) == ""
        send(operator, f"/people/{user.id}/active", activate="1")
        assert account(browser) == 303
        assert log_in(app.test_client(), user.email) == "/"

    def test_is_not_an_operators_to_do_to_staff_nor_to_oneself(self, session: Session, operator: FlaskClient) -> None:
        auditor = factories.user(session, role=Role.AUDITOR)
        myself = session.query(User).join(User.memberships).filter(Membership.role == Role.OPERATOR).one()

        assert send(operator, f"/people/{auditor.id}/active").status_code == 404
        assert send(operator, f"/people/{myself.id}/active").status_code == 403

    def test_is_not_for_an_organisations_administrator(
        self, app: Flask, session: Session, canteen: Organisation, administrator: User
    ) -> None:
        member = factories.user(session, role=Role.CANTEEN, organisation=canteen)

        assert send(signed_in(app, administrator), f"/people/{member.id}/active").status_code == 404

    def test_of_staff_is_the_platform_administrators(self, app: Flask, session: Session) -> None:
        platform = factories.organisation(session, kind=OrganisationKind.PLATFORM)
        chief = factories.user(session, role=Role.ADMINISTRATOR, organisation=platform)
        auditor = factories.user(session, role=Role.AUDITOR, organisation=platform)

        assert send(signed_in(app, chief), f"/people/{auditor.id}/active").status_code == 303
        session.refresh(auditor)
        assert not auditor.active

    def test_of_staff_is_not_another_administrators(self, app: Flask, session: Session, administrator: User) -> None:
        operator = factories.user(session, role=Role.OPERATOR)

        assert send(signed_in(app, administrator), f"/people/{operator.id}/active").status_code == 404
        session.refresh(operator)
        assert operator.active


def test_the_platforms_administrator_needs_a_second_factor(client: FlaskClient, session: Session) -> None:
    platform = factories.organisation(session, kind=OrganisationKind.PLATFORM)
    chief = factories.user(session, role=Role.ADMINISTRATOR, organisation=platform)

    assert log_in(client, chief.email) == "/tf-setup"
