"""What an operation is asked with: the query of a GET, the Parameters of a POST.

https://hl7.org/fhir/R4/operations.html#request
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from starlette.requests import Request

from carepath.api.bodies import resource
from carepath.api.errors import Refused, bad_parameter
from fhir_mappings import structure
from pathways.refusals import Reason, Refusal, refuse

_COMMON = frozenset({"_format", "_pretty", "_summary", "_elements"})


async def asked(request: Request, *names: str) -> Mapping[str, list[str]]:
    """The values of these parameters, each as text; a name that was not given has none.

    Commas separate values in a query. Others' parameters are ignored, unless ``Prefer: handling=strict``. Raises
    ``Refused``.
    """
    told = [*request.query_params.multi_items()]
    values: dict[str, list[str]] = {name: [] for name in names}
    for name, value in told:
        if name in values:
            values[name] += [part for part in value.split(",") if part]
        elif name not in _COMMON and _is_strict(request):
            raise bad_parameter(name, "not a parameter of this operation")
    if request.method == "POST" and _has_body(request):
        for name, value in _values(await resource(request, "Parameters"), names):
            values[name].append(value)
    return values


def single(values: Mapping[str, list[str]], name: str) -> str | None:
    """The one value of a parameter, or none. Raises ``Refused`` for several."""
    given = values.get(name, ())
    if len(given) > 1:
        raise bad_parameter(name, "one value")
    return given[0] if given else None


def count(values: Mapping[str, list[str]], *, most: int) -> int:
    """How many are wanted (``_count``): ``most`` without a word, and never more. Raises ``Refused``."""
    text = single(values, "_count")
    return most if text is None else min(whole_number("_count", text), most)


def whole_number(name: str, text: str) -> int:
    """A number from 0. Raises ``Refused``."""
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise bad_parameter(name, "a whole number from 0")
    return int(text)


def _is_strict(request: Request) -> bool:
    return "handling=strict" in request.headers.get("prefer", "").replace(" ", "").lower()


def _has_body(request: Request) -> bool:
    """A POST without parameters may have none."""
    length = request.headers.get("content-length", "0").strip()
    return length != "0" or "transfer-encoding" in request.headers


def _values(parameters: Mapping[str, Any], names: Iterable[str]) -> Iterator[tuple[str, str]]:
    if faults := structure.check_resource(dict(parameters)):
        raise Refused(Refusal(Reason.INVALID, faults))
    for index, one in enumerate(parameters.get("parameter", ())):
        name = one.get("name")
        if name in names:
            yield name, _text(one, f"Parameters.parameter[{index}]")


def _text(parameter: Mapping[str, Any], where: str) -> str:
    """The value of a parameter whose type is simple."""
    found = [value for name, value in parameter.items() if name.startswith("value")]
    if len(found) == 1 and isinstance(found[0], str | int) and not isinstance(found[0], bool):
        return str(found[0])
    raise Refused(refuse(Reason.INVALID, "value", "one simple value is needed", where))
