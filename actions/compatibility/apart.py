"""`python -m actions.compatibility.apart`: compares two contracts that it reads, within limits."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict

from actions.compatibility.comparing import compare
from actions.compatibility.reports import Direction, OpenContent
from runtime import apart

SECONDS = 5


def main() -> None:
    """Read a case from standard input; write its report."""
    apart.limit(seconds=SECONDS)
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
