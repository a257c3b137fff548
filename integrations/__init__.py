"""The integration engine: the life of one change, in the order of the files.

entities/      a record that integrations are about is saved ...
signals.py     ... and its change is written down, in the same transaction,
models/        with one queue row (IntegrationObject) per listening integration;
hints.py       after the commit, and every ten seconds (tasks.py), workers are told to look;
dispatcher.py  a worker leases what is due and keeps a window of calls in flight;
plan.py        for each, by what its integration says, compiled once,
pipeline.py    do the filters hold? map the document; build the call;
connectors/    where it goes, and how we show ourselves there,
tokens.py      with an access token, if the target lends them,
http.py        through the one door out, past the guard in egress.py;
answer.py      what was answered means something,
ledger.py      and the outcome is written back, by models/: delivered, tried again later, given up.

And the other way round: inbound/ makes records of what other systems send. Of a message automation,
messages/ makes an integration. What was told, replay.py tells once more; what is old enough,
retention.py forgets. Who is to know of trouble, alerts/ tells. Whether there is room for more,
pressure.py knows.
"""
