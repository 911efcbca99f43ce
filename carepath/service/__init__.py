"""One way in: bytes → Message → verdict → everything that follows from it, in one transaction."""

from carepath.service.answers import STATUS, Answer, Submission, Verdict
from carepath.service.handle import Service, ServiceOptions

__all__ = ["STATUS", "Answer", "Service", "ServiceOptions", "Submission", "Verdict"]
