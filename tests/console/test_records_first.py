import pytest

from tests import factories

pytestmark = pytest.mark.django_db

def test_pages(admin_client, acme, definition):
    r = factories.make_record(acme)
    done = factories.make_over(acme)
    for url in ("/admin/records/", f"/admin/records/{r.pk}/", f"/admin/records/{r.pk}/timeline", f"/admin/records/{done.pk}/replay/", f"/admin/records/{r.pk}/input.json","/admin/records/?q=1&variant=count&tag=a%3Db&error=x&since=2026-01-01T00:00&status=failed&destination=hook"):
        answer = admin_client.get(url)
        assert answer.status_code == 200, url
        print(answer.content.decode()[-3000:])
