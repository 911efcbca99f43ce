"""``carepath demo``: a directory, a patient and a week that could have happened, played against a server."""
