"""Messages of BaRS, made up: one referral, what comes of it, and a booking."""

from typing import Any, Final

from fhir_mappings import codes

JSON = dict[str, Any]

REQUEST: Final = "11111111-1111-4111-8111-111111111111"
"""Bundle.id of the referral, which responses quote."""
REFERRAL: Final = "22222222-2222-4222-8222-222222222222"
BOOKING: Final = "33333333-3333-4333-8333-333333333333"
NUMBER: Final = "9434765919"
SENT: Final = "2026-11-20T10:00:00+00:00"
LATER: Final = "2026-11-20T11:00:00+00:00"
ASKING: Final = "http://fhir.nhs.uk/Id/dos-service-id|1001"
ASKED: Final = "http://fhir.nhs.uk/Id/dos-service-id|1002"


def bundle(
    event: str,
    reason: str | None,
    *resources: JSON,
    focus: str,
    id_: str = REQUEST,
    written: str = SENT,
    swapped: bool = False,
    **header: Any,
) -> JSON:
    """A message Bundle. Like BaRS's own, its MessageHeader has no id. ``swapped``: the one who was asked sends."""
    source, target = (ASKED, ASKING) if swapped else (ASKING, ASKED)
    whole: JSON = {
        "resourceType": "MessageHeader",
        "meta": {"lastUpdated": written},
        "eventCoding": {"system": codes.BARS_EVENT, "code": event},
        "destination": [{"endpoint": target}],
        "source": {"name": "Service", "endpoint": source},
        "focus": [{"reference": f"urn:uuid:{focus}"}],
        **header,
    }
    if reason:
        whole["reason"] = {"coding": [{"system": codes.BARS_REASON, "code": reason}]}
    entries = [{"fullUrl": f"urn:uuid:{id_[:-1]}f", "resource": whole}]
    for resource in (*resources, patient()):
        url = resource.pop("url")
        entries.append({"fullUrl": f"urn:uuid:{url}", "resource": resource})
    return {
        "resourceType": "Bundle",
        "id": id_,
        "type": "message",
        "timestamp": SENT,
        "entry": entries,
    }


def patient(number: str = NUMBER) -> JSON:
    """The patient."""
    return {
        "resourceType": "Patient",
        "url": "44444444-4444-4444-8444-444444444444",
        "identifier": [{"system": codes.NHS_NUMBER, "value": number}],
        "name": [{"family": "Example", "given": ["Ada"]}],
    }


PATIENT: Final = {"reference": f"urn:uuid:{patient()['url']}"}


def request(status: str = "active", **said: Any) -> JSON:
    """The ServiceRequest."""
    return {
        "resourceType": "ServiceRequest",
        "url": REFERRAL,
        "status": status,
        "intent": "plan",
        "priority": "urgent",
        "category": [{"coding": [{"code": "referral", "display": "Transfer of Care"}]}],
        "reasonCode": [{"coding": [{"code": "SD1", "display": "Breathlessness"}]}],
        "subject": PATIENT,
        "authoredOn": "2026-11-20T09:50:00+00:00",
        **said,
    }


def encounter(status: str, **said: Any) -> JSON:
    """The answering service's Encounter."""
    return {
        "resourceType": "Encounter",
        "url": "55555555-5555-4555-8555-555555555555",
        "status": status,
        "class": {"code": "EMER"},
        "subject": PATIENT,
        **said,
    }


def appointment(status: str = "booked", **said: Any) -> JSON:
    """The Appointment."""
    return {
        "resourceType": "Appointment",
        "url": BOOKING,
        "status": status,
        "start": "2026-11-25T12:30:00+00:00",
        "end": "2026-11-25T12:40:00+00:00",
        "created": "2026-11-20T09:55:00+00:00",
        "participant": [{"actor": PATIENT, "status": "accepted"}],
        **said,
    }


def referral(reason: str = "new", status: str = "active", **more: Any) -> JSON:
    """servicerequest-request."""
    return bundle("servicerequest-request", reason, request(status), focus=REFERRAL, **more)


def response(status: str = "active", met: str = "in-progress", **more: Any) -> JSON:
    """servicerequest-response, from the service that was asked."""
    about = encounter(met, **more.pop("encounter", {}))
    usual = {
        "id_": "66666666-6666-4666-8666-666666666666",
        "written": LATER,
        "response": {"identifier": REQUEST, "code": "ok"},
    }
    return bundle(
        "servicerequest-response",
        more.pop("reason", "new"),
        about,
        request(status),
        focus="55555555-5555-4555-8555-555555555555",
        swapped=True,
        **(usual | more),
    )


def booking(reason: str = "new", status: str = "booked", **more: Any) -> JSON:
    """booking-request, for the referral."""
    whole = {"id_": "77777777-7777-4777-8777-777777777777", "written": LATER} | more
    about = appointment(
        status,
        created=whole["written"],
        basedOn=[{"reference": f"ServiceRequest/{REFERRAL}"}],
    )
    event = whole.pop("event", "booking-request")
    return bundle(event, reason, about, focus=BOOKING, **whole)
