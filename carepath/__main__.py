"""``python -m carepath`` is the command line."""

from carepath.cli import main

main()
