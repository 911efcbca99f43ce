"""What the R4B models of ``fhir.resources`` say of parsed JSON: the elements, their cardinalities and formats.

The models make an object of every element, through several layers of Python: a millisecond for a message of
12 kB. So each model's own table of fields is given to ``pydantic_core`` as it is (``_sieve``), which says the
same of sound JSON in a tenth of the time. Only what the sieve does not pass is shown to the models, whose errors
say more. The sieve is right, too, where the models are lenient: they read a string as JSON where an object
belongs, and take names that only their Python has (``class_fhir``).
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, partial, reduce
from types import NoneType, UnionType
from typing import Any, Final, TypeAlias, Union, get_args, get_origin

from fhir.resources.R4B import get_fhir_model_class
from fhir.resources.R4B.bundle import Bundle, BundleEntry
from fhir.resources.R4B.resource import Resource
from fhir_core.fhirabstractmodel import FHIRAbstractModel
from fhir_core.types import FhirBase, FhirElementOrResourceBase
from pydantic import TypeAdapter, ValidationError
from pydantic_core import SchemaValidator, core_schema
from pydantic_core.core_schema import CoreSchema

from fhir_mappings.reading import below
from pathways.refusals import Issue

JSON: TypeAlias = dict[str, Any]
Model: TypeAlias = type[FHIRAbstractModel]

_NAMES: Final = re.compile(r"'(\w+)'")
_STUMBLES: Final = (AttributeError, TypeError, KeyError)
"""What the models raise, instead of an error, where a URL is no text or the like."""
_FORMATS: Final = {
    "string_type": "must be a string",
    "list_type": "must be an array",
    "dict_type": "must be an object",
    "string_pattern_mismatch": "not in the format of this element's type",
}


def faults(bundle: JSON) -> tuple[Issue, ...]:
    """Everything that the models have against a Bundle, with its place; nothing if it is sound."""
    strict = _said(_sieve(Bundle).validate_python, bundle)
    if not strict:
        return ()
    return _said(Bundle.model_validate, bundle) or strict


def _said(validate: Callable[[JSON], object], bundle: JSON) -> tuple[Issue, ...]:
    try:
        validate(bundle)
    except ValidationError as problem:
        details = problem.errors(include_url=False, include_context=False, include_input=False)
        return tuple(_issue(detail["type"], detail["msg"], detail["loc"]) for detail in details)
    except _STUMBLES:
        text = "a value in here has a wrong JSON type"
        return (Issue("structure", text, _stumbled_at(bundle)),)
    return ()


def _stumbled_at(bundle: JSON) -> str:
    """The entry that the models cannot read."""
    entries = bundle.get("entry")
    for index, entry in enumerate(entries if isinstance(entries, list) else ()):
        try:
            BundleEntry.model_validate(entry)
        except ValidationError:
            continue
        except _STUMBLES:
            return f"Bundle.entry[{index}]"
    return "Bundle"


# --- the sieve


@cache
def _sieve(model: Model) -> SchemaValidator:
    """The fields of a model, for JSON objects: no others, and no null but beside its twin in an array."""
    fields = {
        field.alias or name: core_schema.typed_dict_field(
            _schema(field.annotation), required=field.is_required()
        )
        for name, field in model.model_fields.items()
        if name != "fhir_comments"
    }
    fields["resourceType"] = core_schema.typed_dict_field(
        core_schema.literal_schema([model.get_resource_type()]), required=model.has_resource_base()
    )
    whole: CoreSchema = core_schema.typed_dict_schema(fields, extra_behavior="forbid")
    for rule in _rules(model):
        whole = core_schema.no_info_after_validator_function(rule, whole)
    return SchemaValidator(whole)


def _schema(annotation: Any) -> CoreSchema:
    """The schema of an element's type, without the ``None`` that stands for an absent one."""
    kinds = [kind for kind in get_args(annotation) if kind is not NoneType]
    if get_origin(annotation) in (Union, UnionType) and len(kinds) == 1:
        return _schema(kinds[0])
    if get_origin(annotation) is list:
        inner = _schema(kinds[0])
        beside_twin = NoneType in get_args(kinds[0])
        return core_schema.list_schema(core_schema.nullable_schema(inner) if beside_twin else inner)
    if isinstance(annotation, type) and issubclass(annotation, FhirElementOrResourceBase):
        return core_schema.no_info_plain_validator_function(_resource)
    if isinstance(annotation, type) and issubclass(annotation, FhirBase):
        return core_schema.no_info_plain_validator_function(partial(_element, annotation))
    return _simple(annotation)


