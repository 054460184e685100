"""How a stack operation is carried out: begun and advanced in transactions, resumed after a crash.

``plan`` freezes the steps of a phase, ``steps`` carries out one of them, ``phases`` decides what
follows a phase, ``runner`` drives one stack; ``changes`` writes what becomes of stacks and resources,
with their events.
"""
