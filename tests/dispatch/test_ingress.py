"""`/v1/ingress`, `/v1/batch`: what is accepted, what is refused, and what is stored."""

from tests import factories


def test_an_accepted_action_is_stored_with_its_exact_bytes(api, acme, private_networks):
    factories.make_definition(acme, to=factories.make_destination(acme))

    data = api.data(api.post("/v1/ingress/count", b'{"input": { "n" :  1 }}'))

    record = api.data(api.get(f"~/actions/records/{data['id']}"))
    assert record["input"] == {"n": 1}
    assert [event["kind"] for event in record["events"]] == ["accepted"]