@cache
def _simple(annotation: Any) -> CoreSchema:
    return TypeAdapter(annotation).core_schema


def _element(kind: type[FhirBase], value: Any) -> object:
    """An element that is an object; its model is asked for as late as this because types refer in circles."""
    return _sieve(kind.get_model_klass()).validate_python(value)


def _resource(value: Any) -> object:
    """A resource of any type; one that names none lacks just that."""
    kind = value.get("resourceType") if isinstance(value, dict) else None
    return _sieve(_model(kind) if isinstance(kind, str) else Resource).validate_python(value)


def is_resource(kind: str) -> bool:
    """Whether FHIR R4 has a type of resource of this name."""
    try:
        return _model(kind) is not None
    except (KeyError, ValueError):
        return False


@cache
def _model(kind: str) -> Model:
    model: Model = get_fhir_model_class(kind)
    if not model.has_resource_base():
        raise KeyError(kind)
    return model


def _rules(model: Model) -> Iterable[Callable[[JSON], JSON]]:
    """What a model asks for besides its table."""
    bare = model.model_construct()
    if needed := [name for name, _ in bare.get_required_fields()]:
        yield partial(_required, needed)
    for names in bare.get_one_of_many_fields().values():
        aliases = [model.model_fields[name].alias or name for name in names]
        extra = model.model_fields[names[0]].json_schema_extra
        needs_one = isinstance(extra, Mapping) and extra["one_of_many_required"] is True
        yield partial(_one_of, aliases, needs_one)
    if model.get_resource_type() == "FHIRPrimitiveExtension":
        yield _not_empty


def _required(names: Sequence[str], value: JSON) -> JSON:
    """Simple values that have to be there, or an extension that says why not."""
    for name in names:
        if name not in value and not value.get(f"_{name}", {}).get("extension"):
            raise ValueError(name)
    return value


def _one_of(names: Sequence[str], needs_one: bool, value: JSON) -> JSON:
    """``value[x]`` and the like."""
    given = sum(name in value for name in names)
    if given > 1 or (needs_one and not given):
        raise ValueError(names)
    return value


def _not_empty(value: JSON) -> JSON:
    if not value:
        raise ValueError("empty")
    return value


# --- what the models say, in our words


def _step(place: str, step: int | str) -> str:
    return f"{place}[{step}]" if isinstance(step, int) else below(place, step)


def _issue(kind: str, said: str, place: tuple[int | str, ...]) -> Issue:
    """A pydantic error in our words: its own might quote the value."""
    where = reduce(_step, place, "Bundle").removesuffix(".root")
    if kind.endswith("missing"):
        return Issue("required", "this element is required", where)
    if kind == "extra_forbidden":
        return Issue("structure", "FHIR R4 has no such element here", where)
    if "from this list" in said:
        names = ", ".join(_NAMES.findall(said))
        if "multiple" in said:
            return Issue("structure", f"only one of {names} may be given", where)
        return Issue("required", f"one of {names} is required", where)
    return Issue("value", _FORMATS.get(kind) or _format(said), where)


def _format(said: str) -> str:
    """The format that a value should have had."""
    if "spec regex" in said or "date" in said:
        return "not a valid date or time; a time of day needs seconds and a zone"
    return "not a valid value of this element's type"
