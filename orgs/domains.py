"""Captive domains: whoever logs in with a verified address there joins by themselves."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from config.errors import ConflictError, RuleError
from orgs import people
from orgs.models import CaptiveDomain, Permission
from orgs.services import check_grant

LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
DOMAIN = re.compile(rf"(?=.{{1,253}}$){LABEL}(?:\.{LABEL})+")
FIELDS = ("domain", "github_org", "default_permissions", "enabled")
# Where anybody gets an address: nobody speaks for all who have one.
FREEMAIL = frozenset(
    {
        "126.com",
        "163.com",
        "aol.com",
        "bk.ru",
        "duck.com",
        "fastmail.com",
        "free.fr",
        "gmail.com",
        "gmx.at",
        "gmx.ch",
        "gmx.com",
        "gmx.de",
        "gmx.net",
        "googlemail.com",
        "hey.com",
        "hotmail.co.uk",
        "hotmail.com",
        "hotmail.de",
        "hotmail.fr",
        "icloud.com",
        "inbox.ru",
        "laposte.net",
        "libero.it",
        "list.ru",
        "live.com",
        "mac.com",
        "mail.com",
        "mail.ru",
        "mailinator.com",
        "me.com",
        "msn.com",
        "naver.com",
        "orange.fr",
        "outlook.com",
        "outlook.de",
        "pm.me",
        "posteo.de",
        "proton.me",
        "protonmail.ch",
        "protonmail.com",
        "qq.com",
        "rediffmail.com",
        "rocketmail.com",
        "sina.com",
        "t-online.de",
        "tutanota.com",
        "tuta.io",
        "wanadoo.fr",
        "web.de",
        "yahoo.co.jp",
        "yahoo.co.uk",
        "yahoo.com",
        "yahoo.de",
        "yahoo.fr",
        "yandex.com",
        "yandex.ru",
        "ymail.com",
        "zoho.com",
    }
)


def domain_of(email: str) -> str:
    """The domain of an address."""
    return email.rpartition("@")[2].lower()


@transaction.atomic
def save_domain(
    *, org_id: int, changes: Mapping[str, Any], held: Collection[str], email: str | None
) -> CaptiveDomain:
    """The organization's settings; what is left out stays. The first time, the domain is one's own.

    Nobody captures a domain in which they have no address: `email` is theirs, and verified; None
    for those who run this Waybill, who may capture any. Nor does anybody give more than is `held`.
    """
    people.lock_org(org_id)
    row = CaptiveDomain.objects.filter(org_id=org_id).first()
    if row is None:
        own = domain_of(email or "")
        row = CaptiveDomain(
            org_id=org_id,
            domain=own if DOMAIN.fullmatch(own) and own not in FREEMAIL else None,
            default_permissions=[Permission.VIEWER],
        )
    before = row.domain
    for name in changes.keys() & set(FIELDS):
        setattr(row, name, changes[name])
    row.domain = row.domain.lower() if row.domain else None
    row.github_org = row.github_org or ""
    _check(row, before=before, email=email)
    check_grant(held=held, given=row.default_permissions, pointer="/default_permissions")
    row.updated_at = Now()
    return _save(row)


def _check(row: CaptiveDomain, *, before: str | None, email: str | None) -> None:
    if row.domain is None:
        if row.enabled:
            raise _refused("Name a domain, or do not enable this.", "DOMAIN_MISSING")
        return
    if not DOMAIN.fullmatch(row.domain):
        raise _refused("A domain looks like example.com.", "INVALID_DOMAIN")
    if row.domain in FREEMAIL:
        raise _refused(f"Anybody can have an address at {row.domain}.", "DOMAIN_OPEN_TO_ALL")
    if row.domain != before and email is not None and row.domain != domain_of(email):
        raise _refused(f"You have no verified address at {row.domain}.", "DOMAIN_NOT_YOURS")


def _refused(message: str, code: str) -> RuleError:
    return RuleError(message, code=code, pointer="/domain")


def _save(row: CaptiveDomain) -> CaptiveDomain:
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        taken = f"Another organization has captured {row.domain}."
        raise ConflictError(taken, code="DOMAIN_TAKEN", pointer="/domain") from error
    row.refresh_from_db()
    return row
