"""OpenAPI documents, 3.0 to 3.2, as bundles: one definition for each operation.

`convert` is pure: it reads no file and calls nobody, `download` fetches a document. What becomes
of what is told in docs/importing.md, "OpenAPI".
"""

from __future__ import annotations

from bundles.openapi.conversion import Converted as Converted
from bundles.openapi.conversion import Options as Options
from bundles.openapi.conversion import convert as convert
from bundles.openapi.downloading import download as download
from bundles.openapi.downloading import is_url as is_url
