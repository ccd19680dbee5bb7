"""The order of generated types: aliases after what they name, which then stands there itself.

The generator writes some of them before, as text that only type checkers understand.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator


def arrange(source: str) -> str:
    """The module with its aliases in order, without quotes."""
    lines = [f"{line}\n" for line in source.split("\n")]
    kept, aliases = [], {}
    ends = 0
    for statement in ast.parse(source).body:
        text = "".join(lines[ends : statement.end_lineno])
        ends = statement.end_lineno or ends
        match statement:
            case ast.AnnAssign(target=ast.Name(id=name)) if _is_early(statement):
                aliases[name] = statement
            case _:
                kept.append(text)
    told = "".join(kept)
    for statement in _in_order(aliases):
        told += f"\n\n{ast.unparse(_Unquoted().visit(statement))}\n"
    return told


def _is_early(statement: ast.stmt) -> bool:
    """Whether it names something by a text."""
    return next(_quoted(statement), None) is not None


def _quoted(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif not _is_literal(node):
        for inner in ast.iter_child_nodes(node):
            yield from _quoted(inner)


def _in_order(aliases: dict[str, ast.AnnAssign]) -> Iterator[ast.AnnAssign]:
    """Each alias after those that it names: none leads back to itself."""
    done: set[str] = set()

    def visit(name: str) -> Iterator[ast.AnnAssign]:
        if name in aliases and name not in done:
            done.add(name)
            for node in ast.walk(aliases[name]):
                named = node.id if isinstance(node, ast.Name) else getattr(node, "value", None)
                if isinstance(named, str):
                    yield from visit(named)
            yield aliases[name]

    for name in aliases:
        yield from visit(name)


class _Unquoted(ast.NodeTransformer):
    """Writes names for texts, but for those that are values."""

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        return node if _is_literal(node) else self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        return ast.Name(node.value) if isinstance(node.value, str) else node


def _is_literal(node: ast.AST) -> bool:
    match node:
        case ast.Subscript(value=ast.Name(id="Literal")):
            return True
    return False
