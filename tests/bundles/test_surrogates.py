"""JSON's pairs of surrogates in YAML, and their halves."""

from __future__ import annotations

import json

import pytest
from yaml.error import MarkedYAMLError

from bundles import reading
from bundles.reading import UnreadableError, surrogates

PAIR = "\\ud83d\\uDE00"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        # Between double quotes it is a character, and may stand beside others, or in several lines.
        (f'"{PAIR}"', "😀"),
        (f'"é\\t{PAIR}{PAIR} \\\\ \\u083d\\u0e00 \\U0001F600"', "é\t😀😀 \\ \u083d\u0e00 😀"),
        (f'"a\n  {PAIR}\\\n  b\r\n\n  {PAIR}"', "a 😀b\n😀"),
        (f'&x !!str # {PAIR} "\n  "{PAIR}"', "😀"),
        # Elsewhere it is what is written.
        (PAIR, PAIR),
        (f"^[{PAIR}-{PAIR}]+$ # {PAIR}", f"^[{PAIR}-{PAIR}]+$"),
        (f"'it''s {PAIR}'", f"it's {PAIR}"),
        (f"a\n  {PAIR} \\u083d\\u0e00", f"a {PAIR} \\u083d\\u0e00"),
        (f"| # {PAIR}\n  {PAIR}\n", f"{PAIR}\n"),
        (f">-\n  é\n  {PAIR}\n", f"é {PAIR}"),
        (f"| # {PAIR}\n  a\n", "a\n"),
    ],
)
def test_a_pair_of_surrogates_is_a_character_where_it_is_an_escape(text, value):
    # Before it are characters of several bytes, after it is a line that is asked for.
    written = f'# é😀 {PAIR}\nä: ö\nkey: {text}\n"{PAIR}": ["{PAIR}"]\n'.encode()
    source = reading.parse("a.yaml", written)

    assert source.value == {"ä": "ö", "key": value, "😀": ["😀"]}
    assert source.place("/😀/0") == f"a.yaml:{text.count(chr(10)) + 4}"


def test_pairs_are_read_wherever_the_parser_cuts_a_file():
    for before in range(12):
        text = "x" * before + "\\\\" + PAIR * 3_000
        read = reading.parse("a.yaml", f'- "{text}"\n- {text}\n- 1'.encode()).value
        assert read == ["x" * before + "\\" + "😀" * 3_000, text, 1]


def test_json_reads_the_same_as_yaml():
    written = reading.dump({"a": ["😀é\u2028"]}, "json").encode()
    escaped = json.dumps(json.loads(written)).encode()
    for text in (written, escaped):
        assert reading.parse("a.yaml", text).value == reading.parse("a.json", text).value


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (f'a: "{PAIR}"\nb: "\\ude00"', "2:7"),
        (f'a: "{PAIR} \\ud83d"', "1:20"),
        # The first half is no escape.
        (f'a: "\\{PAIR}"', "1:14"),
        (f'- 1\n- "\n\n  \\{PAIR}"', "4:12"),
        (f'- "{PAIR}": [\n- "', "2:1"),
    ],
)
def test_half_of_a_pair_is_told_with_its_place(text, place):
    with pytest.raises(UnreadableError) as refused:
        reading.parse("a.yaml", text.encode())
    assert str(refused.value).startswith(f"a.yaml:{place}: not valid YAML: ")


def test_a_text_that_is_far_too_long_is_refused_before_it_is_read(monkeypatch):
    monkeypatch.setattr(surrogates, "_LONGEST", 2 + 12 * 10)
    assert reading.parse("a.yaml", f'"{PAIR * 10}"'.encode()).value == "😀" * 10
    with pytest.raises(UnreadableError, match=r"a\.yaml:1:1: .* is longer than"):
        reading.parse("a.yaml", f'"{PAIR * 10}x"'.encode())

    class NoMore(bytes):
        """Of which no more is read than has to be."""

        most = 0

        def __getitem__(self, part):
            if isinstance(part, slice):
                NoMore.most = max(NoMore.most, part.stop)
            return super().__getitem__(part)

    long = NoMore(b"a: 1\nb:\n- " + b"x" * 1_000_000)
    with pytest.raises(MarkedYAMLError, match="is longer than") as refused:
        list(surrogates.read_events(long))
    assert refused.value.problem_mark.line == 2
    assert NoMore.most < 100_000
