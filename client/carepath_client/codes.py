"""Every system and URL of the wire format that we write or read, once. Their meaning: Carepath's docs/profile.md."""

from typing import Final

# --- Carepath's own
CAREPATH: Final = "https://carepath.example/fhir"
PATHWAY_EVENT: Final = f"{CAREPATH}/CodeSystem/pathway-event"
PATHWAY_ACTIVITY: Final = f"{CAREPATH}/CodeSystem/pathway-activity"
TIMELINE_MARK: Final = f"{CAREPATH}/CodeSystem/timeline-mark"
STAY_KIND: Final = f"{CAREPATH}/CodeSystem/stay-kind"
COORDINATOR_ROLE: Final = f"{CAREPATH}/CodeSystem/coordinator-role"
TEAM_PART: Final = f"{CAREPATH}/CodeSystem/team-part"
CONSENT_KIND: Final = f"{CAREPATH}/CodeSystem/consent-kind"
MEETING_KIND: Final = f"{CAREPATH}/CodeSystem/meeting-kind"
CALL_FIRST: Final = f"{CAREPATH}/StructureDefinition/call-first"
ORAL_CONSENT: Final = f"{CAREPATH}/StructureDefinition/oral-consent"
VIDEO_LINK: Final = f"{CAREPATH}/StructureDefinition/video-link"
ASKED_BY: Final = f"{CAREPATH}/StructureDefinition/asked-by"
DISCLOSURE: Final = f"{CAREPATH}/StructureDefinition/disclosure"
RELATIVE_ROLE: Final = f"{CAREPATH}/CodeSystem/relative-role"
RELATIVE_AUTHORITY: Final = f"{CAREPATH}/StructureDefinition/relative-authority"
TASK_DETAIL: Final = f"{CAREPATH}/CodeSystem/task-detail"
PARTY_FUNCTION: Final = f"{CAREPATH}/CodeSystem/party-function"
DESTINATION_USE: Final = f"{CAREPATH}/StructureDefinition/destination-use"
MUNICIPAL_NEED: Final = f"{CAREPATH}/StructureDefinition/municipal-need"
REPORT_WANTED: Final = f"{CAREPATH}/StructureDefinition/report-wanted"
URBAN_DISTRICT: Final = f"{CAREPATH}/StructureDefinition/urban-district"
SETTLED_WITH: Final = f"{CAREPATH}/StructureDefinition/settled-with"
READ_BY_PERSON: Final = f"{CAREPATH}/StructureDefinition/read-by-person"

# --- Norwegian identifiers
FNR: Final = "urn:oid:2.16.578.1.12.4.1.4.1"
DNR: Final = "urn:oid:2.16.578.1.12.4.1.4.2"
ORGANISATION_NUMBER: Final = "urn:oid:2.16.578.1.12.4.1.4.101"  # Enhetsregisteret
HER_ID: Final = "urn:oid:2.16.578.1.12.4.1.2"
MUNICIPALITY: Final = (
    "https://register.geonorge.no/subregister/sosi-kodelister/kartverket/kommunenummer-alle"
)
MUNICIPALITY_CODE: Final = "http://hl7.no/fhir/StructureDefinition/no-basis-municipalitycode"
DISTRICT: Final = "urn:oid:2.16.578.1.12.4.1.1.3403"  # bydel

# --- HL7's
ACT_CODE: Final = "http://terminology.hl7.org/CodeSystem/v3-ActCode"  # Encounter.class
ACT_REASON: Final = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
TEST: Final = "HTEST"
CONSENT_SCOPE: Final = "http://terminology.hl7.org/CodeSystem/consentscope"
PARTICIPATION: Final = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
DATA_ABSENT: Final = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
XHTML: Final = "http://www.w3.org/1999/xhtml"
FHIR_JSON: Final = "application/fhir+json"
