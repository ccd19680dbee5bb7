"""What each keyword of each dialect is to us: a demand that is understood, one that is only
known to be there, or none at all.

A keyword that is in no class here demands nothing of a payload, as JSON Schema has it: it is an
annotation. The classes are held against the metaschemas and against the validator by tests.
"""

from __future__ import annotations

from config.validation import DIALECTS

DRAFT4, DRAFT6, DRAFT7, DRAFT2019, DRAFT2020 = DIALECTS

TYPES = ("null", "boolean", "number", "string", "array", "object")

# Understood: `actions.samples.demands` reads them.
_ALWAYS = {
    *("$ref", "type", "enum", "multipleOf", "maximum", "exclusiveMaximum", "minimum"),
    *("exclusiveMinimum", "maxLength", "minLength", "pattern", "format", "items", "maxItems"),
    *("minItems", "uniqueItems", "maxProperties", "minProperties", "required", "properties"),
    *("patternProperties", "additionalProperties", "dependencies", "allOf", "anyOf", "oneOf"),
    "not",
}
_SINCE_6 = _ALWAYS | {"const", "contains", "propertyNames"}
_SINCE_7 = _SINCE_6 | {"if", "then", "else"}
_SINCE_2019 = _SINCE_7 | {
    *("dependentRequired", "dependentSchemas", "minContains", "maxContains"),
    # Where what is evaluated does not depend on the payload; where it does, only known.
    *("unevaluatedItems", "unevaluatedProperties"),
}
REASONED: dict[str, frozenset[str]] = {
    DRAFT4: frozenset(_ALWAYS | {"additionalItems"}),
    DRAFT6: frozenset(_SINCE_6 | {"additionalItems"}),
    DRAFT7: frozenset(_SINCE_7 | {"additionalItems"}),
    # A dynamic reference where only one schema has its anchor is one like `$ref`.
    DRAFT2019: frozenset(_SINCE_2019 | {"additionalItems", "$recursiveRef"}),
    DRAFT2020: frozenset(_SINCE_2019 | {"prefixItems", "$dynamicRef"}),
}
# Known to demand something; proved only where both contracts have the same.
EQUAL_ONLY: dict[str, frozenset[str]] = {
    DRAFT4: frozenset(),
    DRAFT6: frozenset({"contentEncoding", "contentMediaType"}),
    DRAFT7: frozenset({"contentEncoding", "contentMediaType"}),
    DRAFT2019: frozenset(),
    DRAFT2020: frozenset(),
}
# In the metaschema, but not checked: annotations like those below.
UNCHECKED: dict[str, frozenset[str]] = {
    DRAFT4: frozenset(),
    DRAFT6: frozenset(),
    DRAFT7: frozenset(),
    DRAFT2019: frozenset({"contentEncoding", "contentMediaType"}),
    DRAFT2020: frozenset({"contentEncoding", "contentMediaType", "$recursiveRef"}),
}
# These demand nothing; listed so that the metaschemas' keywords are all accounted for.
ANNOTATIONS = frozenset(
    [
        *("$schema", "$id", "id", "$anchor", "$dynamicAnchor", "$recursiveAnchor", "$comment"),
        *("$vocabulary", "$defs", "definitions", "title", "description", "default", "examples"),
        *("readOnly", "writeOnly", "deprecated", "contentSchema"),
    ]
)
# What the validator checks of `format`; others, like `int32`, it takes for annotations.
_FORMATS_4 = {
    *("date", "time", "date-time", "email", "idn-email", "hostname", "ipv4", "ipv6", "uri"),
    "regex",
}
_FORMATS_6 = _FORMATS_4 | {"uri-reference", "uri-template", "json-pointer"}
_FORMATS_7 = _FORMATS_6 | {"idn-hostname", "iri", "iri-reference", "relative-json-pointer"}
_FORMATS_2019 = _FORMATS_7 | {"duration", "uuid"}
FORMATS: dict[str, frozenset[str]] = {
    DRAFT4: frozenset(_FORMATS_4),
    DRAFT6: frozenset(_FORMATS_6),
    DRAFT7: frozenset(_FORMATS_7),
    DRAFT2019: frozenset(_FORMATS_2019),
    DRAFT2020: frozenset(_FORMATS_2019),
}
