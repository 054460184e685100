"""The Amazon States Language: definitions checked, compiled and run, without touching anything.

``definition.compile_definition`` makes a ``Program``; ``run.Run`` advances executions of it by what
happened (``commands``); ``rehearsal`` plays one through with answers in the place of tasks.
"""
