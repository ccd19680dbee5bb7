"""Config revisions in the admin are looked at."""

from __future__ import annotations

from django.urls import reverse

from tests import factories


def test_the_list_and_a_revision_are_shown(admin_client, acme):
    revision = factories.make_revision(acme)
    listed = admin_client.get(reverse("admin:bundles_configrevision_changelist"))
    assert listed.status_code == 200
    page = admin_client.get(reverse("admin:bundles_configrevision_change", args=[revision.pk]))
    text = page.content.decode()
    assert "+ action from a revision v1" in text
    assert "&quot;variant&quot;: &quot;from a revision&quot;" in text


def test_many_steps_are_cut(admin_client, acme):
    many = [{"variant": f"v{one}", "schema": True} for one in range(202)]
    revision = factories.make_revision(acme, *many)
    page = admin_client.get(reverse("admin:bundles_configrevision_change", args=[revision.pk]))
    assert "… and 2 more" in page.content.decode()


def test_nobody_changes_one_there(admin_client, acme):
    revision = factories.make_revision(acme)
    for name in ("add", "delete"):
        args = [] if name == "add" else [revision.pk]
        page = admin_client.get(reverse(f"admin:bundles_configrevision_{name}", args=args))
        assert page.status_code == 403
