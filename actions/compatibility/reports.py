"""What a judgement says: a verdict, and findings that somebody can act on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Verdict(StrEnum):
    """`COMPATIBLE` is proved, `INCOMPATIBLE` has a payload to show; the rest is neither."""

    COMPATIBLE = "compatible"
    INCOMPATIBLE = "incompatible"
    INDETERMINATE = "indeterminate"


class Direction(StrEnum):
    """Whose payloads must be accepted by whom."""

    # What the old contract accepts, the new one accepts: those who read are moved first.
    BACKWARD = "backward"
    # What the new contract accepts, the old one accepts: those who send are moved first.
    FORWARD = "forward"
    FULL = "full"


class Policy(StrEnum):
    """What a variant's next version has to keep; transitive: to all earlier ones, not the last."""

    NONE = "none"
    BACKWARD = "backward"
    FORWARD = "forward"
    FULL = "full"
    BACKWARD_TRANSITIVE = "backward_transitive"
    FORWARD_TRANSITIVE = "forward_transitive"
    FULL_TRANSITIVE = "full_transitive"

    @property
    def transitive(self) -> bool:
        """Whether all earlier versions are compared, not only the last."""
        return self.value.endswith("_transitive")

    @property
    def direction(self) -> Direction | None:
        """What is compared; None where nothing is."""
        name = self.value.removesuffix("_transitive")
        return None if name == "none" else Direction(name)


class OpenContent(StrEnum):
    """What is taken of an object's properties that its contract does not declare.

    `STRICT`: payloads may hold whatever the contract accepts. `LENIENT`: where a contract lists
    properties and leaves others open, senders send only those that it lists.
    """

    STRICT = "strict"
    LENIENT = "lenient"


class Kind(StrEnum):
    """What a finding means for the verdict."""

    # A payload was found that one contract accepts and the other refuses.
    BREAKS = "breaks"
    # Neither a proof nor a payload.
    UNPROVED = "unproved"
    # Would break under `STRICT`; passed because `LENIENT` was asked for.
    ASSUMED = "assumed"


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference between two contracts: the rule, where, and a payload that shows it.

    The pointers are JSON Pointers into the two schemas. `sample` counts only where `accepted_by`
    is "old" or "new"; `refused_by` is then the other.
    """

    rule: str
    kind: Kind
    message: str
    old_pointer: str
    new_pointer: str
    accepted_by: str | None = None
    refused_by: str | None = None
    sample: Any = None

    def as_dict(self) -> dict[str, Any]:
        """The finding as the API shows it; the payload only where there is one."""
        shown: dict[str, Any] = {
            "rule": self.rule,
            "kind": self.kind.value,
            "message": self.message,
            "old_pointer": self.old_pointer,
            "new_pointer": self.new_pointer,
        }
        if self.accepted_by is not None:
            shown |= {
                "sample": self.sample,
                "accepted_by": self.accepted_by,
                "refused_by": self.refused_by,
            }
        return shown


@dataclass(frozen=True, slots=True)
class Report:
    """The verdict on two contracts, and its findings, those that break first."""

    verdict: Verdict
    findings: tuple[Finding, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The report as the API shows it."""
        return {
            "verdict": self.verdict.value,
            "findings": [finding.as_dict() for finding in self.findings],
        }
