"""Every system and URL of the wire format, once."""

from typing import Final

from pathways import parties

# --- Carepath's own
CAREPATH: Final = "https://carepath.example/fhir"
PATHWAY_EVENT: Final = f"{CAREPATH}/CodeSystem/pathway-event"
PATHWAY_ACTIVITY: Final = f"{CAREPATH}/CodeSystem/pathway-activity"
REFUSAL: Final = f"{CAREPATH}/CodeSystem/refusal"
TIMELINE_MARK: Final = f"{CAREPATH}/CodeSystem/timeline-mark"
COORDINATOR_ROLE: Final = f"{CAREPATH}/CodeSystem/coordinator-role"
TEAM_PART: Final = f"{CAREPATH}/CodeSystem/team-part"
CONSENT_KIND: Final = f"{CAREPATH}/CodeSystem/consent-kind"
MATTER_FAMILY: Final = f"{CAREPATH}/CodeSystem/matter"
RELATIVE_ROLE: Final = f"{CAREPATH}/CodeSystem/relative-role"
CALL_FIRST: Final = f"{CAREPATH}/StructureDefinition/call-first"
RELATIVE_AUTHORITY: Final = f"{CAREPATH}/StructureDefinition/relative-authority"
ORAL_CONSENT: Final = f"{CAREPATH}/StructureDefinition/oral-consent"
STAY_KIND: Final = f"{CAREPATH}/CodeSystem/stay-kind"
MEETING_KIND: Final = f"{CAREPATH}/CodeSystem/meeting-kind"
TASK_DETAIL: Final = f"{CAREPATH}/CodeSystem/task-detail"
PROMISE: Final = f"{CAREPATH}/NamingSystem/promise"  # of a promise: the id of its Task
PROMISE_KIND: Final = f"{CAREPATH}/CodeSystem/promise-kind"
PROMISE_STATUS: Final = f"{CAREPATH}/CodeSystem/promise-status"
PROMISE_STEP: Final = f"{CAREPATH}/CodeSystem/promise-step"
WORKLIST_GROUP: Final = f"{CAREPATH}/CodeSystem/worklist-group"
PARTY_KIND: Final = f"{CAREPATH}/CodeSystem/party-kind"
PARTY_FUNCTION: Final = f"{CAREPATH}/CodeSystem/party-function"
DESTINATION_USE: Final = f"{CAREPATH}/StructureDefinition/destination-use"
MUNICIPAL_NEED: Final = f"{CAREPATH}/StructureDefinition/municipal-need"
REPORT_WANTED: Final = f"{CAREPATH}/StructureDefinition/report-wanted"
URBAN_DISTRICT: Final = f"{CAREPATH}/StructureDefinition/urban-district"
SETTLED_WITH: Final = f"{CAREPATH}/StructureDefinition/settled-with"
ASKED_BY: Final = f"{CAREPATH}/StructureDefinition/asked-by"
DISCLOSURE: Final = f"{CAREPATH}/StructureDefinition/disclosure"
MATTER: Final = f"{CAREPATH}/StructureDefinition/matter"
VIDEO_LINK: Final = f"{CAREPATH}/StructureDefinition/video-link"
EXACT_TIME: Final = f"{CAREPATH}/StructureDefinition/exact-time"
READ_BY_PERSON: Final = f"{CAREPATH}/StructureDefinition/read-by-person"
ACCESS_ACT: Final = f"{CAREPATH}/CodeSystem/access-act"  # of the access log: the interaction
ACCESS_BASIS: Final = f"{CAREPATH}/CodeSystem/access-basis"
ACCESS_ROLE: Final = f"{CAREPATH}/CodeSystem/access-role"
FEED_NUMBER: Final = f"{CAREPATH}/StructureDefinition/feed-number"
MATTER_ID: Final = f"{CAREPATH}/NamingSystem/matter"  # a thread's id here
STAY_AT: Final = f"{CAREPATH}/NamingSystem/stay-at"  # of stays that their senders give no id: where
PDS_DEATH: Final = (
    f"{CAREPATH}/NamingSystem/pds-death"  # of the one matter: what PDS says of a death
)
BROKER_NAME: Final = "carepath"

HL7_FACILITY: Final = f"{CAREPATH}/NamingSystem/hl7v2-facility"  # an organisation as MSH-4 names it

SUBSCRIPTION_TOPIC: Final = f"{CAREPATH}/SubscriptionTopic"

