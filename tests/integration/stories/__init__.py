"""Messages as hospitals, municipalities and a legevakt would send them, in Carepath's own profile.

Plain JSON dictionaries per ``docs/profile.md``: 6–9 resources, narrative as systems generate it (about 12 kB in
all), new ids at every call. The patients are synthetic: fødselsnummer with 80 added to the month and right
check digits.

    matter = Matter(person())
    for message in (admission(matter), discharge_ready(matter), discharge(matter)):
        httpx.post(f"{base}/fhir/$process-message", json=message)

Every builder takes the same ``Envelope``: who sends, to whom, when, and what it does to an earlier message.
"""

from tests.integration.stories.chapters import (
    everything,
    hospital_stay,
    night_at_the_legevakt,
    referral_and_question,
    the_person,
)
from tests.integration.stories.documents import (
    discharge_report,
    person_sheet,
    report,
    service_overview,
)
from tests.integration.stories.envelope import Envelope, message_id, patient_identifier
from tests.integration.stories.people import (
    CASE_OFFICE,
    GP,
    HOSPITAL,
    LEGEVAKT,
    NURSING,
    OSLO,
    OTHER_HOSPITAL,
    Matter,
    Organisation,
    Resource,
    national_id,
    person,
)
from tests.integration.stories.person import (
    acknowledgement,
    identity_linked,
    municipality_changed,
    relative_registered,
)
from tests.integration.stories.plans import measure
from tests.integration.stories.referrals import inquiry, referral, reply
from tests.integration.stories.stays import (
    admission,
    capacity_answer,
    departure_planned,
    discharge,
    discharge_ready,
    early_notice,
    stay,
    stay_task,
)

__all__ = [
    "CASE_OFFICE",
    "GP",
    "HOSPITAL",
    "LEGEVAKT",
    "NURSING",
    "OSLO",
    "OTHER_HOSPITAL",
    "Envelope",
    "Matter",
    "Organisation",
    "Resource",
    "acknowledgement",
    "admission",
    "capacity_answer",
    "departure_planned",
    "discharge",
    "discharge_ready",
    "discharge_report",
    "early_notice",
    "everything",
    "hospital_stay",
    "identity_linked",
    "inquiry",
    "measure",
    "message_id",
    "municipality_changed",
    "national_id",
    "night_at_the_legevakt",
    "patient_identifier",
    "person",
    "person_sheet",
    "referral",
    "referral_and_question",
    "relative_registered",
    "reply",
    "report",
    "service_overview",
    "stay",
    "stay_task",
    "the_person",
]
