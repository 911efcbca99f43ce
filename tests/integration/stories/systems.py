"""The systems and URLs of ``docs/profile.md``, said by the sender itself: our own constants could be wrong."""

from typing import Final

_CAREPATH: Final = "https://carepath.example/fhir"
PATHWAY_EVENT: Final = f"{_CAREPATH}/CodeSystem/pathway-event"
PATHWAY_ACTIVITY: Final = f"{_CAREPATH}/CodeSystem/pathway-activity"
STAY_KIND: Final = f"{_CAREPATH}/CodeSystem/stay-kind"
TASK_DETAIL: Final = f"{_CAREPATH}/CodeSystem/task-detail"
PARTY_FUNCTION: Final = f"{_CAREPATH}/CodeSystem/party-function"
DESTINATION_USE: Final = f"{_CAREPATH}/StructureDefinition/destination-use"
MUNICIPAL_NEED: Final = f"{_CAREPATH}/StructureDefinition/municipal-need"
REPORT_WANTED: Final = f"{_CAREPATH}/StructureDefinition/report-wanted"
SETTLED_WITH: Final = f"{_CAREPATH}/StructureDefinition/settled-with"

FNR: Final = "urn:oid:2.16.578.1.12.4.1.4.1"
HPR: Final = "urn:oid:2.16.578.1.12.4.1.4.4"
ORGANISATION_NUMBER: Final = "urn:oid:2.16.578.1.12.4.1.4.101"
MUNICIPALITY_CODE: Final = "http://hl7.no/fhir/StructureDefinition/no-basis-municipalitycode"
MUNICIPALITY: Final = (
    "https://register.geonorge.no/subregister/sosi-kodelister/kartverket/kommunenummer-alle"
)

ACT_CODE: Final = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
ACT_REASON: Final = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
PARTICIPANT_TYPE: Final = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
URI: Final = "urn:ietf:rfc:3986"
XHTML: Final = "http://www.w3.org/1999/xhtml"
