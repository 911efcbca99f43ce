"""JSON Schemas (2020-12) of the envelopes."""

from collections.abc import Mapping
from typing import Any, Final

from pydantic.json_schema import (
    DEFAULT_REF_TEMPLATE,
    GenerateJsonSchema,
    JsonSchemaMode,
    JsonSchemaValue,
    models_json_schema,
)
from pydantic_core import core_schema
from typing_extensions import override

from schemas.envelopes import ENVELOPES

JSON = dict[str, Any]
HOME: Final = "https://carepath.example/schemas"
_DIALECT: Final = GenerateJsonSchema.schema_dialect
_MODE: Final[JsonSchemaMode] = "validation"


class _Absent(GenerateJsonSchema):
    """``None`` in a model is a field that is absent on the wire, never null."""

    @override
    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    @override
    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    @override
    def field_title_should_be_set(self, schema: object) -> bool:
        return False  # it would repeat the name


def schemas() -> Mapping[str, JSON]:
    """The schema of every envelope by its name; each stands alone."""
    return {name: _schema(name) for name in ENVELOPES}


def components() -> JSON:
    """The same by the models' names, for a document that has them under ``components/schemas``."""
    models = [(model, _MODE) for model in ENVELOPES.values()]
    _, made = models_json_schema(
        models, ref_template="#/components/schemas/{model}", schema_generator=_Absent
    )
    found: JSON = made["$defs"]
    return found


def _schema(name: str) -> JSON:
    made = ENVELOPES[name].model_json_schema(
        ref_template=DEFAULT_REF_TEMPLATE, schema_generator=_Absent, mode=_MODE
    )
    return {"$schema": _DIALECT, "$id": f"{HOME}/{name}.json", **made}
