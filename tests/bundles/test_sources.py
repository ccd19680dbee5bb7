"""Files that change while they are read, and standard input that cannot be."""

from __future__ import annotations

import io
import os

import pytest

from bundles import reading
from bundles.reading import NoFileError, UnreadableError, sources


class Unreadable(io.BytesIO):
    """What fails to be read."""

    def read(self, *_):
        raise OSError(9, "Bad file descriptor")


@pytest.mark.parametrize("stdin", [None, "closed"])
def test_standard_input_that_cannot_be_read_is_told(monkeypatch, stdin):
    if stdin:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(Unreadable()))
    else:
        monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(NoFileError, match="standard input cannot be read: "):
        reading.read("-")


@pytest.mark.parametrize("change", ["a: 1\nb: 2\n", "a: 2\n"])
def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path, monkeypatch, change):
    path = tmp_path / "a.yaml"
    path.write_text("a: 1\n")
    os.utime(path, (1, 1))
    read = sources._read_path

    def change_meanwhile(name):
        data = read(name)
        path.write_text(change)
        return data

    monkeypatch.setattr(sources, "_read_path", change_meanwhile)
    with pytest.raises(UnreadableError, match=r"a\.yaml: it was changed while it was read"):
        reading.read(str(path))
