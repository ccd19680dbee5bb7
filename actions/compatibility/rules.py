"""The names of findings, and their sentences.

Each thing that is compared has four names. Seen from the contract whose payloads are to be
accepted, the other one narrows: it adds a demand, or tightens one. In the other direction the
new contract drops a demand or loosens one, and the old one does not accept what comes of that.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    """What is compared, and how it is called when it is added, tightened, dropped or loosened."""

    what: str
    added: str
    tightened: str
    dropped: str
    loosened: str

    def name(self, *, narrows: bool, added: bool) -> str:
        """The stable name of a finding."""
        if narrows:
            return self.added if added else self.tightened
        return self.dropped if added else self.loosened

    def message(self, *, narrows: bool, added: bool) -> str:
        """The finding as a sentence."""
        verbs = ("narrows", "adds") if narrows else ("widens", "drops")
        return f"The new contract {verbs[added]} {self.what}."


def _plain(what: str, stem: str) -> Rule:
    return Rule(what, f"{stem}_ADDED", f"{stem}_NARROWED", f"{stem}_REMOVED", f"{stem}_WIDENED")


def _least(what: str, stem: str) -> Rule:
    return Rule(what, f"{stem}_ADDED", f"{stem}_RAISED", f"{stem}_REMOVED", f"{stem}_LOWERED")


def _most(what: str, stem: str) -> Rule:
    return Rule(what, f"{stem}_ADDED", f"{stem}_LOWERED", f"{stem}_REMOVED", f"{stem}_RAISED")


def _other(what: str, stem: str) -> Rule:
    return Rule(what, f"{stem}_ADDED", f"{stem}_CHANGED", f"{stem}_REMOVED", f"{stem}_CHANGED")


@dataclass(frozen=True, slots=True)
class _Told(Rule):
    """A rule with sentences of its own: of what narrows, and of what widens."""

    narrowing: str = ""
    widening: str = ""

    def message(self, *, narrows: bool, added: bool) -> str:
        """The finding as a sentence."""
        return self.narrowing if narrows else self.widening


def _told(narrow: str, narrowing: str, wide: str, widening: str) -> Rule:
    return _Told("", narrow, narrow, wide, wide, narrowing, widening)


RULES: dict[str, Rule] = {
    "type": _plain("the type", "TYPE"),
    "enum": _plain("the list of values", "ENUM"),
    "false": _told(
        "EVERYTHING_REFUSED", "The new contract accepts nothing here.",
        "EVERYTHING_REFUSED_BEFORE", "The old contract accepts nothing here.",
    ),
    "minimum": _least("the minimum", "MINIMUM"),
    "maximum": _most("the maximum", "MAXIMUM"),
    "multipleOf": _other("what the number is a multiple of", "MULTIPLE_OF"),
    "minLength": _least("the smallest length", "MIN_LENGTH"),
    "maxLength": _most("the greatest length", "MAX_LENGTH"),
    "pattern": _other("the pattern", "PATTERN"),
    "format": _other("the format", "FORMAT"),
    "minItems": _least("the smallest number of items", "MIN_ITEMS"),
    "maxItems": _most("the greatest number of items", "MAX_ITEMS"),
    "uniqueItems": _told(
        "UNIQUE_ITEMS_ADDED", "The new contract demands that items are unique.",
        "UNIQUE_ITEMS_REMOVED", "The new contract no longer demands that items are unique.",
    ),
    "items": _told(
        "ITEMS_NARROWED", "The new contract narrows what items are.",
        "ITEMS_WIDENED", "The new contract widens what items are.",
    ),
    "items_closed": _told(
        "ITEMS_CLOSED", "The new contract refuses items that the old one accepts.",
        "ITEMS_OPENED", "The new contract accepts items that the old one refuses.",
    ),
    "contains": _other("what the array must contain", "CONTAINS"),
    "minProperties": _least("the smallest number of properties", "MIN_PROPERTIES"),
    "maxProperties": _most("the greatest number of properties", "MAX_PROPERTIES"),
    "required": _told(
        "REQUIRED_ADDED", "The new contract requires a property that the old one does not.",
        "REQUIRED_REMOVED", "The new contract no longer requires a property that the old one does.",
    ),
    "property_closed": _told(
        "PROPERTY_REMOVED_FROM_CLOSED_CONTENT",
        "The new contract no longer declares a property, and refuses what it does not declare.",
        "PROPERTY_ADDED_TO_CLOSED_CONTENT",
        "The new contract declares a property that the old one refuses.",
    ),
    "property_undeclared": _told(
        "PROPERTY_ADDED_TO_OPEN_CONTENT",
        "The new contract declares a property that the old one accepts whatever it holds.",
        "PROPERTY_REMOVED_FROM_OPEN_CONTENT",
        "The new contract no longer declares a property, and accepts it whatever it holds.",
    ),
    "additional_closed": _told(
        "ADDITIONAL_PROPERTIES_CLOSED",
        "The new contract refuses undeclared properties that the old one accepts.",
        "ADDITIONAL_PROPERTIES_OPENED",
        "The new contract accepts undeclared properties that the old one refuses.",
    ),
    "additional": _told(
        "ADDITIONAL_PROPERTIES_NARROWED",
        "The new contract narrows what undeclared properties are.",
        "ADDITIONAL_PROPERTIES_WIDENED",
        "The new contract widens what undeclared properties are.",
    ),
    "pattern_properties": _told(
        "PATTERN_PROPERTIES_NARROWED",
        "The new contract narrows what properties are whose names match a pattern.",
        "PATTERN_PROPERTIES_WIDENED",
        "The new contract widens what properties are whose names match a pattern.",
    ),
    "propertyNames": _plain("how properties may be named", "PROPERTY_NAMES"),
    "dependency": _plain("what a property depends on", "DEPENDENCY"),
    "union": _plain("a union of schemas (`anyOf` or `oneOf`)", "UNION"),
    "not": _told(
        "NOT_ADDED", "The new contract adds to what must not be (`not`).",
        "NOT_REMOVED", "The new contract takes from what must not be (`not`).",
    ),
    "condition": _plain("a condition (`if`)", "CONDITION"),
    "opaque": _other("a keyword that is compared word for word only", "OPAQUE"),
    "sample": _told(
        "SAMPLE_REFUSED", "The new contract refuses a payload that the old one accepts.",
        "SAMPLE_REFUSED_BEFORE", "The old contract refuses a payload that the new one accepts.",
    ),
    "dialect": _told(
        "DIALECT_CHANGED", "The contracts are of different dialects, which are not compared.",
        "DIALECT_CHANGED", "The contracts are of different dialects, which are not compared.",
    ),
    "dynamic": _told(
        "DYNAMIC_REFERENCE",
        "A reference depends on where it is followed from, or two parts have its name; none is "
        "compared.",
        "DYNAMIC_REFERENCE",
        "A reference depends on where it is followed from, or two parts have its name; none is "
        "compared.",
    ),
    "unseen": _told(
        "REFERENCE_OUTSIDE_SCHEMAS",
        "A reference leads to what is no schema of the dialect; none is compared.",
        "REFERENCE_OUTSIDE_SCHEMAS",
        "A reference leads to what is no schema of the dialect; none is compared.",
    ),
    "intricate": _told(
        "TOO_INTRICATE", "The contracts are too large or too intricate to be compared.",
        "TOO_INTRICATE", "The contracts are too large or too intricate to be compared.",
    ),
    "late": _told(
        "NOT_JUDGED_IN_TIME", "Comparing the contracts takes too long.",
        "NOT_JUDGED_IN_TIME", "Comparing the contracts takes too long.",
    ),
    "failed": _told(
        "JUDGE_FAILED", "Comparing the contracts failed.",
        "JUDGE_FAILED", "Comparing the contracts failed.",
    ),
}  # fmt: skip
NAMES = frozenset(
    name
    for rule in RULES.values()
    for name in (rule.added, rule.tightened, rule.dropped, rule.loosened)
)
