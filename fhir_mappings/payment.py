"""Payment days as Parameters: every day of waiting, whether it is owed and why, what it follows from, what it costs."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from fhir_mappings.bundle import JSON
from fhir_mappings.references import about
from fhir_mappings.times import instant_text
from pathways.facts import InquiryFacts
from pathways.messages import Record
from pathways.payment import TOPIC, Day, bill


@dataclass(frozen=True, slots=True, kw_only=True)
class Reckoned:
    """The days of one stay before ``before``; ``payer`` is the directory key of the municipality.

    ``rates`` are NOK by year. ``questions`` may be disputes, each with its answers, ``seen`` the ids of the
    records that may be named.
    """

    stay: str
    payer: str | None
    before: date
    days: Sequence[Day]
    rates: Mapping[int, int]
    questions: Iterable[Sequence[Record]]
    seen: Collection[str]


def parameters(told: Reckoned) -> JSON:
    """``Encounter/$payment-days``. A year without a rate is named in ``rate-unknown``; its days have no amount."""
    whole = bill(told.days, told.rates)
    payer = told.payer and about("Organization", told.payer)
    return {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "stay", "valueReference": about("Encounter", told.stay)},
            *([{"name": "payer", "valueReference": payer}] if payer else ()),
            {"name": "before", "valueDate": told.before.isoformat()},
            {"name": "owed", "valueInteger": whole.days},
            {"name": "amount", "valueMoney": _nok(whole.amount)},
            *({"name": "rate-unknown", "valueInteger": year} for year in whole.unknown),
            *({"name": "day", "part": [*_day(day, told)]} for day in told.days),
            *({"name": "dispute", "part": [*_dispute(record)]} for record in _disputes(told)),
        ],
    }


def _day(day: Day, told: Reckoned) -> Iterator[JSON]:
    yield {"name": "date", "valueDate": day.day.isoformat()}
    yield {"name": "owed", "valueBoolean": day.owed}
    yield {"name": "reason", "valueCode": str(day.why)}
    rate = told.rates.get(day.day.year)
    if day.owed and rate is not None:
        yield {"name": "rate", "valueMoney": _nok(rate)}
    yield from (_evidence(id_) for id_ in day.evidence if id_ in told.seen)


def _disputes(told: Reckoned) -> list[Record]:
    """What either side says of the days, in the order of events: questions on that topic, and their answers."""
    about_days = (records for records in told.questions if any(map(_is_dispute, records)))
    found = (record for records in about_days for record in records)
    return sorted((r for r in found if r.id in told.seen), key=lambda r: r.order)


def _is_dispute(record: Record) -> bool:
    return isinstance(record.facts, InquiryFacts) and record.facts.topic == TOPIC


def _dispute(record: Record) -> Iterator[JSON]:
    yield {"name": "from", "valueReference": about("Organization", record.sender)}
    yield {"name": "happened", "valueDateTime": instant_text(record.happened.at)}
    if isinstance(record.facts, InquiryFacts) and record.facts.text:
        yield {"name": "text", "valueString": record.facts.text}
    yield _evidence(record.id)


def _evidence(id_: str) -> JSON:
    """The message itself, as its sender wrote it."""
    return {"name": "evidence", "valueReference": about("Binary", id_)}


def _nok(amount: int) -> JSON:
    return {"value": amount, "currency": "NOK"}
