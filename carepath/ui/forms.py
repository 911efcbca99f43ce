"""What a form's fields were filled in with, as the browser posts it; never more of it than a form can be."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qs
from uuid import UUID, uuid4

from markupsafe import Markup
from starlette.requests import Request

from carepath import texts
from carepath.service import typed
from carepath.service.typed import Typing, Unfit

MAX_FORM: Final = 65_536
"""Bytes; the longest text of a form is far shorter."""


@dataclass(frozen=True, slots=True)
class Form:
    """Fields as they were typed, without white space around them. ``problems``: what is wrong with which, in words."""

    fields: Mapping[str, Sequence[str]] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)

    def one(self, name: str) -> str:
        """The field's text; empty where it has none."""
        return self.many(name)[0] if self.many(name) else ""

    def many(self, name: str) -> list[str]:
        """All texts of a field, of which there may be several; lines end as ours do."""
        told = (text.replace("\r\n", "\n").strip() for text in self.fields.get(name, ()))
        return [text for text in told if text]

    def described(self, name: str, *, help: bool = False) -> Markup:  # noqa: A002 -- as the templates call it
        """The attributes by which a field is tied to its help, and to what is wrong with it."""
        wrong = name in self.problems
        by = [f"{name}-help"] * help + [f"{name}-problem"] * wrong
        invalid = Markup(' aria-invalid="true"') if wrong else Markup("")
        return invalid + (
            Markup(' aria-describedby="{}"').format(" ".join(by)) if by else Markup("")
        )

    def checked(self, name: str, kind: Any, text: str, typing: Typing, language: str) -> Any:
        """What the text means as a fact of that type; ``None``: nothing, which is said beside the field."""
        try:
            return typed.checked(name, kind, text, typing)
        except Unfit as unfit:
            needs = {"needs": unfit.needs(language)}
            self.problems[name] = texts.render("form.unfit", needs, language)
            return None

    @property
    def id(self) -> str:
        """The id of the message that the form makes: it was made with the form, so that it is sent once."""
        try:
            return str(UUID(self.one("id")))
        except ValueError:
            return str(uuid4())


async def form_of(request: Request) -> Form:
    """The fields of an urlencoded form; none when it is too large."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM:
            return Form()
    return Form(parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True))
