"""What is read from files, folders and standard input, and what is told of what cannot be."""

import io
import os

import pytest

from bundles import reading
from bundles.reading import Budget, NoFileError, UnreadableError

# What is refused need not be large.
SMALL = 5_000_000
BOMB = b"a: &a [%s]\n" % b",".join([b"1"] * 10) + b"".join(
    b"%c: &%c [%s]\n" % (name, name, b",".join([b"*%c" % (name - 1)] * 10))
    for name in range(ord("b"), ord("k"))
)


def write(folder, **files):
    """The folder's path, with files by their names; `__` stands for the dot."""
    for name, data in files.items():
        (folder / name.replace("__", ".")).write_bytes(data)
    return str(folder)


def refuse(name, data, **options):
    """What is said of the bytes."""
    with pytest.raises(UnreadableError) as refused:
        reading.parse(name, data, budget=Budget(SMALL), **options)
    return str(refused.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        # the core schema of YAML 1.2
        ("null", None),
        ("~", None),
        ("", None),
        ("True", True),
        ("false", False),
        ("-12", -12),
        ("+5", 5),
        ("0x1F", 31),
        ("0o17", 15),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1e5", 100000.0),
        ("18446744073709551615", 2**64 - 1),
        # texts, whatever readers of YAML 1.1 make of them
        ("yes", "yes"),
        ("No", "No"),
        ("on", "on"),
        ("OFF", "OFF"),
        ("y", "y"),
        ("2020-01-01", "2020-01-01"),
        ("2020-01-01T00:00:00Z", "2020-01-01T00:00:00Z"),
        ("12:30:45", "12:30:45"),
        ("1_000", "1_000"),
        ("0123", "0123"),
        ("=", "="),
        ("0b1", "0b1"),
        ("-.nan", "-.nan"),
        # said otherwise
        ("'1'", "1"),
        ("!!str 1", "1"),
        ("!!int 1", 1),
        ("!!float 1", 1.0),
        ("!!seq []", []),
        ("!!map {}", {}),
        ("!!null ''", None),
        ("!!bool true", True),
    ],
)
def test_what_plain_text_means(text, value):
    read = reading.parse("a.yaml", f"key: {text}\n".encode()).value

    assert read == {"key": value}
    assert type(read["key"]) is type(value)


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.yaml", b"a: [1\nb: 2", "a.yaml:2:2: not valid YAML: while parsing a flow sequence"),
        ("a.yaml", b"a: 1\nb: \x00", "a.yaml:2: control characters are not allowed"),
        ("a.yaml", b"a: 1\na: 2", "a.yaml:2:1: the key 'a' is there twice"),
        ("a.yaml", b"a: 1\nb: &x [*x]", "a.yaml:2:8: the alias *x leads back into its own anchor"),
        ("a.yaml", b"a: &x\n  b: {c: *x}", "a.yaml:2:10: the alias *x leads back"),
        ("a.yaml", b"a: *x", "a.yaml:1:4: there is no anchor &x before the alias *x"),
        ("a.yaml", b"- &x 1\n- &x 2", "a.yaml:2:3: the anchor &x is there already"),
        ("a.yaml", BOMB, "a.yaml:5: this is too large to be read"),
        ("a.yaml", b"- !!python/name:os.system x", "a.yaml:1:3: the tag !!python/name:os.system"),
        ("a.yaml", b"- !include x", "a.yaml:1:3: the tag !include is not read"),
        ("a.yaml", b"- !!set {a}", "a.yaml:1:3: the tag !!set is not read"),
        ("a.yaml", b"- !!timestamp 2020-01-01", "a.yaml:1:3: the tag !!timestamp is not read"),
        ("a.yaml", b"- !!seq a", "a.yaml:1:3: the tag !!seq is not read"),
        ("a.yaml", b"- ! a", "a.yaml:1:3: the tag ! is not read"),
        ("a.yaml", b"- !!int x", "a.yaml:1:3: 'x' is no !!int"),
        ("a.yaml", b"1: 2", "a.yaml:1:1: the key 1 is no text: quote it"),
        ("a.yaml", b"a: {~: 2}", "a.yaml:1:5: the key ~ is no text"),
        ("a.yaml", b"? [a]\n: 1", "a.yaml:1:3: a key is a text"),
        ("a.yaml", b"a: &x {}\nb: {<<: *x}", "a.yaml:2:5: merge keys (<<) are not read"),
        ("a.yaml", b"a: .inf", "a.yaml:1:4: JSON has no number .inf"),
        ("a.yaml", b"a: .nan", "a.yaml:1:4: JSON has no number .nan"),
        ("a.yaml", b"a: 1e999", "a.yaml:1:4: JSON has no number 1e999"),
        ("a.yaml", b"a: 18446744073709551616", "does not fit 64 bits"),
        ("a.yaml", b"a: " + b"9" * 5_000, "does not fit 64 bits"),
        ("a.yaml", b'a: "\\0"', "a.yaml:1:4: a text holds the NUL character"),
        ("a.yaml", b'"\\0": 1', "a.yaml:1:1: a text holds the NUL character"),
        ("a.yaml", b'a: "\\ud800"', "a.yaml:1:7: not valid YAML"),
        ("a.yaml", b"a:\n " + b"[" * 65 + b"]" * 65, "a.yaml:2:65: nesting is deeper than 64"),
        ("a.yaml", b"- " * 65 + b"a", "a.yaml:1:129: nesting is deeper than 64"),
        (
            "a.yaml",
            b"a: &x {a: {a: {a: 1}}}\nb: " + b"[" * 62 + b"*x",
            "a.yaml:2:66: nesting is deeper than 64",
        ),
        ("a.yaml", b"--- 1\n--- 2\n", "a.yaml:2:1: a second document begins"),
        ("a.yaml", b"# nothing\n", "a.yaml: it holds no document"),
        ("a.yaml", b"%YAML 1.3\n--- a", "a.yaml:1:1: not valid YAML"),
        ("a.yaml", b"a\n\xff\n", "a.yaml:2: byte 0xff is not UTF-8"),
        ("a.yaml", "a: 1".encode("utf-16"), "a.yaml:1: byte 0xff is not UTF-8"),
        ("a.yaml", b"", "a.yaml: it is empty"),
        ("a.json", b"\xef\xbb\xbf \r\n", "a.json: it is empty"),
        ("a.json", b'{"a": 1,\n"a": 2}', "a.json:2: the key 'a' is there twice"),
        ("a.json", b'{"a": 1,\n"\\u0061": 2}', "a.json:2: the key 'a' is there twice"),
        ("a.json", b'{"a": 1,\n"b": "\\u0000"}', "a.json:2: A string holds the NUL"),
        ("a.json", b'{"\\\\u0000": 1,\n"b": "\\\\\\u0000"}', "a.json:2: A string holds the NUL"),
        ("a.json", b'{"a": 1,\n"b": 18446744073709551616}', "a.json:2: The integer"),
        ("a.json", b'{"a": 1,\n"b":}', "a.json:2:5: Not valid JSON"),
        ("a.json", b'{"a": 1,\n"b": NaN}', "a.json:2:6: Not valid JSON"),
        ("a.json", b'{"a": 1,\n"b": "\\ud800"}', "a.json:2:7: Not valid JSON"),
        ("a.json", b'{"a":\n' + b"[" * 64, "a.json:2: Nesting is deeper than 64"),
        ("a.json", b'["\xff"]', "a.json:1: byte 0xff is not UTF-8"),
        ("a.json", b"a: 1", "a.json:1:1: Not valid JSON"),
        ("-", b'{"a": 1, }', "Not valid JSON"),
        ("a.json", b"[" + b"[]," * 50_000 + b"1]", "a.json:1: this is too large to be read"),
        ("a.yaml", b"[" + b"[]," * 50_000 + b"]", "a.yaml:1: this is too large to be read"),
        ("a.json", b" " * (SMALL + 1), "a.json: this is too large to be read"),
        ("a.json", b'{"a":\n"' + b"x" * 1_048_577 + b'"}', "a.json:2: a text is longer than"),
        ("a.json", b'{"a":\n{"' + b"x" * 1_048_577 + b'":1}}', "a.json:2: a text is longer than"),
        ("a.yaml", b"a:\n- " + b"x" * 1_048_577, "a.yaml:2:3: a text is longer than 1,048,576"),
        (
            "a.yaml",
            b"- &a " + b"x" * 1_000_000 + b"\n- *a" * 20,
            "a.yaml:4: this is too large to be read",
        ),
    ],
    ids=lambda value: value[:24] if isinstance(value, str) else "",
)
def test_what_is_at_fault_is_told_with_its_line(name, data, said):
    assert said in refuse(name, data)


