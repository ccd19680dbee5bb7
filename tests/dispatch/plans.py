"""The plan of a statement; of one of the dispatcher's, as its own connections make and keep it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection

from dispatch import settlement
from dispatch.engine import claims, lines

# As they are prepared, with what psycopg would call their parameters.
PREPARED = (
    ("lanes(bigint)", claims.LOCK_LANES, ("after",)),
    ("claim(int, bigint[])", claims.CLAIM, ("rows", "crowded")),
    ("promotion", claims.PROMOTE, ()),
    ("flush(text, text[])", settlement.FLUSH, ("endings", "open")),
)


class Plan:
    """What PostgreSQL did: its nodes, and how much it touched."""

    def __init__(self, explained: list[dict[str, Any]]) -> None:
        self.root = explained[0]["Plan"]
        self.blocks = self.root["Shared Hit Blocks"] + self.root["Shared Read Blocks"]

    def nodes(self) -> Iterator[dict[str, Any]]:
        """All of them, from the top."""
        waiting = [self.root]
        while waiting:
            node = waiting.pop()
            waiting += node.get("Plans", [])
            yield node

    def scans(self, table: str) -> list[dict[str, Any]]:
        """Those that read the table."""
        return [
            node
            for node in self.nodes()
            if node.get("Relation Name") == table and "Scan" in node["Node Type"]
        ]

    def rows(self, table: str) -> float:
        """How many rows of the table, or entries of its indexes, were looked at."""
        return sum(
            node["Actual Loops"] * (node["Actual Rows"] + node.get("Rows Removed by Filter", 0))
            for node in self.scans(table)
        )

    def indexes(self, table: str) -> set[str]:
        """What the table was read by; the name of a node says that it was by no index."""
        return {self._name_index(node) for node in self.scans(table)}

    def _name_index(self, node: dict[str, Any]) -> str:
        for inner in [node, *node.get("Plans", [])]:
            if "Index Name" in inner:
                return str(inner["Index Name"])
        return str(node["Node Type"])


@contextmanager
def prepared() -> Iterator[None]:
    """The dispatcher's statements, prepared with the settings of its connections."""
    with connection.cursor() as cursor:
        cursor.execute(lines.PLANNING.replace("SET ", "SET LOCAL "))
        for name, statement, parameters in PREPARED:
            numbered = {one: f"${number}" for number, one in enumerate(parameters, 1)}
            cursor.execute(f"PREPARE {name} AS {statement % numbered if numbered else statement}")
        try:
            yield
        finally:
            cursor.execute("DEALLOCATE ALL")


def explain(execute: str) -> Plan:
    """The plan of a prepared statement that is executed, which it is."""
    return read(f"EXECUTE {execute}")


def read(statement: str, parameters: Any = None) -> Plan:
    """The plan of a statement, which is executed."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) {statement}", parameters
        )
        (explained,) = cursor.fetchone()
    return Plan(explained)
