"""Which operations become definitions, what they are called and where they go."""

from __future__ import annotations

import pytest

from bundles.openapi import Options, conversion, convert
from bundles.openapi.operations import Choice
from bundles.openapi.servers import Wanted
from tests.bundles.openapi.described import UNLINKED, describe, post

SERVER = {"url": "https://pets.example/v1"}


def variants(document, options=UNLINKED):
    return [action["variant"] for action in convert(document, options).document["actions"]]


def destinations(document, **wanted):
    """The destinations of a document, and the label that each operation goes to."""
    converted = convert(document, Options(wanted=Wanted(**wanted))).document
    found = {
        one["label"]: one["config"]["url"]
        for one in converted.get("resources", {}).get("destinations", [])
    }
    return found, [action.get("destinations") for action in converted["actions"]]


# --- the document ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ([], "This is no OpenAPI document: it is not an object."),
        ({"info": {}}, "This is no OpenAPI document: it has no `openapi`."),
        ({"swagger": "2.0"}, "This is Swagger 2.0: convert it to OpenAPI 3 first."),
        ({"openapi": "4.0.0"}, "This is OpenAPI 4.0.0; what can be imported is 3.0, 3.1, 3.2."),
        ({"openapi": None}, "This is OpenAPI None; what can be imported is 3.0, 3.1, 3.2."),
    ],
)
def test_what_is_no_openapi_3_is_refused(value, said):
    with pytest.raises(conversion.UnusableError) as refused:
        convert(value)
    assert str(refused.value) == said


@pytest.mark.parametrize("version", ["3.0.3", "3.1.1", "3.2.0", 3.1])
def test_versions(version):
    assert variants({"openapi": version, "paths": post()}) == ["do"]


def test_a_document_without_operations_is_an_empty_bundle():
    assert convert({"openapi": "3.1.0"}).document == {"waybill": 1, "actions": []}


def test_too_many_operations_are_refused(monkeypatch):
    monkeypatch.setattr(conversion, "MAX_OPERATIONS", 2)
    document = describe(paths={f"/{number}": {"get": {}} for number in range(3)})
    with pytest.raises(conversion.UnusableError, match="These are 3 operations, more than 2"):
        convert(document)
    assert variants(document, Options(choice=Choice(paths=("/1",)), wanted=UNLINKED.wanted))


# --- operations and names -------------------------------------------------------------------------


def test_each_method_of_a_path_is_one():
    methods = ["get", "put", "post", "delete", "options", "head", "patch", "trace", "query"]
    item = {method: {} for method in methods} | {
        "summary": "All",
        "additionalOperations": {"COPY": {}},
    }
    found = variants(describe(version="3.2.0", paths={"/a": item, "x-own": {"get": {}}}))
    assert found == [f"{method}.a" for method in [*methods, "copy"]]


@pytest.mark.parametrize(
    ("path", "own", "variant"),
    [
        ("/pets/{petId}", "getPet", "getPet"),
        ("/pets/{petId}", "pets/get-one", "pets.get-one"),
        ("/pets/{petId}", " Get one\n", "Get one"),
        ("/pets/{petId}", "a\tb", "a_b"),
        ("/pets/{petId}", None, "post.pets.petId"),
        ("/pets/{petId}", "  ", "post.pets.petId"),
        ("/pets//{petId}.json/", 7, "post.pets.petId.json"),
        ("/", None, "post"),
    ],
)
def test_names(path, own, variant):
    operation = {} if own is None else {"operationId": own}
    document = describe(paths={path: {"post": operation}})
    assert variants(document) == [variant]
    prefixed = Options(prefix="pets.", wanted=UNLINKED.wanted)
    assert variants(document, prefixed) == ["pets." + variant]


def test_a_name_that_is_taken_gives_way_to_method_and_path():
    same = {"operationId": "list"}
    assert variants(describe(paths={"/a": {"get": same}, "/b": {"get": same}})) == ["list", "get.b"]


def test_where_that_is_taken_too_it_is_told():
    paths = {"/a/{b}": {"get": {}}, "/a/b": {"get": {}}}
    (left_out,) = convert(describe(paths=paths), UNLINKED).left_out
    assert left_out.as_dict() == {
        "what": "GET /a/b",
        "reason": "Its name, 'get.a.b', is that of GET /a/{b}.",
        "pointer": "/paths/~1a~1b/get",
    }


@pytest.mark.parametrize("own", ["a" * 256, ".."])
def test_a_name_that_can_be_none_is_told(own):
    (left_out,) = convert(describe(paths=post(operationId=own)), UNLINKED).left_out
    assert left_out.reason.startswith("A variant or alias ")