# --- MedCom in Denmark
_MEDCOM: Final = "http://medcomfhir.dk/ig/terminology/CodeSystem"
MEDCOM_EVENT: Final = f"{_MEDCOM}/medcom-messaging-eventCodes"
MEDCOM_ACTIVITY: Final = f"{_MEDCOM}/medcom-messaging-activityCodes"
MEDCOM_DESTINATION_USE: Final = (
    "http://medcomfhir.dk/ig/messaging/StructureDefinition/medcom-messaging-destinationUseExtension"
)
# "notifiation" is how the standard spells it (dk-medcom-hospitalnotification 3.0.2).
MEDCOM_LEAVE_PERIOD: Final = (
    "http://medcomfhir.dk/ig/hospitalnotification/StructureDefinition/"
    "medcom-hospitalnotifiation-leave-period-extension"
)

# --- Da Vinci Alerts in the USA
DAVINCI_EVENT: Final = "http://hl7.org/fhir/us/davinci-alerts/CodeSystem/notification-event"

# --- NHS England's Booking and Referral Standard, and its Multicast Notification Service
BARS_EVENT: Final = "https://fhir.nhs.uk/CodeSystem/message-events-bars"
BARS_REASON: Final = "https://fhir.nhs.uk/CodeSystem/message-reason-bars"
BARS_ERROR: Final = "https://fhir.nhs.uk/Codesystem/http-error-codes"  # as BaRS spells it

# --- Norwegian identifiers
FNR: Final = "urn:oid:2.16.578.1.12.4.1.4.1"
FNR_ALIAS: Final = "http://hl7.no/fhir/NamingSystem/FNR"
DNR: Final = "urn:oid:2.16.578.1.12.4.1.4.2"
FHN: Final = "urn:oid:2.16.578.1.12.4.1.4.3"  # felles hjelpenummer
HPR: Final = "urn:oid:2.16.578.1.12.4.1.4.4"
DUF: Final = "urn:oid:2.16.578.1.12.4.1.4.5"
ORGANISATION_NUMBER: Final = "urn:oid:2.16.578.1.12.4.1.4.101"  # Enhetsregisteret
RESH: Final = "urn:oid:2.16.578.1.12.4.1.4.102"
HER_ID: Final = parties.HER_ID
HER_ID_ALIAS: Final = "http://nhn.no/fhir/NamingSystem/her-id"
MUNICIPALITY: Final = (
    "https://register.geonorge.no/subregister/sosi-kodelister/kartverket/kommunenummer-alle"
)
MUNICIPALITY_ALIAS: Final = "urn:oid:2.16.578.1.12.4.1.1.3402"
DISTRICT: Final = "urn:oid:2.16.578.1.12.4.1.1.3403"  # bydel
MUNICIPALITY_CODE: Final = "http://hl7.no/fhir/StructureDefinition/no-basis-municipalitycode"

# --- identifiers from elsewhere
CPR: Final = "urn:oid:1.2.208.176.1.2"
SOR: Final = "urn:oid:1.2.208.176.1.1"
GLN: Final = "https://www.gs1.org/gln"
NHS_NUMBER: Final = "https://fhir.nhs.uk/Id/nhs-number"
ODS: Final = "https://fhir.nhs.uk/Id/ods-organization-code"
ODS_ALIAS: Final = "https://fhir.nhs.uk/id/ods-organization-code"
DOS_SERVICE: Final = (
    "http://fhir.nhs.uk/Id/dos-service-id"  # a service in the NHS Directory of Services
)
DOS_SERVICE_ALIAS: Final = "https://fhir.nhs.uk/Id/dos-service-id"
URI: Final = "urn:ietf:rfc:3986"  # Identifier.system of a value that is itself a URI

# --- Subscriptions R5 Backport
BACKPORT: Final = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition"
SUBSCRIPTION_ERROR: Final = "http://terminology.hl7.org/CodeSystem/subscription-error"

# --- HL7's terminology
ACT_CODE: Final = "http://terminology.hl7.org/CodeSystem/v3-ActCode"  # Encounter.class
ACT_REASON: Final = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
TEST: Final = "HTEST"
INTERPRETER: Final = "http://hl7.org/fhir/StructureDefinition/patient-interpreterRequired"
BCP_47: Final = "urn:ietf:bcp:47"
CONFIDENTIALITY: Final = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
CONSENT_SCOPE: Final = "http://terminology.hl7.org/CodeSystem/consentscope"
PARTICIPATION: Final = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
DATA_ABSENT: Final = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
XHTML: Final = "http://www.w3.org/1999/xhtml"
