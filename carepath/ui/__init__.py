"""Plain pages for people: what happened to a patient, live, and readable without JavaScript."""