def test_every_line_of_a_pointer_is_found_in_one_pass():
    yaml = (
        b"# first\na: &x\n  - 1\n  - b~/: {c: d}\n\ne: *x\nf:\n  g: |\n    text\n    text\n  h: 1\n"
    )
    json = b'{"a":\n[1,\r\n{"b~/": {\n"c": "\\"]"}}],\n"e": [], "f": {"g": 1,\n"h": 2}}'
    asked = ["", "/a", "/a/1", "/a/1/b~0~1/c", "/e/0", "/f/h", "/a/7", "/nowhere", "/f/h/x"]

    assert reading.parse("a.yaml", yaml).places(asked) == [
        f"a.yaml:{line}" for line in (2, 2, 4, 4, 6, 11, 2, 2, 11)
    ]
    assert reading.parse("a.json", json).places(asked) == [
        f"a.json:{line}" for line in (1, 1, 3, 4, 5, 6, 1, 1, 6)
    ]
    assert reading.parse("a.yaml", yaml).place("/f/g") == "a.yaml:8"


def test_aliases_are_copies_that_share_nothing():
    read = reading.parse("a.yaml", b"a: &x {b: [1]}\nc: *x\nd: [*x, *x]\n").value
    read["a"]["b"].append(2)

    assert read["c"] == {"b": [1]}
    assert read["d"] == [{"b": [1]}, {"b": [1]}]


