"""Every error this service raises on purpose.

    FunnelError
    ├── SettingsError          a setting is wrong; all of them are listed at once
    ├── ModelError             a funnel model is wrong: file, line, the mend
    ├── SetupError             something the command needs is missing (Java, Maven, a free port …)
    ├── RevisionError          the database is not at the revision this release needs
    ├── TopicsError            a topic is missing or differs from schemas/topics
    ├── Poison                 one record can never be processed: it becomes a dead letter
    │   ├── RuleError          a rule of the funnel model failed on it
    │   └── RowRejected        PostgreSQL refuses a row of it
    ├── Unavailable            Kafka or PostgreSQL is away: wait, never a dead letter
    ├── Unclean                this incarnation can't know what was written: start a new one
    │   └── Fenced             another incarnation owns the partition now
    ├── Resized                the lanes have another number of partitions now: start anew
    └── Halted                 a partition must not go on without a person (lost history,
                               too many dead letters): stop it and say so

Poison and Unavailable are the two families at the edge and never mix. Anything that is no
FunnelError is a bug and ends the process with exit code 1.
"""


class FunnelError(Exception):
    """What was wrong, where, and what to do about it, in the message."""


class SettingsError(FunnelError):
    """One or more settings are wrong; the message lists every one."""


class ModelError(FunnelError):
    """A funnel model is wrong; the message names file, line and the mend."""


class SetupError(FunnelError):
    """Something a command needs is missing; the message says how to get it."""


class RevisionError(FunnelError):
    """The database schema is not the one this release works with."""


class TopicsError(FunnelError):
    """Topics are missing or differ from their definitions."""


class Poison(FunnelError):
    """One record can never be processed. `reason` is a dead letter reason."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class RuleError(Poison):
    """A rule of the funnel model failed on an interaction."""

    def __init__(self, message: str) -> None:
        super().__init__("rule_error", message)


class RowRejected(Poison):
    """A row PostgreSQL refuses. Names no record: bisect the batch to find it."""

    def __init__(self, message: str) -> None:
        super().__init__("storage_rejected", message)


class Unavailable(FunnelError):
    """Kafka or PostgreSQL can't be reached now: wait and try again."""


class Unclean(FunnelError):
    """The outcome of a write is unknown: drop this incarnation's memory, start a new one."""


class Fenced(Unclean):
    """Another incarnation owns a partition that this one was writing."""


class Resized(FunnelError):
    """The lanes got another number of partitions; a process that started before must end."""


class Halted(FunnelError):
    """A partition must not go on without a person; the message says what happened and what now.

    `partition`: the only one it concerns, where that is known; the others go on.
    """

    def __init__(self, message: str, partition: int | None = None) -> None:
        super().__init__(message)
        self.partition = partition
