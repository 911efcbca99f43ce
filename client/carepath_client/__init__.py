"""Carepath for programs: publish messages, follow updates, ask for timelines. See the README."""

from carepath_client.aio import AsyncPublisher, AsyncSubscriber, AsyncTimeline
from carepath_client.backend import BackendServices
from carepath_client.broker import Security
from carepath_client.bundles import bundle
from carepath_client.care import (
    Application,
    Consent,
    CoordinationNeed,
    Coordinator,
    Course,
    FollowUp,
    Goal,
    Measure,
    Meeting,
    Participant,
    Plan,
)
from carepath_client.cursors import Cursor, FileCursor
from carepath_client.errors import (
    CarepathError,
    Gap,
    Issue,
    NotFound,
    Refused,
    Unanswered,
    Unavailable,
)
from carepath_client.messages import (
    Acknowledgement,
    CarerUnavailable,
    Inquiry,
    Message,
    Move,
    PersonSheet,
    Referral,
    Relatives,
    Report,
    ServiceOverview,
    Stay,
)
from carepath_client.publisher import Publisher
from carepath_client.receipts import Answer, Receipt
from carepath_client.subscriber import Subscriber
from carepath_client.timeline import Entry, History, Timeline
from carepath_client.updates import Update
from carepath_client.values import Author, Identifier, Party, Patient, Relative

__all__ = [
    "Acknowledgement",
    "Answer",
    "Application",
    "AsyncPublisher",
    "AsyncSubscriber",
    "AsyncTimeline",
    "Author",
    "BackendServices",
    "CarepathError",
    "CarerUnavailable",
    "Consent",
    "CoordinationNeed",
    "Coordinator",
    "Course",
    "Cursor",
    "Entry",
    "FileCursor",
    "FollowUp",
    "Gap",
    "Goal",
    "History",
    "Identifier",
    "Inquiry",
    "Issue",
    "Measure",
    "Meeting",
    "Message",
    "Move",
    "NotFound",
    "Participant",
    "Party",
    "Patient",
    "PersonSheet",
    "Plan",
    "Publisher",
    "Receipt",
    "Referral",
    "Refused",
    "Relative",
    "Relatives",
    "Report",
    "Security",
    "ServiceOverview",
    "Stay",
    "Subscriber",
    "Timeline",
    "Unanswered",
    "Unavailable",
    "Update",
    "bundle",
]
