"""Whether generated Python is nothing but types: what is imported runs, whoever wrote its texts."""

from __future__ import annotations

import ast
from collections.abc import Iterable

IMPORTED = {
    "__future__": {"annotations"},
    "typing": {
        "Any",
        "Literal",
        "NotRequired",
        "TypeAlias",
        "TypedDict",
        "Union",
    },
}
_BUILT_IN = {"bool", "dict", "float", "int", "list", "str"}
_CONSTANTS = str | int | bool | None


def is_only_types(source: str) -> bool:
    """Whether a module consists of imports of typing's, typed dictionaries and aliases, in which
    only types stand that it defines."""
    tree = ast.parse(source)
    known = _BUILT_IN | set().union(*IMPORTED.values()) | set(_defined(tree.body))
    return all(_Check(known).allows(statement) for statement in tree.body)


def _defined(statements: Iterable[ast.stmt]) -> Iterable[str]:
    for statement in statements:
        match statement:
            case ast.ClassDef(name=name) | ast.AnnAssign(target=ast.Name(id=name)):
                yield name
            case ast.Assign(targets=[ast.Name(id=name)]):
                yield name


class _Check:
    """What may stand in a module that knows these names."""

    def __init__(self, known: set[str]) -> None:
        self._known = known

    def allows(self, statement: ast.stmt) -> bool:
        """Whether a statement of the module is one of the few."""
        match statement:
            case ast.ImportFrom(module=str(module), names=names, level=0):
                known = IMPORTED.get(module, set())
                return all(one.name in known and one.asname is None for one in names)
            case ast.ClassDef(
                bases=[ast.Name(id="TypedDict")], keywords=[], decorator_list=[], body=body
            ):
                return all(map(self._allows_field, body))
            case ast.AnnAssign(
                target=ast.Name(), annotation=ast.Name(id="TypeAlias"), value=ast.expr() as value
            ):
                return self._is_type(value)
            case ast.Assign(targets=[ast.Name()], value=ast.Call() as call):
                return self._is_dictionary(call)
        return False

    def _allows_field(self, statement: ast.stmt) -> bool:
        match statement:
            case ast.AnnAssign(target=ast.Name(), annotation=type, value=None):
                return self._is_type(type)
            case ast.Pass():
                return True
        return False

    def _is_dictionary(self, call: ast.Call) -> bool:
        match call:
            case ast.Call(
                func=ast.Name(id="TypedDict"),
                args=[ast.Constant(value=str()), ast.Dict(keys=keys, values=types)],
                keywords=[],
            ):
                named = all(isinstance(key, ast.Constant) for key in keys)
                return named and all(map(self._is_type, types))
        return False

    def _is_type(self, node: ast.expr) -> bool:
        match node:
            case ast.Name(id=name):
                return name in self._known
            case ast.Constant(value=None):
                return True
            case ast.Constant(value=str(text)):
                # Whoever asks for the type has it evaluated.
                return text in self._known
            case ast.BinOp(left=left, op=ast.BitOr(), right=right):
                return self._is_type(left) and self._is_type(right)
            case ast.Subscript(value=ast.Name(id="Literal"), slice=inner):
                return all(map(_is_literal, _several(inner)))
            case ast.Subscript(value=ast.Name(id=name), slice=inner):
                return name in self._known and all(map(self._is_type, _several(inner)))
        return False


def _several(node: ast.expr) -> list[ast.expr]:
    return node.elts if isinstance(node, ast.Tuple) else [node]


def _is_literal(node: ast.expr) -> bool:
    match node:
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int())):
            return True
        case ast.Constant(value=value):
            return isinstance(value, _CONSTANTS)
    return False
