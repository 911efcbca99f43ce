"""What Alembic knows of the migrations is what their files are called: who only asks does not load it."""

from alembic.config import Config
from alembic.script import ScriptDirectory

from carepath.store import database


def test_migrations_are_called_as_their_files_begin() -> None:
    """One after the other; the newest is the only head."""
    config = Config()
    config.set_main_option("script_location", "carepath:store/migrations")
    scripts = ScriptDirectory.from_config(config)
    known = [script.revision for script in scripts.walk_revisions()]
    assert known == sorted(known, reverse=True)
    assert scripts.get_heads() == [database.newest_schema_version()]
    assert all(map(database.is_known_schema, known))
    assert not database.is_known_schema("9999")