def test_what_begins_with_a_byte_order_mark_or_ends_lines_like_windows_is_read():
    assert reading.parse("a.yaml", b"\xef\xbb\xbfa: |\r\n  b\r\n  c\r\n").value == {"a": "b\nc\n"}
    assert reading.parse("a.json", b'\xef\xbb\xbf{\r\n"a": 1}\r\n').value == {"a": 1}


def test_keys_like_numbers_may_be_taken_as_they_are_written():
    written = b"200: a\ntrue: b\n1.0: {0x1F: c}\n'quoted': d\n"

    read = reading.parse("a.yaml", written, plain_keys=True).value
    assert read == {"200": "a", "true": "b", "1.0": {"0x1F": "c"}, "quoted": "d"}
    assert "twice" in refuse("a.yaml", b"200: a\n'200': b\n", plain_keys=True)
    assert "NUL" in refuse("a.yaml", b'"\\0": a', plain_keys=True)


def test_a_name_without_a_known_ending_is_json_where_it_begins_with_a_bracket():
    assert reading.parse("standard input", b' \n{"a": "\\ud83d\\ude00"}').value == {"a": "😀"}
    assert reading.parse("https://example.com/openapi", b"a: yes").value == {"a": "yes"}


def test_standard_input_is_read_to_its_end(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"a: 1\nb: 2\n")))
    source = reading.read("-")

    assert source.value == {"a": 1, "b": 2}
    assert source.place("/b") == "standard input:2"


def test_standard_input_without_an_end_is_given_up(monkeypatch):
    with open("/dev/zero", "rb") as zeros:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(zeros))
        with pytest.raises(UnreadableError, match="standard input: this is too large"):
            reading.read("-")


@pytest.mark.parametrize("path", ["/dev/zero", "missing.yaml", "pipe.yaml", "loop.yaml", "empty"])
def test_what_is_no_file_ends_at_once(tmp_path, path):
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    (tmp_path / "empty").mkdir()
    named = str(tmp_path / path)

    with pytest.raises(NoFileError, match=path):
        reading.read(named)


def test_a_file_that_may_not_be_read_is_told(tmp_path, monkeypatch):
    def deny(*_):
        raise PermissionError(13, "Permission denied", "a.yaml")

    monkeypatch.setattr(os, "stat", deny)
    with pytest.raises(NoFileError, match=r"a\.yaml cannot be read: Permission denied"):
        reading.read("a.yaml")


def test_a_file_that_is_too_large_is_refused_unread(tmp_path):
    huge = tmp_path / "huge.yaml"
    with huge.open("wb") as file:
        file.truncate(200_000_000)

    with pytest.raises(UnreadableError, match=r"huge\.yaml: this is too large to be read"):
        reading.read(str(huge))


