"""People, organisations, roles; whom an actor acts for; the audit trail; the operator's commands."""

from datetime import date
from decimal import Decimal

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from shop.db import now, transaction
from shop.errors import InvalidInput, NotAllowed, NotSignedIn
from shop.identity import audit, service
from shop.identity.actor import Actor, actor_for, requires
from shop.identity.models import AuditEvent, Membership, Organisation, OrganisationKind, Role, User
from shop.identity.service import AlreadyThere, OrganisationDraft
from tests import factories
from tests.identity.test_sign_in import log_in

STAFF = {Role.OPERATOR, Role.FINANCE, Role.AUDITOR}


class TestCreateUser:
    def test_makes_a_person_who_can_sign_in(self, client: FlaskClient, session: Session) -> None:
        service.create_user(session, None, email=" Wang@Example.com ", name="王", password="ten signs!")
        session.commit()

        assert log_in(client, "wang@example.com", "ten signs!") == "/"

    @pytest.mark.parametrize(
        ("field", "values"),
        [
            ("password", {"password": "nine sign"}),
            ("password", {"password": "x" * 201}),
            ("password", {"password": "aaaaaaaaaaaa"}),
            ("password", {"password": "Wang@example.com"}),
            ("email", {"email": "no address"}),
            ("name", {"name": " "}),
        ],
    )
    def test_names_the_field_that_will_not_do(self, session: Session, field: str, values: dict[str, str]) -> None:
        good = {"email": "wang@example.com", "name": "王", "password": "ten signs!"}

        with pytest.raises(InvalidInput) as caught:
            service.create_user(session, None, **(good | values))

        assert [error.field for error in caught.value.errors] == [field]

    def test_refuses_an_address_in_use_whatever_its_case(self, session: Session) -> None:
        factories.user(session, email="wang@example.com")

        with pytest.raises(AlreadyThere):
            service.create_user(session, None, email="WANG@example.com", name="王", password="ten signs!")


class TestCreateOrganisation:
    def test_leaves_a_trace(self, session: Session) -> None:
        draft = OrganisationDraft("cant-1", "一食堂", OrganisationKind.PURCHASER, partner_code="120000")

        made = service.create_organisation(session, None, draft)

        assert made.partner_code == "120000"
        assert session.query(AuditEvent).one().subject == "organisation:cant-1"

    @pytest.mark.parametrize(
        ("field", "draft"),
        [
            ("partner_code", OrganisationDraft("p", "办公室", OrganisationKind.PARTNER)),
            ("partner_code", OrganisationDraft("p", "办公室", OrganisationKind.PARTNER, partner_code="999999")),
            ("channel_code", OrganisationDraft("p", "食堂", OrganisationKind.PURCHASER, channel_code="moon")),
        ],
    )
    def test_names_the_field_that_will_not_do(self, session: Session, field: str, draft: OrganisationDraft) -> None:
        with pytest.raises(InvalidInput) as caught:
            service.create_organisation(session, None, draft)

        assert [error.field for error in caught.value.errors] == [field]

    def test_refuses_a_code_in_use(self, session: Session) -> None:
        home = factories.organisation(session)

        with pytest.raises(AlreadyThere):
            service.create_organisation(session, None, OrganisationDraft(home.code, "x", OrganisationKind.PURCHASER))


class TestMayGive:
    @pytest.mark.parametrize("role", list(Role))
    @pytest.mark.parametrize("kind", list(OrganisationKind))
    @pytest.mark.parametrize("has_partner", [True, False])
    def test_keeps_to_the_matrix(self, role: Role, kind: OrganisationKind, *, has_partner: bool) -> None:
        expected = (
            {
                OrganisationKind.PLATFORM: STAFF,
                OrganisationKind.PURCHASER: {Role.CANTEEN},
                OrganisationKind.PARTNER: {Role.PARTNER_OFFICER},
            }[kind]
            | {Role.ADMINISTRATOR}
            | ({Role.PARTNER_OFFICER} if has_partner else set())
        )

        assert service.may_give(role, kind=kind, has_partner=has_partner) is (role in expected)


class TestAddMembership:
    def test_refuses_a_role_that_the_organisation_does_not_give(self, session: Session) -> None:
        canteen = factories.canteen(session)
        user = factories.user(session)

        with pytest.raises(InvalidInput):
            service.add_membership(session, None, user=user, organisation=canteen, role=Role.FINANCE, at=now())

    def test_refuses_the_same_twice(self, session: Session) -> None:
        canteen = factories.canteen(session)
        user = factories.user(session, role=Role.CANTEEN, organisation=canteen)

        with pytest.raises(AlreadyThere):
            service.add_membership(session, None, user=user, organisation=canteen, role=Role.CANTEEN, at=now())


class TestActor:
    def test_acts_for_the_first_organisation_joined(self, session: Session) -> None:
        user, first, _ = member_of_two(session)

        actor = actor_for(session, user)

        assert actor.organisation_id == first.id
        assert actor.roles == {Role.CANTEEN}
        assert not actor.is_staff

    def test_has_the_roles_of_the_chosen_organisation_only(self, session: Session) -> None:
        user, _, second = member_of_two(session)

        actor = actor_for(session, user, chosen=str(second.id))

        assert actor.partner_code == "120000"
        assert actor.roles == {Role.PARTNER_OFFICER}

    @pytest.mark.parametrize("choice", ["foreign", "nonsense"])
    def test_never_acts_for_an_organisation_without_membership(self, session: Session, choice: str) -> None:
        user, first, _ = member_of_two(session)
        foreign = factories.organisation(session, kind=OrganisationKind.PLATFORM)

        actor = actor_for(session, user, chosen=str(foreign.id) if choice == "foreign" else choice)

        assert actor.organisation_id == first.id

    def test_may_act_for_nobody(self, session: Session) -> None:
        actor = actor_for(session, factories.user(session))

        assert actor.organisation_id is None
        assert actor.roles == frozenset()


