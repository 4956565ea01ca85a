"""Who manages whom. Pure: what is known of actor, organisation and members comes in as arguments."""

from collections.abc import Iterable

from shop.identity.actor import Actor
from shop.identity.models import Organisation, OrganisationKind, Role
from shop.identity.service import may_give


def may_manage(actor: Actor, organisation: Organisation) -> bool:
    """Tell whether `actor` may invite people into an organisation, and give and take its roles.

    The platform's own roles see across organisations. So only the platform's administrator manages them: an operator
    could otherwise make an auditor of somebody, or of a second self.
    """
    is_its_administrator = actor.has(Role.ADMINISTRATOR) and actor.organisation_id == organisation.id
    return is_its_administrator or may_edit(actor, organisation)


def may_edit(actor: Actor, organisation: Organisation) -> bool:
    """Tell whether `actor` may change what an organisation is, with its partner and its credit."""
    return actor.has(Role.OPERATOR) and organisation.kind is not OrganisationKind.PLATFORM


def roles_to_give(actor: Actor, organisation: Organisation) -> list[Role]:
    """Return the roles that `actor` may give in an organisation.

    What a purchaser's partner officer sees is the partner's, so the purchaser's own administrator does not give it.
    """
    if not may_manage(actor, organisation):
        return []
    has_partner = actor.has(Role.OPERATOR) and organisation.partner_code is not None
    return [role for role in Role if may_give(role, kind=organisation.kind, has_partner=has_partner)]


def may_switch(actor: Actor, *, user_is_actor: bool, organisations: Iterable[Organisation]) -> bool:
    """Tell whether `actor` may shut a person out or let the person in again; `organisations`: the person's.

    Nobody does it to oneself. The platform's own people are its own administrator's, neither an operator's nor another
    organisation's administrator's.
    """
    if user_is_actor:
        return False
    platforms = [one for one in organisations if one.kind is OrganisationKind.PLATFORM]
    if platforms:
        return actor.has(Role.ADMINISTRATOR) and all(one.id == actor.organisation_id for one in platforms)
    return actor.has(Role.OPERATOR)
