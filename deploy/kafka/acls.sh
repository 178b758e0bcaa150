#!/usr/bin/env bash
# What each role may do at the brokers; everything else is refused (StandardAuthorizer with
# allow.everyone.if.no.acl.found=false). May run again; it only adds. Who may write to
# funnel.commands.v1 may give commands, so only the API and the workers may.
#
#   BOOTSTRAP=broker:9093 COMMAND_CONFIG=admin.properties deploy/kafka/acls.sh
#
# Set the principals that differ. PRODUCERS and SUBSCRIBERS are lists, by spaces; the consumer
# groups of User:NAME begin with "NAME-". KAFKA_ACLS is Kafka's own tool.
set -euo pipefail

: "${BOOTSTRAP:?the brokers, host:port}"
KAFKA_ACLS=${KAFKA_ACLS:-kafka-acls.sh}
GROUP=${GROUP:-funnel} # FUNNEL_KAFKA__GROUP_ID
WORKER=${WORKER:-User:funnel-worker}
API=${API:-User:funnel-api}
WEBHOOKS=${WEBHOOKS:-User:funnel-webhooks}
OPERATOR=${OPERATOR:-User:funnel-operator}
PRODUCERS=${PRODUCERS:-}
SUBSCRIBERS=${SUBSCRIBERS:-}

read -r -a tool <<<"$KAFKA_ACLS"
tool+=(--bootstrap-server "$BOOTSTRAP")
if [ -n "${COMMAND_CONFIG:-}" ]; then tool+=(--command-config "$COMMAND_CONFIG"); fi

allow() { # principal, then what
  local principal=$1
  shift
  "${tool[@]}" --add --force --allow-principal "$principal" "$@" >/dev/null
  echo "$principal: $*"
}

topics() { # as arguments of the tool
  for name in "$@"; do printf -- '--topic %s ' "$name"; done
}

INTERACTIONS=funnel.interactions.v1
COMMANDS=funnel.commands.v1
ACCOUNT_INPUTS=funnel.account-inputs.v1
DEAD_LETTERS=dlq.funnel.interactions.v1
# What subscribers may read. It holds no names and no addresses, but it says what each contact did.
TOLD="funnel.stage-changes.v1 funnel.opportunities.v1 funnel.contacts.v1 funnel.signals.v1 funnel.accounts.v1"

# shellcheck disable=SC2046,SC2086 # lists of words are meant
{
  # A lane: reads its inputs, writes its outputs. A takeover that finds no offsets reads the outputs.
  allow "$WORKER" --operation Read $(topics $INTERACTIONS $COMMANDS $ACCOUNT_INPUTS $DEAD_LETTERS $TOLD)
  allow "$WORKER" --operation Write $(topics $COMMANDS $ACCOUNT_INPUTS $DEAD_LETTERS $TOLD)
  allow "$WORKER" --operation Read --group "$GROUP" --group "$GROUP-accounts"
  # Its transactional id is its incarnation id, its predecessor's is used to fence that one.
  allow "$WORKER" --operation Write --operation Describe \
    --transactional-id funnel- --resource-pattern-type prefixed

  # The API: publishes, gives commands, sends dead letters again, and shows what is told.
  # It reads the inputs only to tell records from transaction markers in its lag.
  allow "$API" --operation Write $(topics $INTERACTIONS $COMMANDS)
  allow "$API" --operation Read $(topics $INTERACTIONS $COMMANDS $ACCOUNT_INPUTS $DEAD_LETTERS $TOLD)
  allow "$API" --operation Describe --group "$GROUP" --group "$GROUP-accounts"

  allow "$WEBHOOKS" --operation Read $(topics $TOLD)
  allow "$WEBHOOKS" --operation Read --group "$GROUP-webhooks" --resource-pattern-type prefixed

  # Who runs `funnel topics apply`, `funnel lag`, and looks at groups.
  for prefix in funnel. dlq.funnel.; do
    allow "$OPERATOR" --operation Create --operation Describe --operation DescribeConfigs \
      --operation Alter --operation AlterConfigs --operation Read \
      --topic "$prefix" --resource-pattern-type prefixed
  done
  allow "$OPERATOR" --operation Describe --group "$GROUP" --resource-pattern-type prefixed
  allow "$OPERATOR" --operation Describe --cluster

  for producer in $PRODUCERS; do
    allow "$producer" --operation Write --topic $INTERACTIONS
  done
  for subscriber in $SUBSCRIBERS; do
    allow "$subscriber" --operation Read $(topics $TOLD)
    allow "$subscriber" --operation Read --group "${subscriber#User:}-" --resource-pattern-type prefixed
  done
}