class TestChooseOrganisation:
    def choose(self, client: FlaskClient, organisation: Organisation) -> int:
        """Send the form of the account page."""
        token = factories.csrf_token(client.get("/account").get_data(as_text=True))
        form = {"organisation": str(organisation.id), "csrf_token": token}
        return client.post("/account/organisation", data=form).status_code

    def test_acts_for_it_from_now_on(self, client: FlaskClient, session: Session) -> None:
        user, first, second = member_of_two(session)
        factories.sign_in(client, user)

        assert f"<dd>{first.name}</dd>" in client.get("/account").get_data(as_text=True)
        assert self.choose(client, second) == 303
        assert f"<dd>{second.name}</dd>" in client.get("/account").get_data(as_text=True)

    def test_refuses_one_that_is_not_ones_own(self, client: FlaskClient, session: Session) -> None:
        user, first, _ = member_of_two(session)
        foreign = factories.organisation(session)
        factories.sign_in(client, user)

        assert self.choose(client, foreign) == 404
        assert f"<dd>{first.name}</dd>" in client.get("/account").get_data(as_text=True)

    def test_ends_with_the_membership(self, client: FlaskClient, session: Session) -> None:
        user, first, second = member_of_two(session)
        factories.sign_in(client, user)
        self.choose(client, second)
        session.execute(sa.delete(Membership).where(Membership.organisation_id == second.id))
        session.commit()

        page = client.get("/account").get_data(as_text=True)

        assert f"<dd>{second.name}</dd>" not in page
        assert f"<dd>{first.name}</dd>" in page


class TestRequires:
    @pytest.mark.parametrize("role", list(Role))
    def test_lets_in_the_roles_named(self, app: Flask, session: Session, role: Role) -> None:
        view = requires(*STAFF)(lambda: "in")
        headers = factories.bearer(session, factories.user(session, role=role))

        with app.test_request_context("/api/v1/x", headers=headers):
            if role in STAFF:
                assert view() == "in"
            else:
                with pytest.raises(NotAllowed):
                    view()

    def test_sends_visitors_to_sign_in(self, app: Flask) -> None:
        with app.test_request_context("/api/v1/x"), pytest.raises(NotSignedIn):
            requires()(lambda: "in")()


class TestAudit:
    def test_is_stored_with_the_change_or_not_at_all(self, session: Session) -> None:
        actor = Actor(factories.user(session).id, "王", "wang@example.com")

        def change_and_fail() -> None:
            with transaction() as inner:
                audit.record(inner, actor, action="x.done", subject="x:1")
                inner.flush()
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            change_and_fail()

        assert session.query(AuditEvent).count() == 0

    def test_keeps_who_and_what(self, session: Session) -> None:
        user = factories.user(session, role=Role.CANTEEN)
        actor = actor_for(session, user)
        audit.record(
            session,
            actor,
            action="x.done",
            subject="x:1",
            on=date(2026, 3, 1),
            weight=Decimal("1.50"),
            role=Role.CANTEEN,
        )
        session.commit()

        event = session.query(AuditEvent).one()
        assert (event.user_id, event.organisation_id) == (user.id, actor.organisation_id)
        assert event.detail == {"on": "2026-03-01", "weight": "1.50", "role": "canteen"}

    def test_cannot_be_changed_by_the_application(self, session: Session) -> None:
        audit.record(session, None, action="x.done", subject="x:1")
        session.commit()

        with pytest.raises(sa.exc.ProgrammingError, match="permission denied"):
            session.execute(sa.delete(AuditEvent))
        session.rollback()


class TestCommands:
    def run(self, app: Flask, *args: str, stdin: str = "") -> tuple[int, str]:
        """Run a command and return its exit code and output."""
        result = app.test_cli_runner().invoke(args=args, input=stdin)
        return result.exit_code, result.output

    def test_make_a_platform_with_an_operator(self, app: Flask, session: Session) -> None:
        made = self.run(app, "organisation", "create", "--code", "ganwei", "--name", "甘味", "--kind", "platform")
        person = ("user", "create", "--email", "op@example.com", "--name", "运营", "--password-stdin")
        joined = self.run(
            app, *person, "--organisation", "ganwei", "--role", "operator", stdin="long enough password\n"
        )

        assert made == (0, "Created organisation ganwei\n")
        assert joined == (0, "Created user op@example.com\n")
        membership = session.query(Membership).one()
        assert membership.role is Role.OPERATOR

    @pytest.mark.parametrize(
        ("args", "exit_code"),
        [
            (("--email", "op@example.com"), 2),
            (("--email", "op@example.com", "--name", "x", "--role", "operator"), 2),
            (("--email", "op@example.com", "--name", "x", "--organisation", "none", "--role", "operator"), 1),
            (("--email", "no address", "--name", "x"), 1),
        ],
    )
    def test_leave_nothing_behind_when_refused(
        self, app: Flask, session: Session, args: tuple[str, ...], exit_code: int
    ) -> None:
        code, _ = self.run(app, "user", "create", *args, "--password-stdin", stdin="long enough password\n")

        assert code == exit_code
        assert session.query(User).count() == 0


def member_of_two(session: Session) -> tuple[User, Organisation, Organisation]:
    """Make a person who buys for a canteen and reports for a partner."""
    first = factories.canteen(session)
    second = factories.organisation(session, kind=OrganisationKind.PARTNER, partner_code="120000")
    user = factories.user(session, role=Role.CANTEEN, organisation=first)
    session.add(Membership(user_id=user.id, organisation_id=second.id, role=Role.PARTNER_OFFICER))
    session.commit()
    return user, first, second