def test_webhooks_are_operations_that_go_nowhere():
    hooks = {"newPet": {"post": {"operationId": "pet/new"}, "put": {"summary": "Newer."}}}
    document = describe(version="3.1.0", paths=post(), webhooks=hooks, servers=[SERVER])
    actions = convert(document).document["actions"]
    assert [(one["variant"], one.get("destinations")) for one in actions] == [
        ("do", ["Pets"]),
        ("put.newPet", None),
        ("pet.new", None),
    ]
    assert actions[1]["description"] == "Newer.\n\nwebhook newPet"


def test_callbacks_and_what_is_no_operation_are_told():
    paths = post(callbacks={"onPet": {"{$url}": {"post": {}}}})
    paths |= {"/b": None, "/c": {"get": []}, "/d": {"$ref": "d.yaml"}}
    told = {one.what: one.reason[:35] for one in convert(describe(paths=paths), UNLINKED).left_out}
    assert told == {
        "/b": "A path item is no object.",
        "GET /c": "An operation is no object.",
        "/d": "It refers to another document, d.ya",
        "callback onPet of POST /pets": "It is a callback: what the API call",
    }


def test_descriptions_say_what_is_called_and_are_bounded():
    said = {"summary": " Adds. ", "description": "a" * 20_000, "deprecated": True}
    text = convert(describe(paths=post(**said)), UNLINKED).document["actions"][0]["description"]
    assert text.startswith("Deprecated.\n\nAdds.\n\naaa")
    assert text.endswith("aaa…\n\nPOST /pets")
    assert len(text) == 10_000


def test_what_is_deprecated_is_marked_and_nothing_else_is():
    found = []
    for said in ({"deprecated": True}, {"deprecated": False}, {"deprecated": "yes"}, {}):
        (action,) = convert(describe(paths=post(**said)), UNLINKED).document["actions"]
        found.append(action.get("deprecated"))
    assert found == [True, None, None, None]


# --- choosing -------------------------------------------------------------------------------------

CHOSEN = {
    "/pets": {"get": {"operationId": "a", "tags": ["pets", "old"]}},
    "/pets/{id}/toys": {"get": {"operationId": "b", "tags": ["pets"]}},
    "/men": {"get": {"operationId": "c", "tags": "men"}},
}


@pytest.mark.parametrize(
    ("choice", "found"),
    [
        (Choice(), "abc"),
        (Choice(tags=("pets",)), "ab"),
        (Choice(tags=("old", "none")), "a"),
        (Choice(without_tags=("old",)), "bc"),
        (Choice(paths=("/pets*",)), "ab"),
        (Choice(paths=("/men", "/pets")), "ac"),
        (Choice(tags=("pets",), without_paths=("*/toys",)), "a"),
    ],
)
def test_operations_are_chosen_by_tag_and_path(choice, found):
    converted = convert(describe(paths=CHOSEN), Options(choice=choice, wanted=UNLINKED.wanted))
    assert "".join(one["variant"] for one in converted.document["actions"]) == found
    others = [one.as_dict() for one in converted.left_out]
    left = 3 - len(found)
    assert others == [
        {"what": f"{left} operations", "reason": "Not asked for.", "pointer": ""}
    ] * bool(left)


def test_to_choose_none_is_a_mistake():
    with pytest.raises(conversion.UnusableError, match="None of its operations has such a tag"):
        convert(describe(paths=CHOSEN), Options(choice=Choice(tags=("cats",))))


# --- servers --------------------------------------------------------------------------------------


def test_all_go_to_the_first_server():
    document = describe(paths=CHOSEN, servers=[SERVER, {"url": "https://other.example"}])
    assert destinations(document) == ({"Pets": SERVER["url"]}, [["Pets"]] * 3)


def test_an_operation_with_a_server_of_its_own_goes_there():
    files, more = {"url": "https://files.example"}, {"url": "https://files.example/more"}
    paths = {
        "/a": {"get": {"servers": [files]}},
        "/b": {"servers": [more], "get": {}},
        "/c": {"get": {}},
    }
    assert destinations(describe(paths=paths, servers=[SERVER])) == (
        {
            "Pets files.example": files["url"],
            "Pets https://files.example/more": more["url"],
            "Pets": SERVER["url"],
        },
        [["Pets files.example"], ["Pets https://files.example/more"], ["Pets"]],
    )


def test_variables_have_their_defaults():
    variables = {"port": {"default": 8443}, "base": {"default": "v2"}}
    server = {"url": "https://pets.example:{port}/{base}", "variables": variables}
    found, _ = destinations(describe(paths=post(), servers=[server]))
    assert found == {"Pets": "https://pets.example:8443/v2"}


