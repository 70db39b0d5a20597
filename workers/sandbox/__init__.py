"""The sandbox for many machines: workers that each keep a warm sandbox, and an executor that shares calls among them.

    celery --app workers.sandbox.app worker --hostname sandbox@%h

    app        the Celery application of these workers, which differs from the others' in how messages are acknowledged
    service    what a worker keeps and does     reporting  what it tells the database
    mailbox    the keys and messages in Redis   remote     `RemoteSandbox`, the executor

Trainers keep a sandbox of their own (`training.agent.service`): they know no broker, and a call on the same machine has
no way to go. These workers serve the page's console and whatever in `workers` has more calls than one machine can run.
"""
