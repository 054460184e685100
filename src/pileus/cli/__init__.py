"""The ``pileus`` command: one file per command group, each imported when it is called."""
