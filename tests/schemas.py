# SPDX-License-Identifier: MIT
"""The part of JSON Schema that docs/schema uses."""

import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
KNOWN = {"$schema", "title", "type", "properties", "required", "additionalProperties", "items", "enum", "minimum", "pattern"}
TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int, "number": (int, float), "null": type(None)}


def is_type(value, name):
    return isinstance(value, TYPES[name]) and not (name in ("integer", "number") and isinstance(value, bool))


def faults(schema, value, at="$"):
    """What of value is not as the schema says; a keyword that is not known here is a fault as well."""
    found = [f"{at}: the schema has {key}" for key in schema.keys() - KNOWN]
    types = schema.get("type", [])
    types = [types] if isinstance(types, str) else types
    if types and not any(is_type(value, name) for name in types):
        return found + [f"{at}: {value!r} is no {types}"]
    if "enum" in schema and value not in schema["enum"]:
        found.append(f"{at}: {value!r} is none of {schema['enum']}")
    if "minimum" in schema and value is not None and value < schema["minimum"]:
        found.append(f"{at}: {value} is too small")
    if "pattern" in schema and not re.search(schema["pattern"], value):
        found.append(f"{at}: {value!r} does not match {schema['pattern']}")
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        found += [f"{at}: {key} is missing" for key in schema.get("required", []) if key not in value]
        if schema.get("additionalProperties") is False:
            found += [f"{at}: {key} is not in the schema" for key in value if key not in properties]
        for key in value.keys() & properties.keys():
            found += faults(properties[key], value[key], f"{at}.{key}")
    if isinstance(value, list) and "items" in schema:
        for i, item in enumerate(value):
            found += faults(schema["items"], item, f"{at}[{i}]")
    return found


def schema(name):
    return json.loads((ROOT / f"docs/schema/{name}.json").read_text())
