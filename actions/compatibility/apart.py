"""`python -m actions.compatibility.apart`: compares two contracts that it reads, within limits."""

from __future__ import annotations

import json
import resource
import sys
from dataclasses import asdict

from actions.compatibility.comparing import compare
from actions.compatibility.reports import Direction, OpenContent

SECONDS = 5
MEMORY = 1_500_000_000


def main() -> None:
    """Read a case from standard input; write its report."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 1))
    case = json.load(sys.stdin)
    report = compare(
        case["old"],
        case["new"],
        direction=Direction(case["direction"]),
        open_content=OpenContent(case["open_content"]),
    )
    json.dump(asdict(report), sys.stdout)


if __name__ == "__main__":
    main()
