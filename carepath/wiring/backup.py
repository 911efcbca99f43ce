"""Backups: one file out of the store, and a store out of one file."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from carepath.service.rebuild import rebuild
from carepath.settings import Settings
from carepath.store import backup, restore
from carepath.store.backup import Backup, Manifest
from carepath.store.database import Database
from carepath.wiring.keys import erased
from carepath.wiring.store import Unusable, key_file, open_as_set, open_store, reporting


def write_backup(settings: Settings, path: Path) -> Manifest:
    """Write a backup to a new file, whole or not at all. Raises ``Unusable``."""
    draft = path.with_name(f"{path.name}.part")
    if path.exists() or draft.exists():
        raise Unusable(f"{path if path.exists() else draft} is there already", "Name another file.")
    with open_store(settings) as store, _writing(draft):
        manifest = backup.dump(
            store.database, draft, release=version("carepath"), moment=datetime.now(UTC)
        )
        draft.rename(path)
    return manifest


@contextmanager
def _writing(draft: Path) -> Iterator[None]:
    """What cannot be finished leaves nothing behind."""
    try:
        yield
    except OSError as fault:
        draft.unlink(missing_ok=True)
        raise Unusable(f"the backup cannot be written: {fault.strerror}") from None
    except backup.NewerSchema:
        draft.unlink(missing_ok=True)
        hint = "Back it up with that release."
        raise Unusable("the database has a newer release's schema", hint) from None
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def check_backup(settings: Settings, path: Path, *, replace: bool) -> Manifest:
    """See whether a backup can be restored; nothing is changed. Raises ``Unusable``."""
    with _restoring(settings, path) as (opened, found):
        restore.check(opened, found, datetime.now(UTC), replace=replace)
        return found.manifest


def read_backup(settings: Settings, path: Path) -> int:
    """Restore what ``check_backup`` found good; how much state was not as the events say."""
    with _restoring(settings, path) as (opened, found):
        gone = erased(settings, opened)
        restore.restore(opened, found, datetime.now(UTC), gone)
        return rebuild(opened, f"{settings.address}/fhir", datetime.now(UTC))


@contextmanager
def _restoring(settings: Settings, path: Path) -> Iterator[tuple[Database, Backup]]:
    key = key_file(settings)
    if not key.exists():  # else a new one would be made, which fits no backup
        hint = (
            "Put the installation's key there, or set CAREPATH_KEY_FILE: a backup does not have it."
        )
        raise Unusable(f"there is no key at {key}", hint)
    with reporting(settings):
        opened = open_as_set(settings)
        try:
            yield opened, Backup(path)
        except OSError as fault:
            raise Unusable(f"{path} cannot be read: {fault.strerror}") from None
        except backup.Damaged as fault:
            raise Unusable(f"{path} cannot be used: {fault}", "Nothing was changed.") from None
        except restore.Refused as fault:
            raise Unusable(str(fault), fault.hint) from None
        finally:
            opened.close()