def test_the_files_of_a_folder_are_one_document(tmp_path):
    (tmp_path / "below" / "more").mkdir(parents=True)
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "below" / "again").symlink_to(tmp_path)
    write(tmp_path / ".hidden", a__yaml=b"actions: [{variant: never}]")
    write(tmp_path / "below" / "more", c__json=b'{"actions": [{"variant": "c"}]}')
    folder = write(
        tmp_path,
        b__yml=b"actions:\n- {variant: b}\n- {variant: x,\n   schema: {}}\nresources:\n"
        b"  destinations:\n  - {label: b}\n",
        a__yaml=b"waybill: 1\nactions:\n- variant: a\nresources:\n  destinations:\n  - label: a\n",
        z__txt=b"no document",
    )

    source = reading.read(folder)

    assert source.value == {
        "waybill": 1,
        "actions": [
            {"variant": "a"},
            {"variant": "b"},
            {"variant": "x", "schema": {}},
            {"variant": "c"},
        ],
        "resources": {"destinations": [{"label": "a"}, {"label": "b"}]},
    }
    asked = ["/actions/0", "/actions/2/schema", "/actions/3/variant", "/resources/destinations/1"]
    assert source.places([*asked, "/waybill", "/resources", "", "/actions/9", "/actions"]) == [
        f"{folder}/{place}"
        for place in (
            "a.yaml:3",
            "b.yml:4",
            "below/more/c.json:1",
            "b.yml:7",
            "a.yaml:1",
            "a.yaml:4",
            "a.yaml:1",
            "below/more/c.json:1",
            "a.yaml:2",
        )
    ]


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        (
            b"actions:\n- variant: x",
            b"actions:\n\n- variant: x",
            "b.yaml:3: the variant 'x' is there twice, at {0}/a.yaml:2 and {0}/b.yaml:3",
        ),
        (
            b"resources:\n  destinations:\n  - label: x",
            b"resources: {destinations: [{label: y}, {label: x}]}",
            "b.yaml:1: the label 'x' is there twice, at {0}/a.yaml:3 and {0}/b.yaml:1",
        ),
        (
            b"resources:\n  credentials:\n  - label: x",
            b"resources: {credentials: [x, {label: 1}, {label: x}]}",
            "b.yaml:1: the label 'x' is there twice, at {0}/a.yaml:3 and {0}/b.yaml:1",
        ),
        (b"waybill: 1", b"\nwaybill: 2", "b.yaml:2: /waybill is at odds with {0}/a.yaml:1"),
        (b"waybill: 1", b"waybill: true", "b.yaml:1: /waybill is at odds"),
        (b"actions: []", b"actions: {}", "b.yaml:1: /actions is at odds with {0}/a.yaml:1"),
        (b"actions: []", b"- 1", "b.yaml:1: a file of a bundle is an object"),
        (b"actions: []", b"a: [", "b.yaml:2:1: not valid YAML"),
    ],
)
def test_two_files_that_are_at_odds_are_both_named(tmp_path, first, second, said):
    folder = write(tmp_path, a__yaml=first, b__yaml=second)

    with pytest.raises(UnreadableError) as refused:
        reading.read(folder)
    assert said.format(folder) in str(refused.value)


def test_the_files_of_a_folder_share_what_may_be_read(tmp_path):
    text = b"a: " + b"x" * 600_000
    folder = write(tmp_path, a__yaml=text, b__yaml=text, c__yaml=text)

    with pytest.raises(UnreadableError, match=r"c\.yaml:1: this is too large to be read"):
        reading.read(folder, budget=Budget(2_000_000))
    # What a file is read from is not kept.
    assert len(reading.read_folder(folder, budget=Budget(2_500_000))) == 3


def test_of_a_file_that_has_changed_no_line_is_told(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_bytes(b"a: 1\nb: 2")
    source = reading.read(str(path))
    assert source.place("/b") == f"{path}:2"

    for change in (lambda: path.write_bytes(b"- ["), path.unlink):
        change()
        assert source.places(["/b", ""]) == [str(path)] * 2


def test_a_folder_whose_files_have_far_too_many_keys_is_refused(tmp_path):
    many = b"{" + b",".join(b'"%d":1' % key for key in range(10_001)) + b"}"
    folder = write(tmp_path, a__json=many)

    with pytest.raises(UnreadableError, match=r"a\.json:1: there are more than 10,000 keys"):
        reading.read(folder)


@pytest.mark.parametrize("special", ["pipe", "device", "broken"])
def test_what_is_no_file_in_a_folder_is_named(tmp_path, special):
    write(tmp_path, a__yaml=b"actions: []")
    target = tmp_path / "b.yaml"
    if special == "pipe":
        os.mkfifo(target)
    else:
        target.symlink_to("/dev/zero" if special == "device" else "nowhere")

    with pytest.raises(NoFileError, match=r"b\.yaml"):
        reading.read(str(tmp_path))


def test_a_folder_of_too_many_files_or_one_that_cannot_be_listed_is_told(tmp_path, monkeypatch):
    write(tmp_path, a__yaml=b"a: 1", b__yaml=b"b: 1", c__txt=b"")
    monkeypatch.setattr("bundles.reading.sources.MAX_FILES", 2)
    with pytest.raises(NoFileError, match="more than 2 files"):
        reading.read(str(tmp_path))

    def deny(*_):
        raise PermissionError(13, "Permission denied", str(tmp_path))

    monkeypatch.setattr(os, "scandir", deny)
    with pytest.raises(NoFileError, match="cannot be read: Permission denied"):
        reading.read(str(tmp_path))
