"""The topics' names: the one catalogue. What each is made of stands in schemas/topics."""

from enum import StrEnum


class Topic(StrEnum):
    INTERACTIONS = "funnel.interactions.v1"
    COMMANDS = "funnel.commands.v1"
    STAGE_CHANGES = "funnel.stage-changes.v1"
    OPPORTUNITIES = "funnel.opportunities.v1"
    CONTACTS = "funnel.contacts.v1"
    SIGNALS = "funnel.signals.v1"
    ACCOUNT_INPUTS = "funnel.account-inputs.v1"
    ACCOUNTS = "funnel.accounts.v1"
    DEAD_LETTERS = "dlq.funnel.interactions.v1"


CONTACT_LANE, ACCOUNT_LANE = "contacts", "accounts"
"""The lanes' names, as they stand in the tables and the metrics."""

CONTACT_LANE_INPUTS = (Topic.INTERACTIONS, Topic.COMMANDS)
"""The contact lane's topic order; both have the same number of partitions."""

ACCOUNT_LANE_INPUTS = (Topic.ACCOUNT_INPUTS,)
