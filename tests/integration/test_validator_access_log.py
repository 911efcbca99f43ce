"""HL7's own validator finds no error in the AuditEvents that we write."""

import json
from pathlib import Path

from fhir_mappings.audit import audit_event
from tests.integration.java_peer import Validator
from tests.unit.test_balp import BASE, CASES, line


def test_no_error_in_the_access_log(validator: Validator, tmp_path: Path) -> None:
    """Every kind of line, with words and without."""
    for number, (more, _) in enumerate(CASES.values()):
        for text in (None, "Nina Nurse, The Ward looked at stays & contacts."):
            event = audit_event(line(**more), BASE, text)
            name = f"audit-{number}{'-said' if text else ''}.json"
            (tmp_path / name).write_text(json.dumps(event))

    found = validator.folder(tmp_path)

    assert len(found) == 2 * len(CASES)
    assert {file: said for file, said in found.items() if said} == {}
