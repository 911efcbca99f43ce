"""HL7 version 2 (2.3 to 2.8) in, and its acknowledgements: ADT, REF and text reports of ORU.

``messages.read`` makes a ``Message`` of the bytes between MLLP's frame characters; ``acknowledgements``
says in HL7 v2 what the sender is told. Places in issues are HL7's own: ``PID-3``, ``OBX[2]-5``.
"""