@pytest.mark.parametrize(
    ("servers", "wanted", "url"),
    [
        ([{"url": "/v2"}], {"address": "https://a.example/docs/api.yaml"}, "https://a.example/v2"),
        ([{"url": "../v2"}], {"address": "https://a.example/x/y/z"}, "https://a.example/x/v2"),
        ([], {"address": "https://a.example/docs/api.yaml"}, "https://a.example/"),
        (None, {"server": "https://b.example"}, "https://b.example"),
        ([SERVER], {"server": "https://b.example"}, "https://b.example"),
    ],
)
def test_a_server_is_named_or_seen_from_the_document(servers, wanted, url):
    assert destinations(describe(paths=post(), servers=servers), **wanted)[0] == {"Pets": url}


@pytest.mark.parametrize(
    ("info", "wanted", "label"),
    [
        ({"title": " Pets "}, {}, "Pets"),
        ({"title": " "}, {}, "pets.example"),
        (None, {}, "pets.example"),
        ({"title": "a" * 300}, {}, "a" * 255),
        ({"title": "Pets"}, {"label": "mine"}, "mine"),
    ],
)
def test_labels(info, wanted, label):
    document = describe(paths=post(), servers=[SERVER], info=info)
    assert destinations(document, **wanted) == ({label: SERVER["url"]}, [[label]])


def test_one_that_is_there_is_only_linked():
    assert destinations(describe(paths=post()), existing="adapter") == ({}, [["adapter"]])


def test_links_may_be_left_as_they_are():
    assert destinations(describe(paths=post()), linked=False) == ({}, [None])


@pytest.mark.parametrize(
    ("servers", "said"),
    [
        ([{"url": "/v1"}], "The server is '/v1', no whole URL."),
        (None, "The server is '/', no whole URL."),
        ([{"url": "https://{a}.example"}], "The server's variable 'a' has no default."),
        ([{"url": 7}], "A server has no URL."),
        ("https://a.example", "A server has no URL."),
        ([{"url": "ftp://a.example"}], "ftp://a.example: The URL must start with"),
        ([{"url": "http://127.0.0.1/"}], "http://127.0.0.1/: 127.0.0.1 is not a public address."),
        ([{"url": "http://169.254.169.254"}], "http://169.254.169.254: 169.254.169.254 is a meta"),
    ],
)
def test_a_server_that_nobody_can_call_is_a_fault(servers, said):
    with pytest.raises(conversion.UnusableError) as refused:
        convert(describe(paths=post(), servers=servers))
    (fault,) = refused.value.faults
    assert fault.message.startswith(said)
    assert fault.message.endswith("or say --no-destination.")
    assert fault.pointer == "/servers/0/url"


@pytest.mark.parametrize("of_path", [False, True])
def test_one_whose_own_server_nobody_can_call_is_left_out_alone(of_path):
    bad = {"servers": [{"url": "http://127.0.0.1/"}]}
    paths = {
        "/a": bad | {"get": {}} if of_path else {"get": bad},
        "/b": {"get": {"operationId": "get.a"}},
        "/c": {"get": {"servers": [{"url": "http://["}]}},
        "/d": {"get": {"servers": [{"url": "https://a.example/{x y}"}]}},
        "/e": {"get": {"servers": [{"url": "https://a.example/x y"}]}},
    }
    converted = convert(describe(paths=paths, servers=[SERVER]))

    # Its name is not taken by what is left out.
    assert [one["variant"] for one in converted.document["actions"]] == ["get.a"]
    assert len(converted.document["resources"]["destinations"]) == 1
    told = {one.what: one for one in converted.left_out}
    at = "/paths/~1a/servers/0/url" if of_path else "/paths/~1a/get/servers/0/url"
    assert told["GET /a"].pointer == at
    assert told["GET /a"].reason == "http://127.0.0.1/: 127.0.0.1 is not a public address."
    assert told["GET /c"].reason.startswith("http://[: ")
    assert told["GET /d"].reason == "The server's variable 'x y' has no default."
    assert told["GET /e"].reason.startswith("https://a.example/x y: ")


def test_what_is_left_out_for_another_reason_has_no_destination():
    own = [{"url": "https://own.example"}]
    paths = {
        "/a": {"get": {"operationId": "same"}},
        "/b/": {"get": {"operationId": "get.b"}},
        "/b": {"get": {"operationId": "same", "servers": own}},
    }
    converted = convert(describe(paths=paths, servers=[SERVER]))

    assert [one.what for one in converted.left_out] == ["GET /b"]
    targets = converted.document["resources"]["destinations"]
    assert [one["config"]["url"] for one in targets] == [SERVER["url"]]


def test_servers_have_labels_of_their_own_however_long_all_is():
    long = "a" * 300
    paths = {
        f"/{index}": {"get": {"servers": [{"url": f"https://a.example/{long}/{index}"}]}}
        for index in range(3)
    }
    paths["/3"] = {"get": {}}
    info = {"title": "t" * 300}
    found, _ = destinations(describe(paths=paths, servers=[SERVER], info=info))

    assert len(found) == 4
    assert {len(label) for label in found} == {255}
