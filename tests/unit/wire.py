"""What is written held against the generated JSON Schemas, formats too."""

from typing import Any, Final

from jsonschema import Draft202012Validator, FormatChecker

from schemas.jsonschema import schemas

JSON = dict[str, Any]
_FORMATS: Final = FormatChecker(["date-time"])
_VALIDATORS: Final = {
    name: Draft202012Validator(schema, format_checker=_FORMATS)
    for name, schema in schemas().items()
}


def faults(name: str, told: JSON) -> list[str]:
    """What is wrong with ``told`` by the schema called ``name``, each with its place."""
    return [f"{fault.json_path}: {fault.message}" for fault in _VALIDATORS[name].iter_errors(told)]
