"""Norwegian XML (KITH, NHN, the Directorate of Health): PLO, Henvisning, Epikrise, Dialogmelding and AppRec.

``messages.read`` is the way in, ``apprec.write`` the answer. Sources: the standards as kept in
oslokommune/sarepta-standarder; ``domain.md`` b2-b4.
"""
